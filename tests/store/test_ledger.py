"""What calls push over a plan, against a ledger that is written call by call."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import credits as made
from tests.model import ModelReader
from tests.records import record
from tests.rollups import refresh_all
from tests.store.database import connected, write
from usage_graph.credits import CreditPeriod, CreditPlan, CreditUsage
from usage_graph.errors import BeforeRecords
from usage_graph.question import Dimension, Filter, Scope, StringFilter
from usage_graph.store.credits import set_credit_plan
from usage_graph.store.reader import open_reader
from usage_graph.usage import NANO, UsageRecord
from usage_graph.window import Window

READS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
OF_A = Filter(((Dimension.AGENT, StringFilter(eq="a")),))


async def store(dsn: str, records: Sequence[UsageRecord], plans: Sequence[CreditPlan]) -> None:
    """These instead of what is there."""
    async with connected(dsn) as connection:
        await connection.execute("DELETE FROM usage_identity; DELETE FROM usage_record; DELETE FROM usage_credit_plan")
        for plan in plans:
            await set_credit_plan(connection, plan)
    await write(dsn, records)


async def ask(dsn: str, *scopes: Scope) -> list[CreditUsage]:
    async with open_reader(dsn, connections=1, statement_timeout=60) as reader, reader.snapshot() as snapshot:
        return [await snapshot.credit_usage(scope) for scope in scopes]


async def ask_model(records: Sequence[UsageRecord], plans: Sequence[CreditPlan], *scopes: Scope) -> list[CreditUsage]:
    model = ModelReader(records)
    model.plans = list(plans)
    async with model.snapshot() as snapshot:
        return [await snapshot.credit_usage(scope) for scope in scopes]


@given(st.data())
@READS
async def test_additional_credits_are_those_of_the_ledger(database: str, data: st.DataObject) -> None:
    """For any plans, calls, window and filter, where clocks change and where windows cut periods."""
    moment = data.draw(st.sampled_from(made.MOMENTS))
    records, plans = data.draw(made.calls(moment)), data.draw(made.plans(moment))
    windows = data.draw(st.lists(made.windows(moment), min_size=1, max_size=3))
    scopes = [Scope("default", *window, data.draw(made.filters)) for window in windows]
    await store(database, records, plans)
    if data.draw(st.booleans()):
        await refresh_all(database)
    assert await ask(database, *scopes) == await ask_model(records, plans, *scopes)


@given(st.data())
@READS
async def test_additional_credits_add_up_over_windows_and_filters(postgresql: str, data: st.DataObject) -> None:
    moment = data.draw(st.sampled_from(made.MOMENTS))
    records, plans = data.draw(made.calls(moment)), data.draw(made.plans(moment))
    start, cut, end = sorted(data.draw(st.tuples(*[made.instants(moment)] * 3)))
    of_a = OF_A.strings[0]
    others = Filter(((Dimension.AGENT, StringFilter(not_in=("a",))),))
    await store(postgresql, records, plans)
    whole, before, after, of_one, of_others = await ask(
        postgresql,
        Scope("default", start, end),
        Scope("default", start, cut),
        Scope("default", cut, end),
        Scope("default", start, end, Filter((of_a,))),
        Scope("default", start, end, others),
    )
    assert whole[:2] == tuple(map(sum, zip(before[:2], after[:2], strict=True)))
    assert whole[:2] == tuple(map(sum, zip(of_one[:2], of_others[:2], strict=True)))


async def test_a_pool_that_is_used_up_to_the_last_credit(database: str) -> None:
    """Nothing is additional of the call that takes the last of them; all is of the next, days later."""
    hours = [0, 1, 1, 77, 77, 77, 200]
    calls = [
        record(started_at=MARCH + timedelta(hours=hour), span_id=bytes([n] * 8), agent="ab"[n % 2], credits_nano=NANO)
        for n, hour in enumerate(hours, 1)
    ]
    scopes = [Scope("default", MARCH, MARCH + timedelta(days=30), of) for of in (OF_A, Filter())]
    for included in range(9):
        plan = CreditPlan("default", None, CreditPeriod.MONTH, "UTC", included * NANO, Decimal(1))
        await store(database, calls, [plan])
        assert await ask(database, *scopes) == await ask_model(calls, [plan], *scopes), included


async def test_a_year_of_days_is_a_few_statements(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        record(
            started_at=MARCH + timedelta(hours=11 * number), span_id=number.to_bytes(8, "big"), agent="ab"[number % 2]
        )
        for number in range(1, 801)
    ]
    records = [
        one._replace(credits_nano=NANO * (number % 3), credits_reported=True) for number, one in enumerate(records)
    ]
    plan = CreditPlan("default", None, CreditPeriod.DAY, "Asia/Kathmandu", 3 * NANO // 2, Decimal(1))
    await store(database, records, [plan])
    scopes = [
        Scope("default", MARCH + timedelta(days=7), MARCH + timedelta(days=340, hours=7), of) for of in (Filter(), OF_A)
    ]
    async with open_reader(database, connections=1, statement_timeout=60) as reader, reader.snapshot() as snapshot:
        fetch, statements = snapshot._fetch, []

        async def counted(sql: str, *values: object) -> object:
            statements.append(sql)
            return await fetch(sql, *values)

        monkeypatch.setattr(snapshot, "_fetch", counted)
        found = [await snapshot.credit_usage(scope) for scope in scopes]
    assert found == await ask_model(records, [plan], *scopes)
    assert found[0].additional_nano > found[1].additional_nano > 0
    assert len(statements) <= 16


async def test_a_window_of_centuries(database: str) -> None:
    """However long it is: only days with calls count."""
    calls = [
        record(started_at=MARCH, credits_nano=5 * NANO),
        record(started_at=datetime(1999, 1, 1, tzinfo=UTC), span_id=b"2" * 8, credits_nano=NANO),
    ]
    plan = CreditPlan("default", None, CreditPeriod.DAY, "America/New_York", 2 * NANO, Decimal("0.5"))
    await store(database, calls, [plan])
    whole = Scope("default", datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC))
    (found,) = await ask(database, whole)
    assert found == (6 * NANO, 3 * NANO, 3 * NANO // 2, True, 2 * NANO, plan)


async def test_where_records_are_gone(database: str) -> None:
    """Without a filter sums tell; with one, the call that used up the plan must still be known."""
    calls = [
        record(
            started_at=MARCH + timedelta(hours=number),
            span_id=number.to_bytes(8, "big"),
            agent="ab"[number % 2],
            credits_nano=NANO,
        )
        for number in range(1, 100)
    ]
    plans = [CreditPlan("default", None, CreditPeriod.MONTH, "Asia/Kathmandu", 30 * NANO, Decimal(1))]
    await store(database, calls, plans)
    await refresh_all(database)
    kept = MARCH + timedelta(days=3)
    async with connected(database) as connection:
        await connection.execute("SELECT usage_keep_since($1)", kept)
    before, after = (
        Window(MARCH, MARCH + timedelta(days=2)),
        Window(MARCH + timedelta(days=2), MARCH + timedelta(days=9)),
    )
    of_a = [Scope("default", *after, OF_A), Scope("default", *before, OF_A)]
    asked = [Scope("default", *before), Scope("default", *after), of_a[0]]
    assert await ask(database, *asked) == await ask_model(calls, plans, *asked)
    with pytest.raises(BeforeRecords, match="ask for credits without a filter"):
        await ask(database, of_a[1])


async def test_another_projects_plan_and_calls_do_not_count(database: str) -> None:
    calls = [record(started_at=MARCH, credits_nano=5 * NANO), record(project="other", credits_nano=9 * NANO)]
    plan = CreditPlan("other", None, CreditPeriod.MONTH, "UTC", NANO, Decimal(1))
    await store(database, calls, [plan])
    scopes = [
        Scope(project, MARCH - timedelta(days=60), MARCH + timedelta(days=60)) for project in ("default", "other")
    ]
    mine, other = await ask(database, *scopes)
    assert mine == CreditUsage(5 * NANO)
    assert (mine.included, mine.remaining, mine.additional_cost) == (None, None, Decimal(0))
    assert (other.consumed, other.included, other.additional, other.plan) == (Decimal(9), Decimal(1), Decimal(8), plan)
