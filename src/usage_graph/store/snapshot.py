"""One state of the database, and every question that can be put to it."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

import asyncpg

from usage_graph.conversations import Conversation, ConversationOrder, ConversationPage, ConversationRequest
from usage_graph.credits import CreditUsage
from usage_graph.health import IngestHealth, health_of
from usage_graph.question import (
    Breakdown,
    By,
    Consumer,
    ConsumerKind,
    DimensionValue,
    Filter,
    Freshness,
    PageRequest,
    RecordOrder,
    RecordPage,
    Scope,
    Series,
    UnpricedModel,
)
from usage_graph.store.breakdown import breakdown_of, list_values, rank_groups, split_by, sum_groups
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters, conditions
from usage_graph.store.consumers import consumers_of, rank_consumers, told_by
from usage_graph.store.conversations import count_conversations, read_conversations
from usage_graph.store.counting import ask_count
from usage_graph.store.exporting import COUNT_PATIENCE, stream_conversations, stream_scope, within
from usage_graph.store.histograms import NO_TIMES, Times, read_times, with_times
from usage_graph.store.keyset import keep
from usage_graph.store.ledger import credit_usage
from usage_graph.store.lone import of_one_statement
from usage_graph.store.pages import COLUMNS, list_page
from usage_graph.store.rows import counts_of, record_of
from usage_graph.store.series import ask_groups, ask_whole, groups_of, whole_of
from usage_graph.store.sql import query
from usage_graph.store.view import View
from usage_graph.usage import Metric, Totals, UsageRecord


class Snapshot(View):
    """One view of the database: whatever is asked of it is answered as of one moment.

    Calls may overlap; they run one after another on the one connection. Sums reach back as far as rollups know them,
    lists of records only as far as records are kept.

    Of ``sums`` only those are told that are asked for: the others are 0 in every ``Totals``.

    Every method raises ``QueryTimeout`` or ``QueryUnavailable``; those that sum, ``BeforeRecords``.
    """

    @of_one_statement
    async def totals(self, scope: Scope, *, latency: bool = False) -> Totals:
        """Sums over all calls of ``scope``; here and below with histograms of their times where ``latency``."""
        parameters = Parameters()
        standing = await self._standing(scope.project)
        inner = cells(scope, parameters, measures=self._sums.measures, standing=standing, subtracting=True)
        sql = query("sum_totals").format(sums=self._sums.sql, cells=inner)
        (row,) = await self._fetch(sql, *parameters.values)
        times = await read_times(self._fetch, scope, standing=standing) if latency else NO_TIMES
        return times.added_to(self._sums.totals_of(row))

    @of_one_statement
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
        """Sums between each two of ``bounds`` (ascending, covering the scope); the ``top`` groups of ``by`` apart."""
        width = len(bounds) - 1
        standing = await self._standing(scope.project)
        if by is None:
            whole = ask_whole(scope, bounds, sums=self._sums, standing=standing)
            rows = await self._fetch(whole.sql, *whole.values)
            times = NO_TIMES
            if latency:
                times = await read_times(self._fetch, scope, bounds=bounds, standing=standing)
            return whole_of(width, rows, self._sums, times)
        sums = self._sums.and_of(metric)
        ranked = ask_groups(scope, bounds, by, sums=sums, metric=metric, top=top, standing=standing)
        rows = await self._fetch(ranked.sql, *ranked.values)
        times = await self._times(scope, (by,), rows, bounds=bounds) if latency else NO_TIMES
        return groups_of(width, rows, sums, metric, times)

    async def _times(
        self, scope: Scope, by: Sequence[By], rows: Sequence[asyncpg.Record], *, bounds: Sequence[datetime] = ()
    ) -> Times:
        """The histograms of the groups in ``rows``, one after another by rank, and of all others."""
        columns, attributes, names = split_by(by)
        key, then_key = (*(f"c.{name}" for name in names), "NULL::text")[:2]
        groups = {row["rank"]: (row["key"], row["then_key"] if len(by) > 1 else None) for row in rows if row["rank"]}
        return await read_times(
            self._fetch,
            scope,
            standing=await self._standing(scope.project),
            columns=columns,
            attributes=attributes,
            key=key,
            then_key=then_key,
            groups=[groups[rank] for rank in sorted(groups)],
            bounds=bounds,
        )

    @of_one_statement
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
        """Sums per value of ``by``, one dimension or two: the ``first`` by ``metric``, ties by key, and the rest.

        With ``previous`` also what the same groups, and all others, come to in that scope.
        """
        standing = await self._standing(scope.project)
        sums = self._sums.and_of(metric)
        ranked = rank_groups(scope, by, sums=sums, metric=metric, first=first, standing=standing)
        rows = await self._fetch(ranked.sql, *ranked.values)
        times = await self._times(scope, by, rows) if latency else NO_TIMES
        if previous is None:
            return breakdown_of(rows, sums, metric, times=times)
        groups = [(row["key"], row["then_key"]) for row in rows if row["rank"] is not None]
        before = sum_groups(previous, by, groups, sums=sums, standing=standing)
        previously = await self._fetch(before.sql, *before.values)
        previous_times = await self._times(previous, by, rows) if latency else NO_TIMES
        return breakdown_of(rows, sums, metric, previously, times, previous_times)

    @of_one_statement
    async def dimension_values(self, scope: Scope, *, by: By, prefix: str, first: int) -> list[DimensionValue]:
        """The ``first`` values that begin with ``prefix``, whatever its letter case: most calls first, ties by value.

        Calls without a value count for none.
        """
        standing = await self._standing(scope.project)
        listed = list_values(scope, by, prefix=prefix, first=first, standing=standing)
        rows = await self._fetch(listed.sql, *listed.values) if listed else []
        return [DimensionValue(row["value"], row["calls"]) for row in rows]

    @of_one_statement
    async def consumers(
        self, scope: Scope, *, kind: ConsumerKind, metric: Metric, first: int, latency: bool = False
    ) -> list[Consumer]:
        """The ``first`` consumers by ``metric``, ties by key; shares are of all calls of ``scope``."""
        standing = await self._standing(scope.project)
        kept = await self._kept(scope)
        sums = self._sums.and_of(metric)
        ranked = rank_consumers(scope, kept, kind, sums=sums, metric=metric, first=first, standing=standing)
        rows = await self._fetch(ranked.sql, *ranked.values)
        times = NO_TIMES
        if latency:
            told = told_by(kind)
            key, dimension = told.of("c")
            groups = [(row["key"], str(row["dimension"])) for row in rows[:-1]]
            times = await read_times(
                self._fetch,
                scope,
                standing=standing,
                columns=told.columns,
                key=key,
                then_key=f"({dimension})::text",
                groups=groups,
                others=False,
            )
        return consumers_of(rows, sums, metric, times)

    @of_one_statement
    async def unpriced_models(self, scope: Scope, *, first: int) -> list[UnpricedModel]:
        """The ``first`` models with calls whose cost is unknown: most such calls first, then tokens, then names."""
        parameters = Parameters()
        standing = await self._standing(scope.project)
        sql = query("sum_unpriced_models").format(
            first=parameters.add(first),
            cells=cells(
                scope,
                parameters,
                columns=("model", "provider"),
                measures=("calls", "unpriced_calls", "unpriced_input_tokens", "unpriced_output_tokens"),
                standing=standing,
            ),
        )
        return [
            UnpricedModel(
                model=row["model"],
                provider=row["provider"],
                calls=row["calls"],
                all_calls=row["all_calls"],
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
                share=row["calls"] / row["whole"],
            )
            for row in await self._fetch(sql, *parameters.values)
        ]

    @of_one_statement
    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage:
        """One page of the scope's records in ``order``."""
        statement = list_page(await self._kept(scope), order, page)
        rows = await self._fetch(statement.sql, *statement.values)
        records = [record_of(row, skip=1) for row in rows if row["project"] is not None]
        return RecordPage(*keep(records, statement, beyond=rows[0]["beyond"]))

    @of_one_statement
    async def record_count(self, scope: Scope) -> int:
        """How many records ``scope`` has."""
        standing = await self._standing(scope.project)
        counted = ask_count(await self._kept(scope), standing)
        (row,) = await self._fetch(counted.sql, *counted.values)
        calls: int = row["calls"]
        return calls

    async def expected_records(self, scope: Scope) -> int | None:
        """How many records ``stream_records`` answers; ``None`` where counting them takes too long."""
        parameters = Parameters()
        standing = await self._standing(scope.project)
        inner = cells(await self._kept(scope), parameters, measures=("calls",), standing=standing)
        sql = query("sum_calls").format(count="usage_sum(c.calls)", cells=inner)
        async with self._turn():
            return await within(
                self._connection, COUNT_PATIENCE, lambda: self._connection.fetchval(sql, *parameters.values)
            )

    async def stream_records(self, scope: Scope) -> AsyncGenerator[list[UsageRecord], None]:
        """All of the scope's records, oldest first, a portion at a time; as long as the snapshot is open."""
        return stream_scope(self._connection, await self._kept(scope), self._turn)

    async def expected_conversations(self, scope: Scope, *, search: str | None = None) -> int | None:
        """How many conversations ``stream_conversations`` answers; ``None`` where counting them takes too long."""
        standing = await self._standing(scope.project)
        async with self._turn():
            return await within(
                self._connection,
                COUNT_PATIENCE,
                lambda: count_conversations(self._connection.fetch, scope, search, standing),
            )

    async def stream_conversations(
        self, scope: Scope, *, search: str | None = None
    ) -> AsyncGenerator[list[Conversation], None]:
        """The scope's conversations in the order in which they began, a portion at a time; as ``stream_records``."""
        return stream_conversations(self._connection, scope, search, await self._standing(scope.project), self._turn)

    @of_one_statement
    async def records_by_id(
        self, project: str, ids: Sequence[tuple[datetime, int]], *, filter: Filter
    ) -> list[UsageRecord | None]:
        """The records of ``project`` that started then, have that id and meet ``filter``, in the order of ``ids``."""
        if not ids:
            return []
        since = await self.kept_since(project)
        kept = [id for id in ids if since is None or id[0] >= since]
        parameters = Parameters()
        placeholder = parameters.add(project)
        parameters.add([start for start, _ in kept])
        parameters.add([number for _, number in kept])
        where = conditions(filter, parameters, project=placeholder, of_records=True)
        sql = query("get_records").format(columns=COLUMNS, where=" AND ".join(where) or "true")
        rows = await self._fetch(sql, *parameters.values)
        found = {(record.started_at, record.id): record for record in map(record_of, rows)}
        return [found.get(key) for key in ids]

    async def conversations(
        self,
        scope: Scope,
        *,
        order: ConversationOrder,
        page: ConversationRequest,
        search: str | None = None,
        latency: bool = False,
    ) -> ConversationPage:
        """One page of the conversations with calls in the scope; ``search``: a text in title, agent, user or id."""
        standing = await self._standing(scope.project)
        found = await read_conversations(self._fetch, scope, order, page, search, self._sums, standing)
        return await with_times(self._fetch, scope, found, standing) if latency else found

    async def conversation_count(self, scope: Scope, *, search: str | None = None) -> int:
        """How many conversations have calls in the scope, and ``search`` as above."""
        return await count_conversations(self._fetch, scope, search, await self._standing(scope.project))

    async def credit_usage(self, scope: Scope) -> CreditUsage:
        """What the calls of ``scope`` consumed, and what of it the plans of its project did not include."""
        return await credit_usage(self._fetch, scope, await self.kept_since(scope.project))

    @of_one_statement
    async def freshness(self, project: str) -> Freshness:
        """Through when the records of ``project``, and their rollups, are there."""
        (row,) = await self._fetch(query("get_freshness"), project)
        return Freshness(*row)

    @of_one_statement
    async def ingest_health(self, project: str) -> IngestHealth:
        """What became of everything that was sent to ``project``, as far as servers have said so here."""
        return health_of(counts_of(await self._fetch(query("list_ingest"), project)))
