"""``usage { credits }``: what a window consumed, and what of it the plan included."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.model import ModelReader
from tests.records import record
from tests.store.database import connected, write
from usage_graph.credits import CreditPeriod, CreditPlan
from usage_graph.grant import OPEN, Access, Grant
from usage_graph.store.credits import set_credit_plan
from usage_graph.store.reader import open_reader
from usage_graph.usage import NANO

ASKED = """credits { consumed included additional additionalCost remaining
    plan { period timezone included price since } }"""
DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
CALLS = [
    record(
        started_at=MIDNIGHT - DAY + timedelta(hours=5 * number),
        span_id=number.to_bytes(8, "big"),
        user_id="ab"[number % 2],
        channel=("web", None)[number % 2],
        credits_nano=NANO + 1,
    )
    for number in range(9)
]
"""Five on the day before, three today and one later; one of two is ``a``'s."""
PLAN = CreditPlan("default", None, CreditPeriod.DAY, "UTC", 3 * NANO, Decimal("0.05"))


@asynccontextmanager
async def apis(database: str, *plans: CreditPlan, grant: Grant = OPEN) -> AsyncIterator[list[Api]]:
    """One over the database, one over the model, of the same calls and plans."""
    model = ModelReader(CALLS)
    model.plans = list(plans)
    async with connected(database) as connection:
        for plan in plans:
            await set_credit_plan(connection, plan)
    await write(database, CALLS)
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        yield [Api(store=store, grant=grant) for store in (reader, model)]


async def answers(given: list[Api], arguments: str) -> dict[str, Any]:
    """What all of them answer."""
    found = [(await api.usage(ASKED, arguments))["credits"] for api in given]
    assert found[0] == found[1]
    answer: dict[str, Any] = found[0]
    return answer


async def test_the_five_numbers(database: str) -> None:
    now = f'window: {{ between: {{ from: "{(MIDNIGHT - DAY).isoformat()}", to: "{NOW.isoformat()}" }} }}'
    async with apis(database, PLAN) as given:
        plan = {"period": "DAY", "timezone": "UTC", "included": "3", "price": "0.05", "since": None}
        whole = await answers(given, now)
        assert whole == {
            "consumed": "8.000000008",
            "included": "6",
            "additional": "2.000000008",
            "additionalCost": "0.1",
            "remaining": "0",
            "plan": plan,
        }
        of_a = await answers(given, now + ', filter: { user: { eq: "a" } }')
        of_b = await answers(given, now + ', filter: { user: { eq: "b" } }')
        for name in ("consumed", "included", "additional"):
            assert Decimal(of_a[name]) + Decimal(of_b[name]) == Decimal(whole[name])
        assert of_a["remaining"] == whole["remaining"]
        yesterday = await answers(given, 'window: { period: YESTERDAY }, timezone: "Asia/Kathmandu"')
        assert yesterday["plan"] == plan


async def test_without_a_plan(database: str) -> None:
    async with apis(database) as given:
        found = await answers(given, 'window: { last: "P60D" }')
    assert found["consumed"] == "8.000000008"
    assert (found["included"], found["additional"], found["additionalCost"]) == (None, "0", "0")
    assert (found["remaining"], found["plan"]) == (None, None)


async def test_a_plan_that_begins_in_the_window(database: str) -> None:
    plan = PLAN._replace(since=MIDNIGHT, included_nano=NANO, zone="Australia/Lord_Howe")
    async with apis(database, plan) as given:
        found = await answers(given, 'window: { last: "P3D" }')
        assert found["plan"]["since"] == MIDNIGHT.isoformat().replace("+00:00", "Z")
        before = await answers(given, "window: { period: YESTERDAY }")
    assert before["consumed"] == "5.000000005"
    assert (before["included"], before["remaining"], before["plan"]) == (None, None, None)


@pytest.mark.parametrize("bound", [{"user": "a"}, {"agent": "nobody"}])
async def test_a_bound_key_learns_nothing_of_what_others_have_left(database: str, bound: dict[str, Any]) -> None:
    async with apis(database, PLAN, grant=Grant(Access.READ, key="k", project="default", **bound)) as given:
        found = await answers(given, "window: { period: YESTERDAY }")
    assert [found[name] for name in ("included", "additional", "additionalCost", "remaining")] == [None] * 4
    assert found["plan"]["included"] == "3"
    assert found["consumed"] == ("3.000000003" if "user" in bound else "0")


async def test_where_records_are_gone_it_says_so(api: Api) -> None:
    api.reader.kept_since = NOW - DAY
    document = '{ usage(window: { last: "P60D" }, filter: { channel: { eq: "web" } }) { credits { consumed } } }'
    assert await api.code(document) == "BEFORE_RECORDS"
