"""What the demo's company charges its teams in credits: rules for calls that do not say, and a plan too small."""

from decimal import Decimal

from usage_graph import database
from usage_graph.config import Settings
from usage_graph.credits import CreditPeriod, CreditPlan, CreditRule
from usage_graph.project import DEFAULT_PROJECT
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.credits import set_credit_plan, set_credit_rule
from usage_graph.usage import NANO

RULES = (
    CreditRule(DEFAULT_PROJECT, per_1k_tokens=Decimal("0.05")),
    CreditRule(DEFAULT_PROJECT, model="claude-opus-*", per_1k_tokens=Decimal("0.1")),
    CreditRule(DEFAULT_PROJECT, model="text-embedding-*", per_1k_tokens=Decimal(0)),
)
"""Conversations say their credits themselves (``workload``)."""

PLAN = CreditPlan(
    DEFAULT_PROJECT,
    since=None,
    period=CreditPeriod.WEEK,
    zone="UTC",
    included_nano=1_800 * NANO,
    price=Decimal("0.02"),
)
"""Of a week's credits about a quarter is additional, on its last days."""


async def agree(settings: Settings) -> None:
    """Put them into the database, made if need be, before a server runs: it charges by them from the first call on.

    Raises:
        StartupError: the database cannot be made or started.
    """
    async with database.running(settings) as dsn:
        connection = await connect(dsn)
        try:
            await migrate.migrate(connection, settings.engine)
            for rule in RULES:
                await set_credit_rule(connection, rule)
            await set_credit_plan(connection, PLAN)
        finally:
            await connection.close()
