"""GraphQL over server-sent events: what is answered so, heartbeats, bounds and the end."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.graph.api import Api
from tests.graph.keys import KeyRing
from tests.graph.live import Connection, event_stream, scope_of, until
from tests.graph.test_subscriptions import ADDED, CALLS, add, added, call, calls
from usage_graph.grant import OPEN, attach
from usage_graph.graph import live, live_sse
from usage_graph.key import KeyGuard

JSON = {"content-type": "application/json"}
ALL = "application/graphql-response+json, application/json, text/event-stream"


@pytest.fixture
def api() -> Api:
    return Api()


async def test_a_query_as_events(api: Api) -> None:
    add(api, call(1))
    query = "query ($last: Duration!) { usage(window: { last: $last }) { totals { calls } } }"
    async with event_stream(api.app, query, {"last": "PT1H"}) as events:
        assert (events.status, events.headers["cache-control"]) == (200, "no-store")
        name, body = await events.event()
        assert (name, body["data"]) == ("next", {"usage": {"totals": {"calls": 1}}})
        assert body["extensions"]["cost"]["requested"] == 100
        await events.completed()


async def test_errors_of_a_query_as_events(api: Api) -> None:
    async with event_stream(api.app, "{ nothing }") as events:
        name, body = await events.event()
        assert name == "next"
        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        await events.completed()


async def test_a_query_is_json_where_that_is_accepted(api: Api) -> None:
    answer = await api.http("POST", json={"query": "{ __typename }"}, headers={"accept": ALL})
    assert answer.headers["content-type"] == "application/graphql-response+json"
    async with event_stream(api.app, CALLS, headers={"accept": ALL}) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        assert await events.next() == calls(0)


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
async def test_a_subscription_needs_events(api: Api, accept: str) -> None:
    answer = await api.http("POST", json={"query": CALLS}, headers={"accept": accept})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
    assert "text/event-stream" in error["message"]


async def test_get(api: Api) -> None:
    """As a browser's ``EventSource`` asks."""
    scope = scope_of("http", {"accept": "text/event-stream"}, method="GET", scheme="http")
    scope["query_string"] = b"query=subscription%20%7B%20recordAdded%20%7B%20agent%20%7D%20%7D"
    connection = Connection(api.app, scope)
    connection.put({"type": "http.request", "body": b"", "more_body": False})
    assert (await connection.get())["status"] == 200
    await until(lambda: api.listener.subscribers == 1)
    add(api, call(1))
    assert (await connection.get())["body"] == b'event: next\ndata: {"data":{"recordAdded":{"agent":"agent 1"}}}\n\n'
    connection.put({"type": "http.disconnect"})
    await connection.ended()
    assert api.listener.subscribers == 0


async def test_what_is_no_request(api: Api) -> None:
    answer = await api.http("POST", content=b"{", headers={**JSON, "accept": "text/event-stream"})
    assert answer.status_code == 400
    answer = await api.http("PUT", json={"query": CALLS}, headers={"accept": "text/event-stream"})
    assert answer.status_code == 405


async def test_heartbeats(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sse, "_HEARTBEAT", 0.01)
    async with event_stream(api.app, ADDED) as events:
        for _ in range(3):
            assert (await events.connection.get())["body"] == b":\n\n"
        add(api, call(1))
        assert await events.next() == added(1)


async def test_leaving_ends_it(api: Api) -> None:
    async with event_stream(api.app, CALLS) as events:
        await events.next()
        assert api.listener.subscribers == 1
    assert api.listener.subscribers == 0
    assert api.reader.open == 0


async def test_connections_of_one_address_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_CONNECTIONS_OF_ONE", 2)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(event_stream(api.app, ADDED))
        answer = await api.http("POST", json={"query": ADDED}, headers={"accept": "text/event-stream"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        assert answer.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    async with event_stream(api.app, CALLS) as events:
        assert await events.next() == calls(0)


async def test_a_key_that_is_revoked_ends_its_streams(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LOOK", 0.01)
    ring = KeyRing()
    ring.add("the reader's key")
    await ring.look()
    app = KeyGuard(api.app._app, keys=ring.keys)
    async with event_stream(app, CALLS, headers={"x-api-key": "the reader's key"}) as events:
        assert await events.next() == calls(0)
        ring.revoke("the reader's key")
        await ring.look()
        name, body = await events.event()
        assert (name, body["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        await events.completed()
    async with event_stream(app, CALLS, headers={"x-api-key": "the reader's key"}) as events:
        assert events.status == 401


async def test_the_server_stops(api: Api) -> None:
    async with event_stream(api.app, ADDED) as events:
        await until(lambda: api.listener.subscribers == 1)
        await api.live.stop()
        await events.completed()
        assert api.listener.subscribers == 0
    async with event_stream(api.app, ADDED) as events:
        assert events.status == 429


async def test_a_client_that_does_not_read_is_let_go() -> None:
    api = Api(patience=0.05)
    async with event_stream(api.app, ADDED) as events:
        await until(lambda: api.listener.subscribers == 1)
        events.connection.reading.clear()
        add(api, call(1))
        await events.connection.ended()
        assert api.listener.subscribers == 0


async def test_an_error_of_ours_is_not_hidden(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the connection, and the server logs it."""

    async def fail(_: object) -> None:
        raise RuntimeError("ours")

    scope = scope_of("http", {"accept": "text/event-stream", **JSON}, method="POST", scheme="http")
    attach(scope, OPEN)
    connection = Connection(api.app, scope)
    monkeypatch.setattr(live_sse, "_gone", fail)
    connection.put({"type": "http.request", "body": b'{"query": "subscription { recordAdded { id } }"}'})
    with pytest.raises(RuntimeError, match="ours"):
        await asyncio.wait_for(connection.task, 5)
