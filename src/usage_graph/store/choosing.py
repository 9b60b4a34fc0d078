"""Choosing what to read: which relation answers a question exactly, and over which ranges of time. Pure.

A window's edges, and every boundary between two points of a series, may cut a rollup's bucket. A cut bucket is read
from a finer relation of the same family, and from the records at the finest: the answer is exact for any window.
Where the records are no longer kept, what would have to be read from them is refused.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import NamedTuple

from usage_graph.store.before_records import before_records
from usage_graph.store.rollup import (
    BY_SOURCE,
    DAY,
    FAMILIES,
    RECORDS,
    SETTLING,
    UNSETTLED,
    Rollup,
    Settled,
    ceil,
    floor,
)

_RECORDS_PER_HOUR = 1400.0
"""As the rows of rollups are."""


class Span(NamedTuple):
    """A half-open range of time."""

    start: datetime
    end: datetime


class Piece(NamedTuple):
    """Rows of one relation in some ranges, ascending and disjoint. ``negative``: they are to be subtracted."""

    relation: str
    spans: tuple[Span, ...]
    negative: bool = False


def choose(
    columns: frozenset[str],
    cuts: Sequence[datetime],
    kept_since: datetime | None = None,
    settled: Settled = UNSETTLED,
    *,
    subtracting: bool = False,
) -> list[Piece]:
    """The pieces that together hold every call from the first to the last of ``cuts`` once, none across a cut.

    ``cuts`` ascend: the window's start, the boundaries inside it, its end. ``columns`` must all be in a relation
    for it to be of use; with none that has them, the records answer. The cheapest plan by expected rows wins.

    Records are there from ``kept_since`` on, rollups of any time; ``None``: both are.

    ``subtracting``: a bucket that the window cuts may be there as a whole, less the records outside of the window,
    where these are fewer. Whoever asks for it adds up all pieces, and drops groups that no call is left of.

    Raises:
        BeforeRecords: every plan needs records from before that; says why, and what can be asked instead.
    """
    whole = [Span(start, end) for start, end in pairwise(cuts)]
    families = [family for family in (*FAMILIES, BY_SOURCE) if family.columns.issuperset(columns)]
    plans = [
        _Plan(rollups, _uncut(whole, rollups), kept_since, settled, subtracting=subtracting)
        for rollups in (_fitting(family.ladder, whole) for family in families)
    ]
    plans.append(_Plan((), whole, kept_since, settled, subtracting=False))
    plans = [plan for plan in plans if not plan.reads_before]
    if not plans:
        assert kept_since is not None  # noqa: S101 (else no plan reads from before it)
        raise before_records(columns, cuts, kept_since)
    return min(plans, key=lambda plan: plan.rows).pieces


def _fitting(rollups: tuple[Rollup, ...], whole: Sequence[Span]) -> tuple[Rollup, ...]:
    """Those with a bucket that may be short enough to lie in one of ``whole``, and the finest."""
    longest = max(span.end - span.start for span in whole)
    return tuple(rollup for rollup in rollups[:-1] if rollup.grain <= longest) + rollups[-1:]


def _uncut(whole: Sequence[Span], rollups: Sequence[Rollup]) -> Sequence[Span]:
    """``whole`` as one where no bucket of ``rollups`` crosses a cut: a year of hours is then as soon told as one."""
    aligned = all(span.start == floor(span.start, rollups[0].grain) for span in whole[1:])
    return [Span(whole[0].start, whole[-1].end)] if aligned else whole


class _Plan:
    """What to read of ``spans``, from the coarsest of ``rollups`` to the records: how many ``rows`` that may be, and
    whether some of them are records from before ``kept_since``."""

    def __init__(
        self,
        rollups: Sequence[Rollup],
        spans: Sequence[Span],
        kept_since: datetime | None,
        settled: Settled,
        *,
        subtracting: bool,
    ) -> None:
        self.rows = 0.0
        self._read: dict[str, list[Span]] = {}
        self._less: list[Span] = []
        for rollup in rollups:
            held, spans = _split(rollup, spans, settled)
            self._add(rollup.relation, held, rollup.rows_per_hour)
        if subtracting and rollups:
            spans = self._subtracted(rollups[-1], spans, kept_since)
        self.reads_before = kept_since is not None and any(
            span.start < kept_since and span.start < span.end for span in spans
        )
        self._add(RECORDS, [span for span in spans if span.start < span.end] or spans[:1], _RECORDS_PER_HOUR)

    @property
    def pieces(self) -> list[Piece]:
        pieces = [Piece(relation, _merge(spans)) for relation, spans in self._read.items()]
        if self._less:
            pieces.append(Piece(RECORDS, _merge(self._less), negative=True))
        return pieces

    def _add(self, relation: str, spans: Sequence[Span], rows_per_hour: float) -> None:
        if spans:
            self._read.setdefault(relation, []).extend(spans)
            self.rows += _hours(spans) * rows_per_hour

    def _subtracted(self, rollup: Rollup, spans: Sequence[Span], kept_since: datetime | None) -> list[Span]:
        """What of ``spans``, which cut buckets of ``rollup``, is better read as it is."""
        direct = []
        for span in chain.from_iterable(_parts(one, rollup.grain) for one in spans):
            bucket = Span(floor(span.start, rollup.grain), ceil(span.end, rollup.grain))
            outside = [Span(bucket.start, span.start), Span(span.end, bucket.end)]
            less = [one for one in outside if one.start < one.end]
            rows = _hours([bucket]) * rollup.rows_per_hour + _hours(less) * _RECORDS_PER_HOUR
            if rows < _hours([span]) * _RECORDS_PER_HOUR and (kept_since is None or kept_since <= bucket.start):
                self._add(rollup.relation, [bucket], rollup.rows_per_hour)
                self._less += less
                self.rows += _hours(less) * _RECORDS_PER_HOUR
            else:
                direct.append(span)
        return direct


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


def _parts(span: Span, grain: timedelta) -> Iterable[Span]:
    """``span``, cut where a bucket of ``grain`` ends."""
    start = span.start
    while (end := floor(start, grain) + grain) < span.end:
        yield Span(start, end)
        start = end
    yield Span(start, span.end)


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
