"""Choosing what to read: which relation answers a question exactly, and over which ranges of time. Pure.

A window's edges, and every boundary between two points of a series, may cut a rollup's bucket. A cut bucket is read
from a finer relation of the same family, and from the records at the finest: the answer is exact for any window.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""The origin of the buckets in ``sql/``."""

RECORDS = "usage_record"


@dataclass(frozen=True, slots=True)
class Rollup:
    """A relation of sums: ``grain`` is its bucket, ``rows_per_hour`` what a busy project stores in it.

    The rows are those of the benchmark's million calls over 30 days: they rank relations, nothing else.
    """

    relation: str
    grain: timedelta
    rows_per_hour: float


@dataclass(frozen=True, slots=True)
class Family:
    """Rollups of the same dimensions, coarsest first. ``columns`` holds their names in the relations."""

    columns: frozenset[str]
    rollups: tuple[Rollup, ...]


_QUARTER, _HOUR, _DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)

FAMILIES = (
    Family(
        frozenset({"source", "model", "provider", "operation"}),
        (
            Rollup("usage_by_model_1d", _DAY, 2),
            Rollup("usage_by_model_1h", _HOUR, 40),
            Rollup("usage_by_model_15m", _QUARTER, 120),
        ),
    ),
    Family(
        frozenset({"agent", "source"}),
        (Rollup("usage_by_agent_1d", _DAY, 8), Rollup("usage_by_agent_1h", _HOUR, 130)),
    ),
    Family(frozenset({"user_id", "source"}), (Rollup("usage_by_user_1d", _DAY, 25),)),
    Family(
        frozenset({"conversation", "agent", "item_name", "source"}),
        (Rollup("usage_by_conversation_1d", _DAY, 90),),
    ),
)
_RECORDS_PER_HOUR = 1400.0


class Span(NamedTuple):
    """A half-open range of time."""

    start: datetime
    end: datetime


class Piece(NamedTuple):
    """Rows of one relation in some ranges, ascending and disjoint."""

    relation: str
    spans: tuple[Span, ...]


def choose(columns: frozenset[str], cuts: Sequence[datetime]) -> list[Piece]:
    """The pieces that together hold every call from the first to the last of ``cuts`` once, none across a cut.

    ``cuts`` ascend: the window's start, the boundaries inside it, its end. ``columns`` must all be in a relation
    for it to be of use; with none that has them, the records answer. The cheapest plan by expected rows wins.
    """
    whole = [Span(start, end) for start, end in pairwise(cuts)]
    plans = [_plan(family.rollups, whole) for family in FAMILIES if columns <= family.columns]
    plans.append(_plan((), whole))
    return min(plans, key=lambda plan: plan[0])[1]


def _plan(rollups: Iterable[Rollup], spans: list[Span]) -> tuple[float, list[Piece]]:
    rows, pieces = 0.0, []
    for rollup in rollups:
        inner, rest = [], []
        for span in spans:
            start, end = _ceil(span.start, rollup.grain), _floor(span.end, rollup.grain)
            if start < end:
                inner.append(Span(start, end))
                rest += [edge for edge in (Span(span.start, start), Span(end, span.end)) if edge.start < edge.end]
            else:
                rest.append(span)
        if inner:
            pieces.append(Piece(rollup.relation, _merge(inner)))
            rows += _hours(inner) * rollup.rows_per_hour
        spans = rest
    if spans:
        pieces.append(Piece(RECORDS, _merge(spans)))
        rows += _hours(spans) * _RECORDS_PER_HOUR
    return rows, pieces


def _merge(spans: list[Span]) -> tuple[Span, ...]:
    """The same times in as few ranges as there can be."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and merged[-1].end == span.start:
            merged[-1] = Span(merged[-1].start, span.end)
        else:
            merged.append(span)
    return tuple(merged)


def _hours(spans: list[Span]) -> float:
    return sum((span.end - span.start).total_seconds() for span in spans) / 3600


def _floor(at: datetime, grain: timedelta) -> datetime:
    return at - (at - EPOCH) % grain


def _ceil(at: datetime, grain: timedelta) -> datetime:
    return at + (EPOCH - at) % grain
