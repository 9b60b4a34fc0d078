"""What admins change in the database, and see of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.store.database import connected
from usage_graph.credits import CreditPeriod, CreditPlan, CreditRule
from usage_graph.errors import KeyRefused, QueryTimeout, QueryUnavailable
from usage_graph.grant import Access
from usage_graph.price import OwnPrice
from usage_graph.store import administration as administering
from usage_graph.store.administration import Administration, open_administration
from usage_graph.store.prices import set_price

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def administration(database: str) -> AsyncIterator[Administration]:
    async with open_administration(database) as opened:
        yield opened


def price(model: str = "house", *, project: str | None = "ours", **said: object) -> OwnPrice:
    return OwnPrice(model, None, None, Decimal(1), Decimal(2), project=project)._replace(**said)  # type: ignore[arg-type]


async def test_of_prices_a_project_sees_its_own_and_those_of_all(administration: Administration) -> None:
    ours, of_all, theirs = price(), price(project=None), price(project="theirs")
    for one in (ours, of_all, theirs):
        await administration.set_price(one)
    assert await administration.prices("ours") == [of_all, ours]
    assert await administration.prices("theirs") == [of_all, theirs]
    assert await administration.prices("hers") == [of_all]


async def test_just_the_price_that_is_named_is_removed(administration: Administration) -> None:
    kept = [
        price(project=None),
        price(provider="azure"),
        price(since=MARCH),
        price("house-*"),
    ]
    for one in (*kept, price()):
        await administration.set_price(one)
    assert await administration.remove_price("ours", "house", None, None) == price()
    assert await administration.remove_price("ours", "house", None, None) is None
    assert sorted(await administration.prices("ours"), key=str) == sorted(kept, key=str)
    assert await administration.remove_price("ours", "house", None, MARCH) == price(since=MARCH)
    assert await administration.remove_price("ours", "house", "azure", None) == price(provider="azure")
    assert await administration.remove_price(None, "house", None, None) == price(project=None)
    assert await administration.prices("ours") == [price("house-*")]


async def test_credit_plans(administration: Administration) -> None:
    first = CreditPlan("ours", None, CreditPeriod.MONTH, "Europe/Berlin", 10**12, Decimal("0.01"))
    later, theirs = first._replace(since=MARCH), first._replace(project="theirs")
    for plan in (first, later, theirs):
        await administration.set_credit_plan(plan)
    assert await administration.credit_plans("ours") == [first, later]
    changed = first._replace(included_nano=5)
    await administration.set_credit_plan(changed)
    assert await administration.credit_plans("ours") == [changed, later]
    assert await administration.remove_credit_plan("ours", None) == changed
    assert await administration.remove_credit_plan("ours", None) is None
    assert await administration.credit_plans("ours") == [later]
    assert await administration.credit_plans("theirs") == [theirs]
    assert ZoneInfo(later.zone) == later.timezone


async def test_credit_rules(administration: Administration) -> None:
    rule = CreditRule("ours", "house", "web", None, Decimal(1), None)
    others = [
        rule._replace(model=None),
        rule._replace(channel=None),
        rule._replace(since=MARCH),
        rule._replace(project="theirs"),
    ]
    for one in (rule, *others):
        await administration.set_credit_rule(one)
    assert len(await administration.credit_rules("ours")) == 4
    assert await administration.remove_credit_rule("ours", "house", "web", None) == rule
    assert await administration.remove_credit_rule("ours", "house", "web", None) is None
    left = [*await administration.credit_rules("ours"), *await administration.credit_rules("theirs")]
    assert sorted(left, key=str) == sorted(others, key=str)


async def test_keys_are_made_listed_and_revoked_within_a_project(administration: Administration) -> None:
    async def create(project: str | None, access: Access = Access.ADMIN) -> str:
        key, secret = await administration.create_key(
            access=access, project=project, user=None, agent=None, label="for a test", expires_at=None
        )
        assert secret.startswith(f"ug_{key.id}_")
        return key.id

    ours, theirs, operators = await create("ours"), await create("theirs", Access.READ), await create(None)
    assert {key.id for key in await administration.keys("ours")} == {ours}
    assert {key.id for key in await administration.keys(None)} == {ours, theirs, operators}
    assert await administration.revoke_key(theirs, "ours") is None
    assert await administration.revoke_key(operators, "ours") is None
    revoked = await administration.revoke_key(ours, "ours")
    assert revoked is not None
    assert revoked.id == ours
    assert revoked.revoked_at is not None
    assert await administration.revoke_key(ours, "ours") is None
    found = await administration.revoke_key(theirs, None)
    assert found is not None
    assert {key.id for key in await administration.keys(None) if key.revoked_at is None} == {operators}


async def test_a_key_that_cannot_be_is_refused_and_nothing_is_kept(administration: Administration) -> None:
    with pytest.raises(KeyRefused):
        await administration.create_key(
            access=Access.READ, project=None, user=None, agent=None, label=None, expires_at=None
        )
    assert await administration.keys(None) == []


async def test_a_database_that_is_away_is_said_in_plain_words() -> None:
    async with open_administration("postgresql://nobody@127.0.0.1:1/none") as administration:
        with pytest.raises(QueryUnavailable, match="cannot answer now"):
            await administration.prices("ours")


async def test_a_change_that_waits_too_long_is_given_up_whole(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(administering, "_PATIENCE", 0.5)
    async with connected(postgresql) as other, open_administration(postgresql) as administration:
        async with other.transaction():
            await set_price(other, price(input=Decimal(9)))
            with pytest.raises((QueryTimeout, QueryUnavailable)):
                await administration.set_price(price())
        assert await administration.prices("ours") == [price(input=Decimal(9))]
