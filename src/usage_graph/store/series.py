"""Sums between each two boundaries, of all calls or of the largest groups: the statements, and what their rows come
to. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby
from operator import add, itemgetter
from typing import Any, Protocol, TypeVar

import asyncpg

from usage_graph.question import By, Scope, Series, SeriesGroup
from usage_graph.store.breakdown import split_by
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters
from usage_graph.store.histograms import Times
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import Statement, query
from usage_graph.store.sums import Sums, weight
from usage_graph.usage import Metric, Totals

_NOTHING = Totals()

Value = TypeVar("Value")


def ask_whole(scope: Scope, bounds: Sequence[datetime], *, sums: Sums, standing: Standing) -> Statement:
    """Asks for the sums of all calls between each two of ``bounds``."""
    parameters = Parameters()
    sql = query("sum_series").format(
        bounds=parameters.add(list(bounds[:-1])),
        sums=sums.sql,
        cells=cells(scope, parameters, measures=sums.measures, bounds=bounds, standing=standing),
    )
    return Statement(sql, parameters.values)


def ask_groups(
    scope: Scope, bounds: Sequence[datetime], by: By, *, sums: Sums, metric: Metric, top: int, standing: Standing
) -> Statement:
    """Asks for those of the ``top`` groups by ``metric`` one by one, and of all others."""
    parameters = Parameters()
    columns, attributes, (key,) = split_by([by])
    sql = query("sum_series_by").format(
        bounds=parameters.add(list(bounds[:-1])),
        sums=sums.sql,
        key=key,
        weight=weight(metric),
        top=parameters.add(top),
        cells=cells(
            scope,
            parameters,
            columns=columns,
            attributes=attributes,
            measures=sums.measures,
            bounds=bounds,
            standing=standing,
        ),
    )
    return Statement(sql, parameters.values)


def whole_of(width: int, rows: Sequence[asyncpg.Record], sums: Sums, times: Times) -> Series:
    """What ``ask_whole`` found in ``width`` points, with their times."""
    points = [_NOTHING] * width
    for row in rows:
        points[row["point"]] = sums.totals_of(row)
    if times.found:
        points = [times.added_to(totals, point=point) for point, totals in enumerate(points)]
    return Series(points, [], None)


def groups_of(width: int, rows: Sequence[asyncpg.Record], sums: Sums, metric: Metric, times: Times) -> Series:
    """What ``ask_groups`` found: the whole, the groups by rank, and all others; with their times."""
    adding: _Adding[Any] = _TotalsAdded(sums, times) if times.found else _NumbersAdded(sums)
    parsed = [(*itemgetter("rank", "key", "point")(row), adding.read(row)) for row in rows]
    points = _points_of(width, ((point, value) for _, _, point, value in parsed), adding)
    whole = _sum_of((value for *_, value in parsed), adding)
    groups: list[SeriesGroup] = []
    other = None
    for (rank, key), of_group in groupby(parsed, key=itemgetter(0, 1)):
        own = [(point, value) for _, _, point, value in of_group]
        totals = _sum_of((value for _, value in own), adding)
        group = SeriesGroup(key, totals, totals.share_of(whole, metric), _points_of(width, own, adding))
        if rank is None:
            other = group
        else:
            groups.append(group)
    return Series(points, groups, other)


class _Adding(Protocol[Value]):
    """How the sums of rows are added up."""

    def read(self, row: asyncpg.Record) -> Value: ...
    def plus(self, one: Value, other: Value) -> Value: ...
    def totals(self, value: Value) -> Totals: ...


class _NumbersAdded:
    """As bare numbers, of which there are fewer."""

    def __init__(self, sums: Sums) -> None:
        self.read, self.totals = sums.numbers_of, sums.totals

    @staticmethod
    def plus(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(map(add, one, other))


class _TotalsAdded:
    """With histograms."""

    def __init__(self, sums: Sums, times: Times) -> None:
        self._sums, self._times = sums, times

    def read(self, row: asyncpg.Record) -> Totals:
        return self._times.added_to(self._sums.totals_of(row), rank=row["rank"], point=row["point"])

    @staticmethod
    def plus(one: Totals, other: Totals) -> Totals:
        return one.plus(other)

    @staticmethod
    def totals(value: Totals) -> Totals:
        return value


def _points_of(width: int, found: Iterable[tuple[int, Value]], adding: _Adding[Value]) -> list[Totals]:
    values: dict[int, Value] = {}
    for point, value in found:
        values[point] = adding.plus(values[point], value) if point in values else value
    points = [_NOTHING] * width
    for point, value in values.items():
        points[point] = adding.totals(value)
    return points


def _sum_of(values: Iterable[Value], adding: _Adding[Value]) -> Totals:
    found = [*values]
    return adding.totals(reduce(adding.plus, found)) if found else _NOTHING
