"""Ingest: the same OTLP requests to usage-graph, Phoenix and MLflow, until every span can be read from the database.

Each has a database of its own in the same PostgreSQL, and all run all the time; they are sent to in turns. In the end
each is killed as soon as it has acknowledged a few requests, and what it has stored of them is counted.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from bench import otlp
from bench.children import Child, server
from bench.database import Database
from bench.meter import Cpu
from bench.peers import servers
from bench.peers.servers import Peer
from bench.shapes import SPANS_PER_REQUEST
from bench.wire import post, send
from bench.workload import Cast, calls, cast
from usage_graph.store.embedded.cluster import DATABASE

CONNECTIONS = 4
OURS = "usage-graph"
_RECENT = timedelta(minutes=5)
_WARMING, _WARMING_SPANS = 16, 32
_LOOK_SECONDS = 0.1
_STORED_SECONDS = 300.0


@dataclass(slots=True)
class Figure:
    """One entry per round; latencies in seconds, one per request. Processor time in seconds per round."""

    spans: int = 0
    """Per round."""
    spans_per_second: list[float] = field(default_factory=list)
    acknowledged_per_second: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    database_cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    memory: int = 0
    """Bytes of the server's processes after the last round."""
    acknowledged: int = 0
    """Spans right before the server was killed."""
    survived: int = 0
    """How many of these were stored."""


class _Kind(NamedTuple):
    """``start``: of a peer. ``table``: what holds a row per span. ``header``: one more line of each request."""

    name: str
    start: Callable[[str], AbstractContextManager[Peer]] | None
    table: str
    header: bytes = b""


KINDS = (
    _Kind(OURS, None, "usage_record"),
    _Kind("Phoenix", servers.phoenix, "spans"),
    _Kind("MLflow", servers.mlflow, "spans", b"x-mlflow-experiment-id: 0\r\n"),
)


class Plan(NamedTuple):
    """``requests``: per round, by name."""

    seed: int
    rounds: int
    requests: dict[str, int]


class _Contender(NamedTuple):
    kind: _Kind
    child: Child
    database: str
    figure: Figure


def measure(database: Database, plan: Plan, told: Callable[[str], None]) -> dict[str, Figure]:
    """``plan.rounds`` rounds of all, after one that warms up; then the kill."""
    people = cast(plan.seed)
    with ExitStack() as stack:
        told("ingest: starting " + ", ".join(kind.name for kind in KINDS))
        contenders = _start(database, stack, plan)
        # So many connections that each worker process of MLflow gets one, most likely, and loads what it needs.
        warming = _requests(f"{plan.seed} warm", _WARMING, people, spans=_WARMING_SPANS)
        for contender in contenders:
            told(f"ingest: warming {contender.kind.name}")
            _send(database, contender, warming, _WARMING * _WARMING_SPANS, connections=_WARMING)
        for round_ in range(plan.rounds):
            by = round_ % len(contenders)
            requests = _requests(f"{plan.seed} {round_}", max(plan.requests.values()), people)
            for contender in (*contenders[by:], *contenders[:by]):
                told(f"ingest: round {round_ + 1} of {plan.rounds}, {contender.kind.name}")
                _round(database, contender, requests[: plan.requests[contender.kind.name]])
        last = _requests(f"{plan.seed} kill", CONNECTIONS, people)
        for contender in contenders:
            told(f"ingest: killing {contender.kind.name}")
            _kill(database, contender, last)
    for contender in contenders:
        database.drop(contender.database)
    return {contender.kind.name: contender.figure for contender in contenders}


def _start(database: Database, stack: ExitStack, plan: Plan) -> list[_Contender]:
    for kind in KINDS:  # a run that was killed may have left them in a data directory that is kept
        database.execute(DATABASE, f"DROP DATABASE IF EXISTS {_database(kind)}")
    dsns = {kind.name: database.create(_database(kind)) for kind in KINDS}
    peers = {kind.name: stack.enter_context(kind.start(dsns[kind.name])) for kind in KINDS if kind.start is not None}
    contenders = []
    for kind in KINDS:
        child = peers[kind.name].ready() if kind.start is not None else stack.enter_context(server(dsns[kind.name]))
        figure = Figure(plan.requests[kind.name] * SPANS_PER_REQUEST)
        contenders.append(_Contender(kind, child, _database(kind), figure))
    return contenders


def _database(kind: _Kind) -> str:
    return f"ingest_{kind.name.lower().replace('-', '_')}"


def _requests(seed: str, count: int, people: Cast, *, spans: int = SPANS_PER_REQUEST) -> list[bytes]:
    """OTLP/HTTP requests in protobuf and gzip."""
    end = datetime.now(UTC).replace(microsecond=0)
    found = calls(seed, count * spans, people=people, start=end - _RECENT, end=end)
    bodies = [otlp.protobuf(found[at : at + spans]) for at in range(0, len(found), spans)]
    return [post("/v1/traces", body, content_type="application/x-protobuf", compress=True) for body in bodies]


def _with(header: bytes, requests: Sequence[bytes]) -> list[bytes]:
    return [request.replace(b"\r\n", b"\r\n" + header, 1) for request in requests]


class _Stored(NamedTuple):
    """Seconds until all was acknowledged, and until all could be read; the requests' own."""

    acknowledged: float
    stored: float
    latencies: list[float]


def _send(
    database: Database, contender: _Contender, requests: Sequence[bytes], spans: int, *, connections: int = CONNECTIONS
) -> _Stored:
    """Returns when all ``spans`` of the requests are in the database."""

    async def wait(wanted: int) -> None:
        connection = await asyncpg.connect(database.dsn(contender.database))
        try:
            until = time.monotonic() + _STORED_SECONDS
            while (found := await connection.fetchval(_COUNT.format(contender.kind.table))) < wanted:
                assert time.monotonic() < until, f"{contender.kind.name} has stored {found} of {wanted} spans"
                await asyncio.sleep(_LOOK_SECONDS)
            assert found == wanted, f"{contender.kind.name} has {found} spans of {wanted}"
        finally:
            await connection.close()

    before = _count(database, contender)
    mine = _with(contender.kind.header, requests)
    begun = time.perf_counter()
    sent = send(contender.child.port, mine, connections=connections)
    asyncio.run(wait(before + spans))
    return _Stored(sent.seconds, time.perf_counter() - begun, sent.latencies)


_COUNT = "SELECT count(*) FROM {}"


def _count(database: Database, contender: _Contender) -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(database.dsn(contender.database))
        try:
            found: int = await connection.fetchval(_COUNT.format(contender.kind.table))
            return found
        finally:
            await connection.close()

    return asyncio.run(ask())


def _round(database: Database, contender: _Contender, requests: Sequence[bytes]) -> None:
    figure = contender.figure
    with Cpu(contender.child.pid, database.postmaster) as cpu:
        stored = _send(database, contender, requests, figure.spans)
    figure.spans_per_second.append(figure.spans / stored.stored)
    figure.acknowledged_per_second.append(figure.spans / stored.acknowledged)
    figure.latencies += stored.latencies
    for seconds, into in zip(cpu.seconds, (figure.server_cpu, figure.database_cpu), strict=True):
        into.append(seconds)
    figure.memory = servers.memory(contender.child.pid)


def _kill(database: Database, contender: _Contender, requests: Sequence[bytes]) -> None:
    """SIGKILL to all of the server's processes upon the last acknowledgement."""
    before = _count(database, contender)
    send(contender.child.port, _with(contender.kind.header, requests), connections=len(requests))
    servers.end(contender.child.pid, kill=True)
    asyncio.run(_alone(database.dsn(contender.database)))
    contender.figure.acknowledged = len(requests) * SPANS_PER_REQUEST
    contender.figure.survived = _count(database, contender) - before


async def _alone(dsn: str) -> None:
    """Until PostgreSQL has ended what the killed processes were doing."""
    connection = await asyncpg.connect(dsn)
    try:
        while await connection.fetchval(_OTHERS):  # noqa: ASYNC110 - another process knows when
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await connection.close()


_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
