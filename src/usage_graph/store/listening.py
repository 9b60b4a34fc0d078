"""Hearing which calls were stored, by whichever server on the database.

One connection listens for all subscribers of this process, and only while there are some. It must be PostgreSQL's own:
behind a proxy that lends connections out for a transaction, nothing is heard.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg
import msgspec

from usage_graph.errors import QueryUnavailable
from usage_graph.store.announcing import CHANNEL, News, RecordKey, address
from usage_graph.store.connect import CONNECT_TIMEOUT, UNREACHABLE

_log = logging.getLogger("usage_graph.store")

MAX_WAITING = 1_000
"""New records that one subscriber may be behind; then the oldest are dropped."""

_HEARTBEAT = 10.0
"""Seconds between looks whether the connection still answers."""
_TIMEOUT = 5.0
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0
_AWAY = (*UNREACHABLE, asyncpg.PostgresError)


class Feed:
    """What one subscriber has yet to be told of one project."""

    def __init__(self) -> None:
        self._records: deque[RecordKey] = deque(maxlen=MAX_WAITING)
        self._changed = asyncio.Event()
        self.dropped = 0
        """New records that it will not be told of, as far as that is known."""

    def put(self, records: Sequence[RecordKey] = (), omitted: int = 0) -> None:
        """Calls came or changed; ``records`` of them are new, and so are as many as are ``omitted``."""
        self.dropped += max(0, len(self._records) + len(records) - MAX_WAITING) + omitted
        self._records.extend(records)
        self._changed.set()

    async def changed(self) -> None:
        """Returns when something was put there since the last ``take``."""
        await self._changed.wait()

    def take(self) -> list[RecordKey]:
        """The new records, in the order of their arrival; none are left."""
        self._changed.clear()
        records = [*self._records]
        self._records.clear()
        return records


class Listener:
    """Feeds its subscribers what is told on the database.

    When the connection was lost, some of it may not have been heard: all are told that something changed.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._feeds: dict[str, set[Feed]] = {}
        self._hears = asyncio.Event()
        self._nudged = asyncio.Event()
        self._away = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """New records that subscribers were not told of, since the process began."""
        return self._dropped + sum(feed.dropped for feeds in self._feeds.values() for feed in feeds)

    @asynccontextmanager
    async def subscribed(self, project: str) -> AsyncIterator[Feed]:
        """A feed of what comes to ``project`` from now on.

        Raises:
            QueryUnavailable: nothing can be heard now.
        """
        feed = Feed()
        where = address(project)
        self._feeds.setdefault(where, set()).add(feed)
        self._nudged.set()
        try:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._hears.wait()
            except TimeoutError:
                raise QueryUnavailable("Live updates cannot be had now; subscribe again in a moment.") from None
            yield feed
        finally:
            feeds = self._feeds[where]
            feeds.discard(feed)
            self._dropped += feed.dropped
            if not feeds:
                del self._feeds[where]
            self._nudged.set()

    async def _keep_going(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            self._nudged.clear()
            if not self._feeds:
                await self._nudged.wait()
                continue
            try:
                await self._listen()
            except _AWAY as error:
                if not self._away:
                    _log.warning("live updates wait for the database: %s", error or type(error).__name__)
                self._away = True
            except Exception:  # whatever it was: subscribers must hear again
                _log.exception("live updates were interrupted")
            else:
                pause = _FIRST_PAUSE
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Returns when nobody wants to hear any more.

        Raises:
            one of ``_AWAY``: nothing can be heard any more.
        """
        connection = await asyncpg.connect(
            self._dsn, timeout=CONNECT_TIMEOUT, server_settings={"application_name": "usage-graph listener"}
        )
        try:
            connection.add_termination_listener(lambda _: self._nudged.set())
            await connection.add_listener(CHANNEL, self._hear)
            self._hears.set()
            self._away = False
            self._tell_all()
            clock = asyncio.get_running_loop().time
            look = clock() + _HEARTBEAT
            while self._feeds:
                # Whoever subscribes meanwhile does not put the look off.
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(look):
                        await self._nudged.wait()
                self._nudged.clear()
                if connection.is_closed() or clock() >= look:
                    await connection.execute("SELECT", timeout=_TIMEOUT)
                    look = clock() + _HEARTBEAT
        finally:
            self._hears.clear()
            with suppress(*_AWAY):
                await connection.close(timeout=_TIMEOUT)

    def _hear(self, _: object, __: int, ___: str, payload: object) -> None:
        try:
            news = msgspec.json.decode(str(payload), type=News)
            keys = news.keys
        except (msgspec.MsgspecError, OverflowError):
            return  # whoever may connect may also say anything
        if not news.project:
            self._tell_all()
        for feed in self._feeds.get(news.project, ()):
            feed.put(keys, news.omitted)

    def _tell_all(self) -> None:
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.put()


@asynccontextmanager
async def open_listener(dsn: str) -> AsyncIterator[Listener]:
    """A listener that hears for as long as this is open."""
    listener = Listener(dsn)
    task = asyncio.create_task(listener._keep_going(), name="listener")
    try:
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
