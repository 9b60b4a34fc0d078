"""What only gRPC has: its own methods, limits and codes."""

import asyncio
import socket
import subprocess
import sys

import grpc
import pytest

from tests.exporter.store import Store
from tests.receiver.payloads import llm_span, request
from tests.receiver.running import MAX_BODY, Receiver, service_of
from tests.receiver.wire import EXPORT
from usage_graph.exporter.exporter import Exporter
from usage_graph.grant import OPEN
from usage_graph.receiver import grpc as otlp_grpc
from usage_graph.receiver.intake import Intake


def call(channel: grpc.Channel, method: str, message: bytes) -> bytes:
    export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return export(message, timeout=10)


def test_unknown_methods(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, EXPORT.replace("Export", "Import"), b"")
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_sender_that_gives_up_harms_nobody(channel: grpc.Channel, receiver: Receiver) -> None:
    receiver.run(receiver.store.open.clear)
    export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
    given_up = export.future(request(llm_span(1)).SerializeToString())
    receiver.wait(lambda: receiver.waiting == 1)
    assert given_up.cancel()
    receiver.run(receiver.store.open.set)
    assert call(channel, EXPORT, request(llm_span(2)).SerializeToString()) == b""
    assert receiver.numbers == [1, 2]


def test_a_gzip_bomb_does_not_grow_memory() -> None:
    command = [sys.executable, "-m", "tests.receiver.grpc_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
            with pytest.raises(grpc.RpcError) as caught:
                export(bytes(2**26), timeout=20, compression=grpc.Compression.Gzip)
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "ecompressed" in (caught.value.details() or "")
        process.stdin.close()
        assert int(process.stdout.readline()) < 32 * MAX_BODY


async def test_a_taken_port_is_an_error() -> None:
    exporter = Exporter(write=Store().write, batch_spans=1, batch_timeout=0.001, queue_spans=1, queue_bytes=1)
    service = service_of(exporter)
    intake = Intake(max_bytes=MAX_BODY)
    servers = [
        otlp_grpc.server(service, max_body_bytes=MAX_BODY, intake=intake, admit=lambda _: OPEN) for _ in range(2)
    ]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for server in servers:
            with pytest.raises(RuntimeError):
                server.add_insecure_port(f"127.0.0.1:{taken.getsockname()[1]}")
    port = servers[0].add_insecure_port("127.0.0.1:0")
    with pytest.raises(RuntimeError):
        servers[1].add_insecure_port(f"127.0.0.1:{port}")
    await asyncio.gather(*(server.stop(0) for server in servers))
