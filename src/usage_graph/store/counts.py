"""What became of everything that was sent, added to the database while servers run.

Any number of servers add to the same counts. What one has counted and not yet added is lost when it is killed: some
seconds' worth. Counts that wait while the database is away are added when it is back.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from usage_graph.health import MAX_DETAILS, OTHER, Tally
from usage_graph.store.connect import UNREACHABLE, Pool, open_pool
from usage_graph.store.sql import query

_log = logging.getLogger("usage_graph.store")

_EVERY = 3.0
_ADD_TIMEOUT = 10.0
_LAST_TIMEOUT = 5.0
"""Seconds that a server which stops waits for a database that does not answer."""
_AWAY = (*UNREACHABLE, asyncpg.PostgresError)


class Counts:
    """Adds the counts of ``tally`` to the table, every few seconds and once more at the end."""

    def __init__(self, pool: Pool, *, tally: Tally) -> None:
        self._pool = pool
        self._tally = tally
        self._away = False

    async def add(self) -> None:
        """Add what was counted since the last time; it is kept where the database does not take it.

        An answer that is lost on its way back counts what it answers twice. Never raises but when cancelled.
        """
        if not (counts := self._tally.take()):
            return
        columns = [
            *zip(*((c.project, c.outcome, c.detail, c.count, c.first_seen, c.last_seen) for c in counts), strict=True)
        ]
        try:
            await self._pool.execute(query("add_ingest"), *columns, MAX_DETAILS, OTHER, timeout=_ADD_TIMEOUT)
        except asyncpg.DataError as error:
            # It would be refused again, and all that comes after with it.
            _log.error("%d counts of what was received cannot be stored: %s", len(counts), type(error).__name__)
        except _AWAY as error:
            self._tally.give_back(counts)
            if not self._away:
                _log.warning("counts of what is received wait for the database: %s", error or type(error).__name__)
            self._away = True
        except asyncio.CancelledError:
            self._tally.give_back(counts)
            raise
        else:
            self._away = False
            if self._tally.lost:
                _log.warning("%d of what was received are not in the counts: there were too many", self._tally.lost)
                self._tally.lost = 0

    async def _keep_going(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self.add()


@asynccontextmanager
async def open_counts(dsn: str, *, tally: Tally) -> AsyncIterator[Counts]:
    """The counts, added to for as long as this is open, over a connection of its own."""
    async with open_pool(dsn, name="usage-graph counts", size=1, command_timeout=_ADD_TIMEOUT) as pool:
        counts = Counts(pool, tally=tally)
        task = asyncio.create_task(counts._keep_going(), name="counts")
        try:
            yield counts
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_TIMEOUT):
                    await counts.add()
