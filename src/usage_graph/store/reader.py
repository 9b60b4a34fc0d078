"""Opening states of the database to put questions to, over a pool of connections."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from usage_graph.config import EngineChoice
from usage_graph.errors import QueryUnavailable
from usage_graph.store import migrate
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.snapshot import Snapshot, explained

_log = logging.getLogger("usage_graph.store")

_ACQUIRE_TIMEOUT = 10.0
_LEAVE_TIMEOUT = 2.0
"""Seconds that the database has to take back a connection before it is cut: an answer may be waiting for it."""


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
            with explained():
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
            with explained():
                return await migrate.inspect(connection, choice)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
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
            yield connection
        finally:
            with _given_up():
                await self._pool.release(connection, timeout=_LEAVE_TIMEOUT)


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
