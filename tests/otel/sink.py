"""An OTLP/HTTP endpoint that keeps what it is sent, decoded with OpenTelemetry's own protobuf classes."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


class ReceivedSpan(NamedTuple):
    """``attributes`` and ``resource`` hold scalars as Python values, and nothing else."""

    name: str
    scope: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Sink:
    """What was received so far: spans in order, and path and headers of each request."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.requests: list[tuple[str, dict[str, str]]] = []

    def receive(self, path: str, headers: dict[str, str], request: ExportTraceServiceRequest) -> None:
        self.requests.append((path, headers))
        for resource_spans in request.resource_spans:
            resource = scalars(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                self.spans += [
                    ReceivedSpan(span.name, scope_spans.scope.name, scalars(span.attributes), resource)
                    for span in scope_spans.spans
                ]


def scalars(attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    attribute: KeyValue
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            found[attribute.key] = getattr(attribute.value, kind)
    return found


class HttpSink(Sink):
    """A sink on a free port of loopback; ``url`` is its base."""

    def __init__(self) -> None:
        super().__init__()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                sink.receive(self.path, headers, ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HttpSink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
