"""The three ways in, with one face: HTTP with protobuf, HTTP with JSON, gRPC; plain or gzipped."""

import gzip
import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.receiver.payloads import to_json
from tests.receiver.running import Receiver
from usage_graph.receiver.request import Signal


class Api(NamedTuple):
    """One signal as OTLP defines it; ``rejected`` is the field of the response that counts what was rejected."""

    path: str
    method: str
    request: type[Message]
    response: type[Message]
    rejected: str


APIS = {
    Signal.TRACES: Api(
        "/v1/traces",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        trace_service_pb2.ExportTraceServiceRequest,
        trace_service_pb2.ExportTraceServiceResponse,
        "rejected_spans",
    ),
    Signal.LOGS: Api(
        "/v1/logs",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        logs_service_pb2.ExportLogsServiceRequest,
        logs_service_pb2.ExportLogsServiceResponse,
        "rejected_log_records",
    ),
    Signal.METRICS: Api(
        "/v1/metrics",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        metrics_service_pb2.ExportMetricsServiceRequest,
        metrics_service_pb2.ExportMetricsServiceResponse,
        "rejected_data_points",
    ),
}
EXPORT = APIS[Signal.TRACES].method

_Parsed = TypeVar("_Parsed", bound=Message)


def signal_of(request: Message) -> Signal:
    return next(signal for signal, api in APIS.items() if isinstance(request, api.request))


class Answer(NamedTuple):
    """What a sender learns: the gRPC code's name (OK for success), and what comes with it."""

    code: str
    message: str = ""
    rejected: int = 0
    retry_after: float | None = None


class Wire(Protocol):
    def send(self, request: Message, *, project: str | None = None) -> Answer: ...

    def send_bytes(self, body: bytes, signal: Signal = Signal.TRACES, *, project: str | None = None) -> Answer: ...


def _accepted(response: Any, api: Api) -> Answer:
    partial = response.partial_success
    rejected: int = getattr(partial, api.rejected)
    assert response.HasField("partial_success") == bool(rejected)
    return Answer("OK", partial.error_message, rejected)


def _failed(status: Status) -> Answer:
    retry = RetryInfo()
    after = retry.retry_delay.seconds if any(detail.Unpack(retry) for detail in status.details) else None
    return Answer(_NAMES[status.code], status.message, retry_after=after)


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
# What OTLP/HTTP says for each code.
_HTTP_STATUS = {"INVALID_ARGUMENT": 400, "RESOURCE_EXHAUSTED": 413, "UNAVAILABLE": 503}


class Http:
    def __init__(self, receiver: Receiver, *, media_type: str, gzipped: bool) -> None:
        self._client = receiver.client
        self._media_type = media_type
        self._gzipped = gzipped

    def send(self, request: Message, *, project: str | None = None) -> Answer:
        body = to_json(request) if self._media_type.endswith("json") else request.SerializeToString()
        return self.send_bytes(body, signal_of(request), project=project)

    def send_bytes(self, body: bytes, signal: Signal = Signal.TRACES, *, project: str | None = None) -> Answer:
        api = APIS[signal]
        headers = {"Content-Type": self._media_type}
        if project is not None:
            headers["x-usage-graph-project"] = project
        if self._gzipped:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body)
        response = self._client.post(api.path, content=body, headers=headers)
        assert response.headers["content-type"] == self._media_type
        if response.status_code == 200:
            return _accepted(self._parse(response.content, api.response()), api)
        answer = _failed(self._parse(response.content, Status()))
        assert response.status_code == _HTTP_STATUS[answer.code]
        assert response.headers.get("retry-after") == (str(answer.retry_after) if answer.retry_after else None)
        return answer

    def _parse(self, body: bytes, into: _Parsed) -> _Parsed:
        if self._media_type.endswith("json"):
            return ParseDict(json.loads(body), into)
        into.ParseFromString(body)
        return into


class Grpc:
    def __init__(self, receiver: Receiver, *, gzipped: bool) -> None:
        self._target = f"127.0.0.1:{receiver.grpc_port}"
        self._compression = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression

    def send(self, request: Message, *, project: str | None = None) -> Answer:
        return self.send_bytes(request.SerializeToString(), signal_of(request), project=project)

    def send_bytes(self, body: bytes, signal: Signal = Signal.TRACES, *, project: str | None = None) -> Answer:
        api = APIS[signal]
        metadata = (("x-usage-graph-project", project),) if project is not None else ()
        with grpc.insecure_channel(self._target) as channel:
            export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(api.method)
            try:
                answer = export(body, metadata=metadata, compression=self._compression, timeout=10)
            except grpc.RpcError as error:
                return self._refused(error)
        response = api.response()
        response.ParseFromString(answer)
        return _accepted(response, api)

    @staticmethod
    def _refused(error: grpc.RpcError) -> Answer:
        assert isinstance(error, grpc.Call)
        trailers = dict(error.trailing_metadata() or ())
        details = trailers.get("grpc-status-details-bin")
        if details is None:  # refused by gRPC itself
            return Answer(error.code().name, error.details() or "")
        answer = _failed(Status.FromString(details))
        assert (answer.code, answer.message) == (error.code().name, error.details())
        return answer


WIRES: dict[str, Callable[[Receiver], Wire]] = {
    "http-protobuf": lambda receiver: Http(receiver, media_type="application/x-protobuf", gzipped=False),
    "http-protobuf-gzip": lambda receiver: Http(receiver, media_type="application/x-protobuf", gzipped=True),
    "http-json": lambda receiver: Http(receiver, media_type="application/json", gzipped=False),
    "http-json-gzip": lambda receiver: Http(receiver, media_type="application/json", gzipped=True),
    "grpc": lambda receiver: Grpc(receiver, gzipped=False),
    "grpc-gzip": lambda receiver: Grpc(receiver, gzipped=True),
}
