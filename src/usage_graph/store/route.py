"""The least to read between two instants of what a family of rollups holds: buckets that are added up on the way
forwards, and subtracted on the way back. Pure.

A month is then one long bucket less some days as well as some days and a few shorter buckets: whatever has fewer rows.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from usage_graph.store.rollup import DAY, RECORDS, SETTLING, Rollup, Settled, Standing, ceil, floor

RECORDS_PER_HOUR = 1400.0
"""As the rows of rollups are."""

_STEP_ROWS = 100.0
"""As many rows can be read while another part of a statement is planned."""
_MOST_GAPS = 3


class Span(NamedTuple):
    """A half-open range of time."""

    start: datetime
    end: datetime


class Step(NamedTuple):
    """Rows of a relation; ``negative``: on the way back."""

    relation: str
    span: Span
    negative: bool


class Route(NamedTuple):
    """``steps``, and how many ``rows`` these may be."""

    rows: float
    steps: tuple[Step, ...]


def route(ladder: tuple[Rollup, ...], start: datetime, end: datetime, standing: Standing) -> Route | None:
    """The cheapest from ``start`` to ``end`` over the rollups of ``ladder``, coarsest first, at the ends over records.

    ``None``: each takes records from before they are kept.
    """
    kept_since, settled, now = standing
    finest = ladder[-1].grain
    first = [*_to_records(start, finest, kept_since)]
    last = {*_to_records(end, finest, kept_since), *_to_nothing(ladder, end, standing)}
    routes = [
        Route(
            _records_rows(start, since, now) + between.rows + _records_rows(until, end, now),
            (*_step(RECORDS, start, since), *between.steps, *_step(RECORDS, until, end)),
        )
        for since in first
        for until in sorted(last)
        for between in [_between(ladder, since, until, settled)]
    ]
    return min(routes, key=lambda found: found.rows, default=None)


def _to_records(at: datetime, grain: timedelta, kept_since: datetime | None) -> Iterator[datetime]:
    """The ends of the bucket that ``at`` is in to which there are records."""
    for bound in sorted({floor(at, grain), ceil(at, grain)}):
        if bound == at or kept_since is None or kept_since <= min(at, bound):
            yield bound


def _to_nothing(ladder: Iterable[Rollup], at: datetime, standing: Standing) -> Iterator[datetime]:
    """The ends of the buckets that ``at`` is in which are not over: few records come after it there, if any."""
    if standing.now is None or (standing.kept_since is not None and at < standing.kept_since):
        return
    for rollup in ladder:
        bound = ceil(at, rollup.grain)
        if rollup.relation not in SETTLING and standing.now < bound:
            yield bound


def _records_rows(one: datetime, other: datetime, now: datetime | None) -> float:
    if one == other:
        return 0.0
    start, end = sorted((one, other))
    if now is not None:
        start, end = min(start, now), min(end, now)
    return _STEP_ROWS + _hours(start, end) * RECORDS_PER_HOUR


def _hours(one: datetime, other: datetime) -> float:
    return abs((other - one).total_seconds()) / 3600


def _step(relation: str, start: datetime, end: datetime) -> Iterator[Step]:
    if start < end:
        yield Step(relation, Span(start, end), negative=False)
    elif end < start:
        yield Step(relation, Span(end, start), negative=True)


@lru_cache(maxsize=4096)  # windows move on, but not over the ends of buckets
def _between(ladder: tuple[Rollup, ...], start: datetime, end: datetime, settled: Settled) -> Route:
    """The cheapest from one bound of the finest buckets to another, by Dijkstra's algorithm."""
    gaps = _gaps(settled, min(start, end) - ladder[0].grain, max(start, end) + ladder[0].grain)
    bounds = _bounds(ladder, (start, end), settled, gaps)
    reached = {start: Route(0.0, ())}
    done: set[datetime] = set()
    while end not in done:
        at = min(reached.keys() - done, key=lambda one: reached[one].rows)
        done.add(at)
        for to in bounds - done:
            rollup, rows = _cheapest(ladder, Span(*sorted((at, to))), settled, gaps)
            rows += reached[at].rows
            if rollup is not None and (to not in reached or rows < reached[to].rows):
                reached[to] = Route(rows, (*reached[at].steps, *_step(rollup.relation, at, to)))
    return reached[end]


def _gaps(settled: Settled, since: datetime, until: datetime) -> tuple[Span, ...]:
    """The days that are not settled, those in a row as one; of many, all from the first to the last."""
    days = sorted(day for day in settled.unsettled if since < day + DAY and day < until)
    gaps: list[Span] = []
    for day in days:
        if gaps and gaps[-1].end >= day:
            gaps[-1] = Span(gaps[-1].start, day + DAY)
        else:
            gaps.append(Span(day, day + DAY))
    return tuple(gaps) if len(gaps) <= _MOST_GAPS else (Span(gaps[0].start, gaps[-1].end),)


def _bounds(
    ladder: Iterable[Rollup], ends: tuple[datetime, datetime], settled: Settled, gaps: Iterable[Span]
) -> frozenset[datetime]:
    """Where one may have to go from buckets of one length to others."""
    found = set(ends)
    for rollup in ladder:
        for at in ends:
            found |= {floor(at, rollup.grain), ceil(at, rollup.grain)}
        for gap in gaps:
            found |= {floor(gap.start, rollup.grain), ceil(gap.end, rollup.grain)}
        if settled.until is not None and rollup.relation in SETTLING:
            found.add(floor(settled.until, rollup.grain))
    return frozenset(found)


def _cheapest(
    ladder: Iterable[Rollup], span: Span, settled: Settled, gaps: Iterable[Span]
) -> tuple[Rollup | None, float]:
    """The rollup that holds ``span`` in whole buckets with the fewest rows, and how many these are."""
    hours = _hours(*span)
    holding = [
        rollup
        for rollup in ladder
        if all(at == floor(at, rollup.grain) for at in span) and _is_held(rollup, span, settled, gaps)
    ]
    if not holding:
        return None, 0.0
    best = min(holding, key=lambda rollup: rollup.rows_per_hour)
    return best, _STEP_ROWS + hours * best.rows_per_hour


def _is_held(rollup: Rollup, span: Span, settled: Settled, gaps: Iterable[Span]) -> bool:
    if rollup.relation not in SETTLING:
        return True
    if settled.until is None or span.end > settled.until:
        return False
    return not any(gap.start < span.end and span.start < gap.end for gap in gaps)
