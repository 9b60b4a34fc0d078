"""Histograms of how long calls took, beside their sums: from the same cells, and only where they are asked for."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from usage_graph.conversations import ConversationPage
from usage_graph.latency import Histogram
from usage_graph.question import Scope
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters
from usage_graph.store.measures import HISTOGRAMS
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import query
from usage_graph.usage import Totals

Fetch = Callable[..., Awaitable[list[asyncpg.Record]]]
"""Takes a statement and its values."""

_COUNT_BITS = 40
_HALF = 1 << (_COUNT_BITS - 1)


@dataclass(frozen=True, slots=True)
class Times:
    """Histograms by point and place of a group (``None``: of all others), of durations and of first tokens."""

    found: Mapping[tuple[int | None, int | None], Mapping[str, Histogram]]

    def added_to(self, totals: Totals, *, rank: int | None = None, point: int | None = None) -> Totals:
        """``totals`` with the histograms of its calls."""
        known = self.found.get((point, rank))
        if known is None:
            return totals
        return totals._replace(
            durations=known.get("durations", totals.durations),
            first_tokens=known.get("first_tokens", totals.first_tokens),
        )


NO_TIMES = Times({})
"""Where no histograms are asked for."""


async def read_times(
    fetch: Fetch,
    scope: Scope,
    *,
    standing: Standing,
    columns: Sequence[str] = (),
    attributes: Sequence[str] = (),
    key: str = "NULL::text",
    then_key: str = "NULL::text",
    groups: Sequence[tuple[str | None, str | None]] = (),
    others: bool = True,
    bounds: Sequence[datetime] = (),
) -> Times:
    """The histograms of ``groups`` and, where ``others``, of all other calls, in all or between each two of ``bounds``.

    ``key`` and ``then_key`` are what calls are grouped by, in cells ``c`` with ``columns`` and ``attributes``; the
    place of a group is its number in ``groups``, from 1 on.

    Raises:
        BeforeRecords: as ``cells``.
    """
    parameters = Parameters()
    point = f"width_bucket(c.at, {parameters.add(list(bounds[:-1]))}::timestamptz[]) - 1" if bounds else "NULL::int"
    sql = query("sum_histograms").format(
        point=point,
        join="LEFT" if others else "INNER",
        key=key,
        then=then_key,
        keys=parameters.add([group for group, _ in groups]),
        then_keys=parameters.add([then for _, then in groups]),
        cells=cells(
            scope,
            parameters,
            columns=columns,
            attributes=attributes,
            measures=HISTOGRAMS,
            bounds=bounds,
            standing=standing,
            subtracting=not bounds,
        ),
    )
    found: dict[tuple[int | None, int | None], dict[str, Histogram]] = {}
    for row in await fetch(sql, *parameters.values):
        name = HISTOGRAMS[row["of_first_token"]]
        found.setdefault((row["point"], row["rank"]), {})[name] = histogram_of(row["entries"])
    return Times(found)


async def with_times(fetch: Fetch, scope: Scope, page: ConversationPage, standing: Standing) -> ConversationPage:
    """``page`` with the histograms of the calls of each conversation in ``scope``."""
    times = await read_times(
        fetch,
        scope,
        standing=standing,
        columns=("conversation",),
        key="c.conversation",
        groups=[(one.conversation, None) for one in page.conversations],
        others=False,
    )
    found = [
        one._replace(totals=times.added_to(one.totals, rank=rank)) for rank, one in enumerate(page.conversations, 1)
    ]
    return page._replace(conversations=found)


def histogram_of(entries: Iterable[int]) -> Histogram:
    """The histogram that an array of the store is: of each entry the class and the number of calls, maybe negative."""
    return Histogram.adding(
        [(class_ := (entry + _HALF) >> _COUNT_BITS, entry - (class_ << _COUNT_BITS)) for entry in entries]
    )
