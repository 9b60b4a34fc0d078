"""Keyset pages of any list: Relay's algorithm, as SQL fragments and over the rows that come of them. Pure."""

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """One statement, its values, and how its rows are to be read.

    ``backwards``: the rows come last first. ``limit``: one row more than this means that there are more. ``last``: of
    the rows that came, only so many from the end are asked for.
    """

    sql: str
    values: list[object]
    backwards: bool
    limit: int
    last: int | None = None


class Cut(NamedTuple):
    """How a page is read: from which end, which way the SQL goes for that, and at most how many rows."""

    backwards: bool
    ascending: bool
    way: str
    limit: int
    last: int | None


def cut(first: int | None, last: int | None, *, ascending: bool) -> Cut:
    """Relay's algorithm: cut the list by ``after`` and ``before``, keep the ``first``, then of these the ``last``. The
    latter is left to ``keep`` where both are given. ``ascending`` is the order of the list.
    """
    backwards = first is None
    limit = last if first is None else first
    assert limit is not None  # noqa: S101 (page requests promise one)
    ascending = ascending is not backwards
    way = f"{'ASC' if ascending else 'DESC'} NULLS {'FIRST' if backwards else 'LAST'}"
    return Cut(backwards, ascending, way, limit, None if backwards else last)


def standing(
    value: str, tie: str, at: str | None, key: str, *, ascending: bool, later: bool, inclusive: bool = False
) -> str:
    """The condition of standing after a key in an order, or before it (or at it); unknown values stand last.

    ``value`` and ``tie`` are what is ordered by, ``at`` and ``key`` the placeholders of where the key stands; ``at`` is
    ``None`` where its value is unknown.
    """
    compare = (">" if ascending is later else "<") + ("=" if inclusive else "")
    if at is None:
        return f"({value} {'IS NULL AND' if later else 'IS NOT NULL OR'} {tie} {compare} {key})"
    return f"coalesce(({value}, {tie}) {compare} ({at}, {key}), {'true' if later else 'false'})"


def keep(items: list[T], page: Page, *, beyond: bool) -> tuple[list[T], bool, bool]:
    """What of the items that came is on the page, in the list's order; whether there are more after, and before it.

    ``beyond``: there are some on the far side of the cursor that the page starts from.
    """
    more = len(items) > page.limit
    kept = items[: page.limit]
    if page.backwards:
        return kept[::-1], beyond, more
    if page.last is not None and len(kept) > page.last:
        return kept[len(kept) - page.last :], more, True
    return kept, more, beyond
