"""One attribute value, from whoever sent it, as something the store can hold; ``None`` where it is none.

Values come from clients: any type may stand under any key, and every function here answers for all of them.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, TypeAlias

from usage_graph.usage import EPOCH, MAX_COST_NANO, MAX_CREDITS_NANO, MAX_DURATION_US, MAX_TOKENS

AttributeValue: TypeAlias = str | bool | int | float | bytes | list[Any] | dict[str, Any] | None
"""An OTLP AnyValue, unwrapped: kvlists are dicts, an AnyValue without a value is ``None``."""

MAX_TEXT = 256
"""Longer text is cut: names and ids are short, and what is not short is content."""

SCRUBBED = "[Scrubbed due to "
"""What Logfire writes in place of a value that it took for a secret."""

MAX_DOCUMENT = 2**16
"""A JSON attribute longer than this holds more than usage and is left unread."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MAX_NUMBER = 64
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


def text(value: AttributeValue) -> str | None:
    """Text of 1 to 256 characters that PostgreSQL can store; whole numbers become text.

    NUL is dropped, lone surrogates become U+FFFD; blank and scrubbed text is missing. JSON's quotes around all of it
    are taken off: Langfuse and MLflow write each value in JSON.
    """
    if type(value) is not str:
        return _number_text(value)
    if value[:1] == '"':
        value = _unquoted(value)
    if not value.isascii() or "\0" in value:
        # Bounded first: what is cut off needs no repair, and a removed NUL shortens the text only further.
        value = _storable(value[: 4 * MAX_TEXT])
    if len(value) > MAX_TEXT:
        value = value[:MAX_TEXT]
    if value.isspace() or not value or value.startswith(SCRUBBED):
        return None
    return value


def _unquoted(value: str) -> str:
    """Without the quotes that JSON has put around it, however often."""
    value = value[: 4 * MAX_TEXT]
    while value[:1] == '"':
        try:
            inner = json.loads(value)
        except ValueError:
            break
        if not isinstance(inner, str):
            break
        value = inner
    return value


def _storable(value: str) -> str:
    """Without NUL; surrogate pairs joined, lone surrogates replaced."""
    value = value.replace("\0", "")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _number_text(value: AttributeValue) -> str | None:
    """Whole numbers of 64 bits, such as ``cursor.user.id``, in digits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**64:
        return str(value)
    return None


def tokens(value: AttributeValue) -> int | None:
    """A token count from 0 to ``MAX_TOKENS``: an integer, a double without its fraction, or a string of either."""
    if type(value) is int:
        return value if 0 <= value <= MAX_TOKENS else None
    number = _decimal(value)
    return int(number) if number is not None and 0 <= number <= MAX_TOKENS else None


def usd(value: AttributeValue) -> int | None:
    """An amount of USD as nano-USD, rounded half to even; up to a million USD."""
    return _nano(value, MAX_COST_NANO)


def charge(value: AttributeValue) -> int | None:
    """``usd`` above zero: 0 is what emitters write for a model that they have no price for."""
    return usd(value) or None


def credit(value: AttributeValue) -> int | None:
    """An amount of credits as nano-credits, rounded half to even; up to a million credits."""
    return _nano(value, MAX_CREDITS_NANO)


def nano_credit(value: AttributeValue) -> int | None:
    """Nano-credits as such (GitHub Copilot counts "nano AIU")."""
    number = _decimal(value)
    return int(number) if number is not None and 0 <= number <= MAX_CREDITS_NANO else None


def milliseconds(value: AttributeValue) -> int | None:
    """A length of time as whole microseconds, at least one and up to ``MAX_DURATION_US``."""
    return _microseconds(value, 3)


def seconds(value: AttributeValue) -> int | None:
    """The same of one in seconds."""
    return _microseconds(value, 6)


def seconds_or_whole_milliseconds(value: AttributeValue) -> int | None:
    """The same where one emitter writes seconds, and another an integer of milliseconds, under one key."""
    return milliseconds(value) if isinstance(value, int) else seconds(value)


def bounded_first_token(first_us: int | None, duration_us: int) -> int | None:
    """A time to the first token that can be: of a call that took longer, or of which no duration is known."""
    if first_us is None or not 0 < first_us <= (duration_us or MAX_DURATION_US):
        return None
    return first_us


def instant(value: AttributeValue) -> int | None:
    """A time in ISO 8601 as microseconds since 1970; without an offset it is UTC."""
    stamp = text(value) if isinstance(value, str) else None
    if stamp is None:
        return None
    try:
        at = datetime.fromisoformat(stamp)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def _microseconds(value: AttributeValue, places: int) -> int | None:
    number = _decimal(value)
    if number is None or not 0 < number <= MAX_DURATION_US:
        return None
    time = int(number.scaleb(places))
    return time if 0 < time <= MAX_DURATION_US else None


def _nano(value: AttributeValue, most: int) -> int | None:
    number = _decimal(value)
    if number is None or not 0 <= number <= most:
        return None
    nano = int(_EXACT.to_integral_exact(_EXACT.scaleb(number, 9)))
    return nano if nano <= most else None


def _decimal(value: AttributeValue) -> Decimal | None:
    """The number that was meant: a float's shortest spelling, not its binary expansion. Not ``bool``, NaN, infinity."""
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _MAX_NUMBER or not _NUMBER.fullmatch(value):
            return None
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if value - value == 0 else None
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return None


def document(value: AttributeValue) -> Any:
    """What a JSON attribute (or a kvlist) holds; ``None`` where it is not JSON or longer than ``MAX_DOCUMENT``.

    Of a flat mapping that Python printed, such as ``{'audio': 0, 'cache_read': 1024}``, its whole numbers.
    """
    if not isinstance(value, str):
        return value if isinstance(value, dict) else None
    if len(value) > MAX_DOCUMENT:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return _printed(value)


_PRINTED = re.compile(r"\{(?:'\w{1,64}': (?:\d{1,20}|None)(?:, )?)*\}", re.ASCII)
_ENTRY = re.compile(r"'(\w+)': (\d+)", re.ASCII)


def _printed(value: str) -> dict[str, int] | None:
    if not _PRINTED.fullmatch(value):
        return None
    return {name: int(number) for name, number in _ENTRY.findall(value)}


def dig(value: Any, path: tuple[str, ...]) -> Any:
    """The value at ``path`` inside nested mappings, else ``None``."""
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value
