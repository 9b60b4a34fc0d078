"""The sums that a question is answered with: how they are asked for, and what the ends of its rows come to. Pure."""

from collections.abc import Collection, Iterable
from functools import cache
from operator import itemgetter

import asyncpg

from usage_graph.store.measures import NUMERIC
from usage_graph.usage import SUMMED, Metric, Totals

_WEIGHT = {
    Metric.COST: "CASE WHEN usage_sum(c.calls) > usage_sum(c.unpriced_calls) THEN usage_sum(c.cost_nano) END",
    Metric.TOKENS: "usage_sum(c.input_tokens) + usage_sum(c.output_tokens)",
    Metric.INPUT_TOKENS: "usage_sum(c.input_tokens)",
    Metric.OUTPUT_TOKENS: "usage_sum(c.output_tokens)",
    Metric.CALLS: "usage_sum(c.calls)",
    Metric.CREDITS: "sum(c.credits_nano)",
    Metric.DURATION: "usage_sum(c.duration_us)",
}
_WEIGHED = {
    Metric.COST: ("calls", "unpriced_calls", "cost_nano"),
    Metric.TOKENS: ("input_tokens", "output_tokens"),
    Metric.INPUT_TOKENS: ("input_tokens",),
    Metric.OUTPUT_TOKENS: ("output_tokens",),
    Metric.CALLS: ("calls",),
    Metric.CREDITS: ("credits_nano",),
    Metric.DURATION: ("duration_us",),
}
_NO_TIMES = Totals().durations


def weight(metric: Metric) -> str:
    """What groups are ranked by."""
    return _WEIGHT[metric]


class Sums:
    """Sums of some of the measures of ``Totals``, in its order. Those that nobody needs are 0, and cost nothing."""

    def __init__(self, measures: Collection[str]) -> None:
        self.measures: tuple[str, ...] = tuple(measure for measure in SUMMED if measure in measures)
        self.sql = ", ".join(
            f"coalesce(sum(c.{measure}), 0) AS {measure}"
            if measure in NUMERIC
            else f"usage_sum(c.{measure}) AS {measure}"
            for measure in self.measures
        )
        """Of cells, or of such sums, in a relation aliased ``c``."""
        self._width = len(self.measures)
        self._all_int = not any(measure in NUMERIC for measure in self.measures)
        # What is not among them is 0, and last of all is no histogram.
        places = {measure: place for place, measure in enumerate(self.measures)}
        others = (self._width if field in SUMMED else self._width + 1 for field in Totals._fields)
        self._fields = itemgetter(*map(places.get, Totals._fields, others))

    def columns(self, alias: str) -> str:
        """The sums as columns of a relation."""
        return ", ".join(f"{alias}.{measure}" for measure in self.measures)

    def and_of(self, *metrics: Metric, measures: Iterable[str] = ()) -> "Sums":
        """With what ``metrics`` are told from, and with ``measures``."""
        return sums_of(frozenset((*self.measures, *measures, *(name for one in metrics for name in _WEIGHED[one]))))

    def numbers_of(self, row: asyncpg.Record) -> tuple[int, ...]:
        """The last columns of a row, which are the sums."""
        sums = tuple(row)[-self._width :]
        return sums if self._all_int else tuple(map(int, sums))

    def totals(self, numbers: tuple[int, ...]) -> Totals:
        """What such numbers, or the sums of several such, are."""
        return tuple.__new__(Totals, self._fields((*numbers, 0, _NO_TIMES)))

    def totals_of(self, row: asyncpg.Record) -> Totals:
        """The same of a row at once."""
        return self.totals(self.numbers_of(row))


@cache
def sums_of(measures: frozenset[str]) -> Sums:
    """Of those of ``measures`` that are sums, and always of the calls: who asks for nothing else asks how many."""
    return Sums(measures | {"calls"})


ALL = sums_of(frozenset(SUMMED))
