"""The two encodings of OTLP, side by side."""

from collections.abc import Callable
from typing import NamedTuple

from usage_graph.receiver import json, protobuf, status
from usage_graph.receiver.request import TraceRequest
from usage_graph.receiver.service import PartialSuccess, Service, Signal


class Encoding(NamedTuple):
    """How requests are read and responses are written; the functions are pure."""

    media_type: str
    decode_traces: Callable[[bytes], TraceRequest]
    check_other: Callable[[bytes], None]
    encode_response: Callable[[int, str], bytes]
    encode_failure: Callable[[status.Failure], bytes]


PROTOBUF = Encoding(
    protobuf.MEDIA_TYPE,
    protobuf.decode_traces,
    protobuf.check_other,
    protobuf.encode_traces_response,
    status.encode_protobuf,
)
JSON = Encoding(json.MEDIA_TYPE, json.decode_traces, json.check_other, json.encode_traces_response, status.encode_json)

BY_MEDIA_TYPE = {encoding.media_type: encoding for encoding in (PROTOBUF, JSON)}


async def export(service: Service, signal: Signal, encoding: Encoding, body: bytes, *, project: str | None) -> bytes:
    """What both transports do with a body: decode, export, encode the answer.

    Raises:
        ExportError: the request was not stored; ``status.failure`` says how to tell the sender.
    """
    if signal is Signal.TRACES:
        request = encoding.decode_traces(body)
        del body  # the decoded request holds what it needs; a waiting one should hold no more
        answer = await service.export_traces(request, project=project)
    else:
        encoding.check_other(body)
        answer = PartialSuccess()
    return encoding.encode_response(answer.rejected, answer.message)
