"""The largest consumers: the statement, and what its rows come to. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from usage_graph.question import Consumer, ConsumerKind, Dimension, Scope
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters, conditions
from usage_graph.store.histograms import Times
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import Statement, query
from usage_graph.store.sums import Sums, weight
from usage_graph.usage import Metric

_DIMENSIONS = sorted({*(Dimension(kind) for kind in ConsumerKind if kind is not ConsumerKind.ITEM), Dimension.NAME})
"""In the order of their names, as consumers of one key are. In SQL they are their places here: numbers are compared
quicker than texts."""
_AGENT, _CONVERSATION, _NAME = map(_DIMENSIONS.index, (Dimension.AGENT, Dimension.CONVERSATION, Dimension.NAME))


class Told(NamedTuple):
    """What tells consumers apart: their ``key``, and which ``dimension`` that is of (a place in ``_DIMENSIONS``), told
    from ``columns``, which stand in braces."""

    columns: tuple[str, ...]
    key: str
    dimension: str

    def of(self, alias: str) -> tuple[str, str]:
        """Key and dimension, told from columns of the relation ``alias``."""
        held = {column: f"{alias}.{column}" for column in self.columns}
        return self.key.format_map(held), self.dimension.format_map(held)


_ITEMS = Told(
    ("conversation", "agent", "item_name", "source"),
    "coalesce({conversation}, {agent}, {item_name})",
    f"CASE WHEN {{conversation}} IS NOT NULL THEN {_CONVERSATION} WHEN {{agent}} IS NOT NULL THEN {_AGENT} "
    f"ELSE {_NAME} END",
)


def told_by(kind: ConsumerKind) -> Told:
    """What tells consumers of ``kind`` apart."""
    if kind is ConsumerKind.ITEM:
        return _ITEMS
    return Told((kind.value, "source"), f"{{{kind.value}}}", f"{_DIMENSIONS.index(Dimension(kind.value))}")


def rank_consumers(
    scope: Scope, kept: Scope, kind: ConsumerKind, *, sums: Sums, metric: Metric, first: int, standing: Standing
) -> Statement:
    """Asks for the ``first`` by ``metric``, ties by key, and for the whole. ``kept``: what there are records of."""
    parameters = Parameters()
    told = told_by(kind)
    sql = query("sum_consumers").format(
        sums=sums.sql,
        measures=sums.columns("c"),
        conversation=_CONVERSATION,
        weight=weight(metric),
        first=parameters.add(first),
        cells=cells(
            scope,
            parameters,
            columns=told.columns,
            measures=sums.measures,
            standing=standing,
            subtracting=True,
            told={"key": told.key, "dimension": told.dimension, "source": "{source}"},
        ),
        project=(project := parameters.add(kept.project)),
        start=parameters.add(kept.start),
        end=parameters.add(kept.end),
        bound=" AND ".join(conditions(scope.bound, parameters, project=project, of_records=True)) or "true",
    )
    return Statement(sql, parameters.values)


def consumers_of(rows: Sequence[asyncpg.Record], sums: Sums, metric: Metric, times: Times) -> list[Consumer]:
    """What ``rank_consumers`` found; shares are of the whole, which is the last of ``rows``."""
    *ranked, last = rows
    whole = sums.totals_of(last)
    return [
        Consumer(
            key=row["key"],
            dimension=_DIMENSIONS[row["dimension"]],
            label=row["label"],
            source=row["source"],
            totals=(totals := times.added_to(sums.totals_of(row), rank=row["rank"])),
            share=totals.share_of(whole, metric),
        )
        for row in ranked
    ]
