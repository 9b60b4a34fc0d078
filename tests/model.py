"""What the store's reader must answer, in the plainest Python: every question looks at every record.

The reference for property tests, and the reader behind tests of layers above the store. Records from before
``kept_since`` are in no list; in sums they are where whole buckets of a rollup are summed, and else the question is
refused.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import TypeVar

from tests.conversations import conversations_of, page_of_conversations
from usage_graph.conversations import Conversation, ConversationOrder, ConversationPage, ConversationRequest
from usage_graph.credits import CreditPeriod, CreditPlan, CreditUsage
from usage_graph.errors import BeforeRecords
from usage_graph.health import Count, IngestHealth, Merged, Outcome, Rejected, Unrecognised
from usage_graph.latency import Histogram
from usage_graph.observation import MergeReason
from usage_graph.question import (
    Breakdown,
    By,
    Consumer,
    ConsumerKind,
    Dimension,
    DimensionValue,
    Direction,
    Filter,
    Freshness,
    Group,
    PageRequest,
    RecordField,
    RecordKey,
    RecordOrder,
    RecordPage,
    Scope,
    Series,
    SeriesGroup,
    StringFilter,
    UnpricedModel,
)
from usage_graph.usage import CallStatus, Metric, Totals, UsageRecord

T = TypeVar("T")

PORTION = 7
"""Entries that are streamed at once."""

FINEST = {
    frozenset({"source", "model", "provider", "operation"}): timedelta(minutes=15),
    frozenset({"source", "agent"}): timedelta(hours=1),
    frozenset({"source", "user_id"}): timedelta(days=1),
    frozenset({"source", "conversation", "agent", "item_name"}): timedelta(days=1),
}
"""What rollups know sums by, and over which stretches of time in UTC at the least."""


def value_of(record: UsageRecord, dimension: Dimension) -> str | None:
    """What ``record`` has in ``dimension``."""
    if dimension is Dimension.MODEL:
        return record.request_model if record.response_model is None else record.response_model
    if dimension is Dimension.STATUS:
        return record.status.value
    value: str | None = getattr(record, dimension.value)
    return value


def totals_of(record: UsageRecord) -> Totals:
    """What one call adds to every sum."""
    return Totals(
        calls=1,
        failed_calls=int(record.status is CallStatus.ERROR),
        unpriced_calls=int(record.cost_nano is None),
        unmeasured_calls=int(record.input_tokens is None and record.output_tokens is None),
        input_tokens=record.input_tokens or 0,
        output_tokens=record.output_tokens or 0,
        cache_read_tokens=record.cache_read_tokens or 0,
        cache_write_tokens=record.cache_write_tokens or 0,
        reasoning_tokens=record.reasoning_tokens or 0,
        cost_nano=record.cost_nano or 0,
        credits_nano=record.credits_nano,
        duration_us=record.duration_us,
        suspect_calls=int(record.suspect),
        cache_write_1h_tokens=record.cache_write_1h_tokens or 0,
        input_cost_nano=record.input_cost_nano or 0,
        cache_read_cost_nano=record.cache_read_cost_nano or 0,
        cache_write_cost_nano=record.cache_write_cost_nano or 0,
        output_cost_nano=record.output_cost_nano or 0,
        timed_calls=int(record.duration_us > 0),
        timed_output_tokens=(record.output_tokens or 0) if record.duration_us else 0,
        timed_output_us=0 if record.output_tokens is None else record.duration_us,
        first_token_calls=int(record.first_token_us is not None),
        first_token_us=record.first_token_us or 0,
    )


def sum_of(records: Iterable[UsageRecord], *, latency: bool = False) -> Totals:
    """All of ``records`` together; with histograms of their times where ``latency``."""
    records = list(records)
    whole = Totals()
    for record in records:
        whole = whole.plus(totals_of(record))
    if not latency:
        return whole
    return whole._replace(
        durations=Histogram.of(record.duration_us for record in records if record.duration_us),
        first_tokens=Histogram.of(one.first_token_us for one in records if one.first_token_us is not None),
    )


def satisfies(value: str | None, wanted: StringFilter) -> bool:
    """Whether ``value`` meets every condition that is given; an unknown value meets only the negative ones."""
    return (
        (wanted.eq is None or value == wanted.eq)
        and (wanted.is_in is None or value in wanted.is_in)
        and (wanted.not_in is None or value not in wanted.not_in)
        and (wanted.contains is None or (value is not None and wanted.contains in value))
        and (wanted.starts_with is None or (value is not None and value.startswith(wanted.starts_with)))
        and (wanted.is_null is None or (value is None) is wanted.is_null)
    )


def value_by(record: UsageRecord, by: By) -> str | None:
    """What ``record`` has in what is asked for."""
    return value_of(record, by.dimension) if by.attribute is None else dict(record.attributes).get(by.attribute)


def matches(record: UsageRecord, wanted: Filter) -> bool:
    """Whether ``record`` meets every condition."""
    searched = (record.name, record.agent, record.conversation, record.user_id, value_of(record, Dimension.MODEL))
    return (
        all(satisfies(value_of(record, dimension), condition) for dimension, condition in wanted.strings)
        and (wanted.status is None or record.status in wanted.status)
        and (
            wanted.search is None
            or any(text is not None and wanted.search.lower() in text.lower() for text in searched)
        )
        and all(satisfies(dict(record.attributes).get(key), condition) for key, condition in wanted.attributes)
        and all(matches(record, one) for one in wanted.all_of)
        and (wanted.any_of is None or any(matches(record, one) for one in wanted.any_of))
        and (wanted.negated is None or not matches(record, wanted.negated))
    )


def key_in(record: UsageRecord, field: RecordField) -> RecordKey:
    """Where ``record`` stands in the order by ``field``."""
    values: dict[RecordField, int | None] = {
        RecordField.STARTED_AT: (record.started_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),
        RecordField.COST: record.cost_nano,
        RecordField.TOKENS: record.total_tokens,
        RecordField.INPUT_TOKENS: record.input_tokens,
        RecordField.OUTPUT_TOKENS: record.output_tokens,
        RecordField.CREDITS: record.credits_nano,
        RecordField.DURATION: record.duration_us,
    }
    return RecordKey(values[field], record.id)


def rank_of(key: RecordKey, direction: Direction) -> tuple[bool, int, int]:
    """A Python sort key: unknown values last in both directions, ties by id in the order's direction."""
    sign = 1 if direction is Direction.ASC else -1
    return key.value is None, sign * (key.value or 0), sign * key.id


def page_of(records: Sequence[UsageRecord], order: RecordOrder, request: PageRequest) -> RecordPage:
    """Relay's algorithm, step by step: cut by the cursors, keep the ``first``, then of these the ``last``."""

    def rank(record: UsageRecord) -> tuple[bool, int, int]:
        return rank_of(key_in(record, order.field), order.direction)

    everything = sorted(records, key=rank)
    edges = everything
    preceded = followed = False
    if request.after is not None:
        edges = [record for record in edges if rank(record) > rank_of(request.after, order.direction)]
        preceded = any(rank(record) <= rank_of(request.after, order.direction) for record in everything)
    if request.before is not None:
        edges = [record for record in edges if rank(record) < rank_of(request.before, order.direction)]
        followed = any(rank(record) >= rank_of(request.before, order.direction) for record in everything)
    if request.first is not None:
        followed = len(edges) > request.first
        edges = edges[: request.first]
    if request.last is not None:
        # Beside `first`, `last` can only find more than was asked for, never that nothing precedes.
        preceded = len(edges) > request.last or (request.first is not None and preceded)
        edges = edges[len(edges) - min(request.last, len(edges)) :]
    return RecordPage(edges, has_next=followed, has_previous=preceded)


Key = str | tuple[str | None, ...] | None
K = TypeVar("K", bound=Key)


def grouped(
    records: Iterable[UsageRecord], key: Callable[[UsageRecord], K], metric: Metric
) -> list[tuple[K, list[UsageRecord]]]:
    """The records by key, largest by ``metric`` first: unknown metrics last, ties by key, no key after all keys."""
    groups: dict[K, list[UsageRecord]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)

    def rank(item: tuple[K, list[UsageRecord]]) -> tuple[bool, int, list[tuple[bool, str]]]:
        weight = sum_of(item[1]).metric(metric)
        parts = item[0] if isinstance(item[0], tuple) else (item[0],)
        return weight is None, -(weight or 0), [(part is None, part or "") for part in parts]

    return sorted(groups.items(), key=rank)


def consumer_of(record: UsageRecord, kind: ConsumerKind) -> tuple[str, Dimension] | None:
    """The consumer that a call belongs to, and what it is."""
    dimensions = (
        (Dimension.CONVERSATION, Dimension.AGENT, Dimension.NAME)
        if kind is ConsumerKind.ITEM
        else (Dimension(kind.value),)
    )
    found = ((value_of(record, dimension), dimension) for dimension in dimensions)
    return next(((value, dimension) for value, dimension in found if value is not None), None)


def credit_usage(records: Iterable[UsageRecord], plans: Sequence[CreditPlan], scope: Scope) -> CreditUsage:
    """The ledger of a project, written call by call: each draws from the pool of the day, week, month or year that it
    is in where the plan is, until nothing is left; what it does not find there is additional."""
    plans = sorted(plans, key=lambda plan: (plan.since is not None, plan.since))
    left: dict[object, int] = {}
    consumed, additional, costs = 0, 0, dict.fromkeys(plans, 0)

    def pool_of(at: datetime) -> tuple[CreditPlan, object] | None:
        in_force = [plan for plan in plans if plan.since is None or plan.since <= at]
        if not in_force:
            return None
        plan = in_force[-1]
        day = at.astimezone(plan.timezone).date()
        names = {
            CreditPeriod.DAY: day,
            CreditPeriod.WEEK: day.isocalendar()[:2],
            CreditPeriod.MONTH: (day.year, day.month),
            CreditPeriod.YEAR: day.year,
        }
        return plan, (plan, names[plan.period])

    for record in sorted(records, key=lambda record: (record.started_at, record.id)):
        if record.project != scope.project or record.started_at >= scope.end:
            continue
        over = 0
        if (pool := pool_of(record.started_at)) is not None:
            plan, key = pool
            there = left.setdefault(key, plan.included_nano)
            left[key] = max(0, there - record.credits_nano)
            over = max(0, record.credits_nano - there)
        if record.started_at >= scope.start and matches(record, scope.filter):
            consumed += record.credits_nano
            additional += over
            if pool is not None:
                costs[pool[0]] += over
    at_end = pool_of(scope.end - timedelta(microseconds=1))
    return CreditUsage(
        consumed_nano=consumed,
        additional_nano=additional,
        additional_cost_nano=sum(round(over * Fraction(plan.price)) for plan, over in costs.items()),
        planned=any(plan.since is None or plan.since < scope.end for plan in plans),
        remaining_nano=None if at_end is None else left.get(at_end[1], at_end[0].included_nano),
        plan=None if at_end is None else at_end[0],
    )


async def portions_of(entries: Sequence[T]) -> AsyncGenerator[list[T], None]:
    for start in range(0, len(entries), PORTION):
        yield list(entries[start : start + PORTION])


class ModelSnapshot:
    """The records, and counts, as they were when it was opened."""

    def __init__(
        self,
        records: Sequence[UsageRecord],
        since: datetime | None = None,
        counts: Sequence[Count] = (),
        plans: Sequence[CreditPlan] = (),
    ) -> None:
        self._records = records
        self._plans = plans
        self._since = since
        self._counts = counts

    def _check(self, scope: Scope, columns: Iterable[str] = (), bounds: Sequence[datetime] = ()) -> None:
        """Raises ``BeforeRecords`` unless the sums that are left add up to what is asked for."""
        if self._since is None or scope.start >= min(self._since, scope.end):
            return
        needed = {*columns, *(dimension.value for dimension in scope.filter.dimensions)}
        if scope.filter.searches:
            needed.add("search")
        grains = [grain for known, grain in FINEST.items() if needed <= known]
        cuts = {scope.start, scope.end, *(at for at in bounds if scope.start < at < scope.end)}
        midnight = datetime(2000, 1, 1, tzinfo=UTC)
        if not grains or any((at - midnight) % min(grains) for at in cuts if at < self._since):
            raise BeforeRecords("not in the records")

    def _in_window(self, scope: Scope) -> list[UsageRecord]:
        return [
            record
            for record in self._records
            if record.project == scope.project and scope.start <= record.started_at < scope.end
        ]

    def _of(self, scope: Scope) -> list[UsageRecord]:
        return [record for record in self._in_window(scope) if matches(record, scope.filter)]

    def _kept(self, records: Iterable[UsageRecord]) -> list[UsageRecord]:
        return [record for record in records if self._since is None or record.started_at >= self._since]

    async def kept_since(self) -> datetime | None:
        return self._since

    async def totals(self, scope: Scope, *, latency: bool = False) -> Totals:
        self._check(scope)
        return sum_of(self._of(scope), latency=latency)

    async def series(
        self,
        scope: Scope,
        bounds: Sequence[datetime],
        *,
        by: By | None,
        metric: Metric,
        top: int,
        latency: bool = False,
    ) -> Series:
        self._check(scope, () if by is None else (by.dimension.value,), bounds)
        records = self._of(scope)
        add = partial(sum_of, latency=latency)
        whole = add(records)

        def points(of: Sequence[UsageRecord]) -> list[Totals]:
            return [add(r for r in of if start <= r.started_at < end) for start, end in pairwise(bounds)]

        def group(key: str | None, of: Sequence[UsageRecord]) -> SeriesGroup:
            totals = add(of)
            return SeriesGroup(key, totals, totals.share_of(whole, metric), points(of))

        if by is None:
            return Series(points(records), [], None)
        groups = grouped(records, lambda record: value_by(record, by), metric)
        rest = [record for _, of in groups[top:] for record in of]
        return Series(points(records), [group(*pair) for pair in groups[:top]], group(None, rest) if rest else None)

    async def breakdown(
        self,
        scope: Scope,
        *,
        by: tuple[By, ...],
        metric: Metric,
        first: int,
        previous: Scope | None = None,
        latency: bool = False,
    ) -> Breakdown:
        columns = [one.dimension.value for one in by]
        self._check(scope, columns)
        records, before = self._of(scope), []
        if previous is not None:
            self._check(previous, columns)
            before = self._of(previous)
        add = partial(sum_of, latency=latency)
        whole = add(records)

        def keys(record: UsageRecord) -> tuple[str | None, ...]:
            return tuple(value_by(record, one) for one in by)

        def group(of: Sequence[UsageRecord], then: Sequence[UsageRecord], key: Sequence[str | None]) -> Group:
            totals = add(of)
            share = totals.share_of(whole, metric)
            return Group(key[0], totals, share, (*key, None)[1], None if previous is None else add(then))

        ranked = grouped(records, keys, metric)
        top = dict(ranked[:first])
        rest = [record for _, of in ranked[first:] for record in of]
        rest_before = [record for record in before if keys(record) not in top]
        return Breakdown(
            [group(of, [record for record in before if keys(record) == key], key) for key, of in top.items()],
            group(rest, rest_before, (None,)) if rest or rest_before else None,
        )

    async def dimension_values(self, scope: Scope, *, by: By, prefix: str, first: int) -> list[DimensionValue]:
        self._check(scope, (by.dimension.value,))
        calls = Counter(value for record in self._of(scope) if (value := value_by(record, by)) is not None)
        found = [DimensionValue(*one) for one in calls.items() if one[0].lower().startswith(prefix.lower())]
        return sorted(found, key=lambda one: (-one.calls, one.value))[:first]

    async def consumers(
        self, scope: Scope, *, kind: ConsumerKind, metric: Metric, first: int, latency: bool = False
    ) -> list[Consumer]:
        of_item = kind is ConsumerKind.ITEM
        self._check(scope, ("source", *(("conversation", "agent", "item_name") if of_item else (kind.value,))))
        records = self._of(scope)
        whole = sum_of(records)
        by_consumer: dict[tuple[str, Dimension], list[UsageRecord]] = {}
        for record in records:
            if (consumer := consumer_of(record, kind)) is not None:
                by_consumer.setdefault(consumer, []).append(record)

        found = []
        for (key, dimension), of in by_consumer.items():
            totals = sum_of(of, latency=latency)
            sources = {record.source for record in of}
            found.append(
                Consumer(
                    key=key,
                    dimension=dimension,
                    label=self._label(scope, key, dimension),
                    source=sources.pop() if len(sources) == 1 else None,
                    totals=totals,
                    share=totals.share_of(whole, metric),
                )
            )

        def rank(consumer: Consumer) -> tuple[bool, int, str, str]:
            weight = consumer.totals.metric(metric)
            return weight is None, -(weight or 0), consumer.key, consumer.dimension.value

        return sorted(found, key=rank)[:first]

    async def unpriced_models(self, scope: Scope, *, first: int) -> list[UnpricedModel]:
        self._check(scope, ("model", "provider"))
        records = self._of(scope)
        by_model: dict[tuple[str | None, str | None], list[UsageRecord]] = {}
        for record in records:
            by_model.setdefault((value_of(record, Dimension.MODEL), record.provider), []).append(record)

        found = []
        for (model, provider), of in by_model.items():
            unpriced = sum_of(record for record in of if record.cost_nano is None)
            found.append(
                UnpricedModel(
                    model=model,
                    provider=provider,
                    calls=unpriced.calls,
                    all_calls=len(of),
                    input_tokens=unpriced.input_tokens,
                    output_tokens=unpriced.output_tokens,
                    share=unpriced.calls / len(records),
                )
            )

        def rank(one: UnpricedModel) -> tuple[int, int, bool, str, bool, str]:
            tokens = one.input_tokens + one.output_tokens
            names = (one.model is None, one.model or "", one.provider is None, one.provider or "")
            return -one.calls, -tokens, *names

        return sorted((one for one in found if one.calls), key=rank)[:first]

    def _label(self, scope: Scope, key: str, dimension: Dimension) -> str:
        """A conversation's newest name in the window that the caller may see, whatever the filter; else the key."""
        if dimension is not Dimension.CONVERSATION:
            return key
        seen = [r for r in self._kept(self._in_window(scope)) if matches(r, scope.bound)]
        named = [r for r in seen if r.conversation == key and r.name is not None]
        newest = max(named, key=lambda record: (record.started_at, record.id), default=None)
        return newest.name or key if newest else key

    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage:
        return page_of(self._kept(self._of(scope)), order, page)

    async def record_count(self, scope: Scope) -> int:
        return len(self._kept(self._of(scope)))

    async def expected_records(self, scope: Scope) -> int | None:
        return len(self._kept(self._of(scope)))

    async def stream_records(self, scope: Scope) -> AsyncGenerator[list[UsageRecord], None]:
        records = sorted(self._kept(self._of(scope)), key=lambda record: (record.started_at, record.id))

        return portions_of(records)

    async def expected_conversations(self, scope: Scope, *, search: str | None = None) -> int | None:
        return len(await self._conversations(scope, search))

    async def stream_conversations(
        self, scope: Scope, *, search: str | None = None
    ) -> AsyncGenerator[list[Conversation], None]:
        found = await self._conversations(scope, search)
        return portions_of(sorted(found, key=lambda one: (one.started_at, one.conversation)))

    async def records_by_id(
        self, project: str, ids: Sequence[tuple[datetime, int]], *, filter: Filter
    ) -> list[UsageRecord | None]:
        mine = [r for r in self._kept(self._records) if r.project == project and matches(r, filter)]
        by_id = {(r.started_at, r.id): r for r in mine}
        return [by_id.get(id) for id in ids]

    async def conversations(
        self,
        scope: Scope,
        *,
        order: ConversationOrder,
        page: ConversationRequest,
        search: str | None = None,
        latency: bool = False,
    ) -> ConversationPage:
        return page_of_conversations(await self._conversations(scope, search, latency=latency), order, page)

    async def conversation_count(self, scope: Scope, *, search: str | None = None) -> int:
        return len(await self._conversations(scope, search))

    async def _conversations(self, scope: Scope, search: str | None, *, latency: bool = False) -> list[Conversation]:
        self._check(scope, ("conversation",))
        mine = [record for record in self._records if record.project == scope.project]
        if scope.bound != Filter():
            mine = [r for r in self._kept(self._in_window(scope)) if matches(r, scope.bound)]
        return conversations_of(self._of(scope), mine, scope.end, search, partial(sum_of, latency=latency))

    async def credit_usage(self, scope: Scope) -> CreditUsage:
        self._check(scope)
        return credit_usage(self._records, [plan for plan in self._plans if plan.project == scope.project], scope)

    async def freshness(self, project: str) -> Freshness:
        newest = max((r.started_at for r in self._kept(self._records) if r.project == project), default=None)
        return Freshness(newest, newest)

    async def ingest_health(self, project: str) -> IngestHealth:
        mine = [count for count in self._counts if count.project == project]

        def of(outcome: Outcome) -> dict[str, tuple[int, datetime]]:
            """How many, and when last, by detail; largest first."""
            told: dict[str, list[Count]] = {}
            for one in mine:
                if one.outcome is outcome:
                    told.setdefault(one.detail, []).append(one)
            sums = {
                detail: (sum(o.count for o in ones), max(o.last_seen for o in ones)) for detail, ones in told.items()
            }
            return dict(sorted(sums.items(), key=lambda found: (-found[1][0], found[0])))

        def number(outcome: Outcome) -> int:
            return sum(count for count, _ in of(outcome).values())

        return IngestHealth(
            since=min((one.first_seen for one in mine), default=None),
            last_seen=max((one.last_seen for one in mine), default=None),
            accepted=number(Outcome.ACCEPTED),
            stored=number(Outcome.STORED),
            repeated=number(Outcome.REPEATED),
            merged=number(Outcome.MERGED),
            merged_by=[Merged(MergeReason(detail), count) for detail, (count, _) in of(Outcome.MERGED).items()],
            completed=number(Outcome.COMPLETED),
            not_llm=number(Outcome.NOT_LLM),
            rejected=number(Outcome.REJECTED),
            rejected_by=[Rejected(detail, *found) for detail, found in of(Outcome.REJECTED).items()],
            unrecognised=number(Outcome.UNRECOGNISED),
            unrecognised_by=[Unrecognised(detail, *found) for detail, found in of(Outcome.UNRECOGNISED).items()],
        )


class ModelReader:
    """Snapshots of ``records`` and ``counts``, lists that tests may add to while a snapshot is open."""

    def __init__(self, records: Iterable[UsageRecord] = (), *, kept_since: datetime | None = None) -> None:
        self.stored = list(records)
        self.counts: list[Count] = []
        self.plans: list[CreditPlan] = []
        self.kept_since = kept_since

    @asynccontextmanager
    async def snapshot(
        self, measures: frozenset[str] = frozenset(), *, alone: bool = False
    ) -> AsyncIterator[ModelSnapshot]:
        yield ModelSnapshot(tuple(self.stored), self.kept_since, tuple(self.counts), tuple(self.plans))
