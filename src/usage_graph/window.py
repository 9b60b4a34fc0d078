"""Windows of time and the buckets that divide them. Pure: the clock and the zone are arguments.

Days, weeks and months are wall-clock in the zone, so a day can have 23 or 25 hours; hours and below are exact.
Every boundary is an instant that is a multiple of 15 minutes in UTC (each IANA offset since 2000 is), which is
what lets 15-minute rollups answer for any zone.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from usage_graph.errors import BadTimeZone, BadWindow, QueryError, TooManyPoints

MAX_POINTS = 2000
READABLE = (24, 60)
"""AUTO aims at this many points."""
_QUARTER = timedelta(minutes=15)
_QUARTERS_SINCE = 2000
"""The year since which each boundary is a multiple of it."""
_MICROSECOND = timedelta(microseconds=1)


class Bucket(StrEnum):
    AUTO = "AUTO"
    FIFTEEN_MINUTES = "FIFTEEN_MINUTES"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class CalendarPeriod(StrEnum):
    TODAY = "TODAY"
    YESTERDAY = "YESTERDAY"
    THIS_WEEK = "THIS_WEEK"
    LAST_WEEK = "LAST_WEEK"
    THIS_MONTH = "THIS_MONTH"
    LAST_MONTH = "LAST_MONTH"


class Window(NamedTuple):
    """The half-open ``[start, end)``, both aware and in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Duration:
    """An ISO 8601 duration. Months and days are counted on the wall clock, seconds are exact."""

    months: int = 0
    days: int = 0
    seconds: int = 0


class Asked(NamedTuple):
    """What a window was asked for by: one of these, whenever that was. ``between`` has the two instants."""

    last: Duration | None = None
    period: CalendarPeriod | None = None
    between: tuple[datetime, datetime] | None = None


_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> Duration:
    """``P30D``, ``PT24H``, ``P1M``, ``P1DT12H``: whole, positive numbers.

    Raises:
        QueryError: not such a duration, or zero.
    """
    if (match := _DURATION.fullmatch(text)) is not None:
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        duration = Duration(years * 12 + months, weeks * 7 + days, (hours * 60 + minutes) * 60 + seconds)
        if duration != Duration():
            return duration
    raise QueryError(
        f"{text[:50]!r} is not a duration: write ISO 8601 with whole, positive numbers, such as "
        '"PT24H" (24 hours), "P7D" (7 days) or "P1M" (one month).'
    )


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - {"Factory", "localtime"}


@lru_cache(maxsize=1024)
def time_zone(name: str) -> ZoneInfo:
    """The IANA zone ``name``.

    Raises:
        BadTimeZone: there is none; offsets such as ``+05:30`` are not zones.
    """
    # The list, not the file system: that also has leap-second zones, this machine's own, and no case on some systems.
    if name not in _zone_names():
        raise BadTimeZone(
            f"{name[:50]!r} is not an IANA time zone: write a name such as "
            '"Europe/Berlin", "Asia/Kolkata" or "UTC" (an offset is no zone: it does not know daylight saving).'
        )
    return ZoneInfo(name)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a naive wall time: the first of two; for one that a jump skips, the jump itself or later."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def wall_of(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows: naive, and the same twice where an hour repeats."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def midnight_of(wall: datetime) -> datetime:
    """The beginning of a wall time's day."""
    return wall.replace(hour=0, minute=0, second=0, microsecond=0)


def add_months(wall: datetime, months: int) -> datetime:
    """The same day and time ``months`` later or earlier; the month's last day where it is shorter."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    following = datetime(year + month // 11, (month + 1) % 12 + 1, 1)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, (following - timedelta(days=1)).day))


def last(duration: Duration, zone: ZoneInfo, now: datetime) -> Window:
    """The rolling window that ends now.

    Raises:
        BadWindow: it would begin before year 2.
    """
    try:
        wall = wall_of(now, zone)
        if duration.months or duration.days:
            wall = add_months(wall, -duration.months) - timedelta(days=duration.days)
            start = instant_of(wall, zone)
        else:
            start = now
        start -= timedelta(seconds=duration.seconds)
        if start.year < 2:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadWindow("The window begins before the calendar does: ask for a shorter duration.") from None
    return Window(min(start, now), now)


def period(name: CalendarPeriod, zone: ZoneInfo, now: datetime) -> Window:
    """A calendar period in ``zone``. TODAY and THIS_* end now; weeks start on Monday."""
    today = midnight_of(wall_of(now, zone))
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    starts_and_ends: dict[CalendarPeriod, tuple[datetime, datetime | None]] = {
        CalendarPeriod.TODAY: (today, None),
        CalendarPeriod.YESTERDAY: (today - timedelta(days=1), today),
        CalendarPeriod.THIS_WEEK: (monday, None),
        CalendarPeriod.LAST_WEEK: (monday - timedelta(days=7), monday),
        CalendarPeriod.THIS_MONTH: (first, None),
        CalendarPeriod.LAST_MONTH: (add_months(first, -1), first),
    }
    start, end = starts_and_ends[name]
    return Window(instant_of(start, zone), now if end is None else instant_of(end, zone))


def between(start: datetime, end: datetime) -> Window:
    """Raises ``BadWindow`` unless ``start`` is before ``end``, both inside the years 2 to 9998."""
    if start.year < 2 or end.year > 9998:
        raise BadWindow("The window leaves the calendar: years go from 2 to 9998.")
    if not start < end:
        raise BadWindow(
            f"The window is empty: `from` ({start.isoformat()}) must be before `to` ({end.isoformat()}); "
            "`to` is not part of it."
        )
    return Window(start.astimezone(UTC), end.astimezone(UTC))


def _quarter(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def _hour(at: datetime, zone: ZoneInfo) -> datetime:
    """The full hour of the zone's clock at or before ``at``."""
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return (at + offset).replace(minute=0, second=0, microsecond=0) - offset


def _next_hour(at: datetime, zone: ZoneInfo) -> datetime:
    following = _hour(at + timedelta(hours=1), zone)
    # Where clocks change by half an hour (Lord Howe), the grid of full hours moves and one bucket is short or long.
    return following if following > at else following + timedelta(hours=1)


def _walker(bucket: Bucket, zone: ZoneInfo, start: datetime) -> tuple[datetime, Callable[[datetime], datetime]]:
    """The boundary at or before ``start``, and the function from one boundary to the next."""
    if bucket is Bucket.FIFTEEN_MINUTES:
        return _quarter(start), lambda at: at + _QUARTER
    if bucket is Bucket.HOUR:
        return _hour(start, zone), lambda at: _next_hour(at, zone)

    wall = midnight_of(wall_of(start, zone))
    if bucket is Bucket.WEEK:
        wall -= timedelta(days=wall.weekday())
    elif bucket is Bucket.MONTH:
        wall = wall.replace(day=1)

    def following(_: datetime) -> datetime:
        nonlocal wall
        if bucket is Bucket.MONTH:
            wall = add_months(wall, 1)
        else:
            wall += timedelta(days=7 if bucket is Bucket.WEEK else 1)
        return instant_of(wall, zone)

    return instant_of(wall, zone), following


_APPROXIMATE = {
    Bucket.FIFTEEN_MINUTES: timedelta(minutes=15),
    Bucket.HOUR: timedelta(hours=1),
    Bucket.DAY: timedelta(days=1),
    Bucket.WEEK: timedelta(days=7),
    Bucket.MONTH: timedelta(days=30.436875),
}


def choose_bucket(window: Window) -> Bucket:
    """What AUTO means: the bucket whose number of points comes nearest to a readable chart.

    Too many points blur a chart sooner than too few leave it bare, so an excess counts twice.
    """

    def distance(bucket: Bucket) -> float:
        points = (window.end - window.start) / _APPROXIMATE[bucket]
        few, many = READABLE
        return math.log(few / max(points, 1e-9)) if points < few else 2 * max(0.0, math.log(points / many))

    return min(_APPROXIMATE, key=distance)


def most_points(window: Window, bucket: Bucket) -> int:
    """At least as many points as ``boundaries`` gives in any zone, without counting them; at most ``MAX_POINTS``."""
    # Two for the edges that are cut. Months and days that are shorter than they are on average are never so by more.
    return min(MAX_POINTS, math.floor((window.end - window.start) / _APPROXIMATE[bucket]) + 3)


def boundaries(window: Window, bucket: Bucket, zone: ZoneInfo) -> Sequence[datetime]:
    """The ascending UTC instants that divide ``window``: one more than there are points.

    The first is at or before the window's start and the last at or after its end, so the outer buckets may be cut.

    Raises:
        TooManyPoints: more than ``MAX_POINTS``.
        BadWindow: the window reaches the calendar's end.
    """
    if bucket is Bucket.AUTO:
        raise ValueError("AUTO is resolved by choose_bucket")
    if (window.end - window.start) / _APPROXIMATE[bucket] > MAX_POINTS + 2:
        raise _too_many(bucket)
    start, end = window
    if _QUARTERS_SINCE <= start.year <= end.year < MAXYEAR:
        # Nothing begins between two quarters of an hour: for so long windows that move on have the same boundaries.
        start, end = _quarter(start), _quarter(end + _QUARTER - _MICROSECOND)
    found = _boundaries(start, end, bucket, zone)
    if len(found) - 1 > MAX_POINTS:
        raise _too_many(bucket)
    return found


@lru_cache(maxsize=64)
def _boundaries(start: datetime, end: datetime, bucket: Bucket, zone: ZoneInfo) -> tuple[datetime, ...]:
    try:
        at, following = _walker(bucket, zone, start)
        found = [at]
        while at < end:
            at = following(at)
            if at > found[-1]:  # a zone that skipped a whole day (Apia, 2011) has no bucket for it
                found.append(at)
    except (ValueError, OverflowError):
        raise BadWindow("The window reaches the end of the calendar: ask for a shorter one.") from None
    return tuple(found)


def _too_many(bucket: Bucket) -> TooManyPoints:
    return TooManyPoints(
        f"More than {MAX_POINTS} points: a bucket of {bucket.value} is too small for this window. "
        "Ask for a larger bucket (AUTO chooses one) or a shorter window."
    )
