"""The very statements that a question is answered with: the server's own code answers it once in this process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import orjson
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.grant import OPEN, attach
from usage_graph.graph import app as graph
from usage_graph.graph.live import Live
from usage_graph.store import plans
from usage_graph.store.connect import Connection, Init, connect, open_pool
from usage_graph.store.listening import Listener
from usage_graph.store.reader import Reader
from usage_graph.store.sql import query


class Statement(NamedTuple):
    """``planning``: the ``plan_cache_mode`` that it is run with."""

    sql: str
    values: tuple[Any, ...]
    planning: str


Ask = Callable[[bytes], Awaitable[Any]]
"""Posts a body, and returns the answer's data."""


async def capture(dsn: str, bodies: Sequence[bytes]) -> list[list[Statement]]:
    """What the server's reader asks the database for each body, in order, with its values."""
    asked: list[Statement] = []
    once = await _planned_once(dsn)

    def log(run: Any) -> None:
        if run.args:  # every question has values; BEGIN, ROLLBACK and settings have none
            asked.append(Statement(run.query, tuple(run.args), plans.mode() if once else plans.ANEW))

    async def init(connection: Connection) -> None:
        connection.add_query_logger(log)

    found = []
    async with answering(dsn, init) as ask:
        # The first question of a connection also makes the driver ask for types, so it is asked twice.
        for body in (bodies[0], *bodies):
            asked.clear()
            await ask(body)
            found.append(list(asked))
    return found[1:]


async def _planned_once(dsn: str) -> bool:
    """Whether the server has this database plan some questions once."""
    connection = await connect(dsn)
    try:
        mode: str = await connection.fetchval(query("get_planning"))
        return mode == plans.ONCE
    finally:
        await connection.close()


async def _nothing(_: Connection) -> None:
    pass


@asynccontextmanager
async def answering(dsn: str, init: Init = _nothing) -> AsyncIterator[Ask]:
    """The server's own code in this process, on one connection to the database, which ``init`` gets."""
    async with open_pool(dsn, name="bench", size=1, init=init) as pool:

        def clock() -> datetime:
            return datetime.now(UTC)

        live = Live(listener=Listener(dsn), clock=clock)
        application = Starlette(routes=graph.routes(reader=Reader(pool, clock), live=live, clock=clock))
        transport = httpx.ASGITransport(_let_in(application))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

            async def ask(body: bytes) -> Any:
                answer = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
                check(answer.status_code, answer.content)
                return orjson.loads(answer.content)["data"]

            yield ask


def _let_in(application: ASGIApp) -> ASGIApp:
    """As a server does that wants no key."""

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        attach(scope, OPEN)
        await application(scope, receive, send)

    return door


def check(status: int, body: bytes) -> None:
    """An answer without errors."""
    answer = orjson.loads(body)
    assert status == 200, answer
    assert "errors" not in answer, answer["errors"]
