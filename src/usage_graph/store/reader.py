"""Opening states of the database to put questions to, over a pool of connections."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from usage_graph.config import EngineChoice
from usage_graph.errors import QueryUnavailable
from usage_graph.store import migrate
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.lone import Known
from usage_graph.store.plans import ANEW, KEPT
from usage_graph.store.snapshot import Snapshot
from usage_graph.store.sql import query
from usage_graph.store.sums import Sums, sums_of
from usage_graph.store.view import explained
from usage_graph.usage import SUMMED

if TYPE_CHECKING:
    PoolConnection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_log = logging.getLogger("usage_graph.store")

PLANNING = {
    # Starting workers takes longer than most questions do: they are for those that read very many records.
    "parallel_setup_cost": "20000",
}
"""Settings of the database that plans depend on."""

_ACQUIRE_TIMEOUT = 10.0
_PROCESSES = 1_000
"""Connections, those that are closed included, of which it is known how old their plans are."""
_LEAVE_TIMEOUT = 2.0
"""Seconds that the database has to take back a connection before it is cut: an answer may be waiting for it."""


class Reader:
    """Opens snapshots."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime] | None = None) -> None:
        """``clock``: says until when there may be calls; without, there are taken to be as many later on."""
        self._pool = pool
        self._clock = clock
        self._known: Known = {}
        self._planning: str | None = None
        self._planned: dict[int, float] = {}
        """By connection (its process in the database): since when it keeps plans."""

    def snapshot(self, measures: frozenset[str] = frozenset(SUMMED), *, alone: bool = False) -> "_Opening":
        """A REPEATABLE READ, read-only transaction, in which only these ``measures`` of ``Totals`` are summed.

        ``alone``: no more than one question will be put to it; what takes one statement then goes without one.

        Raises:
            QueryUnavailable: the database is away, or all connections are in use.
        """
        return _Opening(self, sums_of(measures), self._known if alone else None)

    async def schema(self, choice: EngineChoice) -> migrate.Schema:
        """How the database stands now.

        Raises:
            QueryUnavailable: the database is away.
            MigrationError: it does not fit this program, or not ``choice``.
        """
        async with self._connection() as connection:
            with explained():
                return await migrate.inspect(connection, choice)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.give_back(connection)

    async def take(self) -> "PoolConnection":
        """A connection. Raises ``QueryUnavailable``."""
        try:
            with explained():
                connection = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT)
        except QueryUnavailable as error:
            if isinstance(error.__cause__, TimeoutError) and not self._pool.get_idle_size():
                raise QueryUnavailable(
                    "All connections are busy with other questions; ask again in a moment."
                ) from error.__cause__
            raise
        try:
            with explained():
                await self._set_planning(connection)
        except BaseException:
            await self.give_back(connection)
            raise
        return connection

    async def _set_planning(self, connection: Connection) -> None:
        """Has the database plan as it should on this connection, and forget what it planned long ago."""
        now, process = time.monotonic(), connection.get_server_pid()
        if now - self._planned.get(process, -KEPT) < KEPT:
            return
        if len(self._planned) >= _PROCESSES:
            self._planned.clear()
        if self._planning is None:
            self._planning = await connection.fetchval(query("get_planning"))
        await connection.execute(f"DISCARD PLANS; SET plan_cache_mode = {self._planning}")
        self._planned[process] = now

    @property
    def planning(self) -> str:
        """How connections that were taken plan what is asked of them."""
        return self._planning or ANEW

    def now(self) -> datetime | None:
        return self._clock() if self._clock is not None else None

    async def give_back(self, connection: "PoolConnection") -> None:
        """One that was taken."""
        with _given_up():
            await self._pool.release(connection, timeout=_LEAVE_TIMEOUT)


class _Opening:
    """A snapshot, for as long as this is entered."""

    def __init__(self, reader: Reader, sums: Sums, known: Known | None) -> None:
        self._reader = reader
        self._sums = sums
        self._known = known

    async def __aenter__(self) -> Snapshot:
        self._connection = await self._reader.take()
        self._snapshot = Snapshot(
            self._connection, self._sums, self._known, planning=self._reader.planning, now=self._reader.now()
        )
        if self._known is None:
            try:
                await self._snapshot.begin()
            except BaseException:
                await self._reader.give_back(self._connection)
                raise
        return self._snapshot

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._snapshot.begun:
                with _given_up():
                    async with asyncio.timeout(_LEAVE_TIMEOUT):
                        await self._snapshot.end()
        finally:
            await self._reader.give_back(self._connection)


@contextmanager
def _given_up() -> Iterator[None]:
    """Leaving a lost connection costs no answer: nothing was written, and the pool replaces it."""
    try:
        yield
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        _log.warning("a connection was given up: %s: %s", type(error).__name__, error)


@asynccontextmanager
async def open_reader(
    dsn: str, *, connections: int, statement_timeout: float, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[Reader]:
    """A reader over its own pool; ``clock`` as of a ``Reader``."""
    settings = {
        "statement_timeout": f"{max(1, round(statement_timeout * 1000))}ms",
        # Also of statements without a transaction around them (``lone``).
        "default_transaction_isolation": "repeatable read",
        "default_transaction_read_only": "on",
        **PLANNING,
    }
    # The server ends its statements itself; longer than that takes only one that cannot be reached.
    patience = statement_timeout + _LEAVE_TIMEOUT
    async with open_pool(
        dsn, name="usage-graph reader", size=connections, command_timeout=patience, settings=settings
    ) as pool:
        yield Reader(pool, clock)
