"""Reads: every example operation end to end over HTTP, beside the very statements that it runs, run raw.

The statements and their values are taken from the server's own code, run once in this process for the same request;
then they run on one asyncpg connection in one REPEATABLE READ transaction. Each request has a window of its own, so
nothing can have its answer ready; both sides are warm and answer the same windows.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
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
from usage_graph.graph.schema import example_operations
from usage_graph.store.connect import Connection as Asyncpg
from usage_graph.store.connect import open_pool
from usage_graph.store.reader import Reader

WINDOW = timedelta(days=30)
_STEP = timedelta(seconds=37, milliseconds=411)

Statement = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Operation:
    """Durations in milliseconds, one entry per request; processor time likewise, one entry per round."""

    statements: int
    answer_bytes: int
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
    windows = map(_window, itertools.repeat(end), itertools.count())
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        child = stack.enter_context(server(database.dsn(name)))
        raw = runner.run(_connect(database.dsn(name)))
        stack.callback(lambda: runner.run(raw.close()))
        found = {}
        for operation, document in example_operations().items():
            told(f"read: {operation}")
            has_window = "$window" in document
            measured: Operation | None = None
            for _ in range(rounds):
                bodies = [
                    orjson.dumps({"query": document, "variables": {"window": next(windows)} if has_window else {}})
                    for _ in range(requests)
                ]
                # Also warms what both sides read.
                asked = runner.run(_capture(database.dsn(name), bodies))
                measured = measured or Operation(len(asked[0]), 0)
                _measure_http(measured, child, database.postmaster, bodies)
                _measure_raw(measured, runner, raw, database.postmaster, asked)
            if measured is not None:
                found[operation] = measured
    return found


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
        application = Starlette(routes=graph.routes(reader=Reader(pool), clock=lambda: datetime.now(UTC)))
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
    # As the server's pool connects: a plan for each window.
    settings = {"timezone": "UTC", "plan_cache_mode": "force_custom_plan"}
    return await asyncpg.connect(dsn, statement_cache_size=500, server_settings=settings)


def _measure_http(into: Operation, child: Child, postmaster: int, bodies: Sequence[bytes]) -> None:
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
    postmaster: int,
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
