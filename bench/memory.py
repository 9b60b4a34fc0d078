"""Peak memory of the server, without PostgreSQL, while it takes requests as large as it accepts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bench import otlp
from bench.children import server
from bench.database import Database
from bench.meter import peak_of
from bench.wire import post, send
from bench.workload import Call, calls, cast
from usage_graph.config import Settings

_ROOM = 0.97
"""How much of the largest body that is accepted each request fills."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Case:
    """``connections`` senders, one large request each, at once."""

    name: str
    content_type: str
    encode: Callable[[Sequence[Call]], bytes]
    compress: bool


CASES = (
    Case("protobuf", "application/x-protobuf", otlp.protobuf, False),
    Case("protobuf, gzip", "application/x-protobuf", otlp.protobuf, True),
    Case("JSON", "application/json", otlp.json, False),
    Case("JSON, gzip", "application/json", otlp.json, True),
)


@dataclass(slots=True)
class Large:
    """``idle`` and ``peak`` are resident sets in bytes; ``idle`` is that of a server that has just said it is ready."""

    body: int
    spans: int
    requests: int
    seconds: float
    retries: int
    idle: dict[str, int | None] = field(default_factory=dict)
    peak: dict[str, int | None] = field(default_factory=dict)


def measure(
    database: Database, told: Callable[[str], None], *, seed: int, cases: Sequence[Case], connections: int
) -> dict[str, Large]:
    """One fresh server and database per case; every span is in the database afterwards."""
    found = {}
    for case in cases:
        told(f"memory: {case.name}, {connections} large requests")
        bodies = [_largest(case, f"{seed} {case.name} {number}") for number in range(connections)]
        spans = sum(count for count, _ in bodies)
        requests = [
            post("/v1/traces", body, content_type=case.content_type, compress=case.compress) for _, body in bodies
        ]
        dsn = database.create("large")
        result = Large(len(bodies[0][1]), spans, len(requests), 0.0, 0)
        with server(dsn) as child:
            with peak_of(child.pid, result.idle):
                pass
            with peak_of(child.pid, result.peak):
                sent = send(child.port, requests, connections=connections)
        result.seconds, result.retries = sent.seconds, sent.retries
        assert database.count("large") == spans, "records were lost or doubled"
        database.drop("large")
        found[case.name] = result
    return found


def _largest(case: Case, seed: str) -> tuple[int, bytes]:
    """A body just below the limit, and how many spans are in it."""
    end = datetime.now(UTC).replace(microsecond=0)
    people = cast(0)
    few = calls(seed, 512, people=people, start=end - _HOUR, end=end)
    count = int(Settings().max_body_bytes * _ROOM / len(case.encode(few)) * len(few))
    body = case.encode(calls(seed, count, people=people, start=end - _HOUR, end=end))
    assert len(body) <= Settings().max_body_bytes
    return count, body
