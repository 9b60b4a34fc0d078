"""Servers that take requests whole and forget them: ``python -m bench.sink`` prints their ports, HTTP and gRPC."""

import socketserver
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_LARGEST = 64 << 20


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


class _Export(grpc.GenericRpcHandler):
    """Any call, whatever its name: messages stay bytes."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        nothing: Callable[[bytes, grpc.ServicerContext], bytes] = lambda _, __: b""  # noqa: E731
        return grpc.unary_unary_rpc_method_handler(nothing)


if __name__ == "__main__":
    calls = grpc.server(ThreadPoolExecutor(8), [_Export()], options=[("grpc.max_receive_message_length", _LARGEST)])
    grpc_port = calls.add_insecure_port("127.0.0.1:0")
    calls.start()
    with _Server(("127.0.0.1", 0), _Sink) as server:
        print(server.server_address[1], grpc_port, flush=True)
        server.serve_forever()
