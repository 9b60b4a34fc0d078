"""Choosing what to read: which relation answers a question exactly, and over which ranges of time. Pure.

A window's edges, and every boundary between two points of a series, may cut a rollup's bucket. A cut bucket is read
from a finer relation of the same family, and from the records at the finest: the answer is exact for any window.
Where the records are no longer kept, what would have to be read from them is refused.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from operator import sub
from typing import NamedTuple

from usage_graph.store.before_records import before_records
from usage_graph.store.rollup import (
    ALL_KEPT,
    DAY,
    FAMILIES,
    NARROW,
    RECORDS,
    SETTLING,
    Family,
    Rollup,
    Settled,
    Standing,
    ceil,
    floor,
)
from usage_graph.store.route import RECORDS_PER_HOUR, Route, Span, route


class Piece(NamedTuple):
    """Rows of one relation in some ranges, ascending and disjoint. ``negative``: they are to be subtracted."""

    relation: str
    spans: tuple[Span, ...]
    negative: bool = False


def choose(
    columns: frozenset[str],
    cuts: Sequence[datetime],
    standing: Standing = ALL_KEPT,
    *,
    subtracting: bool = False,
    histograms: bool = False,
) -> list[Piece]:
    """The pieces that together hold every call from the first to the last of ``cuts`` once, none across a cut.

    ``cuts`` ascend: the window's start, the boundaries inside it, its end. ``columns`` must all be in a relation
    for it to be of use; with none that has them, the records answer. The cheapest plan by expected rows wins.

    Rollups are there of any time.

    ``subtracting``: buckets that the window cuts may be there as a whole, less what is outside of the window, where
    that is fewer rows. Whoever asks for it adds up all pieces, over all cuts, and drops groups that no call is left of.

    ``histograms``: only of relations that have some, and the fewest of their entries.

    Raises:
        BeforeRecords: every plan needs records from before that; says why, and what can be asked instead.
    """
    kept_since, settled, _ = standing
    longest = max(map(sub, cuts[1:], cuts))
    plans: list[_Plan | _Routed] = [_Plan((), [Span(cuts[0], cuts[-1])], kept_since, settled)]
    for family in _families(columns, histograms):
        if subtracting:
            if (found := route(family.ladder, cuts[0], cuts[-1], standing)) is not None:
                plans.append(_Routed(found))
        elif family.finest <= longest:
            rollups = _fitting(family.ladder, longest)
            plans.append(_Plan(rollups, _uncut(cuts, rollups), kept_since, settled))
    plans = [plan for plan in plans if not plan.reads_before]
    if not plans:
        assert kept_since is not None  # noqa: S101 (else no plan reads from before it)
        raise before_records(columns, cuts, kept_since)
    return min(plans, key=lambda plan: plan.rows).pieces


@cache
def _families(columns: frozenset[str], histograms: bool) -> tuple[Family, ...]:
    """Those that have ``columns``, but for those that another one is never dearer than."""
    found = [family for family in (*FAMILIES, *NARROW) if family.columns >= columns]
    if histograms:
        found = [family.histograms for family in found]
    return tuple(
        family for family in found if not any(_is_no_dearer(other, family) for other in found if other is not family)
    )


def _is_no_dearer(one: Family, other: Family) -> bool:
    """Whether ``one`` has each rollup of the ``other``, or one with fewer rows that tells the same buckets."""
    return all(
        any(
            mine == theirs
            or (
                mine.rows_per_hour < theirs.rows_per_hour
                and not theirs.grain % mine.grain
                and (mine.relation not in SETTLING or theirs.relation in SETTLING)
            )
            for mine in one.ladder
        )
        for theirs in other.ladder
    )


def _fitting(rollups: tuple[Rollup, ...], longest: timedelta) -> tuple[Rollup, ...]:
    """Those with a bucket that may be short enough to lie in the ``longest`` of the spans, and the finest."""
    return tuple(rollup for rollup in rollups[:-1] if rollup.grain <= longest) + rollups[-1:]


def _uncut(cuts: Sequence[datetime], rollups: Sequence[Rollup]) -> Sequence[Span]:
    """What is between ``cuts``, as one where no bucket of ``rollups`` crosses any: a year of hours is as soon told."""
    grain = rollups[0].grain
    if all(at == floor(at, grain) for at in cuts[1:-1]):
        return [Span(cuts[0], cuts[-1])]
    return [*map(Span._make, pairwise(cuts))]


class _Plan:
    """What to read of ``spans``, from the coarsest of ``rollups`` to the records: how many ``rows`` that may be, and
    whether some of them are records from before ``kept_since``."""

    def __init__(
        self,
        rollups: Sequence[Rollup],
        spans: Sequence[Span],
        kept_since: datetime | None,
        settled: Settled,
    ) -> None:
        self.rows = 0.0
        self._read: dict[str, list[Span]] = {}
        for rollup in rollups:
            held, spans = _split(rollup, spans, settled)
            self._add(rollup.relation, held, rollup.rows_per_hour)
        self.reads_before = kept_since is not None and any(
            span.start < kept_since and span.start < span.end for span in spans
        )
        self._add(RECORDS, [span for span in spans if span.start < span.end] or spans[:1], RECORDS_PER_HOUR)

    @property
    def pieces(self) -> list[Piece]:
        return [Piece(relation, _merge(spans)) for relation, spans in self._read.items()]

    def _add(self, relation: str, spans: Sequence[Span], rows_per_hour: float) -> None:
        if spans:
            self._read.setdefault(relation, []).extend(spans)
            self.rows += _hours(spans) * rows_per_hour


class _Routed:
    """What to read on the way of ``found``."""

    reads_before = False

    def __init__(self, found: Route) -> None:
        self.rows = found.rows
        self._steps = found.steps

    @property
    def pieces(self) -> list[Piece]:
        read: dict[tuple[str, bool], list[Span]] = {}
        for relation, span, negative in self._steps:
            read.setdefault((relation, negative), []).append(span)
        return [Piece(relation, _merge(spans), negative) for (relation, negative), spans in read.items()]


def _split(rollup: Rollup, spans: Iterable[Span], settled: Settled) -> tuple[list[Span], list[Span]]:
    """The parts of ``spans`` that ``rollup`` holds in whole buckets, and the rest."""
    held, rest = [], []
    for span in spans:
        inside = list(_held(rollup, span, settled))
        at = span.start
        for one in inside:
            rest.append(Span(at, one.start))
            at = one.end
        held += inside
        rest.append(Span(at, span.end))
    return held, [span for span in rest if span.start < span.end] or ([] if held else list(spans))


def _held(rollup: Rollup, span: Span, settled: Settled) -> Iterable[Span]:
    """The whole buckets of ``rollup`` in ``span``, those in a row as one."""
    start, end = ceil(span.start, rollup.grain), floor(span.end, rollup.grain)
    missing: set[datetime] = set()
    if rollup.relation in SETTLING:
        if settled.until is None:
            return
        end = min(end, floor(settled.until, rollup.grain))
        unit = max(rollup.grain, DAY)
        missing = {floor(day, unit) for day in settled.unsettled}
        for bucket in sorted(missing):
            if start < bucket + unit and bucket < end:
                if start < bucket:
                    yield Span(start, bucket)
                start = max(start, bucket + unit)
    if start < end:
        yield Span(start, end)


def _merge(spans: list[Span]) -> tuple[Span, ...]:
    """The same times in as few ranges as there can be."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and merged[-1].end == span.start:
            merged[-1] = Span(merged[-1].start, span.end)
        else:
            merged.append(span)
    return tuple(merged)


def _hours(spans: Sequence[Span]) -> float:
    return sum((span.end - span.start).total_seconds() for span in spans) / 3600
