"""How many requests a server answers per second to several clients at once, each asking one after another."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from typing import NamedTuple

from bench.capture import check
from bench.children import Child
from bench.meter import Cpu
from bench.wire import Connection, post


class Throughput(NamedTuple):
    """``p50`` and ``p99`` in milliseconds; so is ``cpu``, of server and database per request."""

    requests_per_second: float
    p50: float
    p99: float
    cpu: float


def measure(
    child: Child, postmaster: int | None, body: Callable[[], bytes], clients: int, seconds: float
) -> Throughput:
    """For so long; what is under way then is waited for, and counts with its time."""
    connections = [Connection(child.port) for _ in range(clients)]
    begun = time.perf_counter()

    def ask(connection: Connection) -> list[float]:
        taken: list[float] = []
        while True:
            start = time.perf_counter()
            answer = connection.ask(post("/graphql", body(), content_type="application/json"))
            taken.append((time.perf_counter() - start) * 1000)
            assert answer.status == 200, answer.body[:500]
            if time.perf_counter() > begun + seconds:
                check(answer.status, answer.body)
                return taken

    try:
        with Cpu(child.pid, postmaster) as cpu, ThreadPoolExecutor(clients) as threads:
            latencies = [latency for taken in threads.map(ask, connections) for latency in taken]
        took = time.perf_counter() - begun
    finally:
        for connection in connections:
            connection.close()
    return Throughput(len(latencies) / took, *_quantiles(latencies), sum(cpu.seconds) / len(latencies) * 1000)


def _quantiles(latencies: list[float]) -> tuple[float, float]:
    if len(latencies) < 2:
        return latencies[0], latencies[0]
    found = quantiles(latencies, n=100, method="inclusive")
    return found[49], found[98]
