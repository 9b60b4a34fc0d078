"""Credit rules of a running server: what is set while it runs is in force soon, and nothing has to be restarted."""

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest

from tests.records import record
from tests.store.database import connected
from usage_graph import rules as watching
from usage_graph.credits import CreditRule
from usage_graph.errors import StartupError
from usage_graph.processor.charging import Charging
from usage_graph.rules import Rules
from usage_graph.store.credits import read_credit_rules, remove_credit_rule, set_credit_rule
from usage_graph.usage import NANO

RULE = CreditRule("default", per_call=Decimal(3))
AWAY = "postgresql://nobody@127.0.0.1:1/none"


def charged(charging: Charging) -> int:
    return charging.charge(record(credits_nano=0)).credits_nano


async def test_the_database_is_looked_at_again_and_again(database: str) -> None:
    charging = Charging()
    rules = Rules(dsn=database, charging=charging)
    await rules.load()
    assert charged(charging) == 0
    async with connected(database) as connection:
        for rule in (RULE, RULE._replace(per_call=Decimal(5))):
            await set_credit_rule(connection, rule)
            await rules.round()
            assert charged(charging) == (rule.per_call or 0) * NANO
        remembered = charging._amounts
        await rules.round()
        assert charging._amounts is remembered
        await remove_credit_rule(connection, "default")
        await rules.round()
        assert charged(charging) == 0


async def test_a_database_that_is_away_leaves_them_as_they_were_and_is_said_once(
    postgresql: str, caplog: pytest.LogCaptureFixture
) -> None:
    charging = Charging()
    async with connected(postgresql) as connection:
        await set_credit_rule(connection, RULE)
    rules = Rules(dsn=postgresql, charging=charging)
    await rules.load()
    rules._dsn = AWAY
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await rules.round()
    assert charged(charging) == 3 * NANO
    (said,) = [entry.getMessage() for entry in caplog.records]
    assert said.startswith("credit rules stay as they were: ")


async def test_at_the_start_the_database_must_be_there() -> None:
    with pytest.raises(StartupError):
        async with Rules(dsn=AWAY, charging=Charging()).running():
            raise AssertionError("unreachable")


async def test_it_looks_for_as_long_as_it_is_open(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_EVERY", 0.05)
    charging = Charging()
    async with Rules(dsn=postgresql, charging=charging).running(), connected(postgresql) as connection:
        await set_credit_rule(connection, RULE)
        async with asyncio.timeout(30):
            while not charged(charging):  # noqa: ASYNC110  # what is waited for is a state
                await asyncio.sleep(0.02)


async def test_looking_goes_on_whatever_happens(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "_EVERY", 0.05)
    charging = Charging()
    failures = iter([RuntimeError("unforeseen")])

    async def failing(dsn: str) -> Any:
        for failure in failures:
            raise failure
        return await read_credit_rules(dsn)

    async with Rules(dsn=postgresql, charging=charging).running(), connected(postgresql) as connection:
        monkeypatch.setattr(watching, "read_credit_rules", failing)
        await set_credit_rule(connection, RULE)
        async with asyncio.timeout(30):
            while not charged(charging):  # noqa: ASYNC110  # what is waited for is a state
                await asyncio.sleep(0.02)
    assert [entry.getMessage() for entry in caplog.records] == ["credit rules stay as they were"]
