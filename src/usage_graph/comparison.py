"""What a window is compared with, and how what was used then differs. Pure: the zone is an argument.

Windows are shifted on the clock on the wall. A day that the other month does not have is its last one, a time that a
jump of the clock skips is the jump, and of a time that there is twice the first is meant. So windows that touch are
compared with windows that touch, but around days that the other month does not have.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage_graph.errors import BadWindow
from usage_graph.usage import Totals
from usage_graph.window import Asked, CalendarPeriod, Window, add_months, instant_of, last, midnight_of, wall_of


class PreviousWindow(StrEnum):
    """Which window is compared with."""

    PRECEDING = "PRECEDING"
    WEEK_AGO = "WEEK_AGO"
    MONTH_AGO = "MONTH_AGO"
    YEAR_AGO = "YEAR_AGO"


class Shift(NamedTuple):
    """How far back, on the wall clock: first the months, then the days."""

    months: int = 0
    days: int = 0


_AGO = {
    PreviousWindow.WEEK_AGO: Shift(days=7),
    PreviousWindow.MONTH_AGO: Shift(months=1),
    PreviousWindow.YEAR_AGO: Shift(months=12),
}
_LENGTH = {
    CalendarPeriod.TODAY: Shift(days=1),
    CalendarPeriod.YESTERDAY: Shift(days=1),
    CalendarPeriod.THIS_WEEK: Shift(days=7),
    CalendarPeriod.LAST_WEEK: Shift(days=7),
    CalendarPeriod.THIS_MONTH: Shift(months=1),
    CalendarPeriod.LAST_MONTH: Shift(months=1),
}
_OVER = (CalendarPeriod.YESTERDAY, CalendarPeriod.LAST_WEEK, CalendarPeriod.LAST_MONTH)


def previous(which: PreviousWindow, asked: Asked, window: Window, zone: ZoneInfo) -> Window:
    """The window that ``window``, which ``asked`` was resolved to, is compared with; it can be empty.

    PRECEDING a rolling window is one of the same duration that ends where it starts; a period that is not over, the
    same part of the one before; one that is over, the one before; any other window, as many days of the calendar
    where both ends are at the same time of the day, else exactly as long, up to its start. The others are the same
    window so long ago.

    Raises:
        BadWindow: it would begin before year 2.
    """
    try:
        ago = _AGO.get(which) or (_LENGTH[asked.period] if asked.period is not None else None)
        found = _shifted(asked, window, zone, ago) if ago else _preceding(asked, window, zone)
        if found.start.year < 2:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadWindow("The window to compare with begins before the calendar does: compare a later one.") from None
    return found


def _shifted(asked: Asked, window: Window, zone: ZoneInfo, back: Shift) -> Window:
    start, end = (
        _onto(add_months(wall, -back.months) - timedelta(days=back.days), zone) for wall in _walls(asked, window, zone)
    )
    return Window(min(start, end), end)


def _preceding(asked: Asked, window: Window, zone: ZoneInfo) -> Window:
    if asked.last is not None:
        return Window(last(asked.last, zone, window.start).start, window.start)
    start, end = wall_of(window.start, zone), wall_of(window.end, zone)
    days = end.date() - start.date()
    if days and start.time() == end.time():
        return Window(min(_onto(start - days, zone), window.start), window.start)
    return Window(window.start - (window.end - window.start), window.start)


def _walls(asked: Asked, window: Window, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The ends of ``window`` on the wall as they were meant, also where the clock skips that time there."""
    start, end = wall_of(window.start, zone), wall_of(window.end, zone)
    if asked.period is not None:
        return midnight_of(start), midnight_of(end) if asked.period in _OVER else end
    if asked.last is not None and not asked.last.seconds:
        start = add_months(end, -asked.last.months) - timedelta(days=asked.last.days)
    return start, end


def _onto(wall: datetime, zone: ZoneInfo) -> datetime:
    at = instant_of(wall, zone)
    skipped = wall_of(at, zone) - wall
    return _jump(at, skipped, zone) if skipped else at


def _jump(at: datetime, skipped: timedelta, zone: ZoneInfo) -> datetime:
    """When the clock jumped by ``skipped``: at ``at``, or before by less than that; clocks jump at full seconds."""
    at = at.replace(microsecond=0)
    since = at.astimezone(zone).utcoffset()

    def is_before(seconds: int) -> bool:
        return (at - timedelta(seconds=seconds)).astimezone(zone).utcoffset() != since

    return at - timedelta(seconds=bisect_left(range(int(skipped.total_seconds()) + 1), True, key=is_before) - 1)


class Delta(NamedTuple):
    """What was used in a window minus what was used in another; unknown where either is. Units are those of
    ``Totals``' properties."""

    calls: int
    failed_calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    cost: Decimal | None
    unpriced_calls: int
    unmeasured_calls: int
    suspect_calls: int
    avg_cost: Decimal | None
    credits: Decimal
    avg_duration_ms: float | None


class Ratio(NamedTuple):
    """What was used in a window divided by what was used in another; unknown where either is, or that was 0."""

    calls: float | None
    failed_calls: float | None
    input_tokens: float | None
    output_tokens: float | None
    total_tokens: float | None
    cache_read_tokens: float | None
    cache_write_tokens: float | None
    cache_write_1h_tokens: float | None
    reasoning_tokens: float | None
    cost: float | None
    unpriced_calls: float | None
    unmeasured_calls: float | None
    suspect_calls: float | None
    avg_cost: float | None
    credits: float | None
    avg_duration_ms: float | None


_Number = int | float | Decimal | None


def delta(current: Totals, before: Totals) -> Delta:
    """``current`` minus ``before``, exactly but for the average of floats."""
    return Delta._make(
        None if now is None or then is None else now - then  # type: ignore[operator]  # both are of one type
        for now, then in _numbers(current, before, Delta._fields)
    )


def ratio(current: Totals, before: Totals) -> Ratio:
    """``current`` divided by ``before``, as the nearest floats."""
    return Ratio._make(
        None if now is None or not then else float(Fraction(now) / Fraction(then))
        for now, then in _numbers(current, before, Ratio._fields)
    )


def _numbers(current: Totals, before: Totals, names: Iterable[str]) -> Iterable[tuple[_Number, _Number]]:
    return ((getattr(current, name), getattr(before, name)) for name in names)
