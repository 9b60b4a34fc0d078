"""The user's own prices: what a model costs them, where the public price list does not know or does not apply."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Origin(StrEnum):
    """Where a price was said, the one that counts more first."""

    DATABASE = "database"
    FILE = "file"


class OwnPrice(NamedTuple):
    """What the tokens of a model cost from ``since`` on (UTC; ``None``: since ever), whatever their number.

    ``model`` is a name in lower case, or the beginning of names followed by ``*``; ``provider`` is one of ours, or
    ``None`` for any. Rates are exact, in USD per million tokens, ``per_call`` in USD. Without a rate of their own cache
    reads and writes cost what input does, writes for an hour what writes do, and reasoning what output does.
    ``project``: whose calls alone cost that, ``None``: those of all.
    """

    model: str
    provider: str | None
    since: datetime | None
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    per_call: Decimal = Decimal(0)
    origin: Origin = Origin.DATABASE
    project: str | None = None


RATES = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning", "per_call")
"""The fields of ``OwnPrice`` that are amounts of money."""
