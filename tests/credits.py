"""Plans, pools and calls that draw from them, near the instants where mistakes live: for property tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.records import record
from usage_graph.credits import CreditPeriod, CreditPlan
from usage_graph.question import Dimension, Filter, StringFilter
from usage_graph.usage import NANO, CallStatus, UsageRecord
from usage_graph.window import Window

ZONES = ["UTC", "Asia/Kathmandu", "Pacific/Chatham", "America/New_York", "Australia/Lord_Howe"]
MOMENTS = [
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York puts its clocks forward
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # and back
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe by half an hour, Chatham an hour before
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
]
_MICROSECOND = timedelta(microseconds=1)
_QUARTER = timedelta(minutes=15)


def instants(moment: datetime) -> st.SearchStrategy[datetime]:
    """Some within four days of ``moment``: whole quarters of an hour, one microsecond beside, and any other."""
    quarters = st.integers(-4 * 96, 4 * 96).map(lambda number: moment + number * _QUARTER)
    near = st.tuples(quarters, st.sampled_from([-1, 0, 0, 1])).map(lambda pair: pair[0] + pair[1] * _MICROSECOND)
    return near | st.integers(-345_600, 345_600).map(lambda seconds: moment + timedelta(seconds=seconds))


def plans(moment: datetime) -> st.SearchStrategy[list[CreditPlan]]:
    """Up to three plans, one of them perhaps since ever."""
    since = st.none() | st.integers(-5 * 96, 4 * 96).map(lambda number: moment + number * _QUARTER)
    plan = st.builds(
        CreditPlan,
        project=st.just("default"),
        since=since,
        period=st.sampled_from([CreditPeriod.DAY, CreditPeriod.DAY, *CreditPeriod]),
        zone=st.sampled_from(ZONES),
        included_nano=st.sampled_from([0, 1, NANO, 2 * NANO, 3 * NANO, 4 * NANO, 7 * NANO + 5, 10**6 * NANO]),
        price=st.sampled_from([Decimal(0), Decimal("0.04"), Decimal("0.333333333333"), Decimal(12)]),
    )
    return st.lists(plan, min_size=1, max_size=3, unique_by=lambda one: one.since) | st.just([])


@st.composite
def calls(draw: st.DrawFn, moment: datetime) -> list[UsageRecord]:
    """Up to 14 calls, often several at the same instant."""
    ats = draw(st.lists(instants(moment), min_size=1, max_size=6))
    several = draw(st.lists(st.sampled_from(ats), min_size=draw(st.sampled_from([0, 5, 9])), max_size=14))
    return [
        record(
            started_at=at,
            span_id=number.to_bytes(8, "big"),
            agent=draw(st.sampled_from([None, "a", "b"])),
            user_id=draw(st.sampled_from([None, "u", "v"])),
            channel=draw(st.sampled_from([None, "web"])),
            failed=draw(st.booleans()),
            credits_nano=draw(st.sampled_from([NANO, NANO, NANO, 0, 1, 2 * NANO, 5 * NANO // 2, 10**6 * NANO])),
        )
        for number, at in enumerate(several, 1)
    ]


@st.composite
def windows(draw: st.DrawFn, moment: datetime) -> Window:
    first, last = sorted(draw(st.tuples(instants(moment), instants(moment))))
    return Window(first, max(last, first + _MICROSECOND))


_text = st.sampled_from([StringFilter(eq="a"), StringFilter(eq="u"), StringFilter(not_in=("b", "v"))])
filters = st.one_of(
    st.just(Filter()),
    st.builds(
        Filter,
        strings=st.lists(
            st.tuples(st.sampled_from([Dimension.AGENT, Dimension.USER, Dimension.CHANNEL]), _text),
            min_size=1,
            max_size=2,
        ).map(tuple),
        status=st.none() | st.just(frozenset({CallStatus.OK})),
    ),
    st.just(Filter(((Dimension.AGENT, StringFilter(eq="a")),))),
    st.just(Filter(status=frozenset({CallStatus.ERROR}))),
)
