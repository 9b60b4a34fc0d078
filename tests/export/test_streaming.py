"""A file is sent while it is made: little of it at a time, and whole or visibly not."""

import asyncio
import gc
import json
import logging
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.door import Door
from tests.export.exports import Exports
from tests.graph.api import NOW
from tests.model import ModelSnapshot
from tests.records import record
from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.grant import OPEN, Access, Grant
from usage_graph.graph.export.app import routes
from usage_graph.graph.export.response import PIECE
from usage_graph.question import Scope
from usage_graph.usage import UsageRecord

Portions = Callable[[], AsyncGenerator[list[UsageRecord], None]]
ONE = record(started_at=NOW.replace(hour=1), name="x" * 50)


class Reader:
    """A store whose only answer are ``portions``; knows how many of its snapshots are open."""

    def __init__(self, portions: Portions, count: int | None = None) -> None:
        self.open = 0
        self._portions = portions
        self._count = count

    @asynccontextmanager
    async def snapshot(
        self, measures: frozenset[str] = frozenset(), *, alone: bool = False
    ) -> AsyncIterator[ModelSnapshot]:
        reader = self

        class Streaming(ModelSnapshot):
            async def expected_records(self, scope: Scope) -> int | None:
                return reader._count

            async def stream_records(self, scope: Scope) -> AsyncGenerator[list[UsageRecord], None]:
                return reader._portions()

        self.open += 1
        try:
            yield Streaming([])
        finally:
            await asyncio.sleep(0)
            self.open -= 1


async def _many() -> AsyncGenerator[list[UsageRecord], None]:
    for _ in range(40):
        yield [ONE] * 100


class Client:
    """One request, sent as a server sends it. What it gets is in ``messages``."""

    def __init__(
        self, path: str = "/export/records", query: str = "last=P2D&format=ndjson", *, address: str = "192.0.2.1"
    ) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [],
            "client": (address, 50_000),
        }
        self.messages: list[dict[str, Any]] = []
        self.leaves = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        self.has_some = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.has_some.set()
            await self.takes.wait()

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages[1:]]

    @property
    def is_whole(self) -> bool:
        return self.messages[-1].get("more_body") is False


def app_over(reader: Any, **options: Any) -> Door:
    return Door(Starlette(routes=routes(reader=reader, clock=lambda: NOW, **options)))


async def test_a_file_comes_in_small_pieces() -> None:
    reader, client = Reader(_many), Client()
    await app_over(reader)(client.scope, client.receive, client.send)
    assert client.status == 200
    assert client.is_whole
    assert b"".join(client.bodies).count(b"\n") == 4000
    assert max(map(len, client.bodies)) <= PIECE
    assert len(client.bodies) >= 40
    assert reader.open == 0


async def test_a_count_that_is_not_known_is_not_said() -> None:
    answers = [await Exports(store=Reader(_many, count)).get("records", last="P2D") for count in (None, 4000)]
    assert [answer.headers.get("x-usage-graph-rows") for answer in answers] == [None, "4000"]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("format", ["csv", "ndjson", "parquet"])
async def test_only_a_portion_or_two_are_held(format: str) -> None:
    class Portion(list[UsageRecord]):
        pass

    alive: list[weakref.ref[Portion]] = []
    most = 0

    async def portions() -> AsyncGenerator[list[UsageRecord], None]:
        nonlocal most
        for _ in range(20):
            portion = Portion([ONE] * 1000)
            alive[:] = [found for found in alive if found() is not None]
            alive.append(weakref.ref(portion))
            most = max(most, len(alive))
            yield portion
            del portion
            gc.collect()

    client = Client(query=f"last=P2D&format={format}")
    await app_over(Reader(portions))(client.scope, client.receive, client.send)
    assert client.is_whole
    assert most <= 2
    # Nor does the encoder keep what it has given away: 20,000 rows come in more than a few parts.
    assert len(client.bodies) >= (3 if format == "parquet" else 50)


async def _broken() -> AsyncGenerator[list[UsageRecord], None]:
    yield [ONE]
    yield [ONE]
    raise QueryTimeout("it took too long")


async def test_what_fails_in_the_middle_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    for format in ("csv", "ndjson", "parquet"):
        reader, client = Reader(_broken), Client(query=f"last=P2D&format={format}")
        with caplog.at_level(logging.WARNING):
            await app_over(reader)(client.scope, client.receive, client.send)
        assert client.status == 200
        assert client.bodies
        assert not client.is_whole
        assert reader.open == 0
    assert caplog.messages == ["an export was broken off: QueryTimeout: it took too long"] * 3


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (QueryTimeout("too long"), 504, "TIMEOUT"),
        (QueryUnavailable("away"), 503, "UNAVAILABLE"),
        (ZeroDivisionError("secret"), 500, "INTERNAL"),
    ],
)
async def test_what_fails_before_the_first_row_is_said(error: Exception, status: int, code: str) -> None:
    async def failing() -> AsyncGenerator[list[UsageRecord], None]:
        raise error
        yield []

    reader = Reader(failing)
    exports = Exports(store=reader)
    for format in ("csv", "parquet"):
        answer = await exports.get("records", last="P2D", format=format)
        assert answer.status_code == status
        (said,) = answer.json()["errors"]
        assert said["extensions"]["code"] == code
        assert "secret" not in answer.text
        assert answer.headers.get("retry-after") == ("10" if status == 503 else None)
        assert "content-disposition" not in answer.headers
    assert reader.open == 0


async def test_a_client_that_reads_nothing_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    reader, client = Reader(_many), Client()
    client.takes.clear()
    with caplog.at_level(logging.WARNING):
        await app_over(reader, patience=0.05)(client.scope, client.receive, client.send)
    assert not client.is_whole
    assert reader.open == 0
    assert caplog.messages == ["an export was broken off: ClientStalled: it took nothing for 0.05 seconds"]


async def test_a_client_that_goes_away_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    reader, client = Reader(_many), Client()
    client.takes.clear()
    working = asyncio.create_task(app_over(reader)(client.scope, client.receive, client.send))
    await client.has_some.wait()
    assert reader.open == 1
    client.leaves.set()
    await working
    assert not client.is_whole
    assert reader.open == 0
    assert caplog.messages == []


class SlowClient(Client):
    """Takes everything, a piece at a time and with rests."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        await asyncio.sleep(0.01)


async def test_a_client_that_reads_for_too_long_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    async def long() -> AsyncGenerator[list[UsageRecord], None]:
        for _ in range(3_000):  # half a minute of this client
            yield [ONE]

    reader = Reader(long)
    app = app_over(reader, timeout=0.5)
    for format in ("csv", "ndjson"):
        client = SlowClient(query=f"last=P2D&format={format}")
        with caplog.at_level(logging.WARNING):
            await app(client.scope, client.receive, client.send)
        assert client.status == 200
        assert client.bodies
        assert not client.is_whole
        assert reader.open == 0
    said = (
        "an export was broken off: QueryTimeout: The export took longer than 0.5 seconds, which is all that one may "
        "take (USAGE_GRAPH_EXPORT_TIMEOUT): ask for a shorter window, or for one part of it after another."
    )
    assert caplog.messages == [said, said]


async def test_an_export_without_a_row_in_time_is_refused() -> None:
    async def nothing() -> AsyncGenerator[list[UsageRecord], None]:
        await asyncio.Event().wait()
        yield []

    reader = Reader(nothing)
    exports = Exports(store=reader, timeout=0.05)
    for format in ("csv", "ndjson", "parquet"):
        status, code, message = await exports.refused("records", last="P2D", format=format)
        assert (status, code) == (504, "TIMEOUT")
        assert message.startswith("The export took longer than 0.05 seconds")
        assert reader.open == 0


async def _asked(app: Door, clients: list[Client]) -> list["asyncio.Task[None]"]:
    """The exports of ``clients``, which have begun and do not go on yet."""
    for client in clients:
        client.takes.clear()
    working = [asyncio.create_task(app(one.scope, one.receive, one.send)) for one in clients]
    for client in clients:
        await client.has_some.wait()
    return working


async def test_no_more_than_four_at_once() -> None:
    reader = Reader(_many)
    app = app_over(reader)
    clients = [Client(address=f"192.0.2.{number}") for number in range(4)]
    working = await _asked(app, clients)

    late = Client(address="192.0.2.4")
    await app(late.scope, late.receive, late.send)
    assert late.status == 503
    assert (b"retry-after", b"10") in late.messages[0]["headers"]
    assert b"UNAVAILABLE" in late.bodies[0]
    assert reader.open == 4

    # Those that end, and one that is left: all make room.
    for client in clients[:3]:
        client.takes.set()
    clients[3].leaves.set()
    await asyncio.gather(*working)
    assert [client.is_whole for client in clients] == [True, True, True, False]
    again = [Client(address=f"192.0.2.{number}") for number in range(4)]
    working = await _asked(app, again)
    for client in again:
        client.takes.set()
    await asyncio.gather(*working)
    assert all(client.is_whole for client in again)
    assert reader.open == 0


@pytest.mark.parametrize("grants", [(OPEN, OPEN), (Grant(Access.READ, "a"), Grant(Access.READ, "b"))])
async def test_no_more_than_one_of_each_caller(grants: tuple[Grant, Grant]) -> None:
    """A caller is a key, wherever it comes from; without one, an address."""
    reader, keyed = Reader(_many), grants[0].key is not None
    app = app_over(reader)
    app.grant = grants[0]
    first = Client(address="192.0.2.1")
    working = await _asked(app, [first])

    again = Client(address="192.0.2.2" if keyed else "192.0.2.1")
    await app(again.scope, again.receive, again.send)
    assert again.status == 429
    assert (b"retry-after", b"10") in again.messages[0]["headers"]
    (error,) = json.loads(again.bodies[0])["errors"]
    assert error["extensions"] == {"code": "RATE_LIMITED"}
    assert error["message"].startswith("An export of yours is being made")
    assert reader.open == 1

    app.grant = grants[1]
    other = Client(address="192.0.2.1" if keyed else "192.0.2.2")
    await app(other.scope, other.receive, other.send)
    assert other.is_whole

    first.takes.set()
    await asyncio.gather(*working)
    app.grant = grants[0]
    last = Client(address="192.0.2.1")
    await app(last.scope, last.receive, last.send)
    assert first.is_whole
    assert last.is_whole
    assert reader.open == 0


async def test_a_refusal_takes_no_place() -> None:
    reader = Reader(_many)
    exports = Exports(store=reader, at_once=1)
    for parameters in ({}, {"last": "P2D", "filter": {"no": 1}}, {"last": "P2D", "format": "xlsx"}):
        assert (await exports.get("records", **parameters)).status_code == 400
    assert (await exports.get("records", last="P2D", method="HEAD")).status_code == 200
    assert (await exports.get("records", last="P2D")).status_code == 200


class Keys:
    """What the door leaves in a scope: a key that is good until it is revoked."""

    def __init__(self) -> None:
        self.revoked = False

    def grant(self, _: str | None) -> Grant:
        return OPEN

    def holds(self, _: Grant) -> bool:
        return not self.revoked


async def test_a_key_that_is_revoked_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    reader, client, keys = Reader(_many), Client(), Keys()
    client.scope["usage_graph.keys"] = keys
    client.takes.clear()
    working = asyncio.create_task(app_over(reader)(client.scope, client.receive, client.send))
    await client.has_some.wait()
    keys.revoked = True
    client.takes.set()
    await working
    assert not client.is_whole
    assert len(client.bodies) < 5
    assert reader.open == 0
    assert caplog.messages == [
        "an export was broken off: Forbidden: The key has been revoked or has expired meanwhile."
    ]
