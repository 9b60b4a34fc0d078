"""How fast one processor of this machine is: what processor seconds of another machine are worth here."""

import time
from datetime import UTC, datetime, timedelta

from bench import otlp
from bench.workload import Cast, calls, cast

_CALLS = 2_000
_ROUNDS = 5
_END = datetime(2026, 1, 1, tzinfo=UTC)


def seconds() -> float:
    """Processor seconds that the same work takes, the least of several times."""
    people = cast(0)
    return min(_once(people) for _ in range(_ROUNDS))


def _once(people: Cast) -> float:
    begun = time.process_time()
    otlp.json(calls("calibration", _CALLS, people=people, start=_END - timedelta(hours=1), end=_END))
    return time.process_time() - begun
