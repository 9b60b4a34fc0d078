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
    """All of them, by model, provider and time."""
    return _prices(await connection.fetch(query("list_prices")))


async def set_price(connection: Connection, price: OwnPrice) -> None:
    """In place of the one of the same model, provider and time, if there is one."""
    await connection.execute(query("set_price"), *price[:-1])


async def remove_prices(
    connection: Connection, model: str, *, provider: str | None = None, since: datetime | None = None
) -> list[OwnPrice]:
    """Those of ``model``; if given, of ``provider`` alone, and from ``since`` on alone. Returns what was removed."""
    return _prices(await connection.fetch(query("remove_prices"), model, provider, since))


async def carry_prices(source: Connection, target: Connection) -> None:
    """Give ``target`` the prices of ``source`` that it has none in place of."""
    known = {price[:3] for price in await list_prices(target)}
    for price in await list_prices(source):
        if price[:3] not in known:
            await set_price(target, price)


def _prices(rows: Iterable[asyncpg.Record]) -> list[OwnPrice]:
    return [OwnPrice._make((*row, Origin.DATABASE)) for row in rows]
