"""``usage-graph credits``: what calls consume by rule, and the plan that says how many credits are included."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any

from usage_graph.credits import CreditPeriod, CreditPlan, CreditRule
from usage_graph.errors import ConfigError, QueryError
from usage_graph.flags import DATABASE, Command, add, add_choice, add_settings, settings_of
from usage_graph.project import DEFAULT_PROJECT

_CHARGED = "Servers know within 15 seconds. Calls that are stored keep their credits: see `usage-graph reprice`."
_PLANNED = "It holds for the calls that are stored, too."
_NOTHING = "Nothing to remove."


def add_commands(parser: argparse.ArgumentParser) -> None:
    """``show``, ``rule set``, ``rule remove``, ``plan set`` and ``plan remove``."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _command(commands, "show", show, "list rules and plans, and say what is left of the present period")

    rules = commands.add_parser("rule", help="what calls consume that do not report it").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    setting = _command(rules, "set", set_rule, "set a rule; in place of the one of the same calls and time")
    _add_calls(setting)
    setting.add_argument("--per-call", metavar="CREDITS", help="credits of each call")
    setting.add_argument("--per-1k-tokens", metavar="CREDITS", help="credits of 1,000 tokens, input and output")
    setting.add_argument("--since", metavar="DATE", help="in force from then on, UTC (default: since ever)")
    removal = _command(rules, "remove", remove_rule, "remove rules of just these calls")
    _add_calls(removal)
    removal.add_argument("--since", metavar="DATE", help="the one from then on alone")

    plans = commands.add_parser("plan", help="how many credits are included").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    setting = _command(plans, "set", set_plan, "set a plan; in place of the one of the same time")
    setting.add_argument("--included", metavar="CREDITS", required=True, help="credits of one period")
    setting.add_argument("--price", metavar="USD", required=True, help="USD for each additional credit")
    add_choice(setting, "--every", CreditPeriod, default=CreditPeriod.MONTH)
    setting.add_argument("--zone", metavar="ZONE", default="UTC", help="whose calendar it goes by (default: UTC)")
    since = "in force from then on, in the zone; the plan before ends then (default: since ever)"
    setting.add_argument("--since", metavar="DATE", help=since)
    removal = _command(plans, "remove", remove_plan, "remove plans")
    removal.add_argument("--since", metavar="DATE", help="the one from then on alone, UTC")


def _command(commands: Any, name: str, command: Command, summary: str) -> argparse.ArgumentParser:
    added = add(commands, name, command, summary)
    added.add_argument("--project", metavar="NAME", default=DEFAULT_PROJECT, help="whose (default: %(default)s)")
    add_settings(added, only=DATABASE)
    return added


def _add_calls(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="MODEL", help="of this model, or beginning of names followed by *")
    command.add_argument("--channel", metavar="NAME", help="of calls by this channel")


def show(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.credits import Plans
    from usage_graph.pricing.credits_page import listed, stand
    from usage_graph.question import Scope
    from usage_graph.store.credits import list_credit_plans, list_credit_rules
    from usage_graph.store.ledger import credit_usage
    from usage_graph.store.sql import query

    project: str = given.project

    async def work() -> list[str]:
        if not database.exists(settings):
            return listed(project, [], [])
        async with database.connected(settings) as connection:
            plans = await list_credit_plans(connection, project)
            lines = listed(project, await list_credit_rules(connection, project), plans)
            if (pool := Plans(plans).pool(datetime.now(UTC))) is None:
                return lines
            # All that is known of the period: calls may be from a clock that is ahead.
            kept_since = await connection.fetchval(query("get_retention"))
            usage = await credit_usage(connection.fetch, Scope(project, pool.start, pool.end), kept_since)
            return [*lines, *stand(pool, usage)]

    print("\n".join(asyncio.run(work())))
    return 0


def set_rule(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.pricing.credits_page import rule_described
    from usage_graph.store.credits import set_credit_rule

    rule = _rule(given, per_call=given.per_call, per_1k_tokens=given.per_1k_tokens)

    async def work() -> None:
        async with database.connected(settings, create=True) as connection:
            await set_credit_rule(connection, rule)

    asyncio.run(work())
    print(f"Set: {rule_described(rule)}\n{_CHARGED}")
    return 0


def remove_rule(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.pricing.credits_page import rule_described
    from usage_graph.store.credits import remove_credit_rule

    wanted = _rule(given, per_call=0)

    async def work() -> list[CreditRule]:
        if not database.exists(settings):
            return []
        async with database.connected(settings) as connection:
            return await remove_credit_rule(
                connection, wanted.project, model=wanted.model, channel=wanted.channel, since=wanted.since
            )

    return _removed([rule_described(rule) for rule in asyncio.run(work())], _CHARGED)


def set_plan(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.credits import credit_plan
    from usage_graph.pricing.credits_page import plan_described
    from usage_graph.store.credits import set_credit_plan
    from usage_graph.window import time_zone

    try:
        zone = time_zone(given.zone)
    except QueryError as error:
        raise ConfigError([f"--zone: {error}"]) from None
    with _flags():
        plan = credit_plan(
            project=given.project,
            period=given.every,
            zone=given.zone,
            included=given.included,
            price=given.price,
            since=_since(given, zone),
        )

    async def work() -> None:
        async with database.connected(settings, create=True) as connection:
            await set_credit_plan(connection, plan)

    asyncio.run(work())
    print(f"Set: {plan_described(plan)}\n{_PLANNED}")
    return 0


def remove_plan(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.credits import check_project
    from usage_graph.pricing.credits_page import plan_described
    from usage_graph.store.credits import remove_credit_plan

    with _flags():
        check_project(given.project)
        since = _since(given, UTC)

    async def work() -> list[CreditPlan]:
        if not database.exists(settings):
            return []
        async with database.connected(settings) as connection:
            return await remove_credit_plan(connection, given.project, since=since)

    return _removed([plan_described(plan) for plan in asyncio.run(work())], _PLANNED)


def _removed(what: Sequence[str], consequence: str) -> int:
    print("\n".join([*(f"Removed: {line}" for line in what), consequence] if what else [_NOTHING]))
    return 0 if what else 1


def _rule(given: argparse.Namespace, **amounts: object) -> CreditRule:
    from usage_graph.processor.charging import credit_rule

    with _flags():
        return credit_rule(
            project=given.project,
            model=given.model,
            channel=given.channel,
            since=_since(given, UTC),
            **amounts,
        )


def _since(given: argparse.Namespace, zone: tzinfo) -> datetime | None:
    from usage_graph.processor.own import instant

    try:
        return instant(given.since, zone) if given.since else None
    except ValueError:
        raise ValueError(f"since: {given.since!r} is no date, such as 2026-01-31 or 2026-01-31T12:00:00Z.") from None


@contextmanager
def _flags() -> Iterator[None]:
    """Turns what is wrong with a field into what is wrong with its flag."""
    try:
        yield
    except ValueError as error:
        name, _, what = str(error).partition(":")
        raise ConfigError([f"--{name.replace('_', '-')}:{what}"]) from None
