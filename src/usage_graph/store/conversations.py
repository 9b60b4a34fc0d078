"""Conversations: sums of their calls in a scope from the rollups, and what is kept of each (``sql/0013``) beside them.

Whoever may see some calls alone is told nothing that only others tell: then it is read from those calls.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal

import asyncpg

from usage_graph.conversations import (
    Conversation,
    ConversationField,
    ConversationKey,
    ConversationOrder,
    ConversationPage,
    ConversationRequest,
)
from usage_graph.question import Direction, Filter, Scope
from usage_graph.store import keyset
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters, conditions, containing, in_records
from usage_graph.store.connect import Connection
from usage_graph.store.keyset import Page, cut, keep
from usage_graph.store.past import batches
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import query
from usage_graph.store.sums import Sums
from usage_graph.usage import EPOCH

Fetch = Callable[..., Awaitable[list[asyncpg.Record]]]

_BATCH = 5_000

_STARTED_AT = "coalesce(k.first_at, c.first_at)"
_LAST_ACTIVE_AT = "coalesce(k.last_at, c.last_at)"
_VALUE = {
    ConversationField.ID: "c.conversation",
    ConversationField.TITLE: "k.title",
    ConversationField.AGENT: "k.agent",
    ConversationField.CHANNEL: "k.channel",
    ConversationField.USER: "k.user_id",
    ConversationField.STARTED_AT: _STARTED_AT,
    ConversationField.LAST_ACTIVE_AT: _LAST_ACTIVE_AT,
    ConversationField.CALLS: "c.calls",
    ConversationField.TURNS: "coalesce(k.turns, 0)",
    ConversationField.TOKENS: "c.input_tokens + c.output_tokens",
    ConversationField.CREDITS: "c.credits_nano",
    ConversationField.COST: "CASE WHEN c.calls > c.unpriced_calls THEN c.cost_nano END",
    ConversationField.FAILED_CALLS: "c.failed_calls",
    ConversationField.MODELS: "coalesce(cardinality(k.models), 0)",
}
_READ = {
    ConversationField.CALLS: ("calls",),
    ConversationField.TOKENS: ("input_tokens", "output_tokens"),
    ConversationField.CREDITS: ("credits_nano",),
    ConversationField.COST: ("calls", "unpriced_calls", "cost_nano"),
    ConversationField.FAILED_CALLS: ("failed_calls",),
}
"""The measures that such a value is made of."""
_SEARCHED = ("c.conversation", "k.title", "k.agent", "k.user_id")
_TIMES = "min(c.at) AS first_at, max(c.at) AS last_at"
_NO_TIMES = "NULL::timestamptz AS first_at, NULL::timestamptz AS last_at"
_SKIPPED = 1
"""Columns of a row before those of a ``Conversation``."""
_OWN = len(Conversation._fields) - 1
"""Fields of a ``Conversation`` before its totals."""


async def read_conversations(
    fetch: Fetch,
    scope: Scope,
    order: ConversationOrder,
    request: ConversationRequest,
    search: str | None,
    sums: Sums,
    standing: Standing,
) -> ConversationPage:
    """One page of the conversations with calls in ``scope``.

    Raises:
        BeforeRecords: their sums cannot be told without records that are gone.
    """
    # What they are ordered by is in their cursors, too.
    sums = sums.and_of(measures=_READ.get(order.field, ()))
    page = list_conversations(scope, order, request, search, sums, standing)
    rows = await fetch(page.sql, *page.values)
    found = [conversation_of(row, sums) for row in rows if row["conversation"] is not None]
    return ConversationPage(*keep(found, page, beyond=rows[0]["beyond"]))


async def count_conversations(fetch: Fetch, scope: Scope, search: str | None, standing: Standing) -> int:
    """How many conversations have calls in ``scope``. Raises as ``read_conversations`` does."""
    parameters = Parameters()
    sql = query("count_conversations").format(
        cells=cells(
            scope, parameters, columns=("conversation",), measures=("calls",), standing=standing, subtracting=True
        ),
        known=_known(scope, parameters, standing.kept_since),
        searched=_searched(search, parameters),
    )
    ((count,),) = await fetch(sql, *parameters.values)
    return int(count)


def conversation_of(row: asyncpg.Record, sums: Sums) -> Conversation:
    *known, models = tuple(row)[_SKIPPED : _SKIPPED + _OWN]
    return Conversation._make((*known, tuple(models), sums.totals_of(row)))


def list_conversations(
    scope: Scope,
    order: ConversationOrder,
    request: ConversationRequest,
    search: str | None,
    sums: Sums,
    standing: Standing,
) -> Page:
    """The statement that reads ``request``, with ``sums``, which hold what ``order`` is by."""
    parameters = Parameters()
    ascending = order.direction is Direction.ASC
    reading = cut(request.first, request.last, ascending=ascending)

    def side(key: ConversationKey, *, later: bool, inclusive: bool = False) -> str:
        at = None if key.value is None else _placed(order.field, key.value, parameters)
        name = f"{parameters.add(key.conversation)}::text"
        return keyset.standing(
            "c.value", "c.conversation", at, name, ascending=ascending, later=later, inclusive=inclusive
        )

    inside = []
    if request.after is not None:
        inside.append(side(request.after, later=True))
    if request.before is not None:
        inside.append(side(request.before, later=False))
    start = request.before if reading.backwards else request.after
    beyond = "false"
    if start is not None:
        outside = side(start, later=reading.backwards, inclusive=True)
        beyond = f"EXISTS (SELECT FROM listed AS c WHERE {outside})"
    # Of every conversation it is known when it began and went on; of what some may not see, their calls tell.
    all_known = scope.bound == Filter()
    sql = query("list_conversations").format(
        sums=sums.sql,
        measures=sums.columns("page"),
        times=_NO_TIMES if all_known else _TIMES,
        cells=cells(
            scope,
            parameters,
            columns=("conversation",),
            measures=sums.measures,
            standing=standing,
            subtracting=all_known,
        ),
        known=_known(scope, parameters, standing.kept_since),
        searched=_searched(search, parameters),
        value=_VALUE[order.field],
        where=" AND ".join(inside) or "true",
        order=f"c.value {reading.way}, c.conversation {reading.way}",
        beyond=beyond,
        page_order=f"page.value {reading.way}, page.conversation {reading.way}",
        limit=parameters.add(reading.limit + 1),
    )
    return Page(sql, parameters.values, reading.backwards, reading.limit, reading.last)


def _placed(field: ConversationField, value: int | str, parameters: Parameters) -> str:
    if isinstance(value, str):
        return f"{parameters.add(value)}::text"
    if field.is_time:
        return f"{parameters.add(EPOCH + timedelta(microseconds=value))}::timestamptz"
    return f"{parameters.add(Decimal(value))}::numeric"


def _searched(search: str | None, parameters: Parameters) -> str:
    return "true" if search is None else containing(_SEARCHED, search, parameters)


def _known(scope: Scope, parameters: Parameters, kept_since: datetime | None) -> str:
    """What is known of each conversation as the scope ends, to whom the scope is bound to."""
    project, end = parameters.add(scope.project), parameters.add(scope.end)
    if scope.bound == Filter():
        return f"usage_conversations({project}::text, {end}::timestamptz)"
    start = scope.start if kept_since is None else max(scope.start, kept_since)
    where = [
        f"r.project = {project}::text",
        f"r.started_at >= {parameters.add(start)}::timestamptz",
        f"r.started_at < {end}::timestamptz",
        "r.conversation IS NOT NULL",
        *conditions(scope.bound, parameters, project=project, of_records=True),
    ]
    seen = query("find_seen_conversations").format(model=in_records("model"), where=" AND ".join(where))
    return f"({seen})"


async def carry_conversations(source: Connection, target: Connection, since: datetime) -> None:
    """Give ``target`` what ``source`` knows of conversations from before ``since`` on: their records are gone there.

    Whatever the target knows already stays, and made again nothing changes.
    """
    for what in ("turns", "conversations"):
        rows = source.cursor(query(f"list_past_{what}"), since, prefetch=_BATCH)
        async for batch in batches(rows, _BATCH):
            await target.execute(query(f"store_past_{what}"), *zip(*batch, strict=True))
