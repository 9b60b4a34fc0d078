"""Output types. Where the domain already has the shape, its objects are answered as they are (see ``UsageTotals``)."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Self
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types import Info

from usage_graph import usage
from usage_graph.graph.cursors import write_global_id
from usage_graph.graph.enums import Bucket, CallStatus, CostStatus, Dimension
from usage_graph.graph.fields import resolved
from usage_graph.graph.latency import Latency as LatencyType
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.scalars import BigInt
from usage_graph.latency import Latency
from usage_graph.question import Point
from usage_graph.usage import Costs, Totals

SHARE = "This group's part of the whole by the chosen metric, 0 to 1; null where either is unknown or the whole is 0."
"""What `share` is, wherever there is one."""


@strawberry.type(
    description="What a cost is made of, in USD: the parts add up to it, to the last digit. All are null where it is."
)
class CostBreakdown:
    """The shape in which ``usage.Costs`` is answered; never instantiated."""

    input: Decimal | None = strawberry.field(
        description="Of input tokens that were neither read from nor written to a cache."
    )
    cache_read: Decimal | None = strawberry.field(description="Of input tokens that were read from a cache.")
    cache_write: Decimal | None = strawberry.field(description="Of input tokens that were written to a cache.")
    output: Decimal | None = strawberry.field(description="Of output tokens, reasoning included.")
    other: Decimal | None = strawberry.field(
        description="The rest: what is charged per call, and costs whose parts nobody has reported."
    )


@strawberry.type(
    description="Sums over calls, the same everywhere: of a window, a bucket, a group or a consumer. Tokens and "
    "credits that are unknown count as 0; `unmeasuredCalls` and `unpricedCalls` say how many calls that concerns."
)
class UsageTotals:
    """The shape in which ``usage.Totals`` is answered; never instantiated."""

    calls: BigInt = strawberry.field(description="Number of LLM calls.")
    failed_calls: BigInt = strawberry.field(description="Calls that ended with an error.")
    input_tokens: BigInt = strawberry.field(description="Input tokens, those read from or written to a cache included.")
    output_tokens: BigInt = strawberry.field(description="Output tokens, reasoning included.")
    total_tokens: BigInt = strawberry.field(description="Input plus output tokens.")
    cache_read_tokens: BigInt = strawberry.field(description="Input tokens that were read from a cache.")
    cache_write_tokens: BigInt = strawberry.field(description="Input tokens that were written to a cache.")
    cache_write_1h_tokens: BigInt = strawberry.field(
        description="Those of `cacheWriteTokens` that were written to be kept for an hour, which costs more than for "
        "five minutes.",
    )
    reasoning_tokens: BigInt = strawberry.field(description="Output tokens that were spent on reasoning.")
    cost: Decimal | None = strawberry.field(
        description="Cost of the priced calls in USD; 0 on zero calls, null where there are calls and none is priced."
    )
    costs: Costs = strawberry.field(graphql_type=CostBreakdown, description="What `cost` is made of.")
    unpriced_calls: BigInt = strawberry.field(description="Calls whose cost is unknown; they are not in `cost`.")
    priced_share: float | None = strawberry.field(
        description="The part of the calls whose cost is known, 0 to 1; null on zero calls."
    )
    unmeasured_calls: BigInt = strawberry.field(description="Calls of which neither input nor output tokens are known.")
    suspect_calls: BigInt = strawberry.field(
        description="Calls whose token counts contradicted each other as they were reported."
    )
    avg_cost: Decimal | None = strawberry.field(
        description="Cost per priced call in USD, rounded half to even at 1e-9; null without a priced call."
    )
    credits: Decimal = strawberry.field(description="Credits, as the application reported them or the rules say.")
    avg_duration_ms: float | None = strawberry.field(
        description="Mean duration of a call in milliseconds; null on zero calls."
    )
    latency: Latency = strawberry.field(
        graphql_type=LatencyType, description="How long the calls took, and how fast they answered."
    )


@strawberry.type(description="The window as it was resolved: half-open, `from` is part of it and `to` is not.")
class ResolvedRange:
    from_: datetime = strawberry.field(name="from", description="The first instant of the window.")
    to: datetime = strawberry.field(description="The first instant after the window.")
    timezone: ZoneInfo = strawberry.field(description="The time zone whose calendar the question follows.")

    @resolved(
        "Since when records are kept, whatever the window; null: since ever. Older calls are in no list. They are in "
        "sums where the window and its points keep to the hours or days that are left of them, which only some "
        "dimensions and filters are known by; else the field is refused with the code `BEFORE_RECORDS`."
    )
    async def records_from(self, info: Info[Operation, None]) -> datetime | None:
        return await info.context.ask(Snapshot.kept_since)


@strawberry.type(description="How recent the data is, whatever the window and filter.")
class Freshness:
    """The shape in which ``question.Freshness`` is answered; never instantiated."""

    data_through: datetime | None = strawberry.field(
        description="Start of the newest call that there is a record of; null where there is none."
    )
    materialized_through: datetime | None = strawberry.field(
        description="Calls before this instant are answered from rollups; null where there is no record. Answers are "
        "exact on both sides of it."
    )


@strawberry.type(description="One bucket of a series.")
class UsagePoint:
    """The shape in which ``question.Point`` is answered; never instantiated."""

    start: datetime = strawberry.field(description="The bucket's first instant by the calendar of the time zone.")
    end: datetime = strawberry.field(description="The first instant after the bucket.")
    partial: bool = strawberry.field(
        description="Whether the bucket is cut by an edge of the window, or is not over yet."
    )
    totals: Totals = strawberry.field(
        graphql_type=UsageTotals, description="Sums over the calls that started in the bucket and the window."
    )


@strawberry.type(description="One value of the dimension over time.")
class UsageSeriesGroup:
    key: str | None = strawberry.field(
        description="The value; null for calls that do not have one, and for the rest in `other`."
    )
    label: str | None = strawberry.field(description="The value for display; null where `key` is.")
    share: float | None = strawberry.field(description=SHARE)
    totals: Totals = strawberry.field(graphql_type=UsageTotals, description="Sums over the whole window.")
    points: list[Point] = strawberry.field(
        graphql_type=list[UsagePoint], description="One point for each of the series' points, in their order."
    )


@strawberry.type(description="Usage over time, without gaps. The groups and `other` add up to `points`, one by one.")
class UsageSeries:
    bucket: Bucket = strawberry.field(description="The length of the buckets: what `AUTO` chose.")
    points: list[Point] = strawberry.field(graphql_type=list[UsagePoint], description="The whole, oldest bucket first.")
    groups: list[UsageSeriesGroup] = strawberry.field(
        description="The `top` groups by the metric over the whole window, largest first; empty without `by`."
    )
    other: UsageSeriesGroup | None = strawberry.field(description="The rest; null where there is none.")


@strawberry.type(description="Who or what consumed, and how much.")
class Consumer:
    """The shape in which ``question.Consumer`` is answered; never instantiated."""

    key: str = strawberry.field(description="The conversation, agent, name, user or model.")
    dimension: Dimension = strawberry.field(
        description="What `key` is a value of, so that a filter on it finds the consumer's records: an `ITEM` is a "
        "conversation, an agent or a name."
    )
    label: str | None = strawberry.field(description="A name for display, where one is known.")
    source: str | None = strawberry.field(
        description="The source of the consumer's calls, where all in the window have the same."
    )
    share: float | None = strawberry.field(description=SHARE)
    totals: Totals = strawberry.field(graphql_type=UsageTotals, description="Sums over the consumer's calls.")


@strawberry.type(description="A value that calls have in a dimension.")
class DimensionValue:
    """The shape in which ``question.DimensionValue`` is answered; never instantiated."""

    value: str = strawberry.field(description="The value.")
    calls: BigInt = strawberry.field(description="The number of calls that have it.")


@strawberry.type(description="A model of a provider, and those of its calls whose cost is unknown.")
class UnpricedModel:
    """The shape in which ``question.UnpricedModel`` is answered; never instantiated."""

    model: str | None = strawberry.field(description="The model; null for calls of which it is unknown.")
    provider: str | None = strawberry.field(description="The provider; null for calls of which it is unknown.")
    calls: BigInt = strawberry.field(description="Its calls whose cost is unknown.")
    all_calls: BigInt = strawberry.field(
        description="All of its calls. Where these are more than `calls`, a price is known, and some calls could not "
        "be priced, such as those without token counts."
    )
    input_tokens: BigInt = strawberry.field(description="Input tokens of the calls whose cost is unknown.")
    output_tokens: BigInt = strawberry.field(description="Output tokens of the calls whose cost is unknown.")
    share: float = strawberry.field(description="The part of all calls in the window that `calls` are, 0 to 1.")


@strawberry.interface(description="An object that can be asked for again by its id.")
class Node:
    id: strawberry.ID = strawberry.field(description="The id of the object, unique among all types; opaque.")


@strawberry.type(description="An attribute that the server keeps, and its value.")
class UsageAttribute:
    key: str = strawberry.field(description="The attribute's key.")
    value: str = strawberry.field(description="Its value.")


@strawberry.type(description="One LLM call. Null means unknown, 0 means measured zero.")
class UsageRecord(Node):
    source: str = strawberry.field(description="The kind of work, such as `chat`, `agent` or `memory`.")
    name: str | None = strawberry.field(description="The human name of the work, such as a conversation's title.")
    agent: str | None = strawberry.field(description="The agent that made the call.")
    conversation: str | None = strawberry.field(description="The conversation or session.")
    user: str | None = strawberry.field(description="The end user on whose behalf the call was made.")
    channel: str | None = strawberry.field(description="The way in, such as `web` or `whatsapp`.")
    service: str | None = strawberry.field(description="The service that made the call (`service.name`).")
    environment: str | None = strawberry.field(description="The deployment environment, such as `production`.")
    provider: str | None = strawberry.field(description="The provider of the model, such as `openai`.")
    request_model: str | None = strawberry.field(description="The model that was asked for.")
    response_model: str | None = strawberry.field(description="The model that answered.")
    operation: str = strawberry.field(description="The operation, such as `chat` or `embeddings`.")
    status: CallStatus = strawberry.field(description="How the call ended.")
    error_type: str | None = strawberry.field(description="The kind of error, where the call failed and it is known.")
    input_tokens: BigInt | None = strawberry.field(
        description="Input tokens, those read from or written to a cache included."
    )
    output_tokens: BigInt | None = strawberry.field(description="Output tokens, reasoning included.")
    cache_read_tokens: BigInt | None = strawberry.field(description="Input tokens that were read from a cache.")
    cache_write_tokens: BigInt | None = strawberry.field(description="Input tokens that were written to a cache.")
    cache_write_1h_tokens: BigInt | None = strawberry.field(
        description="Those of `cacheWriteTokens` that were written to be kept for an hour.",
    )
    reasoning_tokens: BigInt | None = strawberry.field(description="Output tokens that were spent on reasoning.")
    total_tokens: BigInt | None = strawberry.field(description="Input plus output tokens; unknown only where both are.")
    cost: Decimal | None = strawberry.field(description="Cost in USD; null where it is unknown.")
    cost_status: CostStatus = strawberry.field(description="Where the cost comes from.")
    costs: Costs = strawberry.field(
        graphql_type=CostBreakdown,
        description="What `cost` is made of; parts that are unknown are null, and in `other`.",
    )
    service_tier: str | None = strawberry.field(
        description="The provider's tier that the call was made in, such as `batch` or `priority`, where it is known."
    )
    suspect: bool = strawberry.field(
        description="Whether the token counts contradicted each other as they were reported."
    )
    credits: Decimal = strawberry.field(description="Credits, as the application reported them or the rules say.")
    attributes: list[UsageAttribute] = strawberry.field(
        description="Those of the attributes that the server keeps which the call has, by key."
    )
    started_at: datetime = strawberry.field(description="When the call started.")
    duration_ms: float = strawberry.field(description="How long the call took, in milliseconds.")
    first_token_ms: float | None = strawberry.field(
        description="How long it took until the first token came, in milliseconds, where it was streamed and that is "
        "known."
    )
    tokens_per_second: float | None = strawberry.field(
        description="Output tokens by duration; null where they are unknown or it took no time."
    )
    trace_id: str = strawberry.field(description="Id of the trace, 32 hexadecimal digits.")
    span_id: str = strawberry.field(description="Id of the span, 16 hexadecimal digits.")

    record: strawberry.Private[usage.UsageRecord]

    @classmethod
    def of(cls, record: usage.UsageRecord) -> Self:
        """``record`` as it is answered: each field is made when somebody asks for it."""
        shown = cls.__new__(cls)
        shown.record = record
        return shown

    def __getattr__(self, name: str) -> Any:
        if name in AS_STORED:
            return getattr(self.record, name)
        if name in _MADE:
            return _MADE[name](self.record)
        raise AttributeError(name)


_MADE: dict[str, Callable[[usage.UsageRecord], object]] = {
    "id": lambda record: strawberry.ID(write_global_id(UsageRecord.__name__, record.started_at, record.id)),
    "user": lambda record: record.user_id,
    "cost": lambda record: None if record.cost_nano is None else usage.from_nano(record.cost_nano),
    "credits": lambda record: usage.from_nano(record.credits_nano),
    "attributes": lambda record: [UsageAttribute(key=key, value=value) for key, value in record.attributes],
    "duration_ms": lambda record: record.duration_us / 1000,
    "first_token_ms": lambda record: None if record.first_token_us is None else record.first_token_us / 1000,
    "trace_id": lambda record: record.trace_id.hex(),
    "span_id": lambda record: record.span_id.hex(),
}
"""The fields of a ``UsageRecord`` that are stored in another form."""
AS_STORED = frozenset(UsageRecord.__annotations__) - _MADE.keys() - {"record"}
"""Those that are answered as they are stored."""
