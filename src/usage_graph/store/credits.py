"""Credit rules and plans in the database. Servers look for changes, so whoever sets one need not tell them."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

import asyncpg

from usage_graph.credits import CreditPeriod, CreditPlan, CreditRule
from usage_graph.errors import StartupError
from usage_graph.store.connect import UNREACHABLE, Connection, connect
from usage_graph.store.sql import query


async def read_credit_rules(dsn: str) -> list[CreditRule]:
    """Those of all projects, on a connection of its own.

    Raises:
        StartupError: the database cannot be used.
    """
    connection = await connect(dsn)
    try:
        return await list_credit_rules(connection)
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise StartupError(f"Credit rules cannot be read: {error or type(error).__name__}.") from error
    finally:
        with suppress(*UNREACHABLE):
            await connection.close(timeout=5)


async def list_credit_rules(connection: Connection, project: str | None = None) -> list[CreditRule]:
    """Those of ``project``, or of all, by project, model, channel and time."""
    return _rules(await connection.fetch(query("list_credit_rules"), project))


async def set_credit_rule(connection: Connection, rule: CreditRule) -> None:
    """In place of the one of the same project, model, channel and time, if there is one."""
    await connection.execute(query("set_credit_rule"), *rule)


async def remove_credit_rule(
    connection: Connection,
    project: str,
    *,
    model: str | None = None,
    channel: str | None = None,
    since: datetime | None = None,
) -> list[CreditRule]:
    """Those of just this ``model`` and ``channel`` (``None``: that name none), of any time unless ``since`` is given.

    ``model`` is folded as ``processor.charging.credit_rule`` does. Returns what was removed.
    """
    return _rules(await connection.fetch(query("remove_credit_rules"), project, model, channel, since))


async def list_credit_plans(connection: Connection, project: str | None = None) -> list[CreditPlan]:
    """Those of ``project``, or of all, by project and time."""
    return plans_of(await connection.fetch(query("list_credit_plans"), project))


async def set_credit_plan(connection: Connection, plan: CreditPlan) -> None:
    """In place of the one of the same project and time, if there is one."""
    await connection.execute(query("set_credit_plan"), *plan)


async def remove_credit_plan(
    connection: Connection, project: str, *, since: datetime | None = None
) -> list[CreditPlan]:
    """Those of ``project``, of any time unless ``since`` is given. Returns what was removed."""
    return plans_of(await connection.fetch(query("remove_credit_plans"), project, since))


async def carry_credits(source: Connection, target: Connection) -> None:
    """Give ``target`` the rules and plans of ``source`` that it has none in place of."""
    rules = {rule[:4] for rule in await list_credit_rules(target)}
    for rule in await list_credit_rules(source):
        if rule[:4] not in rules:
            await set_credit_rule(target, rule)
    plans = {plan[:2] for plan in await list_credit_plans(target)}
    for plan in await list_credit_plans(source):
        if plan[:2] not in plans:
            await set_credit_plan(target, plan)


def plans_of(rows: Iterable[asyncpg.Record]) -> list[CreditPlan]:
    return [
        CreditPlan(project, since, CreditPeriod(period), zone, int(included), price)
        for project, since, period, zone, included, price in rows
    ]


def _rules(rows: Iterable[asyncpg.Record]) -> list[CreditRule]:
    return [CreditRule._make(row) for row in rows]
