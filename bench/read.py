"""Reads: every case end to end over HTTP, beside the very statements that it runs, run raw, and hand-written SQL.

The statements run on one asyncpg connection in one REPEATABLE READ transaction, which is what the server does. Each
request has a window of its own, so nothing can have its answer ready; all sides are warm and answer the same windows.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median, quantiles

import asyncpg
import orjson
import uvloop

from bench import cold, throughput
from bench.capture import Statement, capture, check
from bench.cases import Asked, Asking, Case, Kind, operations, pages_around_500
from bench.children import Child, server
from bench.database import Database
from bench.meter import Cpu, high_water_mark
from bench.throughput import Throughput
from bench.wire import Connection, post
from usage_graph.store.reader import PLANNING

MONTH = timedelta(days=30)


@dataclass(slots=True)
class Operation:
    """Durations in milliseconds, one entry per request; processor time likewise, one entry per round."""

    kind: Kind = "operation"
    statements: int = 0
    answer_bytes: int = 0
    cold: float | None = None
    http: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    hand: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    database_cpu: list[float] = field(default_factory=list)
    raw_database_cpu: list[float] = field(default_factory=list)
    at: dict[int, Throughput] = field(default_factory=dict)
    """By concurrency."""

    @property
    def p50(self) -> float:
        return median(self.http)

    @property
    def sql(self) -> float:
        """p50 of its own statements."""
        return median(self.raw)

    @property
    def ratio(self) -> float:
        return self.p50 / self.sql

    @property
    def cpu(self) -> float:
        """Processor milliseconds per request, server and database."""
        return median(self.server_cpu) + median(self.database_cpu)


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[18]


@dataclass(slots=True)
class Reads:
    """Of one database. ``nothing``: ``SELECT 1`` in milliseconds; ``memory``: the server's peak in bytes."""

    records: int
    days: int
    cases: dict[str, Operation]
    nothing: list[float]
    memory: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """``concurrency``: of what is measured for ``seconds`` each; ``cold``: whether first answers are."""

    rounds: int
    requests: int
    concurrency: Sequence[int] = ()
    seconds: float = 0.5
    cold: bool = False


def measure(
    database: Database,
    name: str,
    cases: Sequence[Case],
    plan: Plan,
    told: Callable[[str], None],
    *,
    end: datetime,
    days: int,
) -> Reads:
    """``rounds`` times ``requests`` of every case, and the rest, on the database ``name``, filled up to ``end``."""
    asking = Asking(end, timedelta(days=days))
    found = Reads(database.count(name), days, {}, [], None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, _side(runner, database, name) as side:
        for case in cases:
            told(f"read: {case.name}")
            if case.paged:
                asking.page_of(case, _walk(side.child, case, asking, plan.requests))
            into = found.cases[case.name] = Operation(case.kind)
            for _ in range(plan.rounds):
                side.measure(into, case, [asking.ask(case) for _ in range(plan.requests)])
            for clients in plan.concurrency:
                into.at[clients] = throughput.measure(
                    side.child, side.postmaster, functools.partial(_body, asking, case), clients, plan.seconds
                )
            found.nothing += runner.run(_nothing(side.raw, plan.requests))
        found.memory = high_water_mark(side.child.pid)
    if plan.cold:
        told("read: cold")
        for case_name, taken in cold.measure(database, name, [c for c in cases if not c.paged], asking).items():
            found.cases[case_name].cold = taken
    return found


def _body(asking: Asking, case: Case) -> bytes:
    return asking.ask(case).body


def compare(
    database: Database, names: Sequence[str], told: Callable[[str], None], *, end: datetime, rounds: int, requests: int
) -> dict[str, dict[str, Operation]]:
    """The example operations on several databases, by operation and name: they take turns at the same windows."""
    asking = Asking(end, MONTH)
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        sides = [stack.enter_context(_side(runner, database, name)) for name in names]
        found: dict[str, dict[str, Operation]] = {}
        for case in operations():
            told(f"read: {case.name}")
            measured = found[case.name] = {name: Operation() for name in names}
            for round_ in range(rounds):
                asked = [asking.ask(case) for _ in range(requests)]
                for side in (*sides[round_ % len(sides) :], *sides[: round_ % len(sides)]):
                    side.measure(measured[side.name], case, asked)
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

    def measure(self, into: Operation, case: Case, asked: Sequence[Asked]) -> None:
        bodies = [one.body for one in asked]
        # Also warms what all ways read.
        statements = self.runner.run(capture(self.dsn, bodies))
        into.statements = len(statements[0])
        _measure_http(into, self.child, self.postmaster, bodies)
        _measure_raw(into, self.runner, self.raw, self.postmaster, statements)
        if case.sql is not None:
            by_hand = [[Statement(case.sql, one.values, "auto")] for one in asked if one.values is not None]
            into.hand += _timed(self.runner, self.raw, by_hand)


@contextmanager
def _side(runner: asyncio.Runner, database: Database, name: str) -> Iterator[_Side]:
    dsn = database.dsn(name)
    with server(dsn) as child:
        raw = runner.run(_connect(dsn))
        try:
            yield _Side(name, dsn, runner, child, raw, database.postmaster)
        finally:
            runner.run(raw.close())


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    # As the server's pool connects.
    settings = {"timezone": "UTC", "jit": "off", **PLANNING}
    return await asyncpg.connect(dsn, statement_cache_size=500, server_settings=settings)


def _measure_http(into: Operation, child: Child, postmaster: int | None, bodies: Sequence[bytes]) -> None:
    requests = [post("/graphql", body, content_type="application/json") for body in bodies]
    with Connection(child.port) as client:
        warmed = client.ask(requests[0])  # the first of each operation is also parsed and validated
        check(warmed.status, warmed.body)
        with Cpu(child.pid, postmaster) as cpu:
            for request in requests:
                begun = time.perf_counter()
                answer = client.ask(request)
                into.http.append((time.perf_counter() - begun) * 1000)
                check(answer.status, answer.body)
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
    with Cpu(postmaster) as cpu:
        into.raw += _timed(runner, connection, asked)
    into.raw_database_cpu.append(cpu.seconds[0] / (len(asked) + 1) * 1000)


def _timed(
    runner: asyncio.Runner, connection: "asyncpg.Connection[asyncpg.Record]", asked: Sequence[Sequence[Statement]]
) -> list[float]:
    """Milliseconds of each; the first one is asked twice, as its statements have to be prepared."""

    async def run(statements: Sequence[Statement]) -> float:
        planning = next((one.planning for one in statements), "auto")
        await connection.execute(f"SET plan_cache_mode = {planning}")
        begun = time.perf_counter()
        # One statement is a transaction by itself.
        async with (
            connection.transaction(isolation="repeatable_read", readonly=True) if statements[1:] else nullcontext()
        ):
            for one in statements:
                if one.planning != planning:
                    planning = one.planning
                    await connection.execute(f"SET LOCAL plan_cache_mode = {planning}")
                await connection.fetch(one.sql, *one.values)
        return (time.perf_counter() - begun) * 1000

    runner.run(run(asked[0]))
    return [runner.run(run(statements)) for statements in asked]


async def _nothing(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> list[float]:
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        await connection.fetchval("SELECT 1")
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _walk(child: Child, case: Case, asking: Asking, count: int) -> list[dict[str, object]]:
    """The variables of ``count`` pages around the 500th."""
    after, kept = None, []
    with Connection(child.port) as client:
        for variables, keep in pages_around_500(asking.window(MONTH), count):
            body = orjson.dumps({"query": case.document, "variables": {**variables, "after": after}})
            answer = client.ask(post("/graphql", body, content_type="application/json"))
            check(answer.status, answer.body)
            after = orjson.loads(answer.body)["data"]["usage"]["records"]["pageInfo"]["endCursor"]
            if keep:
                kept.append({**variables, "first": 20, "after": after})
    return kept
