"""The two encodings of OTLP, side by side."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from usage_graph.processor.span import Rejection, Resource
from usage_graph.receiver import json, protobuf, status
from usage_graph.receiver.logs import LogReader, LogRecord
from usage_graph.receiver.metrics import Metered, MetricReader, measured
from usage_graph.receiver.request import Request, Signal, each
from usage_graph.receiver.service import Service
from usage_graph.receiver.traces import Decoded, SpanReader

_NONE: frozenset[str] = frozenset()


class Reader(SpanReader, LogReader, MetricReader, Protocol):
    """Reads the parts of the requests of all signals."""


class Encoding(NamedTuple):
    """How requests are read and responses are written; the functions are pure.

    ``reader`` makes one that also reads the attributes it is given; those that decode do the same.

    What decodes raises ``MalformedRequest`` where the body is no request of the signal; a bad part is a rejection.
    """

    media_type: str
    parse: Callable[[Signal, bytes], Sequence[Any]]
    reader: Callable[[frozenset[str]], Reader]
    encode_response: Callable[[Signal, int, str], bytes]
    encode_failure: Callable[[status.Failure], bytes]

    def decode_traces(self, body: bytes, declared: frozenset[str] = _NONE) -> Request[Decoded]:
        resources, reader = self.parse(Signal.TRACES, body), self.reader(declared)
        return Request(each(resources, reader, reader.span, noun=Signal.TRACES.noun), len(body))

    def decode_logs(self, body: bytes, declared: frozenset[str] = _NONE) -> Request[LogRecord | Rejection]:
        resources, reader = self.parse(Signal.LOGS, body), self.reader(declared)
        return Request(each(resources, reader, reader.log_record, noun=Signal.LOGS.noun), len(body))

    def decode_metrics(
        self, body: bytes, declared: frozenset[str] = _NONE, *, wants: Callable[[Resource], bool]
    ) -> Request[Metered]:
        """``wants`` says whose metrics count; those of others are not read."""
        return Request(measured(self.parse(Signal.METRICS, body), self.reader(declared), wants=wants), len(body))


PROTOBUF = Encoding(
    protobuf.MEDIA_TYPE, protobuf.parse, cache(protobuf.Reader), protobuf.encode_response, status.encode_protobuf
)
JSON = Encoding(json.MEDIA_TYPE, json.parse, cache(json.Reader), json.encode_response, status.encode_json)

BY_MEDIA_TYPE = {encoding.media_type: encoding for encoding in (PROTOBUF, JSON)}


async def export(service: Service, signal: Signal, encoding: Encoding, body: bytes, *, project: str | None) -> bytes:
    """What both transports do with a body: decode, export, encode the answer.

    Raises:
        ExportError: the request was not stored; ``status.failure`` says how to tell the sender.
    """
    # What was decoded holds what it needs of the body; a request that waits should hold no more.
    match signal:
        case Signal.TRACES:
            spans = encoding.decode_traces(body, service.declared)
            del body
            answer = await service.export_traces(spans, project=project)
        case Signal.LOGS:
            logs = encoding.decode_logs(body, service.declared)
            del body
            answer = await service.export_logs(logs, project=project)
        case Signal.METRICS:
            metrics = encoding.decode_metrics(body, service.declared, wants=service.wants_metrics)
            del body
            answer = await service.export_metrics(metrics, project=project)
    return encoding.encode_response(signal, answer.rejected, answer.message)
