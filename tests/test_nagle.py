"""Small answers leave at once: a server that left Nagle's algorithm on would keep what comes second until what came
first is acknowledged, which clients put off for 40 ms."""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import uvloop
from starlette.responses import PlainTextResponse

from tests.otlp import PROTOBUF, call, request
from tests.serving import Server
from tests.telling_sockets import VARIABLE, ask
from usage_graph.listen import bind
from usage_graph.web import HttpServer


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_it_is_off_on_whatever_loop(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    """Of its own accord only uvloop turns it off; asyncio does on sockets that say they are TCP."""

    async def look() -> None:
        with bind("127.0.0.1", 0) as listening:
            async with HttpServer(PlainTextResponse("x"), [listening], certificate=None, grace=1) as web:
                _, writer = await asyncio.open_connection(*listening.getsockname())
                while not web.server_state.connections:  # noqa: ASYNC110 (uvicorn has no event for it)
                    await asyncio.sleep(0.005)
                (protocol,) = web.server_state.connections
                accepted = protocol.transport.get_extra_info("socket")
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                writer.close()
                await writer.wait_closed()

    run(look())


def test_it_is_off_in_each_of_several_servers_on_every_port(several_backends: str) -> None:
    body = request([call(1, {})]).SerializeToString()
    with ExitStack() as stack:
        # Names of Unix sockets are short; those of pytest's directories are not.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number in range(2):
            path = folder / str(number)
            server = Server(
                database_url=several_backends,
                settings={VARIABLE: str(path)},
                program=("-m", "tests.telling_sockets"),
            )
            stack.enter_context(server)
            client = stack.enter_context(httpx.Client(timeout=60))
            assert client.get(f"{server.http}/readyz").status_code == 200
            answer = client.post(f"{server.otlp_http}/v1/traces", content=body, headers=PROTOBUF)
            assert answer.status_code == 200
            channel = stack.enter_context(grpc.insecure_channel(server.otlp_grpc))
            grpc.channel_ready_future(channel).result(60)
            ports = {server.http_port, server.otlp_port, server.grpc_port}
            accepted = {(local, no_delay) for local, _, no_delay in ask(path) if local in ports}
            assert accepted == {(port, True) for port in ports}
