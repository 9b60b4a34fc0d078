"""Telling every server on the database which calls were stored.

What is told is who should look again and where, never what is in a record: whoever may connect to the database may
listen. A project is told by its hash. It is told after the commit, in a transaction of its own: PostgreSQL commits
those that notify one after the other.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated

import asyncpg
import msgspec

from usage_graph.observation import Written
from usage_graph.store.connect import UNREACHABLE, Pool, open_pool
from usage_graph.store.sql import query
from usage_graph.usage import EPOCH

_log = logging.getLogger("usage_graph.store")

CHANNEL = "usage_graph_written"

MAX_TOLD = 5_000
"""Records that are told of at once; of more it is said only how many they are."""
MAX_PROJECTS = 1_000
"""Projects that are told of at once; of more it is said only that something came."""

_PER_PAYLOAD = 170
"""Records in one payload: 42 bytes each at most, of less than 8000."""
_PAUSE = 0.1
_AGAIN = 2.0
"""Seconds until the next attempt where the database is away."""
_TIMEOUT = 5.0
_AWAY = (*UNREACHABLE, asyncpg.PostgresError)

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

RecordKey = tuple[datetime, int]
"""When a record started, and its id."""


class News(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """That calls of ``project`` (its ``address``; empty: of any) are new or not as they were.

    ``records`` are new: microseconds since 1970 and id. ``omitted`` more are, too.
    """

    project: str
    records: list[tuple[_Int64, _Int64]]
    omitted: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0

    @property
    def keys(self) -> list[RecordKey]:
        """Raises ``OverflowError`` outside the calendar."""
        return [(EPOCH + timedelta(microseconds=micros), id) for micros, id in self.records]


def address(project: str) -> str:
    """By what ``project`` is told."""
    return blake2b(project.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def payloads(project: str, keys: list[RecordKey], omitted: int) -> Iterator[str]:
    """What is told of one project, each short enough for PostgreSQL."""
    microsecond = timedelta(microseconds=1)
    records = [((at - EPOCH) // microsecond, id) for at, id in keys]
    while len(records) > _PER_PAYLOAD:
        yield msgspec.json.encode(News(project, records[:_PER_PAYLOAD])).decode()
        del records[:_PER_PAYLOAD]
    yield msgspec.json.encode(News(project, records, omitted)).decode()


@dataclass(slots=True)
class _Waiting:
    keys: list[RecordKey] = field(default_factory=list)
    omitted: int = 0


class Announcer:
    """Tells what was written, at most ten times a second, in bounded memory. Nothing waits for it, nothing fails by it.

    While the database is away nobody can hear; afterwards all are told that something came.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[str, _Waiting] = {}
        self._keys = 0
        self._everything = False
        self._told = asyncio.Event()
        self._away = False

    def tell(self, project: str, written: Written) -> None:
        """A ``TellWritten``."""
        if not (written.stored or written.merged or written.completed):
            return
        self._told.set()
        waiting = self._waiting.get(where := address(project))
        if waiting is None:
            if len(self._waiting) >= MAX_PROJECTS:
                self._everything = True
                return
            waiting = self._waiting[where] = _Waiting()
        taken = written.new[: MAX_TOLD - self._keys]
        waiting.keys += taken
        waiting.omitted += len(written.new) - len(taken)
        self._keys += len(taken)

    async def send(self) -> None:
        """Tell what waits. Never raises but when cancelled."""
        waiting, everything = self._waiting, self._everything
        self._waiting, self._keys, self._everything = {}, 0, False
        self._told.clear()
        try:
            told = [text for project, one in waiting.items() for text in payloads(project, one.keys, one.omitted)]
            told += payloads("", [], 0) if everything else ()
            if told:
                await self._pool.execute(query("add_notifications"), CHANNEL, told, timeout=_TIMEOUT)
        except _AWAY as error:
            if not self._away:
                _log.warning("live updates wait for the database: %s", error or type(error).__name__)
            self._put_off()
        except Exception:  # whatever it was: what comes later must be told of, too
            if not self._away:
                _log.exception("live updates were interrupted")
            self._put_off()
        else:
            self._away = False

    def _put_off(self) -> None:
        self._away = self._everything = True
        self._told.set()

    async def _keep_going(self) -> None:
        while True:
            await self._told.wait()
            await self.send()
            await asyncio.sleep(_AGAIN if self._away else _PAUSE)


@asynccontextmanager
async def open_announcer(dsn: str) -> AsyncIterator[Announcer]:
    """An announcer over a connection of its own, which tells for as long as this is open, and once more at the end."""
    async with open_pool(dsn, name="usage-graph announcer", size=1, command_timeout=_TIMEOUT) as pool:
        announcer = Announcer(pool)
        task = asyncio.create_task(announcer._keep_going(), name="announcer")
        try:
            yield announcer
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await announcer.send()
