"""Sums per value of one or two dimensions: the statements, and what their rows come to. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from usage_graph.question import Breakdown, By, Dimension, Group, Scope
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters, matching_prefix
from usage_graph.store.histograms import NO_TIMES, Times
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import Statement, query
from usage_graph.store.sums import Sums, weight
from usage_graph.usage import Metric, Totals, sum_of

Pair = tuple[str | None, str | None]
"""The key of a group, and of its second dimension, if there is one."""


class Split(NamedTuple):
    """What cells must have for calls to be told apart: ``columns``, and ``attributes`` by their keys.

    ``names`` are those of the asked dimensions in cells.
    """

    columns: tuple[str, ...]
    attributes: tuple[str, ...]
    names: tuple[str, ...]


def split_by(by: Sequence[By]) -> Split:
    """What tells calls apart by ``by``."""
    attributes = tuple(one.attribute for one in by if one.attribute is not None)
    names = tuple(
        one.dimension.value if one.attribute is None else f"attribute_{attributes.index(one.attribute) + 1}"
        for one in by
    )
    return Split(
        tuple(one.dimension.value for one in by if one.dimension is not Dimension.ATTRIBUTE), attributes, names
    )


def rank_groups(
    scope: Scope, by: Sequence[By], *, sums: Sums, metric: Metric, first: int, standing: Standing
) -> Statement:
    """Asks for the ``first`` groups by ``metric``, ties by key, and for the rest."""
    parameters = Parameters()
    sql = query("sum_breakdown").format(
        sums=sums.sql,
        **_keys(by),
        weight=weight(metric),
        first=parameters.add(first),
        cells=_cells(scope, by, sums, parameters, standing),
    )
    return Statement(sql, parameters.values)


def sum_groups(scope: Scope, by: Sequence[By], groups: Sequence[Pair], *, sums: Sums, standing: Standing) -> Statement:
    """Asks for the sums of ``groups``, and of all others as one."""
    parameters = Parameters()
    sql = query("sum_groups").format(
        sums=sums.sql,
        **_keys(by),
        keys=parameters.add([key for key, _ in groups]),
        then_keys=parameters.add([then for _, then in groups]),
        cells=_cells(scope, by, sums, parameters, standing),
    )
    return Statement(sql, parameters.values)


def list_values(scope: Scope, by: By, *, prefix: str, first: int, standing: Standing) -> Statement | None:
    """Asks for the values that begin with ``prefix``; ``None`` where none can."""
    parameters = Parameters()
    begins = matching_prefix("c.key", prefix, parameters)
    if begins is None:
        return None
    split = split_by([by])
    inner = cells(
        scope,
        parameters,
        columns=split.columns,
        attributes=split.attributes,
        measures=("calls",),
        standing=standing,
    )
    sql = query("sum_values").format(key=split.names[0], begins=begins, first=parameters.add(first), cells=inner)
    return Statement(sql, parameters.values)


def _keys(by: Sequence[By]) -> dict[str, str]:
    first, *then = split_by(by).names
    return {"key": f"c.{first}", "then": f"c.{then[0]}" if then else "NULL::text"}


def _cells(scope: Scope, by: Sequence[By], sums: Sums, parameters: Parameters, standing: Standing) -> str:
    split = split_by(by)
    return cells(
        scope,
        parameters,
        columns=split.columns,
        attributes=split.attributes,
        measures=sums.measures,
        standing=standing,
        subtracting=True,
    )


def breakdown_of(
    rows: Sequence[asyncpg.Record],
    sums: Sums,
    metric: Metric,
    previously: Sequence[asyncpg.Record] | None = None,
    times: Times = NO_TIMES,
    previous_times: Times = NO_TIMES,
) -> Breakdown:
    """What ``rank_groups`` found, and ``sum_groups`` of these groups in another window; with the times of both."""
    found = [
        (row["rank"], (row["key"], row["then_key"]), times.added_to(sums.totals_of(row), rank=row["rank"]))
        for row in rows
    ]
    before = (
        None
        if previously is None
        else {row["rank"]: previous_times.added_to(sums.totals_of(row), rank=row["rank"]) for row in previously}
    )
    if before and None in before and not any(rank is None for rank, _, _ in found):
        found.append((None, (None, None), Totals()))
    whole = sum_of(totals for _, _, totals in found)
    groups, other = [], None
    for rank, (key, then_key), totals in found:
        earlier = None if before is None else before.get(rank, Totals())
        group = Group(key, totals, totals.share_of(whole, metric), then_key, earlier)
        if rank is None:
            other = group
        else:
            groups.append(group)
    return Breakdown(groups, other)
