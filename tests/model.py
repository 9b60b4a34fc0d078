"""What the store's reader must answer, in the plainest Python: every question looks at every record.

The reference for property tests, and the reader behind tests of layers above the store. Records from before
``kept_since`` are in no list; in sums they are where whole buckets of a rollup are summed, and else the question is
refused.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from usage_graph.errors import BeforeRecords
from usage_graph.health import Count, IngestHealth, Merged, Outcome, Rejected, Unrecognised
from usage_graph.observation import MergeReason
from usage_graph.question import (
    Breakdown,
    Consumer,
    ConsumerKind,
    Dimension,
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
    )


def sum_of(records: Iterable[UsageRecord]) -> Totals:
    whole = Totals()
    for record in records:
        whole = whole.plus(totals_of(record))
    return whole


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


def grouped(
    records: Iterable[UsageRecord], key: Callable[[UsageRecord], str | None], metric: Metric
) -> list[tuple[str | None, list[UsageRecord]]]:
    """The records by key, largest by ``metric`` first: unknown metrics last, ties by key, no key after all keys."""
    groups: dict[str | None, list[UsageRecord]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)

    def rank(item: tuple[str | None, list[UsageRecord]]) -> tuple[bool, int, bool, str]:
        weight = sum_of(item[1]).metric(metric)
        return weight is None, -(weight or 0), item[0] is None, item[0] or ""

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


class ModelSnapshot:
    """The records, and counts, as they were when it was opened."""

    def __init__(
        self, records: Sequence[UsageRecord], since: datetime | None = None, counts: Sequence[Count] = ()
    ) -> None:
        self._records = records
        self._since = since
        self._counts = counts

    def _check(self, scope: Scope, columns: Iterable[str] = (), bounds: Sequence[datetime] = ()) -> None:
        """Raises ``BeforeRecords`` unless the sums that are left add up to what is asked for."""
        if self._since is None or scope.start >= min(self._since, scope.end):
            return
        needed = {*columns, *(dimension.value for dimension in scope.filter.dimensions)}
        if scope.filter.search is not None:
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

    async def totals(self, scope: Scope) -> Totals:
        self._check(scope)
        return sum_of(self._of(scope))

    async def series(
        self, scope: Scope, bounds: Sequence[datetime], *, by: Dimension | None, metric: Metric, top: int
    ) -> Series:
        self._check(scope, () if by is None else (by.value,), bounds)
        records = self._of(scope)
        whole = sum_of(records)

        def points(of: Sequence[UsageRecord]) -> list[Totals]:
            return [sum_of(r for r in of if start <= r.started_at < end) for start, end in pairwise(bounds)]

        def group(key: str | None, of: Sequence[UsageRecord]) -> SeriesGroup:
            totals = sum_of(of)
            return SeriesGroup(key, totals, totals.share_of(whole, metric), points(of))

        if by is None:
            return Series(points(records), [], None)
        groups = grouped(records, lambda record: value_of(record, by), metric)
        rest = [record for _, of in groups[top:] for record in of]
        return Series(points(records), [group(*pair) for pair in groups[:top]], group(None, rest) if rest else None)

    async def breakdown(self, scope: Scope, *, by: Dimension, metric: Metric, first: int) -> Breakdown:
        self._check(scope, (by.value,))
        records = self._of(scope)
        whole = sum_of(records)

        def group(key: str | None, of: Sequence[UsageRecord]) -> Group:
            totals = sum_of(of)
            return Group(key, totals, totals.share_of(whole, metric))

        groups = grouped(records, lambda record: value_of(record, by), metric)
        rest = [record for _, of in groups[first:] for record in of]
        return Breakdown([group(*pair) for pair in groups[:first]], group(None, rest) if rest else None)

    async def consumers(self, scope: Scope, *, kind: ConsumerKind, metric: Metric, first: int) -> list[Consumer]:
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
            totals = sum_of(of)
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
        """A conversation's newest name in the window, whatever the filter; else the key itself."""
        if dimension is not Dimension.CONVERSATION:
            return key
        named = [r for r in self._kept(self._in_window(scope)) if r.conversation == key and r.name is not None]
        newest = max(named, key=lambda record: (record.started_at, record.id), default=None)
        return newest.name or key if newest else key

    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage:
        return page_of(self._kept(self._of(scope)), order, page)

    async def record_count(self, scope: Scope) -> int:
        return len(self._kept(self._of(scope)))

    async def records_by_id(self, project: str, ids: Sequence[tuple[datetime, int]]) -> list[UsageRecord | None]:
        by_id = {(r.started_at, r.id): r for r in self._kept(self._records) if r.project == project}
        return [by_id.get(id) for id in ids]

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
        self.kept_since = kept_since

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[ModelSnapshot]:
        yield ModelSnapshot(tuple(self.stored), self.kept_since, tuple(self.counts))
