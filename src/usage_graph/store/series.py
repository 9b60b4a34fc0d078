"""Sums between each two boundaries, of all calls or of the largest groups: the statements, and what their rows come
to. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

import asyncpg

from usage_graph.question import By, Scope, Series, SeriesGroup
from usage_graph.store.breakdown import split_by
from usage_graph.store.cells import Parameters, cells
from usage_graph.store.histograms import Times
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import Statement, query
from usage_graph.store.sums import Sums, weight
from usage_graph.usage import Metric, Totals, sum_of

_NOTHING = Totals()


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
        weight=weight(metric, "OVER (PARTITION BY c.key)"),
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
    found = ((row["point"], times.added_to(sums.totals_of(row), point=row["point"])) for row in rows)
    return Series(_points_of(width, found), [], None)


def groups_of(width: int, rows: Sequence[asyncpg.Record], sums: Sums, metric: Metric, times: Times) -> Series:
    """What ``ask_groups`` found: the whole, the groups by rank, and all others; with their times."""
    parsed = [
        (rank, row["key"], point, times.added_to(sums.totals_of(row), rank=rank, point=point))
        for row in rows
        for rank, point in [(row["rank"], row["point"])]
    ]
    points = _points_of(width, ((point, totals) for _, _, point, totals in parsed))
    whole = sum_of(points)
    groups: list[SeriesGroup] = []
    other = None
    for (rank, key), of_group in groupby(parsed, key=lambda row: row[:2]):
        own = _points_of(width, ((point, totals) for _, _, point, totals in of_group))
        totals = sum_of(own)
        group = SeriesGroup(key, totals, totals.share_of(whole, metric), own)
        if rank is None:
            other = group
        else:
            groups.append(group)
    return Series(points, groups, other)


def _points_of(width: int, found: Iterable[tuple[int, Totals]]) -> list[Totals]:
    points = [_NOTHING] * width
    for point, totals in found:
        points[point] = totals if points[point] is _NOTHING else points[point].plus(totals)
    return points
