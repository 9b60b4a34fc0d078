"""From rows to the domain: sums, records, series. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import asyncpg
import orjson

from usage_graph.health import Count, Outcome
from usage_graph.question import Series, SeriesGroup
from usage_graph.store.histograms import Times
from usage_graph.store.sums import Sums
from usage_graph.usage import Metric, Totals, UsageRecord, sum_of

_NOTHING = Totals()


def record_of(row: asyncpg.Record, *, skip: int = 0) -> UsageRecord:
    """The record in the columns of a row after the first ``skip``."""
    record = UsageRecord(*tuple(row)[skip : skip + len(UsageRecord._fields)])
    stored: Any = record.attributes
    return record._replace(attributes=tuple(sorted(orjson.loads(stored).items())) if stored else ())


def row_of(record: UsageRecord) -> tuple[Any, ...]:
    """``record`` as the store has it: attributes are JSON, and null where there are none."""
    if not record.attributes:
        return *record[:-1], None
    return *record[:-1], orjson.dumps(dict(record.attributes)).decode()


def counts_of(rows: Iterable[asyncpg.Record]) -> list[Count]:
    """Those that this program knows of: a newer server on the same database may count more."""
    known = frozenset(Outcome)
    return [Count(project, Outcome(outcome), *rest) for project, outcome, *rest in rows if outcome in known]


def points_of(width: int, found: Iterable[tuple[int, Totals]]) -> list[Totals]:
    points = [_NOTHING] * width
    for point, totals in found:
        points[point] = totals if points[point] is _NOTHING else points[point].plus(totals)
    return points


def split_series(width: int, rows: Sequence[asyncpg.Record], sums: Sums, metric: Metric, times: Times) -> Series:
    parsed = [
        (rank, row["key"], point, times.added_to(sums.totals_of(row), rank=rank, point=point))
        for row in rows
        for rank, point in [(row["rank"], row["point"])]
    ]
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
