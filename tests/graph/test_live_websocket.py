"""The sub-protocol ``graphql-transport-ws``: messages, their mistakes, keys, bounds and the end."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.graph.api import Api
from tests.graph.keys import KeyRing
from tests.graph.live import Connection, scope_of, until, websocket
from tests.graph.test_subscriptions import ADDED, CALLS, add, added, call, calls
from usage_graph.grant import Access, Grant
from usage_graph.graph import live, live_websocket
from usage_graph.guard import SocketGuard
from usage_graph.key import KeyGuard

BEARER = {"authorization": "Bearer the reader's key"}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def ring() -> KeyRing:
    """The keys of a server that wants one."""
    ring = KeyRing()
    ring.add("the reader's key")
    ring.add("the writer's key", access=Access.INGEST)
    ring.add("another project's key", project="another")
    await ring.look()
    return ring


def guarded(api: Api, ring: KeyRing) -> KeyGuard:
    return KeyGuard(api.app._app, keys=ring.keys)


async def test_ping_and_pong(api: Api) -> None:
    async with websocket(api.app) as socket:
        socket.say("ping")
        assert await socket.hear() == {"type": "pong"}
        socket.say("pong", payload={"any": "thing"})
        socket.say("ping", payload={"any": "thing"})
        assert await socket.hear() == {"type": "pong"}


async def test_queries_are_answered_once(api: Api) -> None:
    add(api, call(1))
    query = "query Q($last: Duration!) { usage(window: { last: $last }) { totals { calls } } }"
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", query, variables={"last": "PT1H"}, operationName="Q")
        message = await socket.hear()
        assert message["payload"]["data"] == {"usage": {"totals": {"calls": 1}}}
        assert message["payload"]["extensions"]["cost"]["requested"] == 100
        assert await socket.hear() == {"type": "complete", "id": "1"}
        socket.subscribe("1", "{ nothing }")
        message = await socket.hear()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "GRAPHQL_VALIDATION_FAILED")
        socket.subscribe("1", '{ usage(window: { last: "P9000Y" }) { totals { calls } } }')
        message = await socket.hear()
        assert (message["type"], message["payload"]["data"]) == ("next", None)
        assert await socket.hear() == {"type": "complete", "id": "1"}


async def test_completing_ends_a_subscription_and_no_other(api: Api) -> None:
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", ADDED)
        socket.subscribe("2", ADDED)
        await until(lambda: api.listener.subscribers == 2)
        socket.say("complete", "1")
        socket.say("complete", "unknown")
        await until(lambda: api.listener.subscribers == 1)
        add(api, call(1))
        assert await socket.next("2") == added(1)
        socket.subscribe("1", CALLS)  # the id may be used again
        assert await socket.next("1") == calls(1)
        assert socket.connection.is_silent()


async def test_leaving_ends_everything(api: Api) -> None:
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", ADDED)
        socket.subscribe("2", CALLS)
        await socket.next("2")
        assert api.listener.subscribers == 2
    assert api.listener.subscribers == 0
    assert api.reader.open == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Not a message"),
        ("nothing", "Not a message"),
        ("[]", "Not a message"),
        ("{}", "missing required field `type`"),
        ('{"type": "start", "id": "1"}', "Invalid value 'start'"),
        ('{"type": "subscribe"}', "missing required field"),
        ('{"type": "subscribe", "id": 1, "payload": {"query": "{ a }"}}', "`$.id`"),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{ a }"}}', "`$.id`"),
        (json.dumps({"type": "subscribe", "id": "x" * 257, "payload": {"query": "{ a }"}}), "`$.id`"),
        ('{"type": "subscribe", "id": "1", "payload": {}}', "missing required field `query`"),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}}', "`$.payload.variables`"),
        ('{"type": "complete"}', "missing required field `id`"),
        ('{"type": "ping", "payload": 1}', "`$.payload`"),
        ('{"type": "connection_init", "payload": "secret"}', "`$.payload`"),
        ('{"type": "ping", "payload": {"a": ' + "[" * 10_000 + "]" * 10_000 + "}}", "Not a message"),
        ("\ud800", "Not a message"),
    ],
    ids=range(16),
)
async def test_what_is_no_message_ends_the_connection(api: Api, text: str, reason: str) -> None:
    async with websocket(api.app, init={}) as socket:
        socket.say_text(text)
        code, said = await socket.closed()
        assert code == 4400
        assert reason in said
        assert len(said.encode()) <= 123


async def test_messages_are_text(api: Api) -> None:
    async with websocket(api.app) as socket:
        socket.connection.put({"type": "websocket.receive", "bytes": b"{}"})
        assert await socket.closed() == (4400, "Messages are text.")


async def test_nothing_before_the_beginning(api: Api) -> None:
    async with websocket(api.app) as socket:
        socket.subscribe("1", ADDED)
        assert (await socket.closed())[0] == 4401


async def test_a_second_beginning(api: Api) -> None:
    async with websocket(api.app, init={}) as socket:
        socket.say("connection_init")
        assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_no_beginning(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_websocket, "_INIT_TIMEOUT", 0.01)
    async with websocket(api.app) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout")


async def test_an_id_that_is_taken(api: Api) -> None:
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("one", CALLS)
        await socket.next("one")
        socket.subscribe("one", CALLS)
        assert await socket.closed() == (4409, "Subscriber for one already exists")
    assert api.listener.subscribers == 0


@pytest.mark.parametrize("subprotocols", [[], ["graphql-ws"]])
async def test_another_subprotocol(api: Api, subprotocols: list[str]) -> None:
    async with websocket(api.app, subprotocols=subprotocols) as socket:
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_the_subprotocol_is_chosen_among_several(api: Api) -> None:
    connection = Connection(
        api.app, scope_of("websocket", {}, subprotocols=["graphql-ws", "graphql-transport-ws"], scheme="ws")
    )
    connection.put({"type": "websocket.connect"})
    assert (await connection.get())["subprotocol"] == "graphql-transport-ws"
    connection.put({"type": "websocket.disconnect", "code": 1006})
    await connection.ended()


async def test_operations_on_one_connection_are_bounded(api: Api) -> None:
    async with websocket(api.app, init={}) as socket:
        for number in range(live_websocket.MAX_OPERATIONS):
            socket.subscribe(str(number), ADDED)
        socket.subscribe("more", ADDED)
        message = await socket.hear()
        assert (message["type"], message["id"]) == ("error", "more")
        assert message["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        socket.say("complete", "0")
        socket.subscribe("more", CALLS)
        assert await socket.next("more") == calls(0)


async def denied(app: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Status and body with which a connection is refused."""
    scope = scope_of("websocket", headers or {}, subprotocols=["graphql-transport-ws"], scheme="ws")
    scope["extensions"] = {"websocket.http.response": {}}
    connection = Connection(app, scope)
    connection.put({"type": "websocket.connect"})
    start, body = await connection.get(), await connection.get()
    await connection.ended()
    return start["status"], json.loads(body["body"])


async def test_connections_of_one_address_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_CONNECTIONS_OF_ONE", 3)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(websocket(api.app, init={}))
        async with websocket(api.app) as socket:
            socket.say("connection_init")
            code, reason = await socket.closed()
            assert (code, "There are 3 connections" in reason) == (4403, True)
    async with websocket(api.app, init={}):
        pass


async def test_sockets_that_say_nothing_take_nobody_s_place(
    api: Api, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_CONNECTIONS_OF_ONE", 2)
    monkeypatch.setattr(live, "MAX_NEW_OF_ONE", 3)
    app = guarded(api, ring)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(websocket(app))
        for _ in range(2):
            await stack.enter_async_context(websocket(app, init=BEARER))
        await stack.enter_async_context(websocket(app))
        status, body = await denied(app)
        assert (status, body["errors"][0]["extensions"]["code"]) == (429, "LIMIT_EXCEEDED")
        assert "connection_init" in body["errors"][0]["message"]
        # Whoever shows a key at once is not one of them.
        async with websocket(app, headers={"x-api-key": "another project's key"}):
            assert api.live.connections == 6
    assert api.live.connections == 0


async def test_sockets_that_say_nothing_are_bounded_in_the_process(
    api: Api, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_NEW", 2)
    monkeypatch.setattr(live, "MAX_CONNECTIONS", 2)
    app = guarded(api, ring)
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(websocket(app)) for _ in range(2)]
        assert (await denied(app))[0] == 429
        for socket in (first, second):
            socket.say("connection_init", payload=BEARER)
            assert await socket.hear() == {"type": "connection_ack"}
        assert (await denied(app))[0] == 429  # there is no room to begin in, either


async def test_there_may_be_no_room_left_when_it_begins(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_CONNECTIONS", 1)
    async with websocket(api.app) as late, websocket(api.app, init={}):
        late.say("connection_init")
        code, reason = await late.closed()
        assert (code, "no room" in reason) == (4403, True)


async def test_connections_of_the_process_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_CONNECTIONS", 2)
    async with websocket(api.app, init={}), websocket(api.app, init={}):
        assert (await denied(api.app))[0] == 429
    async with websocket(api.app, init={}):
        pass


async def test_connections_count_for_their_key(api: Api, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_CONNECTIONS_OF_ONE", 2)
    app = guarded(api, ring)
    async with AsyncExitStack() as stack:
        # More from one address than it may have: they are their key's as soon as they have shown it.
        for _ in range(2):
            await stack.enter_async_context(websocket(app, init=BEARER))
        await stack.enter_async_context(websocket(app, init={"x-api-key": "another project's key"}))
        async with websocket(app) as socket:
            socket.say("connection_init", payload=BEARER)
            assert (await socket.closed())[0] == 4403
        await stack.enter_async_context(websocket(app, headers={"x-api-key": "another project's key"}, init={}))


@pytest.mark.parametrize(
    "payload",
    [
        BEARER,
        {"Authorization": "bearer the reader's key"},
        {"x-api-key": "the reader's key"},
        {"X-API-Key": "the reader's key", "x-usage-graph-project": "default"},
        {"authorization": "Bearer the operator's own key"},
    ],
    ids=str,
)
async def test_a_key_in_the_payload(api: Api, ring: KeyRing, payload: dict[str, str]) -> None:
    async with websocket(guarded(api, ring), init=payload) as socket:
        socket.subscribe("1", CALLS)
        assert await socket.next("1") == calls(0)


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (None, 4401, "wants a key"),
        ({}, 4401, "wants a key"),
        ({"authorization": "Bearer guessed"}, 4401, "not one of this server's"),
        ({"authorization": ["Bearer the reader's key"]}, 4401, "wants a key"),
        ({"authorization": "Basic x", "x-api-key": ""}, 4401, ""),
        ({"x-api-key": "the writer's key"}, 4403, "scope"),
        ({**BEARER, "x-usage-graph-project": "another"}, 4403, "not good for the project"),
        ({**BEARER, "x-usage-graph-project": " "}, 4400, "is empty"),
    ],
    ids=range(8),
)
async def test_a_key_that_is_not_good(
    api: Api, ring: KeyRing, payload: dict[str, Any] | None, code: int, reason: str
) -> None:
    async with websocket(guarded(api, ring)) as socket:
        socket.say("connection_init", payload=payload)
        found, said = await socket.closed()
        assert found == code
        assert reason in said


async def test_a_key_in_a_header(api: Api, ring: KeyRing) -> None:
    app = guarded(api, ring)
    async with websocket(app, headers={"authorization": "Bearer the reader's key"}, init={}) as socket:
        socket.subscribe("1", CALLS)
        assert await socket.next("1") == calls(0)
    status, body = await denied(app, {"x-api-key": "guessed"})
    assert (status, body["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_the_project_is_the_key_s_or_the_one_that_is_named(api: Api, ring: KeyRing) -> None:
    app = guarded(api, ring)
    operator = {"authorization": "Bearer the operator's own key"}
    async with (
        websocket(app, init={"x-api-key": "another project's key"}) as bound,
        websocket(app, init={**operator, "x-usage-graph-project": "another"}) as named,
        websocket(app, headers={"x-usage-graph-project": "another"}, init=operator) as in_header,
        websocket(app, init=operator) as neither,
    ):
        for socket in (bound, named, in_header, neither):
            socket.subscribe("1", CALLS)
            assert await socket.next("1") == calls(0)
        add(api, call(1, project="another"))
        for socket in (bound, named, in_header):
            assert await socket.next("1") == calls(1)
        assert neither.connection.is_silent()


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "the reader's key"}], ids=["payload", "header"])
async def test_a_key_that_is_revoked_ends_its_connections(
    api: Api, ring: KeyRing, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LOOK", 0.01)
    app = guarded(api, ring)
    async with (
        websocket(app, headers=headers, init={} if headers else BEARER) as socket,
        websocket(app, init={"x-api-key": "another project's key"}) as other,
    ):
        socket.subscribe("1", CALLS)
        await socket.next("1")
        ring.revoke("the reader's key")
        await ring.look()
        assert await socket.closed() == (4401, "The key is no longer good.")
        other.subscribe("1", CALLS)
        assert await other.next("1") == calls(0)


async def test_the_first_key_ends_connections_without_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is a key everyone may do everything; from then on, nobody without one."""
    monkeypatch.setattr(live, "_LOOK", 0.01)
    ring = KeyRing()
    ring.keys._operator, ring.keys._wanted = None, False
    async with websocket(guarded(api, ring), init={}) as socket:
        socket.subscribe("1", CALLS)
        await socket.next("1")
        ring.add("the reader's key")
        await ring.look()
        assert (await socket.closed())[0] == 4401


async def test_a_grant_that_may_only_send(api: Api) -> None:
    api.app.grant = Grant(Access.INGEST)
    async with websocket(api.app) as socket:
        socket.say("connection_init")
        assert (await socket.closed())[0] == 4403


async def test_the_server_stops(api: Api) -> None:
    async with (
        websocket(api.app, init={}) as busy,
        websocket(api.app, init={}) as idle,
        websocket(api.app) as new,
    ):
        busy.subscribe("1", ADDED)
        busy.subscribe("2", CALLS)
        await busy.next("2")
        await api.live.stop()
        assert await busy.hear() == {"type": "complete", "id": "1"}
        assert await busy.hear() == {"type": "complete", "id": "2"}
        for socket in (busy, idle, new):
            assert await socket.closed() == (1001, "The server stops.")
        assert api.listener.subscribers == 0
    assert (await denied(api.app))[0] == 429


async def test_a_client_that_does_not_read_is_let_go() -> None:
    api = Api(patience=0.05)
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", ADDED)
        await until(lambda: api.listener.subscribers == 1)
        socket.connection.reading.clear()
        add(api, call(1))
        await socket.connection.ended()
        assert api.listener.subscribers == 0
    await asyncio.wait_for(api.live.stop(), 1)


async def test_a_client_that_does_not_read_does_not_keep_the_server(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_websocket, "_FAREWELL", 0.05)
    async with websocket(api.app, init={}) as socket:
        socket.subscribe("1", ADDED)
        await until(lambda: api.listener.subscribers == 1)
        socket.connection.reading.clear()
        add(api, call(1))
        await until(lambda: api.reader.asked)
        await api.live.stop()
        assert api.listener.subscribers == 0
        await socket.connection.ended()


@pytest.mark.parametrize(
    ("origin", "allowed", "gets_in"),
    [
        (None, [], True),
        ("https://usage.example", [], True),
        ("http://usage.example", [], True),
        ("https://evil.example", [], False),
        ("null", [], False),
        ("https://usage.example:8443", [], False),
        ("https://app.example", ["https://app.example"], True),
        ("https://evil.example", ["https://app.example"], False),
        ("https://evil.example", ["*"], True),
    ],
)
async def test_pages_of_other_sites_where_the_server_is_not_on_loopback(
    api: Api, origin: str | None, allowed: list[str], gets_in: bool
) -> None:
    headers = {"host": "usage.example", **({"origin": origin} if origin else {})}
    app = SocketGuard(api.app, allowed_origins=allowed)
    if gets_in:
        async with websocket(app, headers=headers, init={}):
            pass
    else:
        status, body = await denied(app, headers)
        assert (status, "USAGE_GRAPH_CORS_ORIGINS" in body["message"]) == (403, True)
