"""What is asked about usage, and what is answered.

Units are those of ``usage_graph.usage``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from usage_graph.usage import EPOCH, CallStatus, Totals, UsageRecord

_MICROSECOND = timedelta(microseconds=1)


class Dimension(StrEnum):
    """What usage can be split and filtered by; values are the store's column names where there is a column."""

    SOURCE = "source"
    AGENT = "agent"
    NAME = "name"
    CONVERSATION = "conversation"
    USER = "user_id"
    MODEL = "model"
    PROVIDER = "provider"
    CHANNEL = "channel"
    SERVICE = "service"
    ENVIRONMENT = "environment"
    OPERATION = "operation"
    STATUS = "status"


class ConsumerKind(StrEnum):
    """Who consumed. ITEM is the conversation, else the agent, else the name; a call with none is in no row."""

    ITEM = "item"
    AGENT = "agent"
    CONVERSATION = "conversation"
    USER = "user_id"
    MODEL = "model"


class RecordField(StrEnum):
    """What records can be ordered by."""

    STARTED_AT = "started_at"
    COST = "cost"
    TOKENS = "total_tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    CREDITS = "credits"
    DURATION = "duration"


class Direction(StrEnum):
    ASC = "asc"
    DESC = "desc"


class Group(NamedTuple):
    """One value of a dimension with its sums. ``key`` is ``None`` for calls that do not have the dimension."""

    key: str | None
    totals: Totals
    share: float | None


class Breakdown(NamedTuple):
    """Groups, largest first, and the rest; ``groups`` plus ``other`` are the totals. No rest: ``other`` is ``None``."""

    groups: list[Group]
    other: Group | None


class SeriesGroup(NamedTuple):
    """One value of a dimension over time; ``points`` has one entry per point of the series."""

    key: str | None
    totals: Totals
    share: float | None
    points: list[Totals]


class Series(NamedTuple):
    """Gap-filled sums, one entry per point; groups and ``other`` add up to ``points``, one by one."""

    points: list[Totals]
    groups: list[SeriesGroup]
    other: SeriesGroup | None


class Consumer(NamedTuple):
    """``source`` is set where all calls of the consumer in the window have the same one.

    ``dimension`` says what ``key`` is a value of: an ITEM is a conversation, an agent or a name.
    """

    key: str
    dimension: Dimension
    label: str | None
    source: str | None
    totals: Totals
    share: float | None


class UnpricedModel(NamedTuple):
    """A model of a provider, and those of its calls whose cost is unknown: ``calls`` of ``all_calls``, their tokens.

    ``share`` is the part of all calls in the window that they are.
    """

    model: str | None
    provider: str | None
    calls: int
    all_calls: int
    input_tokens: int
    output_tokens: int
    share: float


class Freshness(NamedTuple):
    """``data_through``: start of the newest record; ``materialized_through``: rollups hold all records before it."""

    data_through: datetime | None
    materialized_through: datetime | None


@dataclass(frozen=True, slots=True)
class StringFilter:
    """Conditions on one value; all given ones must hold. Strings are literal: no wildcards."""

    eq: str | None = None
    is_in: tuple[str, ...] | None = None
    not_in: tuple[str, ...] | None = None
    contains: str | None = None
    starts_with: str | None = None
    is_null: bool | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on records; all must hold.

    ``search`` is a case-insensitive substring of name, agent, conversation, user or model. An empty ``status``
    matches no record, ``None`` every one.
    """

    strings: tuple[tuple[Dimension, StringFilter], ...] = ()
    status: frozenset[CallStatus] | None = None
    search: str | None = None

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """What a relation must hold to answer; ``search`` needs the records."""
        found = {dimension for dimension, _ in self.strings}
        if self.status is not None:
            found.add(Dimension.STATUS)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is about: one project, the half-open ``[start, end)``, and a filter."""

    project: str
    start: datetime
    end: datetime
    filter: Filter = Filter()


@dataclass(frozen=True, slots=True)
class RecordOrder:
    """Nulls last in both directions; ties by id, in the same direction."""

    field: RecordField = RecordField.STARTED_AT
    direction: Direction = Direction.DESC


class RecordKey(NamedTuple):
    """Where a record stands in an order: the order's value (``None`` where unknown) and the id that breaks ties.

    The value is an integer in the units of this module, or microseconds since 1970 for ``STARTED_AT``.
    """

    value: int | None
    id: int


def key_of(record: UsageRecord, field: RecordField) -> RecordKey:
    """Where ``record`` stands in an order by ``field``."""
    value: int | None
    match field:
        case RecordField.STARTED_AT:
            value = (record.started_at - EPOCH) // _MICROSECOND
        case RecordField.COST:
            value = record.cost_nano
        case RecordField.TOKENS:
            value = record.total_tokens
        case RecordField.INPUT_TOKENS:
            value = record.input_tokens
        case RecordField.OUTPUT_TOKENS:
            value = record.output_tokens
        case RecordField.CREDITS:
            value = record.credits_nano
        case RecordField.DURATION:
            value = record.duration_us
    return RecordKey(value, record.id)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A Relay page: ``first``/``last`` are already checked and defaulted; at least one is set."""

    first: int | None = None
    last: int | None = None
    after: RecordKey | None = None
    before: RecordKey | None = None


class RecordPage(NamedTuple):
    """``records`` with the keys they are found by, in the asked order."""

    records: Sequence[UsageRecord]
    has_next: bool
    has_previous: bool
