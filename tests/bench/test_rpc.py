"""The benchmark's gRPC client, against a server that grpcio made."""

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from bench import rpc
from bench.children import sink
from bench.wire import send

PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class _Noted(grpc.GenericRpcHandler):
    """Notes what it is sent; refuses what begins with ``no``."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        def export(message: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls.append((str(handler_call_details.method), message))
            if message.startswith(b"no"):
                context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")
            return b"" if message else b"\x0a\x02\x08\x01"

        return grpc.unary_unary_rpc_method_handler(export)


@pytest.fixture
def noted() -> Iterator[tuple[int, _Noted]]:
    handler = _Noted()
    server = grpc.server(ThreadPoolExecutor(4), [handler], options=[("grpc.max_receive_message_length", 1 << 26)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port, handler
    server.stop(None).wait()


@pytest.mark.parametrize("compress", [False, True])
def test_messages_arrive_whole_whatever_their_size(noted: tuple[int, _Noted], compress: bool) -> None:
    port, handler = noted
    # More than one frame, and more than the window that a connection begins with.
    bodies = [b"x", b"y" * 16_384, bytes(range(256)) * 4_000, b"z"]
    with rpc.Connection(port) as client:
        answers = [client.ask(rpc.message(body, compress=compress)) for body in bodies]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"")] * 4
    assert handler.calls == [(PATH, body) for body in bodies]


def test_what_is_answered_is_told(noted: tuple[int, _Noted]) -> None:
    port, _ = noted
    with rpc.Connection(port) as client:
        assert client.ask(rpc.message(b"", compress=False)).body == b"\x0a\x02\x08\x01"
        assert client.ask(rpc.message(b"no", compress=False)).status == 503
        assert client.ask(rpc.message(b"yes", compress=False)).status == 200


def test_compressed_messages_are_gzip() -> None:
    message = rpc.message(b"x" * 1_000, compress=True)
    assert message[0] == 1
    assert int.from_bytes(message[1:5]) == len(message) - 5
    assert gzip.decompress(message[5:]) == b"x" * 1_000


def test_the_sink_takes_both_protocols() -> None:
    messages = [rpc.message(b"x" * size, compress=False) for size in (1, 100_000)] * 5
    with sink() as nothing:
        sent = send(nothing.grpc_port, messages, connections=3, connect=rpc.Connection)
    assert len(sent.latencies) == 10
    assert sent.retries == 0
