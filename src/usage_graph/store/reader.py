"""Answering questions about usage, exactly, from the smallest relations that can."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime

import asyncpg

from usage_graph.config import EngineChoice
from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.health import IngestHealth, health_of
from usage_graph.question import (
    Breakdown,
    Consumer,
    ConsumerKind,
    Dimension,
    Freshness,
    Group,
    PageRequest,
    RecordOrder,
    RecordPage,
    Scope,
    Series,
    UnpricedModel,
)
from usage_graph.store import migrate
from usage_graph.store.cells import SUMS, WEIGHT, Parameters, cells
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.pages import COLUMNS, list_page
from usage_graph.store.rows import counts_of, points_of, record_of, split_series, totals_of
from usage_graph.store.sql import query
from usage_graph.usage import Metric, Totals, UsageRecord, sum_of

_log = logging.getLogger("usage_graph.store")

_ACQUIRE_TIMEOUT = 10.0
_LEAVE_TIMEOUT = 2.0
"""Seconds that the database has to take back a connection before it is cut: an answer may be waiting for it."""

_ITEM_COLUMNS = ("conversation", "agent", "item_name")
_ITEM_KEY = "coalesce(c.conversation, c.agent, c.item_name)"
_ITEM_DIMENSION = (
    "CASE WHEN c.conversation IS NOT NULL THEN 'conversation' WHEN c.agent IS NOT NULL THEN 'agent' ELSE 'name' END"
)


class Snapshot:
    """One view of the database: whatever is asked of it is answered as of one moment.

    Calls may overlap; they run one after another on the one connection. Sums reach back as far as rollups know them,
    lists of records only as far as records are kept.

    Every method raises ``QueryTimeout`` or ``QueryUnavailable``; those that sum, ``BeforeRecords``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self._retention: list[asyncpg.Record] = []
        self._retention_lock = asyncio.Lock()

    async def _fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        async with self._lock:
            with _explained():
                return await self._connection.fetch(sql, *values)

    async def kept_since(self) -> datetime | None:
        """Since when records are kept, ``None``: since ever. Read once, when it is first needed."""
        async with self._retention_lock:
            if not self._retention:
                self._retention = await self._fetch(query("get_retention"))
        since: datetime | None = self._retention[0]["kept_since"]
        return since

    async def _kept(self, scope: Scope) -> Scope:
        """What there are records of in ``scope``."""
        since = await self.kept_since()
        return scope if since is None or since <= scope.start else replace(scope, start=min(since, scope.end))

    async def totals(self, scope: Scope) -> Totals:
        """Sums over all calls of ``scope``."""
        parameters = Parameters()
        kept_since = await self.kept_since()
        sql = query("sum_totals").format(sums=SUMS, cells=cells(scope, parameters, kept_since=kept_since))
        (row,) = await self._fetch(sql, *parameters.values)
        return totals_of(row)

    async def series(
        self, scope: Scope, bounds: Sequence[datetime], *, by: Dimension | None, metric: Metric, top: int
    ) -> Series:
        """Sums between each two of ``bounds`` (ascending, covering the scope); the ``top`` groups of ``by`` apart."""
        parameters = Parameters()
        width = len(bounds) - 1
        thresholds = parameters.add(list(bounds[:-1]))
        kept_since = await self.kept_since()
        if by is None:
            sql = query("sum_series").format(
                bounds=thresholds,
                sums=SUMS,
                cells=cells(scope, parameters, bounds=bounds, kept_since=kept_since),
            )
            rows = await self._fetch(sql, *parameters.values)
            return Series(points_of(width, ((row["point"], totals_of(row)) for row in rows)), [], None)
        sql = query("sum_series_by").format(
            bounds=thresholds,
            sums=SUMS,
            key=by.value,
            weight=WEIGHT[metric].format(over="OVER (PARTITION BY c.key)"),
            top=parameters.add(top),
            cells=cells(scope, parameters, columns=(by.value,), bounds=bounds, kept_since=kept_since),
        )
        return split_series(width, await self._fetch(sql, *parameters.values), metric)

    async def breakdown(self, scope: Scope, *, by: Dimension, metric: Metric, first: int) -> Breakdown:
        """Sums per value of ``by``: the ``first`` by ``metric``, ties by key, and the rest."""
        parameters = Parameters()
        sql = query("sum_breakdown").format(
            sums=SUMS,
            key=by.value,
            weight=WEIGHT[metric].format(over=""),
            first=parameters.add(first),
            cells=cells(scope, parameters, columns=(by.value,), kept_since=await self.kept_since()),
        )
        rows = [(row["rank"], row["key"], totals_of(row)) for row in await self._fetch(sql, *parameters.values)]
        whole = sum_of(totals for _, _, totals in rows)
        groups = [(rank, Group(key, totals, totals.share_of(whole, metric))) for rank, key, totals in rows]
        return Breakdown(
            [group for rank, group in groups if rank is not None],
            next((group for rank, group in groups if rank is None), None),
        )

    async def consumers(self, scope: Scope, *, kind: ConsumerKind, metric: Metric, first: int) -> list[Consumer]:
        """The ``first`` consumers by ``metric``, ties by key; shares are of all calls of ``scope``."""
        parameters = Parameters()
        of_item = kind is ConsumerKind.ITEM
        columns = _ITEM_COLUMNS if of_item else (kind.value,)
        titles = await self._kept(scope)
        sql = query("sum_consumers").format(
            sums=SUMS,
            measures=", ".join(f"c.{measure}" for measure in Totals._fields),
            key=_ITEM_KEY if of_item else f"c.{kind.value}",
            dimension=_ITEM_DIMENSION if of_item else f"'{kind.value}'",
            weight=WEIGHT[metric].format(over=""),
            first=parameters.add(first),
            cells=cells(scope, parameters, columns=(*columns, "source"), kept_since=await self.kept_since()),
            project=parameters.add(titles.project),
            start=parameters.add(titles.start),
            end=parameters.add(titles.end),
        )
        *rows, whole_row = await self._fetch(sql, *parameters.values)
        whole = totals_of(whole_row)
        return [
            Consumer(
                key=row["key"],
                dimension=Dimension(row["dimension"]),
                label=row["label"],
                source=row["source"],
                totals=(totals := totals_of(row)),
                share=totals.share_of(whole, metric),
            )
            for row in rows
        ]

    async def unpriced_models(self, scope: Scope, *, first: int) -> list[UnpricedModel]:
        """The ``first`` models with calls whose cost is unknown: most such calls first, then tokens, then names."""
        parameters = Parameters()
        sql = query("sum_unpriced_models").format(
            first=parameters.add(first),
            cells=cells(
                scope,
                parameters,
                columns=("model", "provider"),
                measures=("calls", "unpriced_calls", "unpriced_input_tokens", "unpriced_output_tokens"),
                kept_since=await self.kept_since(),
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

    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage:
        """One page of the scope's records in ``order``."""
        statement = list_page(await self._kept(scope), order, page)
        rows = await self._fetch(statement.sql, *statement.values)
        beyond: bool = rows[0]["beyond"]
        records = [record_of(row, skip=1) for row in rows if row["project"] is not None]
        more = len(records) > statement.limit
        del records[statement.limit :]
        if statement.backwards:
            return RecordPage(records[::-1], has_next=beyond, has_previous=more)
        if page.last is not None and len(records) > page.last:
            return RecordPage(records[len(records) - page.last :], has_next=more, has_previous=True)
        return RecordPage(records, has_next=more, has_previous=beyond)

    async def record_count(self, scope: Scope) -> int:
        """How many records ``scope`` has."""
        parameters = Parameters()
        inner = cells(await self._kept(scope), parameters, measures=("calls",), kept_since=await self.kept_since())
        (row,) = await self._fetch(query("sum_calls").format(cells=inner), *parameters.values)
        calls: int = row["calls"]
        return calls

    async def records_by_id(self, project: str, ids: Sequence[tuple[datetime, int]]) -> list[UsageRecord | None]:
        """The records of ``project`` that started then and have that id, in the order of ``ids``."""
        if not ids:
            return []
        since = await self.kept_since()
        kept = [id for id in ids if since is None or id[0] >= since]
        sql = query("get_records").format(columns=COLUMNS)
        rows = await self._fetch(sql, project, [start for start, _ in kept], [number for _, number in kept])
        found = {(record.started_at, record.id): record for record in map(record_of, rows)}
        return [found.get(key) for key in ids]

    async def freshness(self, project: str) -> Freshness:
        """Through when the records of ``project``, and their rollups, are there."""
        (row,) = await self._fetch(query("get_freshness"), project)
        return Freshness(*row)

    async def ingest_health(self, project: str) -> IngestHealth:
        """What became of everything that was sent to ``project``, as far as servers have said so here."""
        return health_of(counts_of(await self._fetch(query("list_ingest"), project)))


class Reader:
    """Opens snapshots."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """A REPEATABLE READ, read-only transaction.

        Raises:
            QueryUnavailable: the database is away, or all connections are in use.
        """
        async with self._connection() as connection:
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            with _explained():
                await transaction.start()
            try:
                yield Snapshot(connection)
            finally:
                with _given_up():
                    async with asyncio.timeout(_LEAVE_TIMEOUT):
                        await transaction.rollback()

    async def schema(self, choice: EngineChoice) -> migrate.Schema:
        """How the database stands now.

        Raises:
            QueryUnavailable: the database is away.
            MigrationError: it does not fit this program, or not ``choice``.
        """
        async with self._connection() as connection:
            with _explained():
                return await migrate.inspect(connection, choice)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            with _explained():
                connection = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT)
        except QueryUnavailable as error:
            if isinstance(error.__cause__, TimeoutError) and not self._pool.get_idle_size():
                raise QueryUnavailable(
                    "All connections are busy with other questions; ask again in a moment."
                ) from error.__cause__
            raise
        try:
            yield connection
        finally:
            with _given_up():
                await self._pool.release(connection, timeout=_LEAVE_TIMEOUT)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns the driver's failures into those of this project; what it cannot explain goes on as it is."""
    try:
        yield
    except asyncpg.QueryCanceledError as error:
        raise QueryTimeout(
            "The question took too long. Ask for a shorter window, fewer filters, or a larger bucket."
        ) from error
    except UNREACHABLE as error:
        _log.warning("a query was not answered: %s: %s", type(error).__name__, error)
        raise QueryUnavailable("The database cannot answer now; ask again in a moment.") from error


@contextmanager
def _given_up() -> Iterator[None]:
    """Leaving a lost connection costs no answer: nothing was written, and the pool replaces it."""
    try:
        yield
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        _log.warning("a connection was given up: %s: %s", type(error).__name__, error)


@asynccontextmanager
async def open_reader(dsn: str, *, connections: int, statement_timeout: float) -> AsyncIterator[Reader]:
    """A reader over its own pool."""
    settings = {"statement_timeout": f"{max(1, round(statement_timeout * 1000))}ms"}
    # The server ends its statements itself; longer than that takes only one that cannot be reached.
    patience = statement_timeout + _LEAVE_TIMEOUT
    async with open_pool(
        dsn, name="usage-graph reader", size=connections, command_timeout=patience, settings=settings
    ) as pool:
        yield Reader(pool)
