"""How long a server takes to acknowledge and to answer while it is pressed: at 70 % of what it can take, and at all."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

import orjson

from bench import otlp, wire
from bench.children import Child
from bench.shapes import MINUTES, Shape, destination, request
from bench.wire import post
from bench.workload import calls, cast
from usage_graph.graph.schema import example_operations

SHARE = 0.7
"""Of the peak rate."""
_CONNECTIONS = 16
"""So that a request is sent when it is due."""
_ASKED = {"UsagePage": timedelta(days=7), "Totals": timedelta(days=1)}
"""Operations that are asked meanwhile, over a window that ends with what is being written."""
_SETTLE_SECONDS = 0.3
_FEWEST = 3
"""Answers that are waited for even if the server has taken all requests meanwhile."""


@dataclass(slots=True)
class Pressure:
    """``latencies`` in seconds, of requests at ``rate`` spans per second; questions by operation in milliseconds."""

    rate: float
    latencies: list[float]
    idle: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)

    def percentile(self, percent: int) -> float:
        """Of the acknowledgements, in milliseconds."""
        return quantiles(self.latencies, n=100)[percent - 1] * 1000

    def slowdown(self, operation: str) -> float:
        """p50 during full ingest, of that while nothing is sent."""
        return median(self.busy[operation]) / median(self.idle[operation])


def measure(child: Child, shape: Shape, *, rate: float, seed: int, paced: int, questions: int) -> tuple[Pressure, int]:
    """Also says how many calls were sent, each of which is stored.

    ``rate``: the peak, in spans per second; ``paced``: requests at 70 % of it; ``questions``: of each operation.
    """
    port, connect = destination(shape, child)
    each = shape.spans_per_request / (rate * SHARE)
    bodies = _bodies(shape, f"{seed} paced", paced)
    sent = wire.pace(port, bodies, connections=_CONNECTIONS, each=each, connect=connect)
    result = Pressure(rate * SHARE, sent.latencies)
    for operation, window in _ASKED.items():
        result.idle[operation] = _ask(child, operation, window, questions)
    calls_sent = paced * shape.spans_per_request
    for operation, window in _ASKED.items():
        with _Pressing(child, shape, f"{seed} {operation}", rate) as pressing:
            time.sleep(_SETTLE_SECONDS)
            result.busy[operation] = _ask(child, operation, window, questions, going=pressing.going)
        calls_sent += pressing.sent * shape.spans_per_request
    return result, calls_sent


def _bodies(shape: Shape, seed: str, count: int) -> list[bytes]:
    end, at_once = datetime.now(UTC), shape.spans_per_request
    found = calls(seed, count * at_once, people=cast(0), start=end - MINUTES, end=end)
    encode = otlp.json if shape.json else otlp.protobuf
    return [request(shape, encode(found[at : at + at_once])) for at in range(0, len(found), at_once)]


def _ask(
    child: Child, operation: str, window: timedelta, count: int, *, going: Callable[[], bool] = lambda: True
) -> list[float]:
    """Milliseconds of up to ``count`` answers, while it is ``going``, and of some in any case."""
    document = example_operations()[operation]
    now, taken = datetime.now(UTC), []
    with wire.Connection(child.port) as client:
        for number in range(count + 1):
            if number > _FEWEST and not going():
                break
            until = now - timedelta(milliseconds=number * 37)
            between = {"from": (until - window).isoformat(), "to": until.isoformat()}
            body = orjson.dumps({"query": document, "variables": {"window": {"between": between}}})
            begun = time.perf_counter()
            answer = client.ask(post("/graphql", body, content_type="application/json"))
            taken.append((time.perf_counter() - begun) * 1000)
            assert answer.status == 200, answer.body[:500]
            assert b'"errors"' not in answer.body, answer.body[:500]
    return taken[1:]  # the first one is also parsed and validated


class _Pressing:
    """Sends as much as is taken, over all connections of the shape, until the block ends; ``sent``: how many."""

    _SECONDS = 6
    """For which there are requests at the peak rate."""

    def __init__(self, child: Child, shape: Shape, seed: str, rate: float) -> None:
        self._port, self._connect = destination(shape, child)
        self._requests = iter(_bodies(shape, seed, int(rate * self._SECONDS / shape.spans_per_request) + 1))
        self._ended = threading.Event()
        self._failed: list[BaseException] = []
        self._counts: list[int] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(shape.connections)]
        self.sent = 0

    def _run(self) -> None:
        count = 0
        client = self._connect(self._port)
        try:
            for one in self._requests:
                if self._ended.is_set():
                    break
                wire.insist(client, one)
                count += 1
        except BaseException as error:  # told by the thread that waits for this one
            self._failed.append(error)
        finally:
            client.close()
        self._counts.append(count)

    def going(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> "_Pressing":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.sent = sum(self._counts)
        if self._failed:
            raise self._failed[0]
