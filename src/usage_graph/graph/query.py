"""What can be asked: ``usage``, and any record again by its id."""

from datetime import datetime
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types import Info
from strawberry.types.unset import UNSET

from usage_graph import health, question
from usage_graph.errors import LimitExceeded
from usage_graph.graph import types
from usage_graph.graph.connection import UsageRecordConnection, connect
from usage_graph.graph.cursors import fingerprint, read_global_id
from usage_graph.graph.enums import Bucket, ConsumerKind, Dimension, Metric
from usage_graph.graph.fields import resolved
from usage_graph.graph.ingest import IngestHealth
from usage_graph.graph.inputs import RecordOrder, UsageFilter, WindowInput, bounded, given
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.types import (
    Node,
    ResolvedRange,
    UsageBreakdown,
    UsageGroup,
    UsagePoint,
    UsageRecord,
    UsageSeries,
    UsageSeriesGroup,
    UsageTotals,
)
from usage_graph.question import Consumer, Freshness, Group, Scope, SeriesGroup, UnpricedModel
from usage_graph.usage import Totals
from usage_graph.window import Window, boundaries, choose_bucket

MAX_GROUPS = 100
MAX_NODES = 100

Context = Info[Operation, None]

MetricArgument = Annotated[
    Metric, strawberry.argument(description="What groups are ranked by and shares are shares of.")
]
FirstArgument = Annotated[int, strawberry.argument(description="The number of groups, 1 to 100.")]
CursorArgument = Annotated[str | None, strawberry.argument(description="A cursor of a page of the same list.")]


def _group(group: Group) -> UsageGroup:
    return UsageGroup(key=group.key, label=group.key, share=group.share, totals=group.totals)


class _Frame:
    """The buckets of one series: the points that its whole and each of its groups fill."""

    def __init__(self, bounds: list[datetime], window: Window, now: datetime) -> None:
        self._buckets = [
            (start, end, start < window.start or end > window.end or end > now) for start, end in pairwise(bounds)
        ]

    def points(self, totals: list[Totals]) -> list[UsagePoint]:
        return [
            UsagePoint(start=start, end=end, partial=partial, totals=sums)
            for (start, end, partial), sums in zip(self._buckets, totals, strict=True)
        ]

    def group(self, group: SeriesGroup) -> UsageSeriesGroup:
        return UsageSeriesGroup(
            key=group.key,
            label=group.key,
            share=group.share,
            totals=group.totals,
            points=self.points(group.points),
        )


@strawberry.type(
    description="One question's scope: every field shares its window, time zone and filter, and all `usage` fields of "
    "an operation read the same state of the database."
)
class Usage:
    scope: strawberry.Private[Scope]
    zone: strawberry.Private[ZoneInfo]
    asked: strawberry.Private[tuple[object, ...]]

    @resolved("The window as it was resolved.")
    def range(self) -> ResolvedRange:
        return ResolvedRange(from_=self.scope.start, to=self.scope.end, timezone=self.zone)

    @resolved("How recent the data is.", graphql_type=types.Freshness)
    async def freshness(self, info: Context) -> Freshness:
        return await info.context.ask(Snapshot.freshness, self.scope.project)

    @resolved("Sums over the window.", graphql_type=UsageTotals)
    async def totals(self, info: Context) -> Totals:
        return await info.context.ask(Snapshot.totals, self.scope)

    @resolved("Usage over time; at most 2000 points.")
    async def series(
        self,
        info: Context,
        bucket: Annotated[Bucket, strawberry.argument(description="The length of one point.")] = Bucket.AUTO,
        by: Annotated[
            Dimension | None, strawberry.argument(description="Also split each point by this dimension.")
        ] = UNSET,
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
        dimension = given(by)
        info.context.reserve((len(bounds) - 1) * (1 if dimension is None else top + 1))

        found = await info.context.ask(Snapshot.series, self.scope, tuple(bounds), by=dimension, metric=metric, top=top)
        frame = _Frame(bounds, window, info.context.now)
        return UsageSeries(
            bucket=bucket,
            points=frame.points(found.points),
            groups=[frame.group(group) for group in found.groups],
            other=frame.group(found.other) if found.other else None,
        )

    @resolved("Usage by one dimension.")
    async def breakdown(
        self,
        info: Context,
        by: Annotated[Dimension, strawberry.argument(description="The dimension to split by.")],
        metric: MetricArgument = Metric.COST,
        first: FirstArgument = 10,
    ) -> UsageBreakdown:
        info.context.reserve(bounded(first, "first", MAX_GROUPS))
        found = await info.context.ask(Snapshot.breakdown, self.scope, by=by, metric=metric, first=first)
        return UsageBreakdown(
            groups=[_group(group) for group in found.groups], other=_group(found.other) if found.other else None
        )

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
        return await info.context.ask(Snapshot.consumers, self.scope, kind=by, metric=metric, first=first)

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
        first: Annotated[
            int | None,
            strawberry.argument(description="The number of records from the start, 0 to 100; 20 without `last`."),
        ] = UNSET,
        after: CursorArgument = UNSET,
        last: Annotated[
            int | None, strawberry.argument(description="The number of records from the end, 0 to 100.")
        ] = UNSET,
        before: CursorArgument = UNSET,
        order_by: Annotated[
            RecordOrder | None, strawberry.argument(description="The order; newest first without it.")
        ] = UNSET,
    ) -> UsageRecordConnection:
        chosen = given(order_by)
        order = question.RecordOrder(chosen.field, chosen.direction) if chosen else question.RecordOrder()
        connection, size = connect(
            self.scope,
            order,
            fingerprint(self.scope.project, self.scope.filter, order, self.asked, self.zone.key),
            first=given(first),
            after=given(after),
            last=given(last),
            before=given(before),
        )
        info.context.reserve(size)
        return connection


@strawberry.type(description="Where did the tokens and the money go?")
class Query:
    @resolved("Usage in a window of time.")
    def usage(
        self,
        info: Context,
        window: Annotated[WindowInput, strawberry.argument(description="The time the question is about.")],
        timezone: Annotated[
            ZoneInfo,
            strawberry.argument(description="Whose calendar days, weeks, months and hours of the day follow."),
        ] = ZoneInfo("UTC"),  # noqa: B008 (immutable)
        filter: Annotated[
            UsageFilter | None, strawberry.argument(description="Which calls; all of them without it.")
        ] = UNSET,
    ) -> Usage:
        start, end = window.resolve(timezone, info.context.now)
        chosen = given(filter)
        conditions = chosen.conditions() if chosen else question.Filter()
        return Usage(scope=info.context.scope(start, end, conditions), zone=timezone, asked=window.asked())

    @resolved("What became of everything that was sent to the project.", graphql_type=IngestHealth)
    async def ingest_health(self, info: Context) -> health.IngestHealth:
        return await info.context.ask(Snapshot.ingest_health, info.context.project)

    @resolved("The object with this id; null where there is none in the project.")
    async def node(
        self, info: Context, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        return (await _nodes(info.context, [id]))[0]

    @resolved("The objects with these ids, in their order; null where there is none.")
    async def nodes(
        self,
        info: Context,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")],
    ) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise LimitExceeded(f"`ids` may have at most {MAX_NODES} items, not {len(ids)}.")
        return await _nodes(info.context, ids)


async def _nodes(operation: Operation, ids: list[strawberry.ID]) -> list[Node | None]:
    operation.reserve(len(ids))
    keys = [read_global_id(id, UsageRecord.__name__) for id in ids]
    wanted = tuple(dict.fromkeys(key for key in keys if key is not None))
    if not wanted:
        return [None] * len(ids)
    records = dict(zip(wanted, await operation.ask(Snapshot.records_by_id, operation.project, wanted), strict=True))
    return [UsageRecord.of(record) if key and (record := records[key]) else None for key in keys]
