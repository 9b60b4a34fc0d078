"""From rows to the domain: sums, records, series. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import asyncpg

from usage_graph.health import Count, Outcome
from usage_graph.question import Series, SeriesGroup
from usage_graph.usage import Metric, Totals, UsageRecord, sum_of

_WIDTH = len(Totals._fields)


def totals_of(row: asyncpg.Record) -> Totals:
    """The last columns of a row, which are the sums."""
    return Totals(*map(int, tuple(row)[-_WIDTH:]))


def record_of(row: asyncpg.Record, *, skip: int = 0) -> UsageRecord:
    return UsageRecord(*tuple(row)[skip : skip + len(UsageRecord._fields)])


def counts_of(rows: Iterable[asyncpg.Record]) -> list[Count]:
    """Those that this program knows of: a newer server on the same database may count more."""
    known = frozenset(Outcome)
    return [Count(project, Outcome(outcome), *rest) for project, outcome, *rest in rows if outcome in known]


def points_of(width: int, found: Iterable[tuple[int, Totals]]) -> list[Totals]:
    points = [Totals()] * width
    for point, totals in found:
        points[point] = points[point].plus(totals)
    return points


def split_series(width: int, rows: Sequence[asyncpg.Record], metric: Metric) -> Series:
    parsed = [(row["rank"], row["key"], row["point"], totals_of(row)) for row in rows]
    points = points_of(width, ((point, totals) for _, _, point, totals in parsed))
    whole = sum_of(points)
    groups: list[SeriesGroup] = []
    other = None
    for (rank, key), of_group in groupby(parsed, key=lambda row: row[:2]):
        own = points_of(width, ((point, totals) for _, _, point, totals in of_group))
        totals = sum_of(own)
        group = SeriesGroup(key, totals, totals.share_of(whole, metric), own)
        if rank is None:
            other = group
        else:
            groups.append(group)
    return Series(points, groups, other)
