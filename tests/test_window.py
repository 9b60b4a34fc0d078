"""Windows and buckets: wall-clock days, exact hours, no gaps, no overlaps, in every zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.errors import BadTimeZone, BadWindow, QueryError, TooManyPoints
from usage_graph.window import (
    Bucket,
    CalendarPeriod,
    Duration,
    Window,
    _boundaries,
    between,
    boundaries,
    choose_bucket,
    last,
    parse_duration,
    period,
    time_zone,
)

ZONES = st.sampled_from(
    sorted(available_timezones() - {"localtime", "Factory"})
    + ["Asia/Kathmandu", "Pacific/Chatham", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"] * 30
)
BUCKETS = st.sampled_from([bucket for bucket in Bucket if bucket is not Bucket.AUTO])
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@given(ZONES, BUCKETS, st.datetimes(datetime(2000, 2, 1), datetime(2036, 1, 1)), st.integers(1, 15 * 86_400))
def test_boundaries_cover_the_window_and_fit_quarters(name: str, bucket: Bucket, at: datetime, seconds: int) -> None:
    start = at.replace(tzinfo=UTC)
    window = Window(start, start + timedelta(seconds=seconds))
    bounds = boundaries(window, bucket, time_zone(name))
    assert bounds[0] <= window.start < bounds[1]
    assert bounds[-2] < window.end <= bounds[-1]
    assert all(left < right for left, right in pairwise(bounds))
    assert all(bound.timestamp() % 900 == 0 for bound in bounds)


@given(ZONES, BUCKETS, st.datetimes(datetime(1900, 1, 1), datetime(2036, 1, 1)), st.integers(1, 15 * 86_400))
def test_boundaries_are_those_that_the_calendar_has(name: str, bucket: Bucket, at: datetime, seconds: int) -> None:
    """Those of other windows are told again where they are the same."""
    start = at.replace(tzinfo=UTC)
    window = Window(start, start + timedelta(seconds=seconds))
    walked = _boundaries.__wrapped__(*window, bucket, time_zone(name))
    assert boundaries(window, bucket, time_zone(name)) == walked


@given(ZONES, st.datetimes(datetime(2000, 2, 1), datetime(2036, 1, 1)))
def test_days_begin_when_the_date_changes(name: str, at: datetime) -> None:
    zone = time_zone(name)
    start = at.replace(tzinfo=UTC)
    for bound in boundaries(Window(start, start + timedelta(days=3)), Bucket.DAY, zone):
        before = (bound - timedelta(microseconds=1)).astimezone(zone)
        assert before.date() < bound.astimezone(zone).date()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", utc(2026, 3, 8, 5), 23),
        ("America/New_York", utc(2026, 11, 1, 4), 25),
        ("Europe/Berlin", utc(2026, 3, 28, 23), 23),
        ("Pacific/Chatham", utc(2026, 4, 4, 10, 15), 25),
        ("Asia/Kathmandu", utc(2026, 3, 7, 18, 15), 24),
    ],
)
def test_hours_of_a_day_on_which_clocks_change(zone: str, day: datetime, hours: int) -> None:
    start, end = boundaries(Window(day, day + timedelta(hours=1)), Bucket.DAY, time_zone(zone))
    assert start == day
    assert end - start == timedelta(hours=hours)
    assert len(boundaries(Window(start, end), Bucket.HOUR, time_zone(zone))) - 1 == hours


def test_half_hour_clock_change_makes_one_odd_bucket() -> None:
    start = utc(2026, 10, 3, 13)
    bounds = boundaries(Window(start, start + timedelta(hours=5)), Bucket.HOUR, time_zone("Australia/Lord_Howe"))
    lengths = [right - left for left, right in pairwise(bounds)]
    assert sum(length != timedelta(hours=1) for length in lengths) <= 1


def test_a_day_that_the_calendar_skipped_has_no_bucket() -> None:
    bounds = boundaries(Window(utc(2011, 12, 29, 10), utc(2011, 12, 31)), Bucket.DAY, time_zone("Pacific/Apia"))
    dates = [bound.astimezone(time_zone("Pacific/Apia")).day for bound in bounds]
    assert dates == [29, 31, 1]


def test_midnight_that_does_not_exist_is_the_jump() -> None:
    start, _ = boundaries(Window(utc(2018, 11, 4, 5), utc(2018, 11, 4, 6)), Bucket.DAY, time_zone("America/Sao_Paulo"))
    assert start == utc(2018, 11, 4, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P30D", Duration(days=30)),
        ("PT24H", Duration(seconds=86_400)),
        ("P1M", Duration(months=1)),
        ("P1Y2M3W4DT5H6M7S", Duration(months=14, days=25, seconds=18_367)),
    ],
)
def test_durations(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "30D", "P-1D", "-P1D", "P1.5D", "P0D", "PT0S", "p1d", "P1D ", "P١D", "P1H"]
)
def test_not_durations(text: str) -> None:
    with pytest.raises(QueryError, match="is not a duration: write ISO 8601"):
        parse_duration(text)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "+05:30",
        "UTC+2",
        "Mars/Olympus",
        "europe/berlin",
        "posixrules",
        "right/UTC",
        "Factory",
        "../etc/passwd",
        "/etc/localtime",
        "Europe",
        "ü",
        "a\0b",
        "x" * 500,
    ],
)
def test_not_time_zones(name: str) -> None:
    with pytest.raises(BadTimeZone, match="is not an IANA time zone"):
        time_zone(name)


def test_rolling_days_keep_the_wall_clock() -> None:
    zone = time_zone("America/New_York")
    now = utc(2026, 3, 9, 16)  # noon in New York, the day after clocks went forward
    assert last(Duration(days=1), zone, now).start == utc(2026, 3, 8, 16)
    assert last(Duration(days=2), zone, now).start == utc(2026, 3, 7, 17)
    assert last(Duration(seconds=48 * 3600), zone, now).start == utc(2026, 3, 7, 16)


def test_a_month_back_from_its_last_day() -> None:
    assert last(Duration(months=1), time_zone("UTC"), utc(2026, 3, 31, 12)).start == utc(2026, 2, 28, 12)
    assert last(Duration(months=12), time_zone("UTC"), utc(2024, 2, 29)).start == utc(2023, 2, 28)


def test_exact_hours_across_a_repeated_hour() -> None:
    zone = time_zone("America/New_York")
    now = utc(2026, 11, 1, 6, 30)  # the second 01:30
    assert last(Duration(seconds=1800), zone, now) == Window(utc(2026, 11, 1, 6), now)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        (CalendarPeriod.TODAY, utc(2026, 11, 21, 18, 30), NOW),
        (CalendarPeriod.YESTERDAY, utc(2026, 11, 20, 18, 30), utc(2026, 11, 21, 18, 30)),
        (CalendarPeriod.THIS_WEEK, utc(2026, 11, 15, 18, 30), NOW),
        (CalendarPeriod.LAST_WEEK, utc(2026, 11, 8, 18, 30), utc(2026, 11, 15, 18, 30)),
        (CalendarPeriod.THIS_MONTH, utc(2026, 10, 31, 18, 30), NOW),
        (CalendarPeriod.LAST_MONTH, utc(2026, 9, 30, 18, 30), utc(2026, 10, 31, 18, 30)),
    ],
)
def test_periods_in_kolkata(name: CalendarPeriod, start: datetime, end: datetime) -> None:
    assert period(name, time_zone("Asia/Kolkata"), NOW) == Window(start, end)


def test_last_month_in_january_is_december() -> None:
    window = period(CalendarPeriod.LAST_MONTH, time_zone("UTC"), utc(2027, 1, 15))
    assert window == Window(utc(2026, 12, 1), utc(2027, 1, 1))


@pytest.mark.parametrize(
    ("duration", "bucket"),
    [
        ("PT6H", Bucket.FIFTEEN_MINUTES),
        ("PT24H", Bucket.HOUR),
        ("P2D", Bucket.HOUR),
        ("P30D", Bucket.DAY),
        ("P60D", Bucket.DAY),
        ("P1Y", Bucket.WEEK),
        ("P5Y", Bucket.MONTH),
    ],
)
def test_auto_makes_a_readable_chart(duration: str, bucket: Bucket) -> None:
    window = last(parse_duration(duration), time_zone("UTC"), NOW)
    assert choose_bucket(window) is bucket
    assert 24 <= len(boundaries(window, bucket, time_zone("UTC"))) - 1 <= 62


@pytest.mark.parametrize(
    ("start", "end", "bucket"),
    [
        (utc(2000, 1, 1), utc(2026, 1, 1), Bucket.DAY),
        (utc(2, 1, 1), utc(9998, 1, 1), Bucket.MONTH),
        (utc(2026, 1, 1), utc(2026, 1, 21, 20, 15), Bucket.FIFTEEN_MINUTES),
    ],
)
def test_too_many_points(start: datetime, end: datetime, bucket: Bucket) -> None:
    with pytest.raises(TooManyPoints, match=r"More than 2000 points.*larger bucket"):
        boundaries(Window(start, end), bucket, time_zone("Asia/Tokyo"))


def test_as_many_points_as_there_may_be() -> None:
    window = Window(utc(2026, 1, 1), utc(2026, 1, 1) + timedelta(minutes=15) * 2000)
    assert len(boundaries(window, Bucket.FIFTEEN_MINUTES, time_zone("UTC"))) == 2001


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (utc(2026, 1, 1), utc(2026, 1, 1)),
        (utc(2026, 1, 2), utc(2026, 1, 1)),
        (utc(1, 1, 1), utc(2026, 1, 1)),
        (utc(2026, 1, 1), utc(9999, 12, 31)),
    ],
)
def test_windows_that_are_none(start: datetime, end: datetime) -> None:
    with pytest.raises(BadWindow):
        between(start, end)


def test_a_window_before_the_calendar() -> None:
    with pytest.raises(BadWindow, match="before the calendar does"):
        last(parse_duration("P9999Y"), time_zone("UTC"), NOW)
