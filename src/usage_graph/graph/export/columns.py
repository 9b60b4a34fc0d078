"""The columns of exports: their names, in order, and what is in them. Files are read by them: add, never rename."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from itertools import starmap
from typing import Any, Generic, NamedTuple, TypeVar

from usage_graph.conversations import Conversation
from usage_graph.graph.conversations import Conversation as ConversationNode
from usage_graph.graph.cursors import write_global_id, write_named_id
from usage_graph.graph.types import UsageRecord as RecordNode
from usage_graph.usage import Totals, UsageRecord, from_nano

Row = TypeVar("Row")
Values = tuple[Any, ...]
"""One value per column, ``None`` where it is unknown."""


class Kind(Enum):
    """What values a column has, in Python."""

    TEXT = auto()  # str
    INTEGER = auto()  # int of up to 64 bits
    DECIMAL = auto()  # Decimal with up to 9 places
    FLOAT = auto()  # float
    BOOLEAN = auto()  # bool
    INSTANT = auto()  # aware datetime
    TEXTS = auto()  # list of str
    ATTRIBUTES = auto()  # dict of str to str


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """``read`` takes the column's value out of what a row is made of."""

    name: str
    kind: Kind
    read: Callable[[Row], object]


def values_of(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> list[Values]:
    """``rows`` as their columns have them."""
    reads = [column.read for column in columns]
    return [tuple([read(row) for read in reads]) for row in rows]


def _nano(value: int | None) -> Decimal | None:
    return None if value is None else from_nano(value)


def _part(record: UsageRecord, nano: int | None) -> Decimal | None:
    """A part of the record's cost, as ``Costs`` has it: of a cost that is unknown all parts are."""
    return None if record.cost_nano is None else _nano(nano)


def _milliseconds(value: int | None) -> float | None:
    return None if value is None else value / 1000


RECORDS: tuple[Column[UsageRecord], ...] = (
    Column("id", Kind.TEXT, lambda r: write_global_id(RecordNode.__name__, r.started_at, r.id)),
    Column("started_at", Kind.INSTANT, lambda r: r.started_at),
    Column("source", Kind.TEXT, lambda r: r.source),
    Column("name", Kind.TEXT, lambda r: r.name),
    Column("agent", Kind.TEXT, lambda r: r.agent),
    Column("conversation", Kind.TEXT, lambda r: r.conversation),
    Column("user", Kind.TEXT, lambda r: r.user_id),
    Column("channel", Kind.TEXT, lambda r: r.channel),
    Column("service", Kind.TEXT, lambda r: r.service),
    Column("environment", Kind.TEXT, lambda r: r.environment),
    Column("provider", Kind.TEXT, lambda r: r.provider),
    Column("request_model", Kind.TEXT, lambda r: r.request_model),
    Column("response_model", Kind.TEXT, lambda r: r.response_model),
    Column("operation", Kind.TEXT, lambda r: r.operation),
    Column("status", Kind.TEXT, lambda r: r.status.value),
    Column("error_type", Kind.TEXT, lambda r: r.error_type),
    Column("input_tokens", Kind.INTEGER, lambda r: r.input_tokens),
    Column("output_tokens", Kind.INTEGER, lambda r: r.output_tokens),
    Column("total_tokens", Kind.INTEGER, lambda r: r.total_tokens),
    Column("cache_read_tokens", Kind.INTEGER, lambda r: r.cache_read_tokens),
    Column("cache_write_tokens", Kind.INTEGER, lambda r: r.cache_write_tokens),
    Column("cache_write_1h_tokens", Kind.INTEGER, lambda r: r.cache_write_1h_tokens),
    Column("reasoning_tokens", Kind.INTEGER, lambda r: r.reasoning_tokens),
    Column("cost", Kind.DECIMAL, lambda r: _nano(r.cost_nano)),
    Column("cost_status", Kind.TEXT, lambda r: r.cost_status.value),
    Column("costs_input", Kind.DECIMAL, lambda r: _part(r, r.input_cost_nano)),
    Column("costs_cache_read", Kind.DECIMAL, lambda r: _part(r, r.cache_read_cost_nano)),
    Column("costs_cache_write", Kind.DECIMAL, lambda r: _part(r, r.cache_write_cost_nano)),
    Column("costs_output", Kind.DECIMAL, lambda r: _part(r, r.output_cost_nano)),
    Column("costs_other", Kind.DECIMAL, lambda r: r.costs.other),
    Column("credits", Kind.DECIMAL, lambda r: _nano(r.credits_nano)),
    Column("duration_ms", Kind.FLOAT, lambda r: r.duration_us / 1000),
    Column("first_token_ms", Kind.FLOAT, lambda r: _milliseconds(r.first_token_us)),
    Column("tokens_per_second", Kind.FLOAT, lambda r: r.tokens_per_second),
    Column("service_tier", Kind.TEXT, lambda r: r.service_tier),
    Column("suspect", Kind.BOOLEAN, lambda r: r.suspect),
    Column("trace_id", Kind.TEXT, lambda r: r.trace_id.hex()),
    Column("span_id", Kind.TEXT, lambda r: r.span_id.hex()),
    Column("turn", Kind.TEXT, lambda r: r.turn),
    Column("attributes", Kind.ATTRIBUTES, lambda r: dict(r.attributes)),
)
"""Every field of GraphQL's ``UsageRecord``, in snake case: ``costs { cacheRead }`` is ``costs_cache_read``."""


_SUMS: tuple[tuple[str, Kind, Callable[[Totals], object]], ...] = (
    ("calls", Kind.INTEGER, lambda t: t.calls),
    ("failed_calls", Kind.INTEGER, lambda t: t.failed_calls),
    ("unpriced_calls", Kind.INTEGER, lambda t: t.unpriced_calls),
    ("unmeasured_calls", Kind.INTEGER, lambda t: t.unmeasured_calls),
    ("suspect_calls", Kind.INTEGER, lambda t: t.suspect_calls),
    ("input_tokens", Kind.INTEGER, lambda t: t.input_tokens),
    ("output_tokens", Kind.INTEGER, lambda t: t.output_tokens),
    ("total_tokens", Kind.INTEGER, lambda t: t.total_tokens),
    ("cache_read_tokens", Kind.INTEGER, lambda t: t.cache_read_tokens),
    ("cache_write_tokens", Kind.INTEGER, lambda t: t.cache_write_tokens),
    ("cache_write_1h_tokens", Kind.INTEGER, lambda t: t.cache_write_1h_tokens),
    ("reasoning_tokens", Kind.INTEGER, lambda t: t.reasoning_tokens),
    ("cost", Kind.DECIMAL, lambda t: t.cost),
    ("costs_input", Kind.DECIMAL, lambda t: t.costs.input),
    ("costs_cache_read", Kind.DECIMAL, lambda t: t.costs.cache_read),
    ("costs_cache_write", Kind.DECIMAL, lambda t: t.costs.cache_write),
    ("costs_output", Kind.DECIMAL, lambda t: t.costs.output),
    ("costs_other", Kind.DECIMAL, lambda t: t.costs.other),
    ("avg_cost", Kind.DECIMAL, lambda t: t.avg_cost),
    ("priced_share", Kind.FLOAT, lambda t: t.priced_share),
    ("credits", Kind.DECIMAL, lambda t: t.credits),
    ("avg_duration_ms", Kind.FLOAT, lambda t: t.avg_duration_ms),
)


def _sum(name: str, kind: Kind, read: Callable[[Totals], object]) -> Column[Any]:
    return Column(name, kind, lambda row: read(row.totals))


SUMS: tuple[Column[Any], ...] = tuple(starmap(_sum, _SUMS))
"""The sums and averages of ``UsageTotals``, of rows with ``totals``."""

CONVERSATIONS: tuple[Column[Conversation], ...] = (
    Column("id", Kind.TEXT, lambda c: write_named_id(ConversationNode.__name__, c.conversation)),
    Column("conversation", Kind.TEXT, lambda c: c.conversation),
    Column("title", Kind.TEXT, lambda c: c.title),
    Column("agent", Kind.TEXT, lambda c: c.agent),
    Column("channel", Kind.TEXT, lambda c: c.channel),
    Column("user", Kind.TEXT, lambda c: c.user_id),
    Column("started_at", Kind.INSTANT, lambda c: c.started_at),
    Column("last_active_at", Kind.INSTANT, lambda c: c.last_active_at),
    Column("turns", Kind.INTEGER, lambda c: c.turns),
    Column("models", Kind.TEXTS, lambda c: list(c.models)),
    *SUMS,
)
"""Every field of GraphQL's ``Conversation`` but its records, and the sums of its calls in the window."""


class SeriesRow(NamedTuple):
    """One point of a series, or of one of its groups. ``rest``: of the groups that are not told apart."""

    start: datetime
    end: datetime
    partial: bool
    by: str | None
    attribute: str | None
    key: str | None
    rest: bool
    totals: Totals


SERIES: tuple[Column[SeriesRow], ...] = (
    Column("start", Kind.INSTANT, lambda p: p.start),
    Column("end", Kind.INSTANT, lambda p: p.end),
    Column("partial", Kind.BOOLEAN, lambda p: p.partial),
    Column("by", Kind.TEXT, lambda p: p.by),
    Column("attribute", Kind.TEXT, lambda p: p.attribute),
    Column("key", Kind.TEXT, lambda p: p.key),
    Column("rest", Kind.BOOLEAN, lambda p: p.rest),
    *SUMS,
)
