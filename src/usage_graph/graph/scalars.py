"""The custom scalars: how values are written in answers, and what is accepted in arguments.

A value that cannot be read raises ``GraphQLError`` with ``extensions.code``, so that literals and variables fail alike.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NewType
from zoneinfo import ZoneInfo

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from usage_graph.errors import BadTimeZone, BadWindow, QueryError
from usage_graph.window import Duration, parse_duration, time_zone

BigInt = NewType("BigInt", int)

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, section 6)."""

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_DECIMAL = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,38}", re.ASCII)


def _refusal(message: str, kind: type[QueryError]) -> GraphQLError:
    return GraphQLError(message, extensions={"code": kind.code})


def _parser(read: Callable[[Any], object], kind: type[QueryError]) -> Callable[[Any], object]:
    """``read`` with its ``ValueError`` and ``QueryError`` turned into a coded refusal."""

    def parse(value: Any) -> object:
        try:
            return read(value)
        except (ValueError, QueryError) as error:
            raise _refusal(str(error), kind) from None

    return parse


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_date_time(value: object) -> datetime:
    """RFC 3339 with an offset -> UTC. Digits beyond microseconds are cut."""
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # a 13th month, or an instant outside the calendar: refused below like any other text
    raise ValueError(
        f"{_shown(value)} is not a DateTime: write RFC 3339 with seconds and an offset, such as "
        '"2026-03-01T00:00:00Z" or "2026-03-01T00:00:00+01:00".'
    )


def write_date_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_decimal(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise ValueError(
        f'{_shown(value)} is not a Decimal: write a string in plain notation, such as "0.0035", '
        "or a whole number; a floating-point number would not be exact."
    )


def write_decimal(value: Decimal) -> str:
    """Plain notation without trailing zeros: ``0.0035304``, ``12``, ``0``."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_big_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**38 else ""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise ValueError(f"{_shown(value)} is not a BigInt: write a whole number, or one as a string.")


def write_big_int(value: int) -> int | str:
    return value if abs(value) <= MAX_SAFE_INTEGER else str(value)


def read_time_zone(value: object) -> ZoneInfo:
    if not isinstance(value, str):
        raise ValueError(f'{_shown(value)} is not a TimeZone: write an IANA name, such as "Europe/Berlin".')
    return time_zone(value)


def write_time_zone(value: ZoneInfo) -> str:
    return value.key


def read_duration(value: object) -> Duration:
    if not isinstance(value, str):
        raise ValueError(f'{_shown(value)} is not a Duration: write an ISO 8601 string, such as "PT24H" or "P7D".')
    return parse_duration(value)


def write_duration(value: Duration) -> str:
    date = "".join(f"{count}{unit}" for count, unit in ((value.months, "M"), (value.days, "D")) if count)
    return f"P{date}" + (f"T{value.seconds}S" if value.seconds else "")


def _scalar(
    name: str,
    description: str,
    read: Callable[[Any], object],
    write: Callable[[Any], object],
    kind: type[QueryError],
    specification: str | None = None,
) -> ScalarDefinition:
    return strawberry.scalar(
        name=name,
        description=description,
        specified_by_url=specification,
        serialize=write,
        parse_value=_parser(read, kind),
    )


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "An instant: RFC 3339 with seconds and an offset. Answers are in UTC with up to six decimal places, such as "
        "`2026-03-01T12:00:00.25Z`; arguments may have any offset, but must have one.",
        read_date_time,
        write_date_time,
        BadWindow,
        "https://www.rfc-editor.org/rfc/rfc3339",
    ),
    Decimal: _scalar(
        "Decimal",
        'An exact decimal number as a string in plain notation, such as `"0.0035304"`: never an exponent, never a '
        "floating-point number. Arguments may also be whole numbers.",
        read_decimal,
        write_decimal,
        QueryError,
    ),
    BigInt: _scalar(
        "BigInt",
        "A whole number of any size: a JSON number up to 2^53-1, a string above. Arguments may be either.",
        read_big_int,
        write_big_int,
        QueryError,
    ),
    ZoneInfo: _scalar(
        "TimeZone",
        "The name of an IANA time zone, such as `Europe/Berlin`. Offsets such as `+01:00` are refused: they do not "
        "know daylight saving.",
        read_time_zone,
        write_time_zone,
        BadTimeZone,
        "https://www.iana.org/time-zones",
    ),
    Duration: _scalar(
        "Duration",
        "An ISO 8601 duration in whole, positive numbers. Years, months, weeks and days are counted on the wall clock "
        "of the time zone, hours and below are exact: `P1D` can be 23 or 25 hours long, `PT24H` cannot.",
        read_duration,
        write_duration,
        BadWindow,
        "https://www.iso.org/iso-8601-date-and-time-format.html",
    ),
}
