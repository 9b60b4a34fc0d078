"""A window's usage beside that of another: the difference and the ratio of every number."""

from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

import strawberry

from usage_graph import comparison
from usage_graph.graph.enums import PreviousWindow
from usage_graph.graph.fields import resolved
from usage_graph.graph.scalars import BigInt
from usage_graph.graph.types import ResolvedRange, UsageTotals
from usage_graph.question import Scope
from usage_graph.usage import Totals

PreviousArgument = Annotated[PreviousWindow, strawberry.argument(description="Which window to compare with.")]


@strawberry.type(
    description="What was used in the window minus what was used in the one that it is compared with: negative where "
    "it was more then. Null where either number is."
)
class UsageDelta:
    """The shape in which ``comparison.Delta`` is answered; never instantiated."""

    calls: BigInt = strawberry.field(description="Of the number of calls.")
    failed_calls: BigInt = strawberry.field(description="Of the calls that ended with an error.")
    input_tokens: BigInt = strawberry.field(description="Of the input tokens.")
    output_tokens: BigInt = strawberry.field(description="Of the output tokens.")
    total_tokens: BigInt = strawberry.field(description="Of input plus output tokens.")
    cache_read_tokens: BigInt = strawberry.field(description="Of the input tokens that were read from a cache.")
    cache_write_tokens: BigInt = strawberry.field(description="Of the input tokens that were written to a cache.")
    cache_write_1h_tokens: BigInt = strawberry.field(description="Of those that were written to be kept for an hour.")
    reasoning_tokens: BigInt = strawberry.field(description="Of the output tokens that were spent on reasoning.")
    cost: Decimal | None = strawberry.field(description="Of the cost of the priced calls, in USD.")
    unpriced_calls: BigInt = strawberry.field(description="Of the calls whose cost is unknown.")
    unmeasured_calls: BigInt = strawberry.field(description="Of the calls whose tokens are unknown.")
    suspect_calls: BigInt = strawberry.field(description="Of the calls whose token counts contradicted each other.")
    avg_cost: Decimal | None = strawberry.field(description="Of the cost per priced call, in USD.")
    credits: Decimal = strawberry.field(description="Of the credits.")
    avg_duration_ms: float | None = strawberry.field(description="Of the mean duration of a call, in milliseconds.")


@strawberry.type(
    description="What was used in the window divided by what was used in the one that it is compared with: 1.25 is a "
    "quarter more. Null where either number is, or what was used then is 0."
)
class UsageRatio:
    """The shape in which ``comparison.Ratio`` is answered; never instantiated."""

    calls: float | None = strawberry.field(description="Of the number of calls.")
    failed_calls: float | None = strawberry.field(description="Of the calls that ended with an error.")
    input_tokens: float | None = strawberry.field(description="Of the input tokens.")
    output_tokens: float | None = strawberry.field(description="Of the output tokens.")
    total_tokens: float | None = strawberry.field(description="Of input plus output tokens.")
    cache_read_tokens: float | None = strawberry.field(description="Of the input tokens that were read from a cache.")
    cache_write_tokens: float | None = strawberry.field(description="Of the input tokens that were written to a cache.")
    cache_write_1h_tokens: float | None = strawberry.field(
        description="Of those that were written to be kept for an hour."
    )
    reasoning_tokens: float | None = strawberry.field(description="Of the output tokens that were spent on reasoning.")
    cost: float | None = strawberry.field(description="Of the cost of the priced calls.")
    unpriced_calls: float | None = strawberry.field(description="Of the calls whose cost is unknown.")
    unmeasured_calls: float | None = strawberry.field(description="Of the calls whose tokens are unknown.")
    suspect_calls: float | None = strawberry.field(
        description="Of the calls whose token counts contradicted each other."
    )
    avg_cost: float | None = strawberry.field(description="Of the cost per priced call.")
    credits: float | None = strawberry.field(description="Of the credits.")
    avg_duration_ms: float | None = strawberry.field(description="Of the mean duration of a call.")


@strawberry.type(description="What was used in another window, and how it differs.")
class UsageComparison:
    scope: strawberry.Private[Scope]
    zone: strawberry.Private[ZoneInfo]
    now: strawberry.Private[Totals]
    before: strawberry.Private[Totals]

    @resolved("The window that is compared with; it can be empty.")
    def range(self) -> ResolvedRange:
        return ResolvedRange(from_=self.scope.start, to=self.scope.end, timezone=self.zone)

    @resolved("Sums over that window.", graphql_type=UsageTotals)
    def totals(self) -> Totals:
        return self.before

    @resolved("The difference of every number, now minus then.", graphql_type=UsageDelta)
    def delta(self) -> comparison.Delta:
        return comparison.delta(self.now, self.before)

    @resolved("The ratio of every number, now to then.", graphql_type=UsageRatio)
    def ratio(self) -> comparison.Ratio:
        return comparison.ratio(self.now, self.before)
