"""What keeps the database in shape while servers run: rollups brought up to date, old records forgotten.

Any number of servers may share a database; one at a time does the work, under an advisory lock. What is to be done is
known by ``sql/`` (``usage_stale``, ``usage_refresh``, ``usage_settle``, ``usage_forget``, ``usage_keep_since``,
``usage_expire``), whatever the engine.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import asyncpg

from usage_graph.errors import BadWindow, StartupError
from usage_graph.store.connect import UNREACHABLE, Connection, connect
from usage_graph.store.sql import query
from usage_graph.window import Duration, last, time_zone

_log = logging.getLogger("usage_graph.store")

_LOCK = (0x75736772, 2)  # "usgr"; 1 is the lock of sql/0004
_EVERY = 15.0
"""Seconds between two rounds: late calls are materialized within a minute also when one round fails."""
_QUIET = timedelta(minutes=1)
"""Days of which calls come late are settled again when so long none has come."""
_REST = 10
"""A round is followed by at least so many times the time it took, so that upkeep leaves the database to others..."""
_REST_AT_MOST = 45.0
"""... but by no more seconds than this, or what comes late would not be materialized within a minute."""


class Upkeep:
    """Rounds of upkeep. ``kept_since``: since when the database keeps records, as of the last round.

    ``patience``, in seconds, is how long a question may take. Dropping a chunk does not wait for those who are yet to
    read it, so records go only when nobody can be left who began before the time since when they are kept had moved.
    """

    def __init__(
        self, *, dsn: str, retention: Duration | None, clock: Callable[[], datetime], patience: float = 0.0
    ) -> None:
        self.kept_since: datetime | None = None
        self._dsn = dsn
        self._retention = retention
        self._clock = clock
        self._patience = patience
        self._moved = 0.0
        self._expired: datetime | None = None

    async def round(self) -> None:
        """Do what is to be done now, unless another server does.

        Raises:
            StartupError: the database cannot be reached.
        """
        connection = await connect(self._dsn)
        try:
            self._see(await connection.fetchval(query("get_retention")))
            if await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *_LOCK):
                await self._refresh(connection)
                await self._forget(connection)
        finally:
            # The lock goes with the session.
            with suppress(*UNREACHABLE):
                await connection.close(timeout=5)

    async def _refresh(self, connection: Connection) -> None:
        for since, until in await connection.fetch(query("list_stale")):
            try:
                await connection.execute("CALL usage_refresh($1, $2)", since, until)
            except asyncpg.DataError as error:
                # Answers stay exact: what is not refreshed is read from the records. The other ranges go on.
                _log.error("the rollups of %s to %s cannot be refreshed: %s", since, until, error)
        # Warns where sums leave their range: what is not settled is read from the rollups that it stands on.
        connection.add_log_listener(_tell)
        await connection.execute("CALL usage_settle($1)", _QUIET)

    async def _forget(self, connection: Connection) -> None:
        await connection.execute("CALL usage_forget()")
        if (since := self._wanted()) is not None and (self.kept_since is None or self.kept_since < since):
            self._see(await connection.fetchval("SELECT usage_keep_since($1)", since))
        # Once more after a start: the server before this one may have been stopped in the middle.
        if self.kept_since != self._expired and time.monotonic() >= self._moved + self._patience:
            try:
                await connection.execute("CALL usage_expire()")
            except asyncpg.LockNotAvailableError:
                # Somebody has been reading them for long; the next round tries again.
                _log.info("records from before %s are in use: they go later", self.kept_since)
            else:
                self._expired = self.kept_since

    def _see(self, kept_since: datetime | None) -> None:
        if kept_since != self.kept_since:
            self.kept_since, self._moved = kept_since, time.monotonic()

    def _wanted(self) -> datetime | None:
        """Since when records are to be kept: a whole day in UTC, so that no bucket of a rollup is cut.

        A day more than was asked for: a window as long as the retention begins earlier in some zones than in UTC.
        """
        if self._retention is None:
            return None
        try:
            start = last(self._retention, time_zone("UTC"), self._clock()).start
        except BadWindow:
            return None
        return start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)

    async def _keep_going(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self.round()
            except (StartupError, *UNREACHABLE, asyncpg.PostgresError) as error:
                _log.warning("upkeep is put off: %s", error)
            await asyncio.sleep(max(_EVERY, min(_REST_AT_MOST, _REST * (time.monotonic() - begun))))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Round after round for as long as this is open."""
        task = asyncio.create_task(self._keep_going(), name="upkeep")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _tell(_: object, message: asyncpg.PostgresLogMessage) -> None:
    _log.warning("upkeep: %s", message.message)
