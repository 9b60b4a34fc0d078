"""A server that reads HTTP requests whole, answers 200 and forgets them: ``python -m bench.sink`` prints its port."""

import socketserver

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class _Sink(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while (size := self._content_length()) is not None:
            while size:
                size -= len(self.rfile.read(min(size, 1 << 20)))
            self.wfile.write(_ANSWER)

    def _content_length(self) -> int | None:
        """That of the next request; ``None`` when there is none."""
        size = None
        for line in iter(self.rfile.readline, b""):
            if line == b"\r\n":
                return size
            if line.lower().startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        return None


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


if __name__ == "__main__":
    with _Server(("127.0.0.1", 0), _Sink) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
