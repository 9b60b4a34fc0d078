"""When a reported call began and ended."""

from datetime import UTC, datetime, timedelta
from time import time_ns
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
HOUR_NS: Final = 3600 * 10**9
LATEST_NS: Final = HOUR_NS
"""The server rejects what lies further in the future: a clock or a time zone is wrong."""
LONGEST_NS: Final = 24 * HOUR_NS
"""No call runs longer, but a call of last month that is reported without its end would."""
UNBELIEVED_NS: Final = 7 * 24 * HOUR_NS
"""The server takes a longer duration for a wrong clock and stores 0; so it is refused where it can still be seen."""


def call_interval(
    started_at: datetime | None, ended_at: datetime | None, duration: timedelta | float | None
) -> tuple[int, int]:
    """Start and end in nanoseconds since 1970, from any two of the three, or one, or none (it is over now).

    Raises:
        TypeError: not a ``datetime``, or not a number of seconds.
        ValueError: all three are given, a ``datetime`` has no time zone, or the interval is impossible.
    """
    now = time_ns()
    began, ended = _instant("started_at", started_at), _instant("ended_at", ended_at)
    taken = length("duration", duration)
    if began is None:
        ended = now if ended is None else ended
        began = ended - (taken or 0)
    elif ended is None and taken is not None:
        ended = began + taken
    elif ended is None:
        if now - began > LONGEST_NS:
            raise ValueError("record_call(): a call that began over a day ago needs its ended_at or duration.")
        # Clocks differ a little between machines; a call that began just ahead of this one's took no time.
        ended = max(began, now)
    elif taken is not None:
        raise ValueError("record_call(): give two of started_at, ended_at and duration; the third follows from them.")
    if began < 0:
        raise ValueError("record_call(): the call lies before 1970; are its times right?")
    if ended < began:
        raise ValueError("record_call(): ended_at lies before started_at.")
    if ended - began > UNBELIEVED_NS:
        raise ValueError("record_call(): the call would have taken over a week; are its times right?")
    if ended > now + LATEST_NS:
        raise ValueError("record_call(): the call lies in the future; is the time zone of its times right?")
    return began, ended


def _instant(name: str, value: datetime | None) -> int | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise TypeError(f"record_call({name}=...) must be a datetime, not {type(value).__name__}.")
    if value.utcoffset() is None:
        raise ValueError(f"record_call({name}=...) needs a time zone, as in datetime.now(UTC).")
    return (value - EPOCH) // MICROSECOND * 1000


def length(name: str, value: timedelta | float | None) -> int | None:
    """A length of time in nanoseconds. Raises as ``call_interval`` does."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, timedelta | int | float):
        raise TypeError(f"record_call({name}=...) must be seconds or a timedelta, not {type(value).__name__}.")
    if not isinstance(value, timedelta):
        try:
            value = timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise ValueError(f"record_call({name}={value}) is not a number of seconds.") from None
    if value < timedelta(0):
        raise ValueError(f"record_call({name}=...) must not be negative.")
    return value // MICROSECOND * 1000
