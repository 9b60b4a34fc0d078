"""One question about usage: a window under a filter, and everything that can be asked of it."""

from dataclasses import replace
from typing import Annotated
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types import Info
from strawberry.types.unset import UNSET, UnsetType

from usage_graph import comparison, question
from usage_graph.graph import types
from usage_graph.graph.attributes import asked_for, keys_of, split_by
from usage_graph.graph.breakdown import UsageBreakdown
from usage_graph.graph.comparison import PreviousArgument, UsageComparison
from usage_graph.graph.connection import Connection, CursorArgument, PageArguments
from usage_graph.graph.connection import FirstArgument as FirstPageArgument
from usage_graph.graph.connection import LastArgument as LastPageArgument
from usage_graph.graph.conversations import (
    Conversation,
    ConversationOrder,
    connect_conversations,
)
from usage_graph.graph.credits import CreditUsage, credit_usage
from usage_graph.graph.enums import Bucket, ConsumerKind, Dimension, Metric, PreviousWindow
from usage_graph.graph.fields import resolved
from usage_graph.graph.inputs import MAX_SEARCH, RecordOrder, UsageFilter, WindowInput, bounded, checked_text, given
from usage_graph.graph.latency import selects_latency
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.records import connect_records
from usage_graph.graph.series import Frame
from usage_graph.graph.types import (
    ResolvedRange,
    UsageRecord,
    UsageSeries,
    UsageTotals,
)
from usage_graph.question import Consumer, DimensionValue, Freshness, Scope, UnpricedModel
from usage_graph.usage import Totals
from usage_graph.window import Asked, Window, boundaries, choose_bucket

MAX_GROUPS = 100

Context = Info[Operation, None]

MetricArgument = Annotated[
    Metric, strawberry.argument(description="What groups are ranked by and shares are shares of.")
]
AttributeArgument = Annotated[
    str | None,
    strawberry.argument(description="Of the dimension `ATTRIBUTE`: the attribute's key, one that the server keeps."),
]
FirstArgument = Annotated[int, strawberry.argument(description="The number of groups, 1 to 100.")]


@strawberry.type(
    description="One question's scope: every field shares its window, time zone and filter, and all `usage` fields of "
    "an operation read the same state of the database."
)
class Usage:
    scope: strawberry.Private[Scope]
    zone: strawberry.Private[ZoneInfo]
    asked: strawberry.Private[Asked]

    @resolved("The window as it was resolved.")
    def range(self) -> ResolvedRange:
        return ResolvedRange(from_=self.scope.start, to=self.scope.end, timezone=self.zone)

    @resolved("How recent the data is; unknown to keys of one user or agent.", graphql_type=types.Freshness)
    async def freshness(self, info: Context) -> Freshness:
        if info.context.grant.is_bound:  # how recent others' calls are is not theirs to know
            return Freshness(None, None)
        return await info.context.ask(Snapshot.freshness, self.scope.project)

    @resolved("Sums over the window.", graphql_type=UsageTotals)
    async def totals(self, info: Context) -> Totals:
        return await info.context.ask(Snapshot.totals, self.scope, latency=selects_latency(info))

    @resolved("Credits that were consumed, and what of them the plan included.")
    async def credits(self, info: Context) -> CreditUsage:
        return await credit_usage(info.context, self.scope)

    @resolved("Usage over time; at most 2000 points.")
    async def series(
        self,
        info: Context,
        bucket: Annotated[Bucket, strawberry.argument(description="The length of one point.")] = Bucket.AUTO,
        by: Annotated[
            Dimension | None, strawberry.argument(description="Also split each point by this dimension.")
        ] = UNSET,
        attribute: AttributeArgument = UNSET,
        metric: MetricArgument = Metric.COST,
        top: Annotated[
            int, strawberry.argument(description="The number of groups, 1 to 100; the rest is in `other`.")
        ] = 8,
    ) -> UsageSeries:
        bounded(top, "top", MAX_GROUPS)
        window = Window(self.scope.start, self.scope.end)
        if bucket is Bucket.AUTO:
            bucket = choose_bucket(window)
        bounds = boundaries(window, bucket, self.zone)
        split = split_by(given(by), given(attribute), info.context.declared)
        info.context.reserve((len(bounds) - 1) * (1 if split is None else top + 1))

        found = await info.context.ask(
            Snapshot.series,
            self.scope,
            tuple(bounds),
            by=split,
            metric=metric,
            top=top,
            latency=selects_latency(info),
        )
        frame = Frame(bounds, window, info.context.now)
        return UsageSeries(
            bucket=bucket,
            points=frame.points(found.points),
            groups=[frame.group(group) for group in found.groups],
            other=frame.group(found.other) if found.other else None,
        )

    @resolved("Usage by one or two dimensions.")
    async def breakdown(
        self,
        info: Context,
        by: Annotated[Dimension, strawberry.argument(description="The dimension to split by.")],
        attribute: AttributeArgument = UNSET,
        then: Annotated[
            Dimension | None,
            strawberry.argument(description="A second dimension: groups are then pairs of a value of each."),
        ] = UNSET,
        then_attribute: Annotated[
            str | None, strawberry.argument(description="Of a second dimension `ATTRIBUTE`: the attribute's key.")
        ] = UNSET,
        metric: MetricArgument = Metric.COST,
        first: FirstArgument = 10,
        previous: Annotated[
            PreviousWindow | None, strawberry.argument(description="Also compare each group with this window.")
        ] = UNSET,
    ) -> UsageBreakdown:
        groups = bounded(first, "first", MAX_GROUPS)
        keys = keys_of(by, given(attribute), given(then), given(then_attribute), info.context.declared)
        compared = None if (which := given(previous)) is None else self._before(which)
        info.context.reserve(groups if compared is None else 2 * groups)
        found = await info.context.ask(
            Snapshot.breakdown,
            self.scope,
            by=keys,
            metric=metric,
            first=first,
            previous=compared,
            latency=selects_latency(info),
        )
        return UsageBreakdown.of(found, compared, self.zone)

    @resolved(
        "The values of a dimension in the window that begin with a text: those with the most calls first, then by "
        "value. Calls without a value are in none.",
        graphql_type=list[types.DimensionValue],
    )
    async def dimension_values(
        self,
        info: Context,
        dimension: Annotated[Dimension, strawberry.argument(description="The dimension.")],
        attribute: AttributeArgument = UNSET,
        prefix: Annotated[
            str | None,
            strawberry.argument(
                description="What values begin with, whatever the letter case; no wildcards, at most 200 characters."
            ),
        ] = UNSET,
        first: Annotated[int, strawberry.argument(description="The number of values, 1 to 100.")] = 20,
    ) -> list[DimensionValue]:
        info.context.reserve(bounded(first, "first", MAX_GROUPS))
        by = asked_for(dimension, given(attribute), info.context.declared)
        begin = checked_text(given(prefix) or "", "prefix", MAX_SEARCH)
        return await info.context.ask(Snapshot.dimension_values, self.scope, by=by, prefix=begin, first=first)

    @resolved(
        "Usage in another window under the same filter, and how it differs; null, with an error, where that cannot be "
        "told, as the records of that time are gone."
    )
    async def previous(
        self, info: Context, window: PreviousArgument = PreviousWindow.PRECEDING
    ) -> UsageComparison | None:
        before = self._before(window)
        now = await info.context.ask(Snapshot.totals, self.scope, latency=False)
        then = await info.context.ask(Snapshot.totals, before, latency=selects_latency(info))
        return UsageComparison(scope=before, zone=self.zone, now=now, before=then)

    def _before(self, which: PreviousWindow) -> Scope:
        """The same question about the window to compare with."""
        found = comparison.previous(which, self.asked, Window(self.scope.start, self.scope.end), self.zone)
        return replace(self.scope, start=found.start, end=found.end)

    @resolved(
        "Who or what consumed most, largest first. Calls that belong to no such consumer are in no row.",
        graphql_type=list[types.Consumer],
    )
    async def top_consumers(
        self,
        info: Context,
        by: Annotated[ConsumerKind, strawberry.argument(description="What a consumer is.")] = ConsumerKind.ITEM,
        metric: MetricArgument = Metric.COST,
        first: Annotated[int, strawberry.argument(description="The number of consumers, 1 to 100.")] = 10,
    ) -> list[Consumer]:
        info.context.reserve(bounded(first, "first", MAX_GROUPS))
        return await info.context.ask(
            Snapshot.consumers, self.scope, kind=by, metric=metric, first=first, latency=selects_latency(info)
        )

    @resolved(
        "Models with calls whose cost is unknown, those with the most such calls first.",
        graphql_type=list[types.UnpricedModel],
    )
    async def unpriced_models(
        self,
        info: Context,
        first: Annotated[int, strawberry.argument(description="The number of models, 1 to 100.")] = 10,
    ) -> list[UnpricedModel]:
        info.context.reserve(bounded(first, "first", MAX_GROUPS))
        return await info.context.ask(Snapshot.unpriced_models, self.scope, first=first)

    @resolved(
        "The calls themselves, a page at a time. A cursor keeps the window of the page it came from, so a "
        "rolling window does not slide while paging, and is refused under other arguments."
    )
    def records(
        self,
        info: Context,
        first: FirstPageArgument = UNSET,
        after: CursorArgument = UNSET,
        last: LastPageArgument = UNSET,
        before: CursorArgument = UNSET,
        order_by: Annotated[
            RecordOrder | None, strawberry.argument(description="The order; newest first without it.")
        ] = UNSET,
    ) -> Connection[UsageRecord]:
        arguments = PageArguments(given(first), given(after), given(last), given(before))
        return connect_records(info.context, self.scope, given(order_by), arguments, (self.asked, self.zone.key))

    @resolved(
        "The conversations that have calls in the window under the filter, a page at a time. Cursors are as those of "
        "`records`. A conversation whose place in the order changes while a client pages may be met twice or not at "
        "all: calls that are sent late can change any place, new calls only those by `TITLE`, `AGENT`, `CHANNEL`, "
        "`USER` and `MODELS`."
    )
    def conversations(
        self,
        info: Context,
        first: FirstPageArgument = UNSET,
        after: CursorArgument = UNSET,
        last: LastPageArgument = UNSET,
        before: CursorArgument = UNSET,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="A text somewhere in the title, the agent, the user or the conversation itself, whatever "
                "its letter case; no wildcards, at most 200 characters. Blank: no condition."
            ),
        ] = UNSET,
        order_by: Annotated[
            ConversationOrder | None,
            strawberry.argument(description="The order; the one that was active last first without it."),
        ] = UNSET,
    ) -> Connection[Conversation]:
        arguments = PageArguments(given(first), given(after), given(last), given(before))
        asked = (self.asked, self.zone.key)
        latency = selects_latency(info)
        return connect_conversations(
            info.context, self.scope, given(order_by), given(search), arguments, asked, latency=latency
        )


def usage_of(
    operation: Operation, *, window: WindowInput, timezone: ZoneInfo, filter: UsageFilter | UnsetType | None
) -> Usage:
    """Usage in a window of time, as ``operation``'s caller may see it; raises ``QueryError``."""
    start, end = window.resolve(timezone, operation.now)
    chosen = given(filter)
    conditions = chosen.conditions() if chosen else question.Filter()
    return Usage(scope=operation.scope(start, end, conditions), zone=timezone, asked=window.asked())
