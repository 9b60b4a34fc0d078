"""One value of a line of a history, checked. Errors name the field and never repeat the value: it may be content."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from usage_graph.usage import MAX_TOKENS

MAX_TEXT = 256
"""Longer text is cut, as the server would: names and ids are short."""
_LONGEST = timedelta(days=7)
_NANO = Decimal("1e-9")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_MAX_NUMBER = 64
_FIRST_YEAR, _LAST_YEAR = 1971, 2199


class BadLine(Exception):
    """A line (or a row) that cannot be read as a call. The message says what is wrong, without the line's content."""


def text(name: str, value: Any) -> str | None:
    """Text of 1 to 256 characters that can be sent; whole numbers become text, blank text is missing.

    Raises:
        BadLine: it is none.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        value = str(value)
    if not isinstance(value, str):
        raise BadLine(f"{name} is not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadLine(f"{name} is not UTF-8") from None
    cut = value.replace("\0", "").strip()[:MAX_TEXT]
    return cut or None


def moment(name: str, value: Any) -> datetime:
    """An instant in UTC, from ISO 8601 (RFC 3339); without an offset it is UTC.

    Raises:
        BadLine: it is missing, unreadable, or outside of 1971 to 2199.
    """
    if value is None or value == "":
        raise BadLine(f"{name} is missing")
    try:
        read = datetime.fromisoformat(value.strip())
        at = (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise BadLine(f"{name} is not a time such as 2026-11-01T12:00:00Z") from None
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise BadLine(f"{name} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return at


def count(name: str, value: Any) -> int | None:
    """A token count, as a number or in digits; ``None`` where there is none.

    Raises:
        BadLine: it is no whole number from 0 to ``MAX_TOKENS``.
    """
    number = _decimal(name, value)
    if number is None:
        return None
    if not 0 <= number <= MAX_TOKENS or number != number.to_integral_value():
        raise BadLine(f"{name} is not a whole number from 0 to {MAX_TOKENS:.0e}")
    return int(number)


def amount(name: str, value: Any, *, most_nano: int) -> Decimal | None:
    """An amount of money or credits to the nano, from 0 to ``most_nano``; ``None`` where there is none.

    Raises:
        BadLine: it is no such amount.
    """
    number = _decimal(name, value)
    if number is None:
        return None
    most = most_nano * _NANO
    if not 0 <= number <= most:
        raise BadLine(f"{name} is not an amount from 0 to {most.normalize():f}")
    return number.quantize(_NANO, ROUND_HALF_EVEN)


def milliseconds(name: str, value: Any) -> timedelta:
    """A duration of up to a week; none where there is none.

    Raises:
        BadLine: it is no number of milliseconds of at most a week.
    """
    number = _decimal(name, value)
    if number is None:
        return timedelta()
    if not 0 <= number <= _LONGEST // timedelta(milliseconds=1):
        raise BadLine(f"{name} is not a number of milliseconds of at most {_LONGEST.days} days")
    return timedelta(microseconds=int((number * 1000).to_integral_value(ROUND_HALF_EVEN)))


def between(started_at: datetime, ended_at: datetime) -> timedelta:
    """How long that is; nothing where it is no duration of a call."""
    taken = ended_at - started_at
    return taken if timedelta() <= taken <= _LONGEST else timedelta()


def _decimal(name: str, value: Any) -> Decimal | None:
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if len(value) <= _MAX_NUMBER and _NUMBER.fullmatch(value):
            return Decimal(value)
    elif isinstance(value, float) and value - value == 0:
        return Decimal(repr(value))
    elif isinstance(value, Decimal) and value.is_finite():
        return value
    elif isinstance(value, int) and not isinstance(value, bool):
        try:
            return Decimal(value)
        except (InvalidOperation, OverflowError):
            pass
    elif value is None:
        return None
    raise BadLine(f"{name} is not a number")
