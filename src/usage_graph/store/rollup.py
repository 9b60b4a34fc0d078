"""Choosing what to read: which relation answers a question exactly, and over which ranges of time. Pure.

A window's edges, and every boundary between two points of a series, may cut a rollup's bucket. A cut bucket is read
from a finer relation of the same family, and from the records at the finest: the answer is exact for any window.
Where the records are no longer kept, what would have to be read from them is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from typing import NamedTuple

from usage_graph.errors import BeforeRecords

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

    @property
    def finest(self) -> timedelta:
        """The grain that cuts must keep to where there are no records."""
        return self.rollups[-1].grain


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


def choose(columns: frozenset[str], cuts: Sequence[datetime], kept_since: datetime | None = None) -> list[Piece]:
    """The pieces that together hold every call from the first to the last of ``cuts`` once, none across a cut.

    ``cuts`` ascend: the window's start, the boundaries inside it, its end. ``columns`` must all be in a relation
    for it to be of use; with none that has them, the records answer. The cheapest plan by expected rows wins.

    Records are there from ``kept_since`` on, rollups of any time; ``None``: both are.

    Raises:
        BeforeRecords: every plan needs records from before that; says why, and what can be asked instead.
    """
    whole = [Span(start, end) for start, end in pairwise(cuts)]
    families = _holding(columns)
    plans = [_plan(family.rollups, whole) for family in families]
    plans.append(_plan((), whole))
    if kept_since is not None:
        plans = [plan for plan in plans if not _reads_before(kept_since, plan[1])]
        if not plans:
            grains = [family.finest for family in families]
            raise BeforeRecords(_cut(cuts, min(grains), kept_since) if grains else _unheld(columns, kept_since))
    return min(plans, key=lambda plan: plan[0])[1]


def _holding(columns: Iterable[str]) -> list[Family]:
    return [family for family in FAMILIES if family.columns.issuperset(columns)]


def _reads_before(kept_since: datetime, pieces: Iterable[Piece]) -> bool:
    spans = (span for piece in pieces if piece.relation == RECORDS for span in piece.spans)
    return any(span.start < kept_since and span.start < span.end for span in spans)


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


_WORDS = {"user_id": "user", "item_name": "name"}
"""What columns are called outside the store, where it is not their own name."""
_GRAINS = {_QUARTER: "quarters of an hour", _HOUR: "hours", _DAY: "days"}


def _unheld(columns: frozenset[str], kept_since: datetime) -> str:
    """The refusal of ``columns`` that no family holds: of those that none has, else of two that none has at once."""
    if missing := [column for column in sorted(columns) if not _holding({column})]:
        by = " or ".join(missing)
    else:
        pair = next(pair for pair in combinations(sorted(columns), 2) if not _holding(pair))
        by = " and ".join(_WORDS.get(column, column) for column in pair) + " at once"
    kept = _text(kept_since)
    return (
        f"Records are kept since {kept}. Of earlier calls only sums are left, none of them by {by}: ask without that, "
        f"or begin the window at {kept} or later."
    )


def _cut(cuts: Sequence[datetime], grain: timedelta, kept_since: datetime) -> str:
    """The refusal of ``cuts`` that lie inside a bucket of ``grain`` where it is known only as a whole."""
    start, *inside, end = cuts
    wrong, remedies = [], []
    if start != (floor := _floor(start, grain)):
        wrong.append(f"the window begins at {_text(start)}")
        remedies.append(f"begin it at {_text(floor)} (`between`)")
    if point := next((at for at in inside if at < kept_since and at != _floor(at, grain)), None):
        wrong.append(f"a point of the series begins at {_text(point)}")
        remedies.append(f"choose `bucket` and `timezone` so that points are whole {_GRAINS[grain]} in UTC")
    if end < kept_since and end != (ceil := _ceil(end, grain)):
        wrong.append(f"the window ends at {_text(end)}")
        remedies.append(f"end it at {_text(ceil)}")
    kept = _text(kept_since)
    return (
        f"Records are kept since {kept}. Of earlier calls only sums over whole {_GRAINS[grain]} in UTC are left, and "
        f"{' and '.join(wrong)}: {' and '.join(remedies)}, or begin the window at {kept} or later."
    )


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
