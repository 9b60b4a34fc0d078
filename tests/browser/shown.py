"""Values as the usage page is to show them: short, and exact. Written anew: tests compare two ways of doing it."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

Number = int | Decimal | float | str
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec")


def fixed(value: Number, places: int) -> str:
    """With so many digits behind the point; what lies in the middle goes up, as it does in browsers."""
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"


def plain(value: Number) -> str:
    """`1,234.5`: all digits, and none more."""
    return f"{Decimal(value).normalize():,f}"


def usd(value: Number | None) -> str:
    """`$1,234.5678`, with all digits."""
    return "unknown" if value is None else f"${plain(value)}"


def money(value: Number) -> str:
    """`$1,234.57`, or `<$0.01`."""
    return "<$0.01" if 0 < Decimal(value) < Decimal("0.01") else f"${fixed(float(value), 2)}"


def short(value: Number) -> str:
    """`1.5M`, `45.0K`, `999`."""
    number = float(value)
    if number < 1000:
        return f"{number:.0f}" if number.is_integer() else fixed(number, 1)
    unit = next(unit for unit in (1, 2, 3) if float(fixed(number / 1000**unit, 1).replace(",", "")) < 1000)
    return f"{fixed(number / 1000**unit, 1)}{' KMB'[unit]}"


def percent(share: float) -> str:
    return "<0.1%" if 0 < share < 0.001 else f"{fixed(share * 100, 1)}%"


def change(ratio: float) -> str:
    """`+12.5%` for a ratio of 1.125."""
    if ratio >= 10:
        return f"×{ratio:.0f}"
    points = fixed(abs(ratio - 1) * 100, 1)
    return "±0%" if points == "0.0" else f"{'+' if ratio > 1 else '−'}{points}%"


def duration(milliseconds: float) -> str:
    """`840ms`, `9.9s`, `2m 05s`."""
    seconds = milliseconds / 1000
    if milliseconds < 1000:
        return f"{fixed(milliseconds, 0)}ms"
    return f"{fixed(seconds, 1)}s" if seconds < 59.95 else f"{int(seconds + 0.5) // 60}m {int(seconds + 0.5) % 60:02}s"


def date(local: datetime) -> str:
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


def day(local: datetime) -> str:
    """`Wed, 4 Nov 2026`, as a point of a chart is called."""
    return f"{local:%a}, {date(local)}"


def minute(local: datetime) -> str:
    return f"{date(local)} {local:%H:%M}"


def second(local: datetime) -> str:
    """`4 Nov 2026, 14:50:03 CET`."""
    return f"{date(local)}, {local:%H:%M:%S %Z}"


def ago(passed: float) -> str:
    """`49m ago`, from seconds."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (5, "s")):
        if passed >= size:
            return f"{int(passed // size)}{unit} ago"
    return "just now"
