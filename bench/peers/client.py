"""Asking one question after another: over HTTP, and PostgreSQL itself, which is also asked on several connections."""

import asyncio
import os
import time
from collections.abc import Sequence
from itertools import cycle
from statistics import quantiles
from typing import Any

import asyncpg
import orjson

from bench.capture import check
from bench.meter import Cpu
from bench.throughput import Throughput
from bench.wire import Connection, post


def graphql(document: str, variables: dict[str, Any]) -> bytes:
    """The body of a request."""
    return orjson.dumps({"query": document, "variables": variables})


def ask(port: int, document: str, variables: dict[str, Any]) -> Any:
    """The data that answers one question."""
    with Connection(port) as client:
        answer = client.ask(post("/graphql", graphql(document, variables), content_type="application/json"))
    check(answer.status, answer.body)
    return orjson.loads(answer.body)["data"]


def one_by_one(port: int, bodies: Sequence[bytes]) -> list[float]:
    """Milliseconds that each took, on one connection."""
    durations = []
    requests = [post("/graphql", body, content_type="application/json") for body in bodies]
    with Connection(port) as client:
        for request in requests:
            begun = time.perf_counter()
            answer = client.ask(request)
            durations.append((time.perf_counter() - begun) * 1000)
            assert answer.status == 200, answer
    return durations


class Sql:
    """Connections to PostgreSQL that ask by hand-written SQL; statements are prepared once."""

    def __init__(self, dsn: str, runner: asyncio.Runner, connections: int) -> None:
        self._runner = runner
        self._connections = [runner.run(self._connect(dsn)) for _ in range(connections)]

    @staticmethod
    async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})

    def close(self) -> None:
        for connection in self._connections:
            self._runner.run(connection.close())

    def ask(self, sql: str, *values: Any) -> list[Any]:
        return self._runner.run(self._connections[0].fetch(sql, *values))

    def one_by_one(self, sql: str, asked: Sequence[tuple[Any, ...]]) -> list[float]:
        """As ``one_by_one``."""

        async def run() -> list[float]:
            durations = []
            for values in asked:
                begun = time.perf_counter()
                await self._connections[0].fetch(sql, *values)
                durations.append((time.perf_counter() - begun) * 1000)
            return durations

        return self._runner.run(run())

    def at_once(
        self, sql: str, asked: Sequence[tuple[Any, ...]], *, postmaster: int | None, seconds: float
    ) -> Throughput:
        """As many answers as there are in so many seconds, on all connections."""
        values = cycle(asked)

        async def one(connection: "asyncpg.Connection[asyncpg.Record]", until: float) -> list[float]:
            durations = []
            while (begun := time.perf_counter()) < until:
                await connection.fetch(sql, *next(values))
                durations.append((time.perf_counter() - begun) * 1000)
            return durations

        async def run() -> list[float]:
            until = time.perf_counter() + seconds
            found = await asyncio.gather(*(one(connection, until) for connection in self._connections))
            return [duration for durations in found for duration in durations]

        begun = time.perf_counter()
        with Cpu(os.getpid(), postmaster) as cpu:
            durations = self._runner.run(run())
        took = time.perf_counter() - begun
        percentiles = quantiles(durations, n=100, method="inclusive")
        count = len(durations)
        return Throughput(count / took, percentiles[49], percentiles[98], sum(cpu.seconds) / count * 1000)
