"""The relations that hold sums, and what of them there is to read. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""The origin of the buckets in ``sql/``."""

RECORDS = "usage_record"

_ENTRIES_PER_ROW = 10.0
"""As many entries of histograms are read while a record is."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A relation of sums: ``grain`` is its bucket, ``rows_per_hour`` what a busy project stores in it.

    ``entries_per_hour``: of a histogram that it holds of the calls' times; ``None``: it holds none.

    Both are those of the benchmark's million calls over 30 days: they rank relations, nothing else.
    """

    relation: str
    grain: timedelta
    rows_per_hour: float
    entries_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Which buckets the rollups that settle have: those that end by ``until``, but for those with a day of
    ``unsettled``."""

    until: datetime | None = None
    unsettled: Sequence[datetime] = ()


UNSETTLED = Settled()


class Standing(NamedTuple):
    """What there is to read: records from ``kept_since`` on (``None``: all), and what is ``settled``.

    Of times after ``now`` there are hardly any calls: that ranks ways to read, nothing else. ``None``: as of any other.
    """

    kept_since: datetime | None = None
    settled: Settled = UNSETTLED
    now: datetime | None = None


ALL_KEPT = Standing()


@dataclass(frozen=True)
class Family:
    """Rollups of the same dimensions. ``columns`` holds their names in the relations.

    ``rollups`` hold every call as soon as it is stored; those that are ``settling`` only buckets that are ``Settled``.
    Both coarsest first.
    """

    columns: frozenset[str]
    rollups: tuple[Rollup, ...]
    settling: tuple[Rollup, ...]

    @cached_property
    def ladder(self) -> tuple[Rollup, ...]:
        """All of them, coarsest first; of one grain that first which is settling, as it is smaller."""
        return tuple(sorted((*self.settling, *self.rollups), key=lambda rollup: rollup.grain, reverse=True))

    @cached_property
    def histograms(self) -> "Family":
        """Those of them that hold histograms, in which an hour has more rows by as much as its entries take to read."""
        return replace(self, rollups=_with_entries(self.rollups), settling=_with_entries(self.settling))

    @property
    def finest(self) -> timedelta:
        """The grain that cuts must keep to where there are no records."""
        return self.rollups[-1].grain


def _with_entries(rollups: Iterable[Rollup]) -> tuple[Rollup, ...]:
    return tuple(
        replace(rollup, rows_per_hour=rollup.rows_per_hour + rollup.entries_per_hour / _ENTRIES_PER_ROW)
        for rollup in rollups
        if rollup.entries_per_hour is not None
    )


QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
_3_DAYS, _9_DAYS, _36_DAYS, _108_DAYS = 3 * DAY, 9 * DAY, 36 * DAY, 108 * DAY

FAMILIES = (
    Family(
        frozenset({"source", "model", "provider", "operation"}),
        (
            Rollup("usage_by_model_1d", DAY, 2, 200),
            Rollup("usage_by_model_1h", HOUR, 40, 1000),
            Rollup("usage_by_model_15m", QUARTER, 120, 1400),
        ),
        (
            Rollup("usage_by_model_108d", _108_DAYS, 0.035, 2),
            Rollup("usage_by_model_36d", _36_DAYS, 0.1, 6),
            Rollup("usage_by_model_9d", _9_DAYS, 0.3, 22),
            Rollup("usage_by_model_3d", _3_DAYS, 0.8, 64),
        ),
    ),
    Family(
        frozenset({"agent", "source"}),
        (
            Rollup("usage_by_agent_1d", DAY, 8, 430),
            Rollup("usage_by_agent_1h", HOUR, 130, 1200),
        ),
        (
            Rollup("usage_by_agent_108d", _108_DAYS, 0.1, 6),
            Rollup("usage_by_agent_36d", _36_DAYS, 0.3, 17),
            Rollup("usage_by_agent_9d", _9_DAYS, 1, 66),
            Rollup("usage_by_agent_3d", _3_DAYS, 3, 170),
        ),
    ),
    Family(
        frozenset({"user_id", "source"}),
        (Rollup("usage_by_user_1d", DAY, 25, 430),),
        (
            Rollup("usage_by_user_108d", _108_DAYS, 0.35),
            Rollup("usage_by_user_36d", _36_DAYS, 1),
            Rollup("usage_by_user_9d", _9_DAYS, 4),
            Rollup("usage_by_user_3d", _3_DAYS, 11),
        ),
    ),
    Family(
        frozenset({"conversation", "agent", "item_name", "source"}),
        (Rollup("usage_by_conversation_1d", DAY, 90, 730),),
        (
            Rollup("usage_by_conversation_108d", _108_DAYS, 0.85),
            Rollup("usage_by_conversation_36d", _36_DAYS, 2.5),
            Rollup("usage_by_conversation_9d", _9_DAYS, 10),
            Rollup("usage_by_conversation_3d", _3_DAYS, 28),
        ),
    ),
)
BY_SOURCE = Family(
    frozenset({"source"}),
    FAMILIES[0].rollups,
    (
        Rollup("usage_by_source_108d", _108_DAYS, 0.0015, 0.22),
        Rollup("usage_by_source_36d", _36_DAYS, 0.0045, 0.65),
        Rollup("usage_by_source_9d", _9_DAYS, 0.02, 2.6),
        Rollup("usage_by_source_1d", DAY, 0.2, 23),
        Rollup("usage_by_source_1h", HOUR, 4, 360),
    ),
)
BY_MODEL_ALONE = Family(
    frozenset({"model"}),
    FAMILIES[0].rollups,
    (
        Rollup("usage_by_model_alone_108d", _108_DAYS, 0.01, 0.9),
        Rollup("usage_by_model_alone_36d", _36_DAYS, 0.03, 2.6),
        Rollup("usage_by_model_alone_9d", _9_DAYS, 0.1, 10),
        Rollup("usage_by_model_alone_3d", _3_DAYS, 0.3, 29),
        Rollup("usage_by_model_alone_1d", DAY, 0.9, 84),
    ),
)
NARROW = (BY_SOURCE, BY_MODEL_ALONE)
"""Of fewer dimensions, and so of fewer rows. What is not settled of them is read by model and all else."""
SETTLING = frozenset(rollup.relation for family in (*FAMILIES, *NARROW) for rollup in family.settling)


@lru_cache(maxsize=8192)  # the same boundaries again and again, of every rollup of every family
def floor(at: datetime, grain: timedelta) -> datetime:
    return at - (at - EPOCH) % grain


@lru_cache(maxsize=8192)
def ceil(at: datetime, grain: timedelta) -> datetime:
    return at + (EPOCH - at) % grain
