"""The user's own prices in the database. Servers look for changes, so whoever sets one need not tell them."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

import asyncpg

from usage_graph.errors import StartupError
from usage_graph.price import Origin, OwnPrice
from usage_graph.store.connect import UNREACHABLE, Connection, connect
from usage_graph.store.sql import query


async def read_prices(dsn: str) -> list[OwnPrice]:
    """All of them, on a connection of its own.

    Raises:
        StartupError: the database cannot be used.
    """
    connection = await connect(dsn)
    try:
        return await list_prices(connection)
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise StartupError(f"Prices cannot be read from the database: {error or type(error).__name__}.") from error
    finally:
        with suppress(*UNREACHABLE):
            await connection.close(timeout=5)


async def list_prices(connection: Connection) -> list[OwnPrice]:
    """All of them, by model, provider, time and project; those of all projects before those of one."""
    return prices_of(await connection.fetch(query("list_prices")))


async def set_price(connection: Connection, price: OwnPrice) -> None:
    """In place of the one of the same project, model, provider and time, if there is one."""
    await connection.execute(query("set_price"), *_row(price))


async def remove_prices(
    connection: Connection,
    model: str,
    *,
    provider: str | None = None,
    since: datetime | None = None,
    project: str | None = None,
) -> list[OwnPrice]:
    """Those of ``model`` that were set for ``project``, without one those for all projects; if given, of ``provider``
    alone, and from ``since`` on alone. Returns what was removed."""
    return prices_of(await connection.fetch(query("remove_prices"), project, model, provider, since))


async def carry_prices(source: Connection, target: Connection) -> None:
    """Give ``target`` the prices of ``source`` that it has none in place of."""
    known = {_key(price) for price in await list_prices(target)}
    for price in await list_prices(source):
        if _key(price) not in known:
            await set_price(target, price)


def _key(price: OwnPrice) -> tuple[object, ...]:
    return price.project, price.model, price.provider, price.since


def _row(price: OwnPrice) -> tuple[object, ...]:
    """In the order of the columns."""
    *said, _, project = price
    return project, *said


def prices_of(rows: Iterable[asyncpg.Record]) -> list[OwnPrice]:
    return [OwnPrice._make((*said, Origin.DATABASE, project)) for project, *said in rows]
