"""Credit rules and plans in the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from tests.store.database import connected
from usage_graph.credits import CreditPeriod, CreditPlan, CreditRule
from usage_graph.errors import StartupError
from usage_graph.store import migrate
from usage_graph.store.copy import copy
from usage_graph.store.credits import (
    carry_credits,
    list_credit_plans,
    list_credit_rules,
    read_credit_rules,
    remove_credit_plan,
    remove_credit_rule,
    set_credit_plan,
    set_credit_rule,
)

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
OF_ALL = CreditRule("a", per_call=Decimal(1))
LATER = OF_ALL._replace(since=SINCE, per_call=None, per_1k_tokens=Decimal("0.000000000001"))
OF_WEB = OF_ALL._replace(channel="web", per_1k_tokens=Decimal(10**6))
OF_MODEL = OF_ALL._replace(model="gpt-*", since=SINCE)
ELSEWHERE = OF_ALL._replace(project="b")
RULES = [OF_ALL, LATER, OF_WEB, OF_MODEL, ELSEWHERE]

PLAN = CreditPlan("a", None, CreditPeriod.MONTH, "Asia/Kathmandu", 10**21, Decimal("0.000000000001"))
NEXT = PLAN._replace(since=SINCE, period=CreditPeriod.YEAR, zone="UTC", included_nano=0, price=Decimal(10**6))
PLANS = [PLAN, NEXT, PLAN._replace(project="b")]


async def test_rules_come_back_as_they_were_set(database: str) -> None:
    async with connected(database) as connection:
        assert await list_credit_rules(connection) == []
        for rule in RULES[::-1]:
            await set_credit_rule(connection, rule)
        assert await list_credit_rules(connection) == RULES
        assert await list_credit_rules(connection, "b") == [ELSEWHERE]
        again = LATER._replace(per_call=Decimal(2), since=SINCE.astimezone(None))
        await set_credit_rule(connection, again)
        assert await list_credit_rules(connection, "a") == [OF_ALL, again, OF_WEB, OF_MODEL]
    assert len(await read_credit_rules(database)) == 5


async def test_plans_come_back_as_they_were_set(database: str) -> None:
    async with connected(database) as connection:
        for plan in PLANS[::-1]:
            await set_credit_plan(connection, plan)
        assert await list_credit_plans(connection) == PLANS
        again = PLAN._replace(included_nano=5, period=CreditPeriod.DAY)
        await set_credit_plan(connection, again)
        assert await list_credit_plans(connection, "a") == [again, NEXT]


async def test_removing(postgresql: str) -> None:
    async with connected(postgresql) as connection:
        for rule in RULES:
            await set_credit_rule(connection, rule)
        for plan in PLANS:
            await set_credit_plan(connection, plan)
        assert await remove_credit_rule(connection, "a", model="gpt-*", channel="web") == []
        assert await remove_credit_rule(connection, "a", model="gpt-*") == [OF_MODEL]
        assert await remove_credit_rule(connection, "a", since=SINCE) == [LATER]
        assert await remove_credit_rule(connection, "a", channel="web", since=SINCE) == []
        assert await remove_credit_rule(connection, "a") == [OF_ALL]
        assert await list_credit_rules(connection) == [OF_WEB, ELSEWHERE]
        assert await remove_credit_plan(connection, "a", since=SINCE + timedelta(days=1)) == []
        assert await remove_credit_plan(connection, "a", since=SINCE) == [NEXT]
        assert await remove_credit_plan(connection, "a") == [PLAN]
        assert await list_credit_plans(connection) == [PLANS[-1]]


async def test_what_the_tables_do_not_take(postgresql: str) -> None:
    async with connected(postgresql) as connection:
        for rule in (OF_ALL._replace(per_call=None), OF_ALL._replace(per_call=Decimal(-1))):
            with pytest.raises(asyncpg.CheckViolationError):
                await set_credit_rule(connection, rule)
        for plan in (PLAN._replace(included_nano=-1), PLAN._replace(price=Decimal(-1))):
            with pytest.raises(asyncpg.CheckViolationError):
                await set_credit_plan(connection, plan)


async def test_a_copy_brings_them_along_and_replaces_none(database: str, empty_database: str) -> None:
    async with connected(database) as source, connected(empty_database) as target:
        await migrate.migrate(target)
        for rule in RULES[:2]:
            await set_credit_rule(source, rule)
        for plan in PLANS[:2]:
            await set_credit_plan(source, plan)
        theirs = LATER._replace(per_call=Decimal(99)), PLAN._replace(included_nano=99)
        await set_credit_rule(target, theirs[0])
        await set_credit_plan(target, theirs[1])
        for _ in range(2):
            await carry_credits(source, target)
            assert await list_credit_rules(target) == [OF_ALL, theirs[0]]
            assert await list_credit_plans(target) == [theirs[1], NEXT]
        await set_credit_rule(source, ELSEWHERE)
        await copy(database, empty_database, mode="copy", tell=lambda _: None)
        assert ELSEWHERE in await list_credit_rules(target)


async def test_without_the_table_or_the_database_there_is_a_reason(empty_database: str) -> None:
    for dsn in (empty_database, "postgresql://nobody@127.0.0.1:1/none"):
        with pytest.raises(StartupError):
            await read_credit_rules(dsn)
