"""Prices, credits and keys as an admin sees and changes them: each change in a transaction of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from usage_graph.credits import CreditPlan, CreditRule
from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.grant import Access, StoredKey
from usage_graph.price import OwnPrice
from usage_graph.store import credits, keys, prices
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.sql import query

_log = logging.getLogger("usage_graph.store")

_CONNECTIONS = 2
"""Admins are few, and what they ask for is quickly done."""
_PATIENCE = 10.0
"""Seconds for a statement, and to get a connection."""


class Administration:
    """What a ``project`` goes by. Servers look for changes (prices, credit rules, keys), so nobody is told.

    Everything raises ``QueryUnavailable`` and ``QueryTimeout``: then nothing was changed, or all that was asked for,
    and the same may be asked again.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def prices(self, project: str) -> list[OwnPrice]:
        """Those of ``project`` and those of all projects."""
        async with self._transaction() as connection:
            return [price for price in await prices.list_prices(connection) if price.project in (None, project)]

    async def set_price(self, price: OwnPrice) -> None:
        """In place of the one of the same project, model, provider and time, if there is one."""
        async with self._transaction() as connection:
            await prices.set_price(connection, price)

    async def remove_price(
        self, project: str | None, model: str, provider: str | None, since: datetime | None
    ) -> OwnPrice | None:
        """Just this one, ``None`` meaning that it says none; returns it, if there was one."""
        async with self._transaction() as connection:
            rows = await connection.fetch(query("drop_price"), project, model, provider, since)
        return next(iter(prices.prices_of(rows)), None)

    async def credit_plans(self, project: str) -> list[CreditPlan]:
        async with self._transaction() as connection:
            return await credits.list_credit_plans(connection, project)

    async def set_credit_plan(self, plan: CreditPlan) -> None:
        """In place of the one of the same project and time, if there is one."""
        async with self._transaction() as connection:
            await credits.set_credit_plan(connection, plan)

    async def remove_credit_plan(self, project: str, since: datetime | None) -> CreditPlan | None:
        """Just this one; returns it, if there was one."""
        async with self._transaction() as connection:
            rows = await connection.fetch(query("drop_credit_plan"), project, since)
        return next(iter(credits.plans_of(rows)), None)

    async def credit_rules(self, project: str) -> list[CreditRule]:
        async with self._transaction() as connection:
            return await credits.list_credit_rules(connection, project)

    async def set_credit_rule(self, rule: CreditRule) -> None:
        """In place of the one of the same project, model, channel and time, if there is one."""
        async with self._transaction() as connection:
            await credits.set_credit_rule(connection, rule)

    async def remove_credit_rule(
        self, project: str, model: str | None, channel: str | None, since: datetime | None
    ) -> CreditRule | None:
        """Just this one, ``None`` meaning that it says none; returns it, if there was one."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(query("drop_credit_rule"), project, model, channel, since)
        return None if row is None else CreditRule._make(row)

    async def keys(self, project: str | None) -> list[StoredKey]:
        """Those of ``project``, ``None``: all; also those that have ended, oldest first."""
        async with self._transaction() as connection:
            return await keys.list_keys(connection, project)

    async def create_key(
        self,
        *,
        access: Access,
        project: str | None,
        user: str | None,
        agent: str | None,
        label: str | None,
        expires_at: datetime | None,
    ) -> tuple[StoredKey, str]:
        """A new key, and what is to be shown this once.

        Raises:
            KeyRefused: there cannot be such a key.
        """
        async with self._transaction() as connection:
            return await keys.create_key(
                connection,
                access=access,
                project=project,
                user=user,
                agent=agent,
                label=label,
                expires_at=expires_at,
            )

    async def revoke_key(self, id: str, project: str | None) -> StoredKey | None:
        """End the key ``id``, of ``project`` unless that is ``None``; returns it, if there was one to end."""
        async with self._transaction() as connection:
            if not await keys.revoke_key(connection, id, project):
                return None
            return next(key for key in await keys.list_keys(connection, project) if key.id == id)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire(timeout=_PATIENCE) as connection, connection.transaction():
                yield connection
        except asyncpg.QueryCanceledError as error:
            raise QueryTimeout("The database took too long; ask again in a moment.") from error
        except UNREACHABLE as error:
            _log.warning("an admin was not answered: %s: %s", type(error).__name__, error)
            raise QueryUnavailable("The database cannot answer now; ask again in a moment.") from error


@asynccontextmanager
async def open_administration(dsn: str) -> AsyncIterator[Administration]:
    """Over a pool of its own, so that admins do not wait for those who ask and those who write."""
    async with open_pool(dsn, name="usage-graph admin", size=_CONNECTIONS, command_timeout=_PATIENCE) as pool:
        yield Administration(pool)
