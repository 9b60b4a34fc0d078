"""Numbers for people: ``1.5M`` tokens, ``$12.34``, ``62.3%``, ``2h ago``.

Money and big integers come from GraphQL as JSON strings or numbers and are never floats here. ``None`` is unknown and
says so; it is not 0.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

UNKNOWN = "unknown"
_UNITS = ("", "K", "M", "B", "T", "P", "E")


def count(value: int | str) -> str:
    """Exactly, with thousands separators: ``8,214``."""
    return f"{int(value):,}"


def short(value: int | str | None) -> str:
    """Three or four digits: ``999``, ``45.0K``, ``1.5M``."""
    if value is None:
        return UNKNOWN
    number, unit = Decimal(int(value)), 0
    if number < 1000:
        return str(number)
    # 999,950 would be rounded to "1000.0K": the rounded number decides about the unit.
    while unit < len(_UNITS) - 1 and (number / 1000**unit).quantize(Decimal("0.1"), ROUND_HALF_EVEN) >= 1000:
        unit += 1
    return f"{number / 1000**unit:,.1f}{_UNITS[unit]}"


def money(value: str | None, *, places: int = 2) -> str:
    """USD with ``places`` decimals: ``$1,234.56``; ``<$0.01`` for less than can be shown."""
    if value is None:
        return UNKNOWN
    amount, least = Decimal(value), Decimal(1).scaleb(-places)
    if 0 < amount < least:
        return f"<${least}"
    return f"${amount.quantize(least, ROUND_HALF_EVEN):,}"


def plain(value: str) -> str:
    """A decimal without the zeros at its end: ``1,234.5``."""
    text = f"{Decimal(value):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None) -> str:
    """``62.3%``; a dash where there is no share."""
    if share is None:
        return "-"
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def duration(milliseconds: float | None) -> str:
    """``850ms``, ``12.3s``, ``4m 05s``, ``2h 10m``."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f}s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"


def ago(then: datetime, now: datetime) -> str:
    """``just now``, ``5m ago``, ``3h ago``, ``12d ago``."""
    passed = now - then
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed // timedelta(minutes=1)}m ago"
    if passed < timedelta(days=1):
        return f"{passed // timedelta(hours=1)}h ago"
    return f"{passed // timedelta(days=1)}d ago"
