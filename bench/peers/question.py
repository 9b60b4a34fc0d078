"""A question to usage-graph, to PostGraphile and, by hand-written SQL, to PostgreSQL itself.

All three are asked for the same window and the same figures, and what they answer is brought to one form, in which
answers are compared. Windows begin and end on full hours: rollups by the hour answer no other ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

VARIANTS = 16
"""Windows, pages or names of each question, so that no answer is asked for twice in a row."""
PAGE = 20
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NANO = 10**9

Answer = list[tuple[Any, ...]]
"""Rows. Of figures: the key, calls, input tokens, output tokens, cost in nano-USD; of records: see ``_record_of``."""
Json = dict[str, Any]


class Variant(NamedTuple):
    """The same question's values: variables of the two documents, and arguments of the SQL."""

    ours: Json
    theirs: Json
    sql: tuple[Any, ...]


class Asking(NamedTuple):
    """How to ask right now, for what only answers can tell: where a page begins."""

    ours: Callable[[str, Json], Any]
    theirs: Callable[[str, Json], Any]
    sql: Callable[..., Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """``ours`` and ``theirs`` are GraphQL documents, ``read_...`` bring their ``data`` to the common form.

    How many times as fast as PostGraphile usage-graph is to be, at least: ``faster`` on one connection, ``more`` in
    answers per second on several.
    """

    name: str
    ours: str
    theirs: str
    sql: str
    variants: Callable[[datetime, Asking], Iterator[Variant]]
    read_ours: Callable[[Any], Answer]
    read_theirs: Callable[[Any], Answer]
    read_sql: Callable[[Sequence[Any]], Answer]
    faster: float = 1.0
    more: float | None = None


def full_hour(at: datetime) -> datetime:
    """The last one that is over."""
    return at.replace(minute=0, second=0, microsecond=0)


def window(end: datetime, number: int, length: timedelta) -> tuple[datetime, datetime]:
    last = full_hour(end) - number * HOUR
    return last - length, last


def variant(start: datetime, end: datetime) -> Variant:
    between = {"from": start.isoformat(), "to": end.isoformat()}
    return Variant({"window": {"between": between}}, dict(between), (start, end))


def windows(length: timedelta) -> Callable[[datetime, Asking], Iterator[Variant]]:
    def variants(end: datetime, _: Asking) -> Iterator[Variant]:
        return (variant(*window(end, number, length)) for number in range(VARIANTS))

    return variants
