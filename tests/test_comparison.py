"""Windows that windows are compared with, on calendars where clocks change, and the differences."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.model import totals_of
from tests.records import usage_records
from usage_graph import comparison, window
from usage_graph.comparison import Delta, PreviousWindow, Ratio, delta, ratio
from usage_graph.errors import BadWindow
from usage_graph.usage import NANO, Totals, sum_of
from usage_graph.window import Asked, CalendarPeriod, Duration, Window, parse_duration, time_zone

PRECEDING, WEEK_AGO, MONTH_AGO, YEAR_AGO = PreviousWindow
ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "Africa/Cairo"]
NEW_YORK = time_zone("America/New_York")


def at(text: str, zone: ZoneInfo | None = None) -> datetime:
    """An instant; without an offset the first on the zone's wall."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone or UTC)).astimezone(UTC)


def of_last(duration: str, now: str, zone: ZoneInfo, which: PreviousWindow = PRECEDING) -> Window:
    wanted = parse_duration(duration)
    return comparison.previous(which, Asked(last=wanted), window.last(wanted, zone, at(now, zone)), zone)


def of_period(name: CalendarPeriod, now: str, zone: ZoneInfo, which: PreviousWindow = PRECEDING) -> Window:
    return comparison.previous(which, Asked(period=name), window.period(name, zone, at(now, zone)), zone)


def of_between(start: str, end: str, zone: ZoneInfo, which: PreviousWindow = PRECEDING) -> Window:
    asked = at(start, zone), at(end, zone)
    return comparison.previous(which, Asked(between=asked), window.between(*asked), zone)


def on_wall(found: Window, zone: ZoneInfo) -> tuple[str, str]:
    start, end = (one.astimezone(zone).replace(tzinfo=None).isoformat(" ", "minutes") for one in found)
    return start, end


@pytest.mark.parametrize(
    ("duration", "zone", "now", "start", "end"),
    [
        ("P7D", "UTC", "2026-04-15 12:30", "2026-04-01 12:30", "2026-04-08 12:30"),
        ("PT24H", "UTC", "2026-04-15 12:30", "2026-04-13 12:30", "2026-04-14 12:30"),
        # Months of different lengths, one before the other.
        ("P1M", "UTC", "2026-03-31 12:00", "2026-01-28 12:00", "2026-02-28 12:00"),
        # Over both clock changes of New York: days keep the time on the wall.
        ("P1D", "America/New_York", "2026-03-09 12:00", "2026-03-07 12:00", "2026-03-08 12:00"),
        ("P1D", "America/New_York", "2026-11-02 12:00", "2026-10-31 12:00", "2026-11-01 12:00"),
        # 24 hours do not.
        ("PT24H", "America/New_York", "2026-03-09 12:00", "2026-03-07 11:00", "2026-03-08 12:00"),
        ("P1D", "Asia/Kathmandu", "2026-03-09 05:45", "2026-03-07 05:45", "2026-03-08 05:45"),
        ("P2D", "Pacific/Chatham", "2026-04-06 03:00", "2026-04-02 03:00", "2026-04-04 03:00"),
        ("P1D", "Australia/Lord_Howe", "2026-10-05 01:00", "2026-10-03 01:00", "2026-10-04 01:00"),
    ],
)
def test_a_rolling_window_is_preceded_by_one_of_its_duration(
    duration: str, zone: str, now: str, start: str, end: str
) -> None:
    assert on_wall(of_last(duration, now, time_zone(zone)), time_zone(zone)) == (start, end)


@pytest.mark.parametrize(
    ("name", "now", "start", "end"),
    [
        (CalendarPeriod.TODAY, "2026-04-15 12:30", "2026-04-14 00:00", "2026-04-14 12:30"),
        (CalendarPeriod.YESTERDAY, "2026-04-15 12:30", "2026-04-13 00:00", "2026-04-14 00:00"),
        (CalendarPeriod.THIS_WEEK, "2026-04-15 12:30", "2026-04-06 00:00", "2026-04-08 12:30"),
        (CalendarPeriod.LAST_WEEK, "2026-04-15 12:30", "2026-03-30 00:00", "2026-04-06 00:00"),
        (CalendarPeriod.THIS_MONTH, "2026-04-15 12:30", "2026-03-01 00:00", "2026-03-15 12:30"),
        (CalendarPeriod.LAST_MONTH, "2026-04-15 12:30", "2026-02-01 00:00", "2026-03-01 00:00"),
        # The other month is shorter.
        (CalendarPeriod.THIS_MONTH, "2026-03-31 12:30", "2026-02-01 00:00", "2026-02-28 12:30"),
        (CalendarPeriod.THIS_MONTH, "2024-03-30 12:30", "2024-02-01 00:00", "2024-02-29 12:30"),
        (CalendarPeriod.LAST_MONTH, "2026-01-15 12:30", "2025-11-01 00:00", "2025-12-01 00:00"),
    ],
)
@pytest.mark.parametrize("zone", ZONES)
def test_a_period_is_preceded_by_the_same_part_of_the_one_before(
    name: CalendarPeriod, now: str, start: str, end: str, zone: str
) -> None:
    assert on_wall(of_period(name, now, time_zone(zone)), time_zone(zone)) == (start, end)


def test_a_midnight_that_clocks_skip_is_a_midnight_nevertheless() -> None:
    """In Cairo the 24th of April 2026 begins at one o'clock."""
    cairo = time_zone("Africa/Cairo")
    assert on_wall(window.period(CalendarPeriod.TODAY, cairo, at("2026-04-24 12:00", cairo)), cairo)[0].endswith(
        " 01:00"
    )
    for which, day in ((PRECEDING, "2026-04-23"), (WEEK_AGO, "2026-04-17"), (YEAR_AGO, "2025-04-24")):
        found = of_period(CalendarPeriod.TODAY, "2026-04-24 12:00", cairo, which)
        assert on_wall(found, cairo) == (f"{day} 00:00", f"{day} 12:00")
    # And onto it: the day before the 25th has 23 hours.
    found = of_period(CalendarPeriod.YESTERDAY, "2026-04-26 12:00", cairo)
    assert on_wall(found, cairo) == ("2026-04-24 01:00", "2026-04-25 00:00")
    assert found.end - found.start == timedelta(hours=23)


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [
        # Whole days, by the calendar.
        ("UTC", "2026-03-01", "2026-04-01", ("2026-01-29 00:00", "2026-03-01 00:00")),
        ("America/New_York", "2026-03-08", "2026-03-09", ("2026-03-07 00:00", "2026-03-08 00:00")),
        ("America/New_York", "2026-03-09", "2026-03-10", ("2026-03-08 00:00", "2026-03-09 00:00")),
        ("America/New_York", "2026-11-02", "2026-11-03", ("2026-11-01 00:00", "2026-11-02 00:00")),
        ("Pacific/Chatham", "2026-04-06 12:45", "2026-04-08 12:45", ("2026-04-04 12:45", "2026-04-06 12:45")),
        # Anything else is as long.
        ("America/New_York", "2026-03-08 12:00", "2026-03-09 11:00", ("2026-03-07 12:00", "2026-03-08 12:00")),
        ("Australia/Lord_Howe", "2026-10-04 00:30", "2026-10-04 03:00", ("2026-10-03 22:30", "2026-10-04 00:30")),
        # From the first to the second half past one of a day that has both.
        (
            "America/New_York",
            "2026-11-01 01:30:00-04:00",
            "2026-11-01 01:30:00-05:00",
            ("2026-11-01 00:30", "2026-11-01 01:30"),
        ),
    ],
)
def test_a_window_between_two_instants(zone: str, start: str, end: str, expected: tuple[str, str]) -> None:
    found = of_between(start, end, time_zone(zone))
    assert on_wall(found, time_zone(zone)) == expected
    assert found.end == at(start, time_zone(zone))


@pytest.mark.parametrize(
    ("which", "start", "end", "expected"),
    [
        (WEEK_AGO, "2026-03-15 09:00", "2026-03-16 09:00", ("2026-03-08 09:00", "2026-03-09 09:00")),
        (MONTH_AGO, "2026-03-31 09:00", "2026-05-31 09:00", ("2026-02-28 09:00", "2026-04-30 09:00")),
        (YEAR_AGO, "2024-02-29 09:00", "2024-03-01 09:00", ("2023-02-28 09:00", "2023-03-01 09:00")),
        (YEAR_AGO, "2025-02-28 09:00", "2025-03-01 00:00", ("2024-02-28 09:00", "2024-03-01 00:00")),
        # A month ago there were fewer days: nothing is compared with.
        (MONTH_AGO, "2026-03-30 09:00", "2026-03-31 09:00", ("2026-02-28 09:00", "2026-02-28 09:00")),
    ],
)
@pytest.mark.parametrize("zone", ZONES)
def test_the_same_window_so_long_ago(
    which: PreviousWindow, start: str, end: str, expected: tuple[str, str], zone: str
) -> None:
    assert on_wall(of_between(start, end, time_zone(zone), which), time_zone(zone)) == expected


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [
        # A week before, clocks went from 2:00 to 3:00.
        ("America/New_York", "2026-03-15 02:30", "2026-03-15 03:15", ("2026-03-08T07:00Z", "2026-03-08T07:15Z")),
        ("America/New_York", "2026-03-15 02:00", "2026-03-15 02:45", ("2026-03-08T07:00Z", "2026-03-08T07:00Z")),
        ("America/New_York", "2026-03-15 01:30", "2026-03-15 02:59", ("2026-03-08T06:30Z", "2026-03-08T07:00Z")),
        # A week before, the hour from 1:00 was there twice: the first is meant.
        ("America/New_York", "2026-11-08 01:30", "2026-11-08 02:00", ("2026-11-01T05:30Z", "2026-11-01T07:00Z")),
        # From 2:00 to 2:30, and from 2:00 back to 1:30.
        ("Australia/Lord_Howe", "2026-10-11 02:10", "2026-10-11 03:00", ("2026-10-03T15:30Z", "2026-10-03T16:00Z")),
        ("Australia/Lord_Howe", "2026-04-12 01:45", "2026-04-12 02:00", ("2026-04-04T14:45Z", "2026-04-04T15:30Z")),
        # From 2:45 to 3:45, and from 3:45 back to 2:45.
        ("Pacific/Chatham", "2026-10-04 03:00", "2026-10-04 04:00", ("2026-09-26T14:00Z", "2026-09-26T14:15Z")),
        ("Pacific/Chatham", "2026-04-12 03:00", "2026-04-12 03:45", ("2026-04-04T13:15Z", "2026-04-04T15:00Z")),
    ],
)
def test_times_that_another_day_does_not_have_or_has_twice(
    zone: str, start: str, end: str, expected: tuple[str, str]
) -> None:
    assert of_between(start, end, time_zone(zone), WEEK_AGO) == tuple(map(at, expected))


def test_a_rolling_window_whose_start_clocks_skip_is_shifted_from_where_it_was_meant() -> None:
    found = of_last("P1D", "2026-03-09 02:30", NEW_YORK, WEEK_AGO)
    assert on_wall(found, NEW_YORK) == ("2026-03-01 02:30", "2026-03-02 02:30")


@pytest.mark.parametrize(
    ("asked", "which"),
    [
        (Asked(between=(at("0002-01-02"), at("0002-01-04"))), PRECEDING),
        (Asked(between=(at("0002-01-02"), at("0003-01-04"))), YEAR_AGO),
        (Asked(last=Duration(months=12 * 1500)), PRECEDING),
    ],
)
def test_before_the_calendar(asked: Asked, which: PreviousWindow) -> None:
    now = at("2026-04-15")
    found = window.between(*asked.between) if asked.between else window.last(asked.last or Duration(), NEW_YORK, now)
    with pytest.raises(BadWindow, match="before the calendar does"):
        comparison.previous(which, asked, found, NEW_YORK)


_instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
_near_changes = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes),
    st.sampled_from([at(day) for day in ("2026-03-08", "2026-11-01", "2026-04-04", "2026-10-03", "2026-09-26")]),
    st.integers(-2880, 2880),
)
_asked = st.one_of(
    st.builds(lambda days, months: Asked(last=Duration(months, days)), st.integers(1, 40), st.integers(0, 13)),
    st.integers(1, 10**7).map(lambda seconds: Asked(last=Duration(seconds=seconds))),
    st.sampled_from(CalendarPeriod).map(lambda name: Asked(period=name)),
    st.lists(_near_changes | _instants, min_size=2, max_size=2, unique=True)
    .map(sorted)
    .map(lambda pair: Asked(between=(pair[0], pair[1]))),
)


def resolved(asked: Asked, zone: ZoneInfo, now: datetime) -> Window:
    if asked.last is not None:
        return window.last(asked.last, zone, now)
    if asked.period is not None:
        return window.period(asked.period, zone, now)
    assert asked.between is not None
    return window.between(*asked.between)


@given(_asked, st.sampled_from(PreviousWindow), st.sampled_from(ZONES), _near_changes | _instants)
def test_every_window_is_compared_with_one_before_it(
    asked: Asked, which: PreviousWindow, name: str, now: datetime
) -> None:
    zone = time_zone(name)
    current = resolved(asked, zone, now)
    found = comparison.previous(which, asked, current, zone)
    assert found.start <= found.end
    assert found.start < current.start
    assert found.end.utcoffset() == found.start.utcoffset() == timedelta()
    whole = asked.period is None or asked.period.name.startswith(("LAST", "YESTERDAY"))
    if which is PRECEDING and whole:
        assert found.end == current.start
    if which is PRECEDING and asked.last is not None and not (asked.last.months or asked.last.days):
        assert found.end - found.start == current.end - current.start


@given(
    _near_changes | _instants,
    st.integers(1, 2880),
    st.sampled_from(ZONES),
    st.sampled_from([WEEK_AGO, MONTH_AGO, YEAR_AGO]),
)
def test_windows_that_touch_are_compared_with_windows_that_touch(
    start: datetime, minutes: int, name: str, which: PreviousWindow
) -> None:
    """Where the clock does not turn back in between, and the other month has these days: sums then add up as well."""
    zone = time_zone(name)
    middle, end = start + timedelta(minutes=minutes), start + timedelta(days=3)
    walls = [window.wall_of(one, zone) for one in (start, middle, end)]
    assume(walls == sorted(walls) and max(wall.day for wall in walls) <= 28)
    first, second, both = (
        comparison.previous(which, Asked(between=pair), Window(*pair), zone)
        for pair in ((start, middle), (middle, end), (start, end))
    )
    assert (first.end, both) == (second.start, Window(first.start, second.end))


def test_differences_and_ratios() -> None:
    now = Totals(calls=3, unpriced_calls=1, input_tokens=50, cost_nano=9 * NANO, duration_us=6000, credits_nano=1)
    then = Totals(calls=4, input_tokens=200, output_tokens=10, cost_nano=2 * NANO, duration_us=4000)
    difference = delta(now, then)
    assert difference.calls == -1
    assert difference.total_tokens == -160
    assert difference.cost == Decimal(7)
    assert difference.avg_cost == Decimal("4.5") - Decimal("0.5")
    assert difference.credits == Decimal("1e-9")
    assert difference.avg_duration_ms == 1.0
    quotient = ratio(now, then)
    assert quotient.calls == 0.75
    assert quotient.input_tokens == 0.25
    assert quotient.output_tokens == 0.0
    assert quotient.cost == 4.5
    assert quotient.credits is None
    assert quotient.avg_duration_ms == 2.0


def test_what_is_unknown_or_zero_has_no_ratio() -> None:
    nothing, unpriced = Totals(), Totals(calls=2, unpriced_calls=2)
    assert set(ratio(unpriced, nothing)) == {None}
    assert delta(unpriced, nothing)[:1] == (2,)
    assert delta(unpriced, nothing).cost is delta(nothing, unpriced).cost is None
    assert ratio(nothing, unpriced).calls == 0.0
    assert ratio(nothing, unpriced).cost is ratio(nothing, unpriced).avg_duration_ms is None


@given(st.lists(usage_records(), max_size=5), st.lists(usage_records(), max_size=5))
def test_every_number_is_what_it_was_and_the_difference(now: list[object], then: list[object]) -> None:
    current, before = (sum_of(map(totals_of, records)) for records in (now, then))  # type: ignore[arg-type]
    for name, difference, quotient in zip(Delta._fields, delta(current, before), ratio(current, before), strict=True):
        first, second = getattr(current, name), getattr(before, name)
        if difference is None:
            assert None in (first, second)
            assert quotient is None
        elif name != "avg_duration_ms":
            assert second + difference == first
        if quotient is not None:
            assert quotient == pytest.approx(float(first) / float(second))
        else:
            assert first is None or not second
    assert Delta._fields == Ratio._fields
