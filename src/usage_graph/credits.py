"""Credits: by what rules calls consume them, and the plan that says how many are included.

The ledger: the calls of a project, in the order of their start (then of their ids), draw from the pool of the period
that they start in. What finds the pool empty is additional; one call may be split. So what is additional adds up over
windows, filters and groups. Credits are integer nano-credits inside, ``Decimal`` outside.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage_graph.errors import BadTimeZone
from usage_graph.project import MAX_PROJECT
from usage_graph.usage import NANO, from_nano
from usage_graph.window import time_zone

MAX_INCLUDED = 10**12
"""Credits of one period."""
MAX_AMOUNT = 10**6
"""Credits that a rule takes for a call or a thousand tokens, and USD that an additional credit costs."""
MAX_DIGITS = 12
"""Digits of such an amount after the point."""
_NANO_DIGITS = 9
_NUMBER = re.compile(r"\d{1,15}(?:\.\d*)?|\.\d+", re.ASCII)
_QUARTER = timedelta(minutes=15)
_EVER = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class CreditPeriod(StrEnum):
    """How long a pool lasts; by the calendar of the plan's zone, weeks from Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


class CreditRule(NamedTuple):
    """What a call of ``project`` consumes from ``since`` on (UTC; ``None``: since ever): at least one amount is stated.

    ``model`` is a name in lower case, or the beginning of names followed by ``*``; it and ``channel`` are ``None`` for
    any. Amounts are credits per call and per 1,000 tokens, input and output together. See ``processor.charging``.
    """

    project: str
    model: str | None = None
    channel: str | None = None
    since: datetime | None = None
    per_call: Decimal | None = None
    per_1k_tokens: Decimal | None = None


AMOUNTS = ("per_call", "per_1k_tokens")
"""The fields of ``CreditRule`` that are amounts of credits."""


class CreditPlan(NamedTuple):
    """From ``since`` on (UTC, ``None``: since ever), ``included_nano`` credits in each period of the zone's calendar.

    ``price`` is USD for each additional credit. A later plan of the project ends this one; the first period of a plan
    begins at ``since``, with all of its credits.
    """

    project: str
    since: datetime | None
    period: CreditPeriod
    zone: str
    included_nano: int
    price: Decimal

    @property
    def included(self) -> Decimal:
        return from_nano(self.included_nano)

    @property
    def timezone(self) -> ZoneInfo:
        return time_zone(self.zone)

    def cost_nano(self, additional_nano: int) -> int:
        """Of so many additional credits, in nano-USD; rounded half to even."""
        return round(additional_nano * Fraction(self.price))


class Pool(NamedTuple):
    """The credits that a plan includes from ``start`` until ``end``, both in UTC."""

    plan: CreditPlan
    start: datetime
    end: datetime

    def additional_nano(self, before: int, after: int) -> int:
        """What is additional of the calls that take what was consumed of the pool from ``before`` to ``after``."""
        included = self.plan.included_nano
        return max(0, after - included) - max(0, before - included)


class CreditUsage(NamedTuple):
    """What the calls of a window and filter consumed. Credits are nano-credits, the cost is nano-USD.

    ``planned``: a plan was in force in some of the window. ``plan`` is the one in force just before its end, and
    ``remaining_nano`` what all calls of the project had left of its pool then; ``None``: there was no plan.
    """

    consumed_nano: int
    additional_nano: int = 0
    additional_cost_nano: int = 0
    planned: bool = False
    remaining_nano: int | None = None
    plan: CreditPlan | None = None

    @property
    def consumed(self) -> Decimal:
        return from_nano(self.consumed_nano)

    @property
    def included(self) -> Decimal | None:
        """What is not additional; unknown without a plan."""
        return from_nano(self.consumed_nano - self.additional_nano) if self.planned else None

    @property
    def additional(self) -> Decimal:
        return from_nano(self.additional_nano)

    @property
    def additional_cost(self) -> Decimal:
        """USD; each plan's part is rounded half to even at 1e-9."""
        return from_nano(self.additional_cost_nano)

    @property
    def remaining(self) -> Decimal | None:
        return None if self.remaining_nano is None else from_nano(self.remaining_nano)


class Plans:
    """The plans of one project, each in force until the next one is."""

    def __init__(self, plans: Iterable[CreditPlan]) -> None:
        self._plans = sorted(plans, key=_since)
        self._starts = [_since(plan) for plan in self._plans]

    def pool(self, at: datetime) -> Pool | None:
        """The pool that a call starting ``at`` draws from."""
        number = bisect_right(self._starts, at) - 1
        if number < 0:
            return None
        plan = self._plans[number]
        start, end = _period(plan.period, at, plan.timezone)
        following = self._starts[number + 1] if number + 1 < len(self._starts) else end
        return Pool(plan, max(start, self._starts[number]), min(end, following))

    def pools(self, start: datetime, end: datetime) -> Iterator[Pool]:
        """Those that calls in ``[start, end)`` draw from, in order."""
        at = max([start, *self._starts[:1]]) if self._starts else end
        while at < end and (pool := self.pool(at)) is not None:
            yield pool
            at = pool.end

    def in_force(self, start: datetime, end: datetime) -> bool:
        """Whether any plan is, in some of ``[start, end)``."""
        return start < end and bool(self._starts) and self._starts[0] < end


def _since(plan: CreditPlan) -> datetime:
    return plan.since or _EVER


def _period(period: CreditPeriod, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The period of the zone's calendar that ``at`` is in, in UTC."""
    first = _first(period, at.astimezone(zone).date())
    if _midnight(first, zone) > at:  # a jump across midnight, whose end the calendar takes for the new day's beginning
        first = _first(period, first - timedelta(days=1))
    start, following = _midnight(first, zone), _next(period, first)
    # Clocks that are put back across midnight: the new day has begun when they say so for the first time.
    while following is not None and (end := _midnight(following, zone)) <= at:
        start, following = end, _next(period, following)
    return start, _NEVER if following is None else _midnight(following, zone)


def _first(period: CreditPeriod, day: date) -> date:
    match period:
        case CreditPeriod.DAY:
            return day
        case CreditPeriod.WEEK:
            return day - timedelta(days=day.weekday())
        case CreditPeriod.MONTH:
            return day.replace(day=1)
        case CreditPeriod.YEAR:
            return day.replace(month=1, day=1)


def _next(period: CreditPeriod, first: date) -> date | None:
    """The first day of the following period; ``None`` where the calendar ends."""
    try:
        match period:
            case CreditPeriod.DAY:
                return first + timedelta(days=1)
            case CreditPeriod.WEEK:
                return first + timedelta(days=7)
            case CreditPeriod.MONTH:
                return (first + timedelta(days=31)).replace(day=1)
            case CreditPeriod.YEAR:
                return first.replace(year=first.year + 1)
    except (ValueError, OverflowError):
        return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When ``day`` begins: at the first of two midnights; where a jump skips it, at the jump or later."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return _EVER if day.year == 1 else _NEVER


def credit_plan(
    *, project: str, period: CreditPeriod, zone: str, included: object, price: object, since: datetime | None = None
) -> CreditPlan:
    """A plan as somebody said it. ``included`` and ``price`` are whole numbers, ``Decimal`` or text.

    Raises:
        ValueError: a sentence that begins with the name of the field that is wrong.
    """
    check_project(project)
    try:
        time_zone(zone)
    except BadTimeZone as error:
        raise ValueError(f"zone: {error}") from None
    if since is not None and (since - _EVER) % _QUARTER:
        raise ValueError(
            f"since: {since.isoformat()} is inside a quarter of an hour. Plans begin on one, such as 12:00 or 12:15 "
            "UTC: sums of earlier calls are kept by quarters."
        )
    credits_ = amount("included", included, most=MAX_INCLUDED, digits=_NANO_DIGITS, unit="credits")
    return CreditPlan(
        project=project,
        since=since and since.astimezone(UTC),
        period=period,
        zone=zone,
        included_nano=int(credits_ * NANO),
        price=amount("price", price, most=MAX_AMOUNT, digits=MAX_DIGITS, unit="USD"),
    )


def check_project(project: str) -> None:
    """Raises ``ValueError`` if that cannot name one."""
    if not project.strip() or len(project) > MAX_PROJECT or not project.isprintable():
        raise ValueError(f"project: {project[:50]!r} is no name of a project (at most {MAX_PROJECT} characters).")


def amount(field: str, value: object, *, most: int, digits: int, unit: str) -> Decimal:
    """An exact amount from 0 to ``most``.

    Raises:
        ValueError: it is none; names ``field``.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        text = Decimal(text)
    if isinstance(text, bool) or not isinstance(text, int | Decimal):
        raise ValueError(f"{field}: {value!r} is no amount: write {unit} as a number, such as 0.25.")
    found = Decimal(text)
    if not found.is_finite() or not 0 <= found <= most:
        raise ValueError(f"{field}: {value!r} is no amount from 0 to {most:,} {unit}.")
    if found != round(found, digits):
        raise ValueError(f"{field}: {value!r} has more than {digits} digits after the point.")
    return round(found, digits).normalize()
