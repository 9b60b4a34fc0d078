"""Lists from their first entry to their last, however long: as of one moment, and never more than a portion at a time.

A portion is a statement of its own to every time limit.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import asyncpg

from usage_graph.conversations import Conversation, ConversationField, ConversationOrder, ConversationRequest
from usage_graph.question import Direction, Scope
from usage_graph.store.conditions import Parameters, conditions
from usage_graph.store.connect import Connection
from usage_graph.store.conversations import conversation_of, list_conversations
from usage_graph.store.pages import COLUMNS
from usage_graph.store.rollup import Standing
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.store.sums import ALL
from usage_graph.usage import UsageRecord

PORTION = 1_000
"""Entries that are read at once."""

COUNT_PATIENCE = 10.0
"""Seconds that counting them beforehand may take; longer, and an export does without the number."""

_ALL = 2**62

Turn = Callable[[], AbstractAsyncContextManager[None]]
"""What a snapshot does around each use of its connection."""
Found = TypeVar("Found")


def list_scope(scope: Scope) -> tuple[str, list[object]]:
    """The statement that reads all records of ``scope``, oldest first, and its values."""
    parameters = Parameters()
    project = parameters.add(scope.project)
    where = [
        f"r.project = {project}::text",
        f"r.started_at >= {parameters.add(scope.start)}::timestamptz",
        f"r.started_at < {parameters.add(scope.end)}::timestamptz",
        *conditions(scope.filter, parameters, project=project, of_records=True),
    ]
    return query("list_scope").format(columns=COLUMNS, where=" AND ".join(where)), parameters.values


async def stream_scope(connection: Connection, scope: Scope, turn: Turn) -> AsyncGenerator[list[UsageRecord], None]:
    """All records of ``scope``, oldest first, in portions.

    ``connection`` is in a transaction, in which from here on nothing is sorted that comes in its order anyhow.
    """
    sql, values = list_scope(scope)
    async with turn():
        # Sorting all of them is the quickest way to the last record, and the slowest to the first. The primary key has
        # them in this order.
        await connection.execute("SET LOCAL enable_sort = off")
        cursor = await connection.cursor(sql, *values)
    while rows := await _fetched(cursor, turn):
        yield [record_of(row) for row in rows]


async def stream_conversations(
    connection: Connection, scope: Scope, search: str | None, standing: Standing, turn: Turn
) -> AsyncGenerator[list[Conversation], None]:
    """All conversations with calls in ``scope``, in the order in which they began, in portions.

    ``connection`` is in a transaction. One statement adds up their calls, not one for each portion.

    Raises:
        BeforeRecords: their sums cannot be told without records that are gone.
    """
    order = ConversationOrder(ConversationField.STARTED_AT, Direction.ASC)
    page = list_conversations(scope, order, ConversationRequest(first=_ALL), search, ALL, standing)
    async with turn():
        cursor = await connection.cursor(page.sql, *page.values)
    while rows := await _fetched(cursor, turn):
        # Where there is none, a row of nulls says so.
        yield [conversation_of(row, ALL) for row in rows if row["conversation"] is not None]


async def _fetched(cursor: "asyncpg.cursor.Cursor[asyncpg.Record]", turn: Turn) -> list[asyncpg.Record]:
    async with turn():
        return await cursor.fetch(PORTION)


async def within(connection: Connection, seconds: float, asking: Callable[[], Awaitable[Found]]) -> Found | None:
    """What ``asking`` reads over ``connection``; ``None`` where a statement of it takes longer than ``seconds``.

    The transaction that ``connection`` is in goes on either way.
    """
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        await connection.execute(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
        return await asking()
    except asyncpg.QueryCanceledError:
        return None
    finally:
        # Also where it was read: what SET LOCAL says would hold until the end of the whole transaction.
        await savepoint.rollback()
