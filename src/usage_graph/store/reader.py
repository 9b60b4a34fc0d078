"""Answering questions about usage, exactly, from the smallest relations that can."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from itertools import groupby

import asyncpg

from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.store import migrate
from usage_graph.store.cells import SUMS, WEIGHT, Parameters, cells
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.engine import EngineChoice
from usage_graph.store.pages import COLUMNS, list_page
from usage_graph.store.sql import query
from usage_graph.usage import (
    Breakdown,
    Consumer,
    ConsumerKind,
    Dimension,
    Freshness,
    Group,
    Metric,
    PageRequest,
    RecordOrder,
    RecordPage,
    Scope,
    Series,
    SeriesGroup,
    Totals,
    UsageRecord,
)

_log = logging.getLogger("usage_graph.store")

_ACQUIRE_TIMEOUT = 10.0
_LEAVE_TIMEOUT = 2.0
"""Seconds that the database has to take back a connection before it is cut: an answer may be waiting for it."""
_WIDTH = len(Totals._fields)

_ITEM_COLUMNS = ("conversation", "agent", "item_name")
_ITEM_KEY = "coalesce(c.conversation, c.agent, c.item_name)"
_ITEM_DIMENSION = (
    "CASE WHEN c.conversation IS NOT NULL THEN 'conversation' WHEN c.agent IS NOT NULL THEN 'agent' ELSE 'name' END"
)


class Snapshot:
    """One view of the database: whatever is asked of it is answered as of one moment.

    Calls may overlap; they run one after another on the one connection.

    Every method raises ``QueryTimeout`` or ``QueryUnavailable``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def _fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        async with self._lock:
            with _explained():
                return await self._connection.fetch(sql, *values)

    async def totals(self, scope: Scope) -> Totals:
        """Sums over all calls of ``scope``."""
        parameters = Parameters()
        sql = query("sum_totals").format(sums=SUMS, cells=cells(scope, parameters))
        (row,) = await self._fetch(sql, *parameters.values)
        return _totals(row)

    async def series(
        self, scope: Scope, bounds: Sequence[datetime], *, by: Dimension | None, metric: Metric, top: int
    ) -> Series:
        """Sums between each two of ``bounds`` (ascending, covering the scope); the ``top`` groups of ``by`` apart."""
        parameters = Parameters()
        width = len(bounds) - 1
        thresholds = parameters.add(list(bounds[:-1]))
        if by is None:
            sql = query("sum_series").format(
                bounds=thresholds, sums=SUMS, cells=cells(scope, parameters, bounds=bounds)
            )
            rows = await self._fetch(sql, *parameters.values)
            return Series(_points(width, ((row["point"], _totals(row)) for row in rows)), [], None)
        sql = query("sum_series_by").format(
            bounds=thresholds,
            sums=SUMS,
            key=by.value,
            weight=WEIGHT[metric].format(over="OVER (PARTITION BY c.key)"),
            top=parameters.add(top),
            cells=cells(scope, parameters, columns=(by.value,), bounds=bounds),
        )
        return _split_series(width, await self._fetch(sql, *parameters.values), metric)

    async def breakdown(self, scope: Scope, *, by: Dimension, metric: Metric, first: int) -> Breakdown:
        """Sums per value of ``by``: the ``first`` by ``metric``, ties by key, and the rest."""
        parameters = Parameters()
        sql = query("sum_breakdown").format(
            sums=SUMS,
            key=by.value,
            weight=WEIGHT[metric].format(over=""),
            first=parameters.add(first),
            cells=cells(scope, parameters, columns=(by.value,)),
        )
        rows = [(row["rank"], row["key"], _totals(row)) for row in await self._fetch(sql, *parameters.values)]
        whole = _sum(totals for _, _, totals in rows)
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
        sql = query("sum_consumers").format(
            sums=SUMS,
            measures=", ".join(f"c.{measure}" for measure in Totals._fields),
            key=_ITEM_KEY if of_item else f"c.{kind.value}",
            dimension=_ITEM_DIMENSION if of_item else f"'{kind.value}'",
            weight=WEIGHT[metric].format(over=""),
            first=parameters.add(first),
            cells=cells(scope, parameters, columns=(*columns, "source")),
            project=parameters.add(scope.project),
            start=parameters.add(scope.start),
            end=parameters.add(scope.end),
        )
        *rows, whole_row = await self._fetch(sql, *parameters.values)
        whole = _totals(whole_row)
        return [
            Consumer(
                key=row["key"],
                dimension=Dimension(row["dimension"]),
                label=row["label"],
                source=row["source"],
                totals=(totals := _totals(row)),
                share=totals.share_of(whole, metric),
            )
            for row in rows
        ]

    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage:
        """One page of the scope's records in ``order``."""
        statement = list_page(scope, order, page)
        rows = await self._fetch(statement.sql, *statement.values)
        beyond: bool = rows[0]["beyond"]
        records = [_record(row, skip=1) for row in rows if row["project"] is not None]
        more = len(records) > statement.limit
        del records[statement.limit :]
        if statement.backwards:
            return RecordPage(records[::-1], has_next=beyond, has_previous=more)
        if page.last is not None and len(records) > page.last:
            return RecordPage(records[len(records) - page.last :], has_next=more, has_previous=True)
        return RecordPage(records, has_next=more, has_previous=beyond)

    async def record_count(self, scope: Scope) -> int:
        """How many records ``scope`` has."""
        return (await self.totals(scope)).calls

    async def records_by_id(self, project: str, ids: Sequence[tuple[datetime, int]]) -> list[UsageRecord | None]:
        """The records of ``project`` that started then and have that id, in the order of ``ids``."""
        if not ids:
            return []
        sql = query("get_records").format(columns=COLUMNS)
        starts, numbers = zip(*ids, strict=True)
        rows = await self._fetch(sql, project, list(starts), list(numbers))
        found = {(record.started_at, record.id): record for record in map(_record, rows)}
        return [found.get(key) for key in ids]

    async def freshness(self, project: str) -> Freshness:
        """Through when the records of ``project``, and their rollups, are there."""
        (row,) = await self._fetch(query("get_freshness"), project)
        return Freshness(*row)


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


def _totals(row: asyncpg.Record) -> Totals:
    """The last columns of a row, which are the sums."""
    return Totals(*map(int, tuple(row)[-_WIDTH:]))


def _record(row: asyncpg.Record, *, skip: int = 0) -> UsageRecord:
    return UsageRecord(*tuple(row)[skip : skip + len(UsageRecord._fields)])


def _sum(totals: Iterable[Totals]) -> Totals:
    whole = Totals()
    for part in totals:
        whole = whole.plus(part)
    return whole


def _points(width: int, found: Iterable[tuple[int, Totals]]) -> list[Totals]:
    points = [Totals()] * width
    for point, totals in found:
        points[point] = points[point].plus(totals)
    return points


def _split_series(width: int, rows: Sequence[asyncpg.Record], metric: Metric) -> Series:
    parsed = [(row["rank"], row["key"], row["point"], _totals(row)) for row in rows]
    points = _points(width, ((point, totals) for _, _, point, totals in parsed))
    whole = _sum(points)
    groups: list[SeriesGroup] = []
    other = None
    for (rank, key), of_group in groupby(parsed, key=lambda row: row[:2]):
        own = _points(width, ((point, totals) for _, _, point, totals in of_group))
        totals = _sum(own)
        group = SeriesGroup(key, totals, totals.share_of(whole, metric), own)
        if rank is None:
            other = group
        else:
            groups.append(group)
    return Series(points, groups, other)
