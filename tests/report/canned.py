"""A web server with one answer, for what a usage-graph server would not say: errors, nonsense, hostile names."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Canned:
    """``url`` is where it listens; ``requests`` has the path, headers and JSON body of each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[tuple[str, dict[str, str], Any]] = []


@contextmanager
def canned(body: bytes | dict[str, Any], *, status: int = 200) -> Iterator[Canned]:
    """Answers every POST with ``body``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            there.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(asked)))
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Not to stderr, where the tests look for messages of their own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there = Canned(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join()
