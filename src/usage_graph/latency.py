"""How long calls take: histograms that can be added up, and what is answered from them.

A histogram counts times by class. Class 0 is of times up to 1 µs, class ``k`` of those above ``1.04 ** (k - 1)`` and
up to ``1.04 ** k`` µs. A quantile is answered as the middle of the class that it is in, which is off by less than 2 %
of the true value (of times from 1 µs on); the maximum as the upper bound of the highest class, which is above the true
value by less than 4 %. Histograms of parts, merged, are the histogram of the whole: no error is added.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

BASE = 1.04
"""The upper bound of a class is so many times its lower bound."""
_LOG_BASE = math.log(BASE)
_MIDDLE = 2 / (BASE + 1)
"""Of the upper bound of a class: what is off by the same part of both of its ends, (BASE - 1) / (BASE + 1)."""


def class_of(microseconds: int) -> int:
    """The class of a time. Up to a week, and no call takes longer, floating point puts every one where it belongs."""
    return math.ceil(math.log(microseconds) / _LOG_BASE) if microseconds > 1 else 0


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many times there are of each class that has any: pairs of class and count, ascending."""

    counts: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, times: Iterable[int]) -> Self:
        """The histogram of ``times`` in microseconds."""
        return cls.adding((class_of(time), 1) for time in times)

    @classmethod
    def adding(cls, counts: Iterable[tuple[int, int]]) -> Self:
        """From counts in any order, of which several may be of one class."""
        sums: dict[int, int] = {}
        for class_, count in counts:
            sums[class_] = sums.get(class_, 0) + count
        return cls(tuple(sorted((class_, count) for class_, count in sums.items() if count)))

    @property
    def calls(self) -> int:
        """How many times it has."""
        return sum(count for _, count in self.counts)

    def plus(self, other: "Histogram") -> "Histogram":
        if not other.counts:
            return self
        return Histogram.adding((*self.counts, *other.counts)) if self.counts else other

    def quantile(self, q: float) -> float | None:
        """The smallest time that at least the part ``q`` (0 to 1) of all times does not exceed, in microseconds.

        Off by less than 2 %; unknown without times.
        """
        rank = max(1, math.ceil(q * self.calls))
        for class_, count in self.counts:
            rank -= count
            if rank <= 0:
                return _MIDDLE * BASE**class_
        return None

    @property
    def max(self) -> float | None:
        """A bound that no time exceeds, in microseconds: less than 4 % above the longest. Unknown without times."""
        return BASE ** self.counts[-1][0] if self.counts else None


class FirstToken(NamedTuple):
    """How long streamed calls took until their first token, of the ``calls`` of which that is known."""

    calls: int
    avg_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class Latency(NamedTuple):
    """How long calls took; ``None`` is unknown. Averages are exact, quantiles and maxima are those of ``Histogram``."""

    avg_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    first_token: FirstToken
    tokens_per_second: float | None


class Times(NamedTuple):
    """How long ``calls`` took: together, in microseconds, and by class."""

    calls: int
    sum_us: int
    histogram: Histogram


def latency_of(taken: Times, first: Times, tokens_per_second: float | None) -> Latency:
    """From the times that calls took, and those until their first token."""
    return Latency(*_statistics(taken), FirstToken(first.calls, *_statistics(first)), tokens_per_second)


def _statistics(times: Times) -> tuple[float | None, float | None, float | None, float | None, float | None]:
    """Average, median, 95th and 99th percentile, and maximum, in milliseconds."""
    average = times.sum_us / times.calls / 1000 if times.calls else None
    p50, p95, p99 = (_in_ms(times.histogram.quantile(q)) for q in (0.5, 0.95, 0.99))
    return average, p50, p95, p99, _in_ms(times.histogram.max)


def _in_ms(time: float | None) -> float | None:
    return None if time is None else time / 1000
