"""A server that answers as a test says: busy, away, of another kind."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Reply(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    content_type: str = "application/x-protobuf"


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def request(self) -> ExportTraceServiceRequest:
        return ExportTraceServiceRequest.FromString(gzip.decompress(self.body))

    @property
    def spans(self) -> int:
        return sum(len(scope.spans) for part in self.request.resource_spans for scope in part.scope_spans)


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    body: bytes = Status(message=message).SerializeToString()
    return Reply(status, body, headers or {})


def rejection(spans: int, message: str) -> Reply:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = spans
    answer.partial_success.error_message = message
    return Reply(200, answer.SerializeToString())


class Scripted:
    """``asked`` is everything that came in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []


@contextmanager
def scripted(*replies: Reply, answer: Callable[[Asked], Reply] | None = None) -> Iterator[Scripted]:
    """Answers each request with the next of ``replies``, then with success; or with what ``answer`` makes of it."""
    script = iter(replies)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            there.asked.append(asked)
            reply = answer(asked) if answer is not None else next(script, Reply())
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Not to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        there = Scripted(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join()
