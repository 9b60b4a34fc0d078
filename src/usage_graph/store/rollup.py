"""Choosing what to read: which relation answers a question exactly, and over which ranges of time. Pure.

A window's edges, and every boundary between two points of a series, may cut a rollup's bucket. A cut bucket is read
from a finer relation of the same family, and from the records at the finest: the answer is exact for any window.
Where the records are no longer kept, what would have to be read from them is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, combinations, pairwise
from typing import NamedTuple

from usage_graph.errors import BeforeRecords

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""The origin of the buckets in ``sql/``."""

RECORDS = "usage_record"


@dataclass(frozen=True, slots=True)
class Rollup:
    """A relation of sums: ``grain`` is its bucket, ``rows_per_hour`` what a busy project stores in it.

    The rows are those of the benchmark's million calls over 30 days: they rank relations, nothing else. One that
    ``settles`` has only buckets that are ``Settled``, and no histograms.
    """

    relation: str
    grain: timedelta
    rows_per_hour: float
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """Which buckets the rollups that settle have: those that end by ``until``, but for those with a day of
    ``unsettled``."""

    until: datetime | None = None
    unsettled: Sequence[datetime] = ()


UNSETTLED = Settled()


class Standing(NamedTuple):
    """What there is to read: records from ``kept_since`` on (``None``: all), and what is ``settled``."""

    kept_since: datetime | None = None
    settled: Settled = UNSETTLED


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
_3_DAYS, _9_DAYS, _36_DAYS = 3 * _DAY, 9 * _DAY, 36 * _DAY

_BY_MODEL = (
    Rollup("usage_by_model_1d", _DAY, 2),
    Rollup("usage_by_model_1h", _HOUR, 40),
    Rollup("usage_by_model_15m", _QUARTER, 120),
)
_LADDERS = (
    Family(
        frozenset({"source", "model", "provider", "operation"}),
        (
            Rollup("usage_by_model_36d", _36_DAYS, 0.1, settles=True),
            Rollup("usage_by_model_9d", _9_DAYS, 0.3, settles=True),
            *_BY_MODEL,
        ),
    ),
    Family(
        frozenset({"agent", "source"}),
        (
            Rollup("usage_by_agent_36d", _36_DAYS, 0.3, settles=True),
            Rollup("usage_by_agent_9d", _9_DAYS, 1, settles=True),
            Rollup("usage_by_agent_3d", _3_DAYS, 3, settles=True),
            Rollup("usage_by_agent_1d", _DAY, 8),
            Rollup("usage_by_agent_1h", _HOUR, 130),
        ),
    ),
    Family(
        frozenset({"user_id", "source"}),
        (
            Rollup("usage_by_user_36d", _36_DAYS, 1, settles=True),
            Rollup("usage_by_user_9d", _9_DAYS, 4, settles=True),
            Rollup("usage_by_user_3d", _3_DAYS, 11, settles=True),
            Rollup("usage_by_user_1d", _DAY, 25),
        ),
    ),
    Family(
        frozenset({"conversation", "agent", "item_name", "source"}),
        (
            Rollup("usage_by_conversation_36d", _36_DAYS, 2.5, settles=True),
            Rollup("usage_by_conversation_9d", _9_DAYS, 10, settles=True),
            Rollup("usage_by_conversation_3d", _3_DAYS, 28, settles=True),
            Rollup("usage_by_conversation_1d", _DAY, 90),
        ),
    ),
    # What is not settled is read by model.
    Family(
        frozenset({"source"}),
        (
            Rollup("usage_by_source_1d", _DAY, 0.2, settles=True),
            _BY_MODEL[0],
            Rollup("usage_by_source_1h", _HOUR, 4, settles=True),
            *_BY_MODEL[1:],
        ),
    ),
)
FAMILIES = tuple(
    Family(ladder.columns, tuple(rollup for rollup in ladder.rollups if not rollup.settles)) for ladder in _LADDERS[:-1]
)
"""Of the rollups that hold every call as soon as it is stored."""
SETTLING = frozenset(rollup.relation for ladder in _LADDERS for rollup in ladder.rollups if rollup.settles)
_RECORDS_PER_HOUR = 1400.0


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
    families = [family for family in _LADDERS if family.columns.issuperset(columns)]
    plans = [
        _Plan(rollups, _uncut(whole, rollups), kept_since, settled, subtracting=subtracting)
        for rollups in (_fitting(family.rollups, whole) for family in families)
    ]
    plans.append(_Plan((), whole, kept_since, settled, subtracting=False))
    plans = [plan for plan in plans if not plan.reads_before]
    if not plans:
        assert kept_since is not None  # noqa: S101 (else no plan reads from before it)
        grains = [family.finest for family in families]
        raise BeforeRecords(_cut(cuts, min(grains), kept_since) if grains else _unheld(columns, kept_since))
    return min(plans, key=lambda plan: plan.rows).pieces


def _holding(columns: Iterable[str]) -> list[Family]:
    return [family for family in FAMILIES if family.columns.issuperset(columns)]


def _fitting(rollups: tuple[Rollup, ...], whole: Sequence[Span]) -> tuple[Rollup, ...]:
    """Those with a bucket that may be short enough to lie in one of ``whole``, and the finest."""
    longest = max(span.end - span.start for span in whole)
    return tuple(rollup for rollup in rollups[:-1] if rollup.grain <= longest) + rollups[-1:]


def _uncut(whole: Sequence[Span], rollups: Sequence[Rollup]) -> Sequence[Span]:
    """``whole`` as one where no bucket of ``rollups`` crosses a cut: a year of hours is then as soon told as one."""
    aligned = all(span.start == _floor(span.start, rollups[0].grain) for span in whole[1:])
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
            bucket = Span(_floor(span.start, rollup.grain), _ceil(span.end, rollup.grain))
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
    start, end = _ceil(span.start, rollup.grain), _floor(span.end, rollup.grain)
    missing: set[datetime] = set()
    if rollup.settles:
        if settled.until is None:
            return
        end = min(end, _floor(settled.until, rollup.grain))
        unit = max(rollup.grain, _DAY)
        missing = {_floor(day, unit) for day in settled.unsettled}
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
    while (end := _floor(start, grain) + grain) < span.end:
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


@lru_cache(maxsize=8192)  # the same boundaries again and again, of every rollup of every family
def _floor(at: datetime, grain: timedelta) -> datetime:
    return at - (at - EPOCH) % grain


@lru_cache(maxsize=8192)
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
