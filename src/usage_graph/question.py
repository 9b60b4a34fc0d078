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
    ATTRIBUTE = "attribute"
    """One of the declared attributes: which, says a ``By``. Only records have it."""


class By(NamedTuple):
    """What usage is split by: a dimension, and of ATTRIBUTE the key of a declared one."""

    dimension: Dimension
    attribute: str | None = None


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
    """One value of a dimension with its sums. ``key`` is ``None`` for calls that do not have the dimension.

    Of two dimensions ``then_key`` is the value of the second. ``previous``: the group's sums in the window that was
    compared with, if any was.
    """

    key: str | None
    totals: Totals
    share: float | None
    then_key: str | None = None
    previous: Totals | None = None


class Breakdown(NamedTuple):
    """Groups, largest first, and the rest; ``groups`` plus ``other`` are the totals, now and previously.

    No rest in either window: ``other`` is ``None``.
    """

    groups: list[Group]
    other: Group | None


class DimensionValue(NamedTuple):
    """A value that a dimension has, and how many calls have it."""

    value: str
    calls: int


class Point(NamedTuple):
    """One bucket of a series. ``partial``: it is cut by an edge of the window, or not over yet."""

    start: datetime
    end: datetime
    partial: bool
    totals: Totals


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
    matches no record, ``None`` every one. ``attributes``: conditions on the values of declared attributes, by key.

    ``all_of``, ``any_of`` and ``negated`` are filters that must all match, of which one must match (so that an empty
    ``any_of`` matches no record), and that must not match: every record matches a filter or its negation, never both.
    """

    strings: tuple[tuple[Dimension, StringFilter], ...] = ()
    status: frozenset[CallStatus] | None = None
    search: str | None = None
    attributes: tuple[tuple[str, StringFilter], ...] = ()
    all_of: tuple["Filter", ...] = ()
    any_of: tuple["Filter", ...] | None = None
    negated: "Filter | None" = None

    @property
    def inner(self) -> tuple["Filter", ...]:
        """The filters that it is made of."""
        return (*self.all_of, *(self.any_of or ()), *(() if self.negated is None else (self.negated,)))

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """What it has conditions on, those inside included."""
        found = {dimension for dimension, _ in self.strings}
        if self.status is not None:
            found.add(Dimension.STATUS)
        if self.attributes:
            found.add(Dimension.ATTRIBUTE)
        return frozenset(found).union(*(one.dimensions for one in self.inner))

    @property
    def attribute_keys(self) -> frozenset[str]:
        """The attributes it has conditions on, those inside included."""
        return frozenset(key for key, _ in self.attributes).union(*(one.attribute_keys for one in self.inner))

    @property
    def searches(self) -> bool:
        """Whether it, or one inside, looks for a text in several fields: only records can tell."""
        return self.search is not None or any(one.searches for one in self.inner)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is about: one project, the half-open ``[start, end)``, and a filter.

    ``bound`` is the part of the filter that the caller has no choice about: whatever is looked up beside the calls of
    the filter, such as the name of a conversation, is looked up within it.
    """

    project: str
    start: datetime
    end: datetime
    filter: Filter = Filter()
    bound: Filter = Filter()


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
