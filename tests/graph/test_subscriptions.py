"""Subscriptions, over both transports, through the real ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.graph.live import event_stream, until, websocket
from tests.records import record
from usage_graph.errors import QueryUnavailable
from usage_graph.grant import Access, Grant
from usage_graph.graph import subscription
from usage_graph.graph.budget import Budgets
from usage_graph.rate import RateLimits
from usage_graph.store.listening import MAX_WAITING
from usage_graph.usage import UsageRecord

CALLS = 'subscription { usageUpdated(window: { last: "PT1H" }, every: "PT1S") { totals { calls } } }'
ADDED = "subscription { recordAdded { agent } }"

Next = Callable[[], Awaitable[dict[str, Any]]]


def call(number: int, **changes: Any) -> UsageRecord:
    changes = {"started_at": NOW - timedelta(minutes=1), "agent": f"agent {number}"} | changes
    return record(span_id=number.to_bytes(8, "big"), **changes)


def add(api: Api, *records: UsageRecord) -> None:
    """They are stored, and told of."""
    api.reader.stored += records
    for project in {one.project for one in records}:
        api.listener.tell(project, [one for one in records if one.project == project])


def calls(number: int) -> dict[str, Any]:
    return {"usageUpdated": {"totals": {"calls": number}}}


def added(number: int) -> dict[str, Any]:
    return {"recordAdded": {"agent": f"agent {number}"}}


@asynccontextmanager
async def subscribed(api: Api, transport: str, query: str, **variables: Any) -> AsyncIterator[Next]:
    """What gives the next ``data`` of a subscription."""
    if transport == "sse":
        async with event_stream(api.app, query, variables) as events:
            assert (events.status, events.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert "content-length" not in events.headers
            yield events.next
        return
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", query, variables=variables)
        yield lambda: socket.next("1")


async def errors_of(api: Api, transport: str, query: str, **variables: Any) -> list[dict[str, Any]]:
    """What a subscription that does not begin is told."""
    if transport == "sse":
        async with event_stream(api.app, query, variables) as events:
            name, body = await events.event()
            assert (name, body.keys()) == ("next", {"errors"})
            await events.completed()
            return list(body["errors"])
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", query, variables=variables)
        message = await socket.hear()
        assert (message["type"], message["id"]) == ("error", "1"), message
        socket.subscribe("1", "{ __typename }")  # the id may be used again, and no `complete` comes
        assert await socket.next("1") == {"__typename": "Query"}
        return list(message["payload"])


@pytest.fixture(params=["websocket", "sse"])
def transport(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def api() -> Api:
    return Api()


async def test_usage_comes_at_once_and_whenever_calls_came(api: Api, transport: str) -> None:
    async with subscribed(api, transport, CALLS) as following:
        assert await following() == calls(0)
        add(api, call(1), call(2))
        assert await following() == calls(2)
        api.reader.stored.clear()
        api.listener.tell("default")
        assert await following() == calls(0)
        assert api.reader.open == 0
    await until(lambda: api.listener.subscribers == 0)


async def test_many_calls_are_one_event(api: Api, transport: str) -> None:
    async with subscribed(api, transport, CALLS) as following:
        assert await following() == calls(0)
        for number in range(50):
            add(api, call(number))
        assert await following() == calls(50)
        assert api.reader.opened == 2


async def test_a_rolling_window_is_resolved_anew(api: Api, transport: str) -> None:
    query = 'subscription { usageUpdated(window: { last: "PT1H" }, every: "PT1S") { range { from to } } }'
    async with subscribed(api, transport, query) as following:
        assert (await following())["usageUpdated"]["range"]["to"] == NOW.isoformat().replace("+00:00", "Z")
        api.now = NOW + timedelta(minutes=20)
        api.listener.tell("default")
        found = (await following())["usageUpdated"]["range"]
        assert found == {"from": "2026-04-15T11:50:00Z", "to": "2026-04-15T12:50:00Z"}


async def test_only_windows_that_move_are_looked_at_again_by_themselves(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "_REFRESH", 0.0)
    fixed = '{ between: { from: "2026-04-15T00:00:00Z", to: "2026-04-16T00:00:00Z" } }'
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("fixed", CALLS.replace('{ last: "PT1H" }', fixed))
        assert await socket.next("fixed") == calls(0)
        socket.subscribe("moving", CALLS)
        for _ in range(3):
            assert await socket.next("moving") == calls(0)
        add(api, call(1))
        heard = [await socket.hear(), await socket.hear()]
        assert {message["id"] for message in heard} == {"fixed", "moving"}
        assert {message["payload"]["data"]["usageUpdated"]["totals"]["calls"] for message in heard} == {1}


async def test_records_come_in_the_order_of_their_arrival(api: Api, transport: str) -> None:
    async with subscribed(api, transport, ADDED) as following:
        await until(lambda: api.listener.subscribers == 1)
        add(api, call(3), call(1))
        add(api, call(2, started_at=NOW - timedelta(days=300)))
        assert [await following() for _ in range(3)] == [added(3), added(1), added(2)]
        assert api.reader.open == 0


async def test_a_record_that_is_gone_is_left_out(api: Api, transport: str) -> None:
    async with subscribed(api, transport, ADDED) as following:
        await until(lambda: api.listener.subscribers == 1)
        api.listener.tell("default", [call(1)])
        add(api, call(2))
        assert await following() == added(2)


async def test_filters(api: Api, transport: str) -> None:
    query = "subscription ($filter: UsageFilter) { recordAdded(filter: $filter) { agent } }"
    async with subscribed(api, transport, query, filter={"agent": {"in": ["agent 2", "agent 4"]}}) as following:
        await until(lambda: api.listener.subscribers == 1)
        add(api, *map(call, range(1, 6)))
        assert [await following(), await following()] == [added(2), added(4)]
    query = CALLS.replace("every:", "filter: $filter, every:").replace(
        "subscription", "subscription ($filter: UsageFilter)"
    )
    async with subscribed(api, transport, query, filter={"agent": {"eq": "agent 1"}}) as following:
        assert await following() == calls(1)


async def test_more_records_than_are_fetched_at_once(api: Api, transport: str) -> None:
    async with subscribed(api, transport, ADDED) as following:
        await until(lambda: api.listener.subscribers == 1)
        add(api, *map(call, range(1, 251)))
        assert [await following() for _ in range(250)] == [added(number) for number in range(1, 251)]
        assert api.reader.asked == ["records_by_id"] * 3


async def test_nothing_of_other_projects(api: Api, transport: str) -> None:
    async with (
        subscribed(api, transport, ADDED) as following,
        subscribed(api, transport, CALLS) as counting,
    ):
        assert await counting() == calls(0)
        await until(lambda: api.listener.subscribers == 2)
        add(api, call(1, project="other"))
        # Even where a key of another project is told as one's own.
        api.listener.tell("default", [call(1, project="other"), call(2)])
        api.reader.stored.append(call(2))
        assert await following() == added(2)
        assert await counting() == calls(1)


@pytest.mark.parametrize(("bound", "mine"), [({"user": "ann"}, "user_id"), ({"agent": "ann"}, "agent")])
async def test_a_bound_key_sees_its_own_calls_only(transport: str, bound: dict[str, Any], mine: str) -> None:
    api = Api(grant=Grant(Access.READ, "k", "default", **bound))
    async with (
        subscribed(api, transport, "subscription { recordAdded { traceId spanId } }") as following,
        subscribed(api, transport, CALLS) as counting,
    ):
        assert await counting() == calls(0)
        await until(lambda: api.listener.subscribers == 2)
        add(api, call(1, **{mine: "bob"}), call(2, **{mine: "ann"}))
        assert (await following())["recordAdded"]["spanId"] == "0000000000000002"
        while (found := await counting()) != calls(1):
            assert found == calls(0)


async def test_a_bound_key_cannot_tell_when_others_call(transport: str) -> None:
    """Its events come by the clock: also where nothing came, and a window does not move."""
    api = Api(grant=Grant(Access.READ, "k", "default", user="ann"))
    fixed = '{ between: { from: "2026-04-15T00:00:00Z", to: "2026-04-16T00:00:00Z" } }'
    async with subscribed(api, transport, CALLS.replace('{ last: "PT1H" }', fixed)) as counting:
        assert await counting() == calls(0)
        assert await counting() == calls(0)


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field"),
        ("subscription { a: recordAdded { id } b: recordAdded { id } }", "GRAPHQL_VALIDATION_FAILED", "only one"),
        ("subscription A { recordAdded { id } } subscription B { recordAdded { id } }", None, "operationName"),
        (f"subscription {{ {'recordAdded { id } ' * 2000} }}", "LIMIT_EXCEEDED", "characters"),
        ("subscription ($filter: UsageFilter!) { recordAdded(filter: $filter) { id } }", "BAD_USER_INPUT", "$filter"),
        (CALLS.replace("PT1S", "soon"), "BAD_WINDOW", "'soon' is not a duration"),
        (CALLS.replace("PT1S", "PT1H1S"), "BAD_USER_INPUT", "`every` must be from PT1S"),
        (CALLS.replace("PT1S", "P1D"), "BAD_USER_INPUT", "`every` must be from PT1S"),
        (CALLS.replace("PT1H", "P9000Y"), "BAD_WINDOW", ""),
        ('subscription { recordAdded(filter: { agent: { eq: "\\u0000" } }) { id } }', "BAD_USER_INPUT", "NUL"),
        (
            'subscription { recordAdded(filter: { attributes: [{ key: "unkept", value: { eq: "x" } }] }) { id } }',
            "UNKNOWN_ATTRIBUTE",
            "does not keep the attribute 'unkept'",
        ),
    ],
    ids=range(12),
)  # fmt: skip
async def test_what_cannot_be_subscribed_to(
    api: Api, transport: str, query: str, code: str | None, message: str
) -> None:
    (error,) = await errors_of(api, transport, query)
    assert message in error["message"]
    assert error["extensions"]["code"] == (code or "OPERATION_RESOLUTION_FAILURE")
    assert api.listener.subscribers == 0
    assert api.reader.opened == 0


async def test_mistakes_within_events_end_nothing(api: Api) -> None:
    broken = True

    async def before(name: str) -> None:
        if broken:
            raise QueryUnavailable("The database cannot answer now; ask again in a moment.")

    api.reader.before = before
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", CALLS)
        answer = (await socket.hear())["payload"]
        assert answer["data"] is None
        assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        broken = False
        add(api, call(1))
        assert await socket.next("1") == calls(1)


async def test_records_are_fetched_again_where_the_database_was_away(api: Api, transport: str) -> None:
    failures = [QueryUnavailable("away"), QueryUnavailable("away")]

    async def before(name: str) -> None:
        if failures:
            raise failures.pop()

    api.reader.before = before
    async with subscribed(api, transport, ADDED) as following:
        await until(lambda: api.listener.subscribers == 1)
        add(api, call(1))
        assert await following() == added(1)
        assert failures == []


async def test_nothing_can_be_heard(api: Api) -> None:
    api.listener.away = True
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", ADDED)
        message = await socket.hear()
        assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert await socket.hear() == {"type": "complete", "id": "1"}


async def test_what_fails_is_not_told(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async def before(name: str) -> None:
        raise RuntimeError("SELECT secret FROM table")

    api.reader.before = before
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", CALLS)
        (error,) = (await socket.hear())["payload"]["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert "secret" not in error["message"]
    assert "secret" in caplog.text


async def test_an_event_that_takes_too_long() -> None:
    api = Api(timeout=0.05)

    async def before(name: str) -> None:
        await asyncio.Event().wait()

    api.reader.before = before
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", CALLS)
        (error,) = (await socket.hear())["payload"]["errors"]
        assert error["extensions"]["code"] == "TIMEOUT"
        assert api.reader.open == 0


async def test_a_client_that_does_not_read_misses_the_oldest(api: Api, transport: str) -> None:
    if transport == "sse":
        async with event_stream(api.app, ADDED) as events:
            await _missed(api, events.connection.reading, events.next)
        return
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", ADDED)
        await _missed(api, socket.connection.reading, lambda: socket.next("1"))


async def _missed(api: Api, reading: asyncio.Event, following: Next) -> None:
    await until(lambda: api.listener.subscribers == 1)
    reading.clear()
    add(api, call(1))
    await until(lambda: api.reader.asked == ["records_by_id"])  # it is being sent
    many = [call(number) for number in range(2, MAX_WAITING + 202)]
    for number in range(0, len(many), 100):
        add(api, *many[number : number + 100])
    (feed,) = api.listener.feeds["default"]
    assert feed.dropped == 200
    assert api.reader.open == 0
    reading.set()
    got = [await following() for _ in range(MAX_WAITING + 1)]
    assert got == [added(1), *(added(number) for number in range(202, MAX_WAITING + 202))]


async def test_a_slow_client_gets_fewer_and_newer_updates(api: Api) -> None:
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", CALLS)
        assert await socket.next("1") == calls(0)
        socket.connection.reading.clear()
        add(api, call(1))
        await until(lambda: api.reader.asked == ["totals"] * 2)
        for number in range(2, 30):
            add(api, call(number))
        socket.connection.reading.set()
        assert [await socket.next("1"), await socket.next("1")] == [calls(1), calls(29)]
        assert api.reader.opened == 3


async def test_each_event_is_paid_for() -> None:
    """Where the caller has spent everything, a subscription is refused, and one that runs waits."""
    clock = [0.0]
    rates = RateLimits(12_000, clock=lambda: clock[0])
    rates.take("address 127.0.0.1", 11_800)
    api = Api(budgets=Budgets(rates=rates))
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", CALLS)
        assert await socket.next("1") == calls(0)
        add(api, call(1))
        assert await socket.next("1") == calls(1)
        socket.subscribe("2", CALLS)
        (error,) = (await socket.hear())["payload"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert api.reader.opened == 2
        add(api, call(2))
        clock[0] = 60.0
        assert await socket.next("1") == calls(2)
    assert rates.take("address 127.0.0.1", 0).remaining == 11_900
