"""The two ways to subscribe, driven through the real ASGI application; calls are told of by the test itself."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.types import ASGIApp

from usage_graph.errors import QueryUnavailable
from usage_graph.store.listening import Feed
from usage_graph.usage import UsageRecord

PATIENCE = 10.0
"""Seconds after which a test that waits for an event has failed."""


async def until(met: Callable[[], object]) -> None:
    """Returns when ``met()`` is true."""
    async with asyncio.timeout(PATIENCE):
        while not met():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.005)


class ToldListener:
    """Feeds subscribers what a test tells."""

    def __init__(self) -> None:
        self.feeds: dict[str, set[Feed]] = defaultdict(set)
        self.away = False

    @asynccontextmanager
    async def subscribed(self, project: str) -> AsyncIterator[Feed]:
        if self.away:
            raise QueryUnavailable("away")
        feed = Feed()
        self.feeds[project].add(feed)
        try:
            yield feed
        finally:
            self.feeds[project].discard(feed)

    def tell(self, project: str, records: Iterable[UsageRecord] = ()) -> None:
        """Calls came to ``project``, or changed."""
        for feed in self.feeds[project]:
            feed.put([(record.started_at, record.id) for record in records])

    @property
    def subscribers(self) -> int:
        return sum(map(len, self.feeds.values()))


class Connection:
    """The client's side of one ASGI connection; ``reading`` cleared means that the client does not read."""

    def __init__(self, app: ASGIApp, scope: MutableMapping[str, Any]) -> None:
        self.reading = asyncio.Event()
        self.reading.set()
        self._in: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.task: asyncio.Task[None] = asyncio.create_task(app(scope, self._in.get, self._send))  # type: ignore[arg-type]

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        await self.reading.wait()
        self._out.put_nowait(message)

    def put(self, message: MutableMapping[str, Any]) -> None:
        self._in.put_nowait(message)

    async def get(self) -> MutableMapping[str, Any]:
        """The next message of the server; fails where the server ended without another one."""
        getting = asyncio.create_task(self._out.get())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({getting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            getting.cancel()
            await self.task
            raise AssertionError("the server said no more")
        return getting.result()

    def is_silent(self) -> bool:
        return self._out.empty()

    async def ended(self) -> None:
        """Returns when the server is done with the connection; raises what it raised."""
        async with asyncio.timeout(PATIENCE):
            await self.task


def scope_of(type: str, headers: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {
        "type": type,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("usage-graph.test", 80),
        **more,
    }


class WebSocket:
    """A client of ``graphql-transport-ws``."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def say(self, type: str, id: str | None = None, payload: Any = None) -> None:
        message = {"type": type, "id": id, "payload": payload}
        self.say_text(json.dumps({name: value for name, value in message.items() if value is not None}))

    def say_text(self, text: str) -> None:
        self.connection.put({"type": "websocket.receive", "text": text})

    def subscribe(self, id: str, query: str, **payload: Any) -> None:
        self.say("subscribe", id, {"query": query, **payload})

    async def hear(self) -> dict[str, Any]:
        message = await self.connection.get()
        assert message["type"] == "websocket.send", message
        heard: dict[str, Any] = json.loads(message["text"])
        return heard

    async def next(self, id: str) -> dict[str, Any]:
        """``data`` of the next answer to the operation ``id``, which must have no errors."""
        message = await self.hear()
        assert (message["type"], message["id"]) == ("next", id), message
        assert "errors" not in message["payload"], message
        data: dict[str, Any] = message["payload"]["data"]
        return data

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server ends the connection, saying nothing before."""
        message = await self.connection.get()
        assert message["type"] == "websocket.close", message
        await self.connection.ended()
        return message["code"], message.get("reason") or ""


@asynccontextmanager
async def websocket(
    app: ASGIApp,
    *,
    headers: Mapping[str, str] | None = None,
    subprotocols: Iterable[str] = ("graphql-transport-ws",),
    init: Mapping[str, Any] | None = None,
) -> AsyncIterator[WebSocket]:
    """A connection that was accepted; initialised, too, where ``init`` is the payload to do it with."""
    scope = scope_of("websocket", headers or {}, subprotocols=[*subprotocols], scheme="ws")
    scope["extensions"] = {"websocket.http.response": {}}
    connection = Connection(app, scope)
    socket = WebSocket(connection)
    connection.put({"type": "websocket.connect"})
    try:
        assert (await connection.get())["type"] == "websocket.accept"
        if init is not None:
            socket.say("connection_init", payload=init)
            assert await socket.hear() == {"type": "connection_ack"}
        yield socket
        connection.put({"type": "websocket.disconnect", "code": 1000})
        await connection.ended()
    finally:
        connection.task.cancel()
        with suppress(asyncio.CancelledError):
            await connection.task


class EventStream:
    """A client of GraphQL over SSE."""

    def __init__(self, connection: Connection, status: int, headers: dict[str, str]) -> None:
        self.connection = connection
        self.status = status
        self.headers = headers

    async def event(self) -> tuple[str, Any]:
        """The next event, and its data as JSON (``None``: there is none); heartbeats are left out."""
        while True:
            message = await self.connection.get()
            assert message["more_body"], message
            lines = message["body"].decode().split("\n")
            assert lines[-2:] == ["", ""]
            if lines[0].startswith(":"):
                continue
            name, data = lines[0].removeprefix("event: "), lines[1].removeprefix("data: ")
            return name, json.loads(data) if data else None

    async def next(self) -> dict[str, Any]:
        name, body = await self.event()
        assert name == "next", (name, body)
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def completed(self) -> None:
        assert await self.event() == ("complete", None)
        assert await self.connection.get() == {"type": "http.response.body", "body": b"", "more_body": False}
        await self.connection.ended()


@asynccontextmanager
async def event_stream(
    app: ASGIApp, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
) -> AsyncIterator[EventStream]:
    """The answer to a request that accepts nothing but events."""
    sent = {"accept": "text/event-stream", "content-type": "application/json", **(headers or {})}
    connection = Connection(app, scope_of("http", sent, method="POST", scheme="http"))
    body = json.dumps({"query": query, "variables": dict(variables or {})})
    connection.put({"type": "http.request", "body": body.encode(), "more_body": False})
    try:
        start = await connection.get()
        got = {name.decode(): value.decode() for name, value in start["headers"]}
        yield EventStream(connection, start["status"], got)
        connection.put({"type": "http.disconnect"})
        await connection.ended()
    finally:
        connection.task.cancel()
        with suppress(asyncio.CancelledError):
            await connection.task
