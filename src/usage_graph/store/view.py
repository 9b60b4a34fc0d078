"""One state of the database, on one connection, and how it stands there."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime

import asyncpg

from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.question import Scope
from usage_graph.store.connect import UNREACHABLE, Connection
from usage_graph.store.lone import Known, Lone
from usage_graph.store.plans import ANEW, mode
from usage_graph.store.rollup import Settled, Standing
from usage_graph.store.sql import query
from usage_graph.store.sums import ALL, Sums

_log = logging.getLogger("usage_graph.store")


class View:
    """Whatever is fetched from it is of one moment. Calls may overlap; they run one after another.

    Of ``sums`` only those are told that are asked for: the others are 0 in every ``Totals``.
    """

    def __init__(
        self,
        connection: Connection,
        sums: Sums = ALL,
        known: Known | None = None,
        *,
        planning: str = ANEW,
        now: datetime | None = None,
    ) -> None:
        """``known``: only one question will be asked, and this is how things stood when somebody looked last.

        ``planning``: how the connection plans what nobody says more of. ``now``: as of a ``Standing``.
        """
        self._connection = connection
        self._sums = sums
        self._now = now
        self._lone = None if known is None else Lone(known)
        self._transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        self.begun = False
        """Whether a transaction is open."""
        self._usual = self._planning = planning
        self._lock = asyncio.Lock()
        self._standings: dict[str, Standing] = {}
        self._standings_lock = asyncio.Lock()

    async def begin(self) -> None:
        """From here on, all that is asked is answered as of one moment."""
        with explained():
            await self._transaction.start()
        self.begun = True

    async def end(self) -> None:
        """Nothing more will be asked of what has ``begun``."""
        await self._transaction.rollback()

    async def _fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        lone = self._lone
        if lone is None or not lone.active:
            async with self._turn():
                return await self._connection.fetch(sql, *values)
        if self._wanted() != self._planning:
            async with self._turn():
                return await lone.fetch(self._connection, sql, values)
        with explained():
            return await lone.fetch(self._connection, sql, values)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with self._lock:
            if not self.begun:
                if self._lone is not None:
                    self._lone.check()
                await self.begin()
            with explained():
                if (wanted := self._wanted()) != self._planning:
                    await self._connection.execute(f"SET LOCAL plan_cache_mode = {wanted}")
                    self._planning = wanted
                yield

    def _wanted(self) -> str:
        """How the statements of the question are to be planned that is being answered."""
        return ANEW if self._usual == ANEW else mode()

    async def kept_since(self, project: str = "") -> datetime | None:
        """Since when records are kept, ``None``: since ever. Read once, when it is first needed."""
        for standing in self._standings.values():
            return standing.kept_since
        return (await self._standing(project)).kept_since

    async def _standing(self, project: str) -> Standing:
        """What there is to read of ``project``. Read once, when it is first needed."""
        if self._lone is not None and self._lone.active:
            return self._lone.standing(project)._replace(now=self._now)
        async with self._standings_lock:
            if project not in self._standings:
                ((kept_since, until, unsettled),) = await self._fetch(query("get_standing"), project)
                self._standings[project] = Standing(kept_since, Settled(until, tuple(unsettled)), self._now)
                if self._lone is not None:
                    self._lone.learn(project, self._standings[project])
        return self._standings[project]

    async def _kept(self, scope: Scope) -> Scope:
        """What there are records of in ``scope``."""
        since = await self.kept_since(scope.project)
        return scope if since is None or since <= scope.start else replace(scope, start=min(since, scope.end))


@contextmanager
def explained() -> Iterator[None]:
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
