"""Reads: every example operation end to end over HTTP, beside the very statements that it runs, run raw.

The statements and their values are taken from the server's own code, run once in this process for the same request;
then they run on one asyncpg connection in one REPEATABLE READ transaction. Each request has a window of its own, so
nothing can have its answer ready; both sides are warm and answer the same windows.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import asyncpg
import httpx
import orjson
import uvloop
from starlette.applications import Starlette

from bench.children import Child, server
from bench.database import Database
from bench.meter import Cpu
from bench.wire import Connection, post
from usage_graph.graph import app as graph
from usage_graph.graph.live import Live
from usage_graph.graph.schema import example_operations
from usage_graph.store.connect import Connection as Asyncpg
from usage_graph.store.connect import open_pool
from usage_graph.store.listening import Listener
from usage_graph.store.reader import Reader

WINDOW = timedelta(days=30)
_STEP = timedelta(seconds=37, milliseconds=411)

Statement = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Operation:
    """Durations in milliseconds, one entry per request; processor time likewise, one entry per round."""

    statements: int = 0
    answer_bytes: int = 0
    http: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    database_cpu: list[float] = field(default_factory=list)
    raw_database_cpu: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(self.http) / median(self.raw)


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[18]


def measure(
    database: Database, name: str, told: Callable[[str], None], *, end: datetime, rounds: int, requests: int
) -> dict[str, Operation]:
    """``rounds`` times ``requests`` of every operation, over a window of 30 days before ``end`` where it has one."""
    found = compare(database, [name], told, end=end, rounds=rounds, requests=requests)
    return {operation: measured[name] for operation, measured in found.items()}


def compare(
    database: Database, names: Sequence[str], told: Callable[[str], None], *, end: datetime, rounds: int, requests: int
) -> dict[str, dict[str, Operation]]:
    """The same of several databases, by operation and name: they take turns at the same windows."""
    windows = map(_window, itertools.repeat(end), itertools.count())
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        sides = [stack.enter_context(_side(runner, database, name)) for name in names]
        found: dict[str, dict[str, Operation]] = {}
        for operation, document in example_operations().items():
            told(f"read: {operation}")
            measured = found[operation] = {name: Operation() for name in names}
            for round_ in range(rounds):
                variables = [{"window": next(windows)} if "$window" in document else {} for _ in range(requests)]
                bodies = [orjson.dumps({"query": document, "variables": given}) for given in variables]
                for side in (*sides[round_ % len(sides) :], *sides[: round_ % len(sides)]):
                    side.measure(measured[side.name], bodies)
    return found


@dataclass(frozen=True, slots=True)
class _Side:
    """A database with a server on it, and a connection beside the server."""

    name: str
    dsn: str
    runner: asyncio.Runner
    child: Child
    raw: "asyncpg.Connection[asyncpg.Record]"
    postmaster: int | None

    def measure(self, into: Operation, bodies: Sequence[bytes]) -> None:
        # Also warms what both ways read.
        asked = self.runner.run(_capture(self.dsn, bodies))
        into.statements = len(asked[0])
        _measure_http(into, self.child, self.postmaster, bodies)
        _measure_raw(into, self.runner, self.raw, self.postmaster, asked)


@contextmanager
def _side(runner: asyncio.Runner, database: Database, name: str) -> Iterator[_Side]:
    dsn = database.dsn(name)
    with server(dsn) as child:
        raw = runner.run(_connect(dsn))
        try:
            yield _Side(name, dsn, runner, child, raw, database.postmaster)
        finally:
            runner.run(raw.close())


def _window(end: datetime, number: int) -> dict[str, Any]:
    """The ``number``-th of many windows of about 30 days, none of which begins or ends on a round time."""
    last = end - _STEP * (number % 200 + 1)
    return {"between": {"from": (last - WINDOW + 200 * _STEP).isoformat(), "to": last.isoformat()}}


async def _capture(dsn: str, bodies: Sequence[bytes]) -> list[list[Statement]]:
    """What the server's reader asks the database for each body, in order."""
    asked: list[Statement] = []

    def log(query: Any) -> None:
        if query.args:  # every question has values; BEGIN, ROLLBACK and the pool's reset have none
            asked.append((query.query, tuple(query.args)))

    async def init(connection: Asyncpg) -> None:
        connection.add_query_logger(log)

    found = []
    async with open_pool(dsn, name="bench", size=1, init=init) as pool:

        def clock() -> datetime:
            return datetime.now(UTC)

        live = Live(listener=Listener(dsn), clock=clock)
        application = Starlette(routes=graph.routes(reader=Reader(pool), live=live, clock=clock))
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            # The first question of a connection also makes the driver ask for types, so it is asked twice.
            for body in (bodies[0], *bodies):
                asked.clear()
                answer = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
                _check(answer.status_code, answer.content)
                found.append(list(asked))
    return found[1:]


def _check(status: int, body: bytes) -> None:
    answer = orjson.loads(body)
    assert status == 200, answer
    assert "errors" not in answer, answer["errors"]


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    # As the server's pool connects: a plan for each window, none of them compiled.
    settings = {"timezone": "UTC", "plan_cache_mode": "force_custom_plan", "jit": "off"}
    return await asyncpg.connect(dsn, statement_cache_size=500, server_settings=settings)


def _measure_http(into: Operation, child: Child, postmaster: int | None, bodies: Sequence[bytes]) -> None:
    requests = [post("/graphql", body, content_type="application/json") for body in bodies]
    with Connection(child.port) as client:
        warmed = client.ask(requests[0])  # the first of each operation is also parsed and validated
        _check(warmed.status, warmed.body)
        with Cpu(child.pid, postmaster) as cpu:
            for request in requests:
                begun = time.perf_counter()
                answer = client.ask(request)
                into.http.append((time.perf_counter() - begun) * 1000)
                _check(answer.status, answer.body)
                into.answer_bytes = len(answer.body)
    own, databases = (seconds / len(requests) * 1000 for seconds in cpu.seconds)
    into.server_cpu.append(own)
    into.database_cpu.append(databases)


def _measure_raw(
    into: Operation,
    runner: asyncio.Runner,
    connection: "asyncpg.Connection[asyncpg.Record]",
    postmaster: int | None,
    asked: Sequence[Sequence[Statement]],
) -> None:
    async def run(statements: Sequence[Statement]) -> float:
        begun = time.perf_counter()
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for sql, values in statements:
                await connection.fetch(sql, *values)
        return (time.perf_counter() - begun) * 1000

    runner.run(run(asked[0]))
    with Cpu(postmaster) as cpu:
        into.raw += [runner.run(run(statements)) for statements in asked]
    into.raw_database_cpu.append(cpu.seconds[0] / len(asked) * 1000)
