"""Subscriptions of real servers, with real clients: over sockets, by LISTEN and NOTIFY between processes."""

import asyncio
import json
import re
import shlex
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.graph.api import NOW, Api
from tests.graph.live import until
from tests.otlp import PROTOBUF, call, request
from tests.records import record
from tests.serving import Server
from usage_graph import web
from usage_graph.listen import bind
from usage_graph.web import HttpServer

PATIENCE = 30.0
"""Seconds after which a test that waits for an event has failed."""

CALLS = 'subscription { usageUpdated(window: { last: "PT1H" }, every: "PT1S") { totals { calls } } }'
ADDED = "subscription ($filter: UsageFilter) { recordAdded(filter: $filter) { agent } }"

Next = Callable[[], Awaitable[dict[str, Any]]]


async def send(server: Server, project: str, *agents: str, first: int = 1) -> None:
    """A call of each of ``agents``, stored when this returns."""
    now = time.time_ns()
    spans = [
        call(first + number, {"gen_ai.agent.name": agent}, start_ns=now - 10**9) for number, agent in enumerate(agents)
    ]
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(
            f"{server.http}/v1/traces",
            content=request(spans).SerializeToString(),
            headers={**PROTOBUF, "x-usage-graph-project": project, **key_of(server)},
        )
    assert answer.status_code == 200, answer.content


def key_of(server: Server) -> dict[str, str]:
    key = server.environment.get("USAGE_GRAPH_API_KEY")
    return {"x-api-key": key} if key else {}


class Client:
    """A client of ``graphql-transport-ws``."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type: str, id: str | None = None, payload: Any = None) -> None:
        message = {"type": type, "id": id, "payload": payload}
        await self.connection.send(json.dumps({name: value for name, value in message.items() if value is not None}))

    async def subscribe(self, id: str, query: str, variables: dict[str, Any] | None = None) -> None:
        await self.say("subscribe", id, {"query": query, "variables": variables or {}})

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            heard: dict[str, Any] = json.loads(await self.connection.recv())
        return heard

    async def next(self) -> dict[str, Any]:
        message = await self.hear()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        data: dict[str, Any] = message["payload"]["data"]
        return data


def address(server: Server) -> str:
    return server.http.replace("http://", "ws://") + "/graphql"


@asynccontextmanager
async def client(server: Server, *, init: dict[str, str] | None = None, **options: Any) -> AsyncIterator[Client]:
    """A connection that the server has acknowledged."""
    async with connect(address(server), subprotocols=["graphql-transport-ws"], **options) as connection:  # type: ignore[list-item]
        found = Client(connection)
        await found.say("connection_init", payload=init)
        assert await found.hear() == {"type": "connection_ack"}
        yield found


@asynccontextmanager
async def events(
    server: Server, query: str, variables: dict[str, Any] | None = None, *, project: str = "default"
) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Names and data of the events of an answer."""
    headers = {"accept": "text/event-stream", "x-usage-graph-project": project, **key_of(server)}
    asked = {"query": query, "variables": variables or {}}

    async def found(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
        name = ""
        async for line in lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data:"):
                data = line.removeprefix("data:").strip()
                yield name, json.loads(data) if data else None

    async with (
        httpx.AsyncClient(timeout=PATIENCE) as http,
        http.stream("POST", f"{server.http}/graphql", json=asked, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        yield found(answer.aiter_lines())


@asynccontextmanager
async def subscribed(
    server: Server, transport: str, project: str, query: str, variables: dict[str, Any] | None = None
) -> AsyncIterator[Next]:
    """What gives the next ``data`` of a subscription."""
    if transport == "websocket":
        async with client(server, init={"x-usage-graph-project": project, **key_of(server)}) as one:
            await one.subscribe("1", query, variables)
            yield one.next
        return
    async with events(server, query, variables, project=project) as found:

        async def following() -> dict[str, Any]:
            name, body = await anext(found)
            assert name == "next"
            assert "errors" not in body, body
            data: dict[str, Any] = body["data"]
            return data

        yield following


def calls(number: int) -> dict[str, Any]:
    return {"usageUpdated": {"totals": {"calls": number}}}


def added(agent: str) -> dict[str, Any]:
    return {"recordAdded": {"agent": agent}}


async def tuned_in(server: Server, project: str, *following: Next) -> int:
    """Returns when all of ``following`` (records added) have heard the same last call; how many calls that took.

    A subscription that was asked for is not yet one that hears: calls are sent until all do.
    """
    sent = 0
    waiting = [asyncio.ensure_future(one()) for one in following]
    async with asyncio.timeout(PATIENCE):
        while not all(one.done() for one in waiting):
            await send(server, project, "b ready?", first=10**6 + sent)
            sent += 1
            await asyncio.wait(waiting, timeout=0.2)
        await send(server, project, "b ready", first=10**6 + sent)
        for one, first in zip(following, waiting, strict=True):
            heard = first.result()
            while heard["recordAdded"]["agent"] != "b ready":
                heard = await one()
    return sent + 1


async def settled(usage: Next, number: int) -> None:
    """Returns when ``usage`` has told of so many calls."""
    while (found := await usage()) != calls(number):
        assert found["usageUpdated"]["totals"]["calls"] < number


@pytest.fixture
def two(several_backends: str) -> Iterator[list[Server]]:
    """Two servers on one database."""
    servers = [Server(database_url=several_backends) for _ in range(2)]
    try:
        yield [server.start() for server in servers]
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.stop()


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_calls_sent_to_one_server_are_heard_at_another(
    two: list[Server], several_backends: str, transport: str
) -> None:
    one, other = two
    async with (
        subscribed(one, transport, "p", CALLS) as usage_here,
        subscribed(other, transport, "p", CALLS) as usage_there,
        subscribed(one, transport, "p", ADDED) as here,
        subscribed(other, transport, "p", ADDED, {"filter": {"agent": {"startsWith": "b"}}}) as filtered,
        subscribed(other, transport, "another", ADDED) as elsewhere,
        subscribed(other, transport, "another", CALLS) as usage_elsewhere,
    ):
        for usage in (usage_here, usage_there, usage_elsewhere):
            assert await usage() == calls(0)
        before = await tuned_in(one, "p", here, filtered)
        await send(one, "p", "a", "b 1")
        assert [await here(), await here()] == [added("a"), added("b 1")]
        assert await filtered() == added("b 1")
        await settled(usage_here, before + 2)
        await settled(usage_there, before + 2)
        await send(other, "p", "b 2", first=3)
        assert await here() == added("b 2")
        assert await filtered() == added("b 2")
        first = asyncio.ensure_future(elsewhere())
        await asyncio.sleep(0)
        await send(one, "another", "c")
        assert await first == added("c"), "nothing of another project came before"
        await settled(usage_elsewhere, 1)


async def test_a_server_that_restarts_and_a_database_that_hangs_up(two: list[Server], several_backends: str) -> None:
    one, other = two
    async with subscribed(other, "websocket", "p", CALLS) as usage:
        assert await usage() == calls(0)
        connection = await asyncpg.connect(several_backends)
        try:
            assert await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'usage-graph listener'"
            )
        finally:
            await connection.close()
        assert await usage() == calls(0)  # looked again, as something may not have been heard
        one.stop()
        one.start()
        await send(one, "p", "a")
        assert await usage() == calls(1)
    assert "Traceback" not in other.log


async def test_a_client_that_does_not_read_harms_nobody(two: list[Server]) -> None:
    """It misses records, and gets the newest ones; all are stored, and others hear of all."""
    server = two[0]
    batches, each = 25, 100
    names = " ".join(f"n{number}: agent" for number in range(30))
    heavy = f"subscription {{ recordAdded {{ agent {names} }} }}"  # about 8 kB for each record
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.http_port))
        slow.setblocking(False)
        async with (
            client(server, init={"x-usage-graph-project": "p"}, sock=slow, max_queue=1) as idle,
            subscribed(server, "sse", "p", ADDED) as following,
            httpx.AsyncClient(timeout=PATIENCE) as http,
        ):
            await idle.subscribe("1", heavy)
            before = await tuned_in(server, "p", idle.next, following)
            for batch in range(batches):
                agents = [f"{batch * each + number:04} {'x' * 240}" for number in range(each)]
                await send(server, "p", *agents, first=1 + batch * each)
                assert [(await following())["recordAdded"]["agent"] for _ in agents] == agents
            found = server.query('{ usage(window: { last: "PT1H" }) { totals { calls } } }', project="p")
            assert found == {"usage": {"totals": {"calls": batches * each + before}}}
            got = [(await idle.next())["recordAdded"]["agent"]]
            while not got[-1].startswith(f"{batches * each - 1:04}"):
                got.append((await idle.next())["recordAdded"]["agent"])
            metrics = (await http.get(f"{server.http}/metrics")).text
            (dropped,) = re.findall(r"^usage_graph_live_records_dropped_total (\S+)", metrics, re.M)
            assert len(got) + float(dropped) == batches * each
            assert re.findall(r"^usage_graph_live_connections (\S+)", metrics, re.M) == ["2.0"]
            assert got == sorted(set(got))
            assert len(got) < batches * each


async def test_the_documented_command_is_answered(server: Server) -> None:
    text = (Path(__file__).parent.parent / "docs" / "subscriptions.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    curl, _, url, *words = shlex.split(command.replace("\\\n", " "))
    options = [*zip(words[::2], words[1::2], strict=True)]
    headers = dict(value.split(": ") for name, value in options if name == "-H")
    (body,) = (value for name, value in options if name == "-d")
    assert curl == "curl"
    address = url.replace("127.0.0.1:8000", f"127.0.0.1:{server.http_port}")
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as http,
        http.stream("POST", address, content=body, headers=headers) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: next"
        assert json.loads((await anext(lines)).removeprefix("data: "))["data"]["usageUpdated"]["totals"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"host": "evil.example"}, 421),
    ],
    ids=str,
)
async def test_pages_of_other_sites_are_refused(server: Server, headers: dict[str, str], status: int) -> None:
    asked = {"query": "subscription { recordAdded { id } }"}
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        refused = await http.post(
            f"{server.http}/graphql", json=asked, headers={"accept": "text/event-stream", **headers}
        )
    assert refused.status_code == status
    reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    sent = {
        "host": f"127.0.0.1:{server.http_port}",
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-protocol": "graphql-transport-ws",
        **headers,
    }
    writer.write(b"GET /graphql HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in sent.items()).encode() + b"\r\n")
    line = await asyncio.wait_for(reader.readline(), PATIENCE)
    assert line.split()[1] == str(status).encode()
    writer.close()
    await writer.wait_closed()


async def test_pages_of_the_server_itself_are_not(server: Server) -> None:
    async with client(server, origin=server.http):
        pass


async def test_a_key_is_wanted(several_backends: str) -> None:
    settings = {"USAGE_GRAPH_API_KEY": "a key of sixteen or more".replace(" ", "-")}
    with Server(database_url=several_backends, settings=settings) as server:
        async with connect(address(server), subprotocols=["graphql-transport-ws"]) as connection:  # type: ignore[list-item]
            await connection.send('{"type": "connection_init"}')
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
        with pytest.raises(InvalidStatus) as refused:
            async with client(server, additional_headers={"x-api-key": "guessed"}):
                pass
        assert refused.value.response.status_code == 401
        assert "not one of this server's" in refused.value.response.body.decode()
        async with subscribed(server, "websocket", "p", CALLS) as usage, subscribed(server, "sse", "p", CALLS) as also:
            assert await usage() == await also() == calls(0)
            await send(server, "p", "a")
            assert await usage() == await also() == calls(1)
    assert "ERROR" not in server.log
    assert "handshake" not in server.log


async def test_everything_ends_when_the_server_stops(several_backends: str) -> None:
    with Server(database_url=several_backends) as server:
        async with client(server) as one, client(server) as idle, events(server, CALLS) as stream:
            await one.subscribe("a", CALLS)
            assert await one.next() == calls(0)
            assert (await anext(stream))[0] == "next"
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            assert await one.hear() == {"type": "complete", "id": "a"}
            for each in (one, idle):
                with pytest.raises(ConnectionClosed) as closed:
                    await each.hear()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1001
            assert [event async for event in stream] == [("complete", None)]
            assert await stopping == 0
        assert "Traceback" not in server.log
        assert "Cancel" not in server.log


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_a_connection_that_is_given_up_ends(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side reads nothing, and does not hang up: what waits for it does not stay."""
    monkeypatch.setattr(web, "_LINGER", 0.1)
    api = Api(patience=0.2)
    sock = bind("127.0.0.1", 0)
    names = " ".join(f"n{number}: agent" for number in range(30))
    asked = json.dumps({"query": f"subscription {{ recordAdded {{ {names} }} }}"})
    if transport == "sse":
        head = f"accept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {len(asked)}"
        parts = [f"POST /graphql HTTP/1.1\r\nhost: here\r\n{head}\r\n\r\n{asked}".encode()]
    else:
        head = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        head += "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: graphql-transport-ws"
        said = ('{"type": "connection_init"}', f'{{"type": "subscribe", "id": "1", "payload": {asked}}}')
        frames = b"".join(Frame(Opcode.TEXT, one.encode()).serialize(mask=True, extensions=[]) for one in said)
        parts = [f"GET /graphql HTTP/1.1\r\nhost: here\r\n{head}\r\n\r\n".encode(), frames]
    async with HttpServer(api.app, [sock], certificate=None, grace=5.0) as server:
        with socket.socket() as deaf:
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, sock.getsockname())
            for part in parts:
                await loop.sock_sendall(deaf, part)
                await loop.sock_recv(deaf, 100)  # the beginning of the answer, and no more
            await until(lambda: api.listener.subscribers == 1)
            records = [
                record(span_id=number.to_bytes(8, "big"), started_at=NOW, agent="x" * 256) for number in range(1, 200)
            ]
            api.reader.stored = [*records]
            while api.listener.subscribers:
                api.listener.tell("default", records)
                await asyncio.sleep(0.05)
            await until(lambda: not server.server_state.connections)
            assert api.live.connections == 0
