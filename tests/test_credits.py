"""Plans and their pools, by calendars of zones."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.credits import MOMENTS, ZONES, instants, plans
from usage_graph.credits import CreditPeriod, CreditPlan, CreditUsage, Plans, credit_plan
from usage_graph.usage import NANO
from usage_graph.window import Bucket, Window, boundaries, time_zone

EVER = CreditPlan("default", None, CreditPeriod.DAY, "UTC", NANO, Decimal(1))


def of(period: CreditPeriod, zone: str) -> Plans:
    return Plans([EVER._replace(period=period, zone=zone)])


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23.0),
        ("America/New_York", date(2026, 11, 1), 25.0),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Pacific/Chatham", date(2026, 4, 5), 25.0),
        ("Asia/Kathmandu", date(2026, 4, 5), 24.0),
        ("Pacific/Apia", date(2011, 12, 29), 24.0),  # the day after which there was none
        ("America/Havana", date(2026, 3, 8), 23.0),  # without a midnight
        ("America/Havana", date(2026, 11, 1), 25.0),
        ("America/Toronto", date(1919, 3, 31), 23.0),  # half past eleven became half past twelve
        ("America/St_Johns", date(2006, 10, 29), 25.0),  # with two midnights
    ],
)
def test_a_day_is_as_long_as_its_clock_says(zone: str, day: date, hours: float) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=time_zone(zone)).astimezone(UTC)
    pool = of(CreditPeriod.DAY, zone).pool(noon)
    assert pool is not None
    assert (pool.end - pool.start) / timedelta(hours=1) == hours
    for at in (pool.start, pool.end - timedelta(microseconds=1)):
        assert of(CreditPeriod.DAY, zone).pool(at) == pool


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([*ZONES, "America/Havana", "Pacific/Apia", "America/St_Johns", "America/Sao_Paulo"]),
    st.sampled_from(
        [(CreditPeriod.DAY, Bucket.DAY), (CreditPeriod.WEEK, Bucket.WEEK), (CreditPeriod.MONTH, Bucket.MONTH)]
    ),
)
def test_periods_are_the_buckets_of_a_series(at: datetime, zone: str, units: tuple[CreditPeriod, Bucket]) -> None:
    pool = of(units[0], zone).pool(at)
    assert pool is not None
    assert pool.start <= at < pool.end
    around = Window(at - timedelta(days=40), at + timedelta(days=40))
    bounds = boundaries(around, units[1], time_zone(zone))
    assert (pool.start, pool.end) in list(pairwise(bounds))


def test_years() -> None:
    pool = of(CreditPeriod.YEAR, "Asia/Kathmandu").pool(datetime(2026, 12, 31, 18, 14, tzinfo=UTC))
    assert pool is not None
    assert pool[1:] == tuple(datetime(year, 12, 31, 18, 15, tzinfo=UTC) for year in (2025, 2026))


@pytest.mark.parametrize("period", CreditPeriod)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
def test_where_the_calendar_ends(period: CreditPeriod, zone: str) -> None:
    for at in (datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, tzinfo=UTC)):
        pool = of(period, zone).pool(at)
        assert pool is not None
        assert pool.start <= at < pool.end


@given(st.sampled_from(MOMENTS).flatmap(lambda moment: st.tuples(plans(moment), instants(moment), instants(moment))))
def test_pools_follow_each_other_without_gaps(drawn: tuple[list[CreditPlan], datetime, datetime]) -> None:
    schedule, (start, end) = Plans(drawn[0]), sorted(drawn[1:])
    pools = list(schedule.pools(start, end))
    assert all(pool.start < pool.end for pool in pools)
    assert all(before.end == after.start for before, after in pairwise(pools))
    assert bool(pools) is schedule.in_force(start, end)
    if pools:
        assert pools[0].start <= start or pools[0].start == min(plan.since for plan in drawn[0] if plan.since)
        assert pools[-1].end >= end
    for pool in pools:
        assert schedule.pool(pool.start) == schedule.pool(pool.end - timedelta(microseconds=1)) == pool


def test_a_plan_begins_with_all_of_its_credits_and_ends_with_the_next() -> None:
    noon, later = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 6, tzinfo=UTC)
    schedule = Plans([EVER._replace(since=later), EVER._replace(since=noon, included_nano=5)])
    assert schedule.pool(noon - timedelta(microseconds=1)) is None
    assert [
        (pool.start, pool.end, pool.plan.included_nano) for pool in schedule.pools(noon, later + timedelta(days=1))
    ] == [
        (noon, datetime(2026, 3, 2, tzinfo=UTC), 5),
        (datetime(2026, 3, 2, tzinfo=UTC), later, 5),
        (later, datetime(2026, 3, 3, tzinfo=UTC), NANO),
        (datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC), NANO),
    ]


def test_costs_are_rounded_half_to_even_once() -> None:
    plan = EVER._replace(price=Decimal("0.5"))
    assert [plan.cost_nano(nano) for nano in range(6)] == [0, 0, 1, 2, 2, 2]
    assert EVER._replace(price=Decimal("0.000000000001")).cost_nano(10**12 * NANO) == NANO


def test_without_a_plan_nothing_is_known_of_what_is_included() -> None:
    usage = CreditUsage(5 * NANO)
    assert (usage.consumed, usage.additional, usage.additional_cost) == (Decimal(5), Decimal(0), Decimal(0))
    assert usage.included is None
    assert usage.remaining is None


def test_a_plan_as_somebody_says_it() -> None:
    since = datetime.fromisoformat("2026-03-01T00:00:00+05:45")
    said = credit_plan(
        project="acme", period=CreditPeriod.MONTH, zone="Asia/Kathmandu", included="1000.5", price="0.020", since=since
    )
    assert said == CreditPlan(
        "acme", since.astimezone(UTC), CreditPeriod.MONTH, "Asia/Kathmandu", 1000_500_000_000, Decimal("0.02")
    )
    assert said.since is not None
    assert said.since.tzinfo is UTC


@pytest.mark.parametrize(
    ("given_", "wrong"),
    [
        ({"project": "a\n"}, "project: "),
        ({"zone": "+05:30"}, "zone: '\\+05:30' is not an IANA time zone"),
        ({"included": "many"}, "included: 'many' is no amount: write credits as a number"),
        ({"included": -1}, "included: -1 is no amount from 0 to 1,000,000,000,000 credits"),
        ({"included": Decimal("1e13")}, "included: "),
        ({"included": "0.0000000001"}, "included: '0.0000000001' has more than 9 digits"),
        ({"price": Decimal("Infinity")}, "price: "),
        ({"price": "-0.5"}, "price: '-0.5' is no amount"),
        ({"since": datetime(2026, 3, 1, 12, 7, tzinfo=UTC)}, "since: 2026-03-01T12:07:00\\+00:00 is inside a quarter"),
    ],
)
def test_a_plan_that_is_wrong(given_: dict[str, Any], wrong: str) -> None:
    right: dict[str, Any] = {"project": "a", "period": CreditPeriod.DAY, "zone": "UTC", "included": 1, "price": 1}
    with pytest.raises(ValueError, match=f"^{wrong}"):
        credit_plan(**(right | given_))
