"""The user's own prices in the database."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import asyncpg
import pytest

from tests.store.database import connected
from usage_graph.errors import StartupError
from usage_graph.price import Origin, OwnPrice
from usage_graph.store import migrate
from usage_graph.store.copy import copy
from usage_graph.store.prices import carry_prices, list_prices, read_prices, remove_prices, set_price

FIRST = OwnPrice("gpt-4o", None, None, Decimal(3), Decimal(15))
LATER = FIRST._replace(since=datetime(2026, 3, 1, tzinfo=UTC), cache_read=Decimal("0.30"))
OF_AZURE = OwnPrice(
    "gpt-4o",
    "azure",
    None,
    Decimal("0.000000000001"),
    Decimal(10**6),
    Decimal("0.1"),
    Decimal("0.2"),
    Decimal("0.3"),
    Decimal("0.4"),
    Decimal("0.05"),
)
OTHER = OwnPrice("claude-sonnet-4-5", None, None, Decimal(0), Decimal(0))


async def test_prices_come_back_as_they_were_set(database: str) -> None:
    async with connected(database) as connection:
        assert await list_prices(connection) == []
        for price in (LATER, OF_AZURE, OTHER, FIRST):
            await set_price(connection, price)
        assert await list_prices(connection) == [OTHER, FIRST, LATER, OF_AZURE]


async def test_setting_again_replaces_the_price_of_that_model_provider_and_time(database: str) -> None:
    async with connected(database) as connection:
        for price in (FIRST, LATER, OF_AZURE):
            await set_price(connection, price)
        again = [price._replace(input=Decimal("7.25"), cache_write=Decimal(1)) for price in (LATER, FIRST)]
        for price in again:
            # The same instant in another zone is the same time.
            since = price.since and price.since.astimezone(timezone(timedelta(hours=2)))
            await set_price(connection, price._replace(since=since, origin=Origin.DATABASE))
        assert await list_prices(connection) == [again[1], again[0], OF_AZURE]


@pytest.mark.parametrize(
    ("provider", "since", "left"),
    [
        (None, None, [OTHER]),
        ("azure", None, [OTHER, FIRST, LATER]),
        (None, LATER.since, [OTHER, FIRST, OF_AZURE]),
        ("azure", LATER.since, [OTHER, FIRST, LATER, OF_AZURE]),
        ("openai", None, [OTHER, FIRST, LATER, OF_AZURE]),
    ],
)
async def test_prices_are_removed_by_model_provider_and_time(
    postgresql: str, provider: str | None, since: datetime | None, left: list[OwnPrice]
) -> None:
    everything = [OTHER, FIRST, LATER, OF_AZURE]
    async with connected(postgresql) as connection:
        for price in everything:
            await set_price(connection, price)
        removed = await remove_prices(connection, "gpt-4o", provider=provider, since=since)
        assert await list_prices(connection) == left
        assert sorted(removed, key=str) == sorted(set(everything) - set(left), key=str)


async def test_a_project_has_prices_beside_those_of_all(database: str) -> None:
    ours, theirs = FIRST._replace(project="ours", input=Decimal(7)), FIRST._replace(project="theirs")
    async with connected(database) as connection:
        for price in (theirs, FIRST, ours):
            await set_price(connection, price)
        assert await list_prices(connection) == [FIRST, ours, theirs]
        again = ours._replace(input=Decimal(8))
        await set_price(connection, again)
        assert await list_prices(connection) == [FIRST, again, theirs]
        assert await remove_prices(connection, FIRST.model) == [FIRST]
        assert await remove_prices(connection, FIRST.model, project="ours") == [again]
        assert await list_prices(connection) == [theirs]


async def test_the_table_takes_no_negative_price(postgresql: str) -> None:
    async with connected(postgresql) as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await set_price(connection, FIRST._replace(output=Decimal(-1)))


async def test_a_copy_brings_prices_along_and_replaces_none(database: str, empty_database: str) -> None:
    async with connected(database) as source, connected(empty_database) as target:
        await migrate.migrate(target)
        ours = FIRST._replace(project="ours", input=Decimal(7))
        for price in (FIRST, LATER, OTHER, ours):
            await set_price(source, price)
        theirs = LATER._replace(input=Decimal(99))
        await set_price(target, theirs)
        for _ in range(2):
            await carry_prices(source, target)
            assert await list_prices(target) == [OTHER, FIRST, ours, theirs]
        assert await list_prices(source) == [OTHER, FIRST, ours, LATER]
        late = OTHER._replace(model="late")
        await set_price(source, late)
        await copy(database, empty_database, mode="copy", tell=lambda _: None)
        assert late in await list_prices(target)


async def test_a_database_without_the_table_is_said_in_plain_words(empty_database: str) -> None:
    with pytest.raises(StartupError, match="Prices cannot be read from the database"):
        await read_prices(empty_database)
