"""Conversations: as a connection, and each again by its id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Annotated, Self

import strawberry
from strawberry.types import Info
from strawberry.types.unset import UNSET

from usage_graph import conversations
from usage_graph.conversations import ConversationKey, ConversationRequest, key_of
from usage_graph.graph.connection import (
    Connection,
    CursorArgument,
    FirstArgument,
    LastArgument,
    Listing,
    Page,
    PageArguments,
    cut,
)
from usage_graph.graph.cursors import (
    Id,
    Value,
    fingerprint,
    instant,
    read_named_id,
    write_cursor,
    write_named_id,
)
from usage_graph.graph.enums import ConversationField, Direction
from usage_graph.graph.fields import resolved
from usage_graph.graph.inputs import MAX_SEARCH, RecordOrder, checked_text, given
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.records import connect_records
from usage_graph.graph.scalars import BigInt
from usage_graph.graph.types import Node, UsageRecord, UsageTotals
from usage_graph.question import Dimension, Filter, Scope, StringFilter
from usage_graph.usage import EPOCH, Totals
from usage_graph.window import Window

_NUMBER = re.compile(r"0|[1-9]\d{0,37}", re.ASCII)


@strawberry.input(
    description="The order of conversations. Unknown values come last in either direction; ties go by conversation. "
    "Texts are compared by their bytes."
)
class ConversationOrder:
    field: ConversationField = strawberry.field(
        default=ConversationField.LAST_ACTIVE_AT, description="What to order by."
    )
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end comes first.")


@strawberry.type(
    description="A conversation, session or run that has calls in the window under the filter: `totals` and `records` "
    "are of these. All else is of the conversation, whatever the filter; to a key that is bound to a user or an agent "
    "it is of the calls in the window that the key may see."
)
class Conversation(Node):
    scope: strawberry.Private[Scope]
    asked: strawberry.Private[tuple[object, ...]]
    conversation: str = strawberry.field(description="What the application calls it: the value of its calls.")
    title: str | None = strawberry.field(description="The name of its newest call that has one.")
    agent: str | None = strawberry.field(description="The agent of its newest call that has one.")
    channel: str | None = strawberry.field(description="The way in of its newest call that has one.")
    user: str | None = strawberry.field(description="The end user of its newest call that has one.")
    started_at: datetime = strawberry.field(description="When its first call started, also where that was long before.")
    last_active_at: datetime = strawberry.field(
        description="When its last call before the end of the window started. Of days whose records are gone, a time "
        "at which it was active."
    )
    turns: BigInt = strawberry.field(
        description="Turns of the user that began before the end of the window: what `usage_graph.turn` of its calls "
        "tells apart, or traces where that is not said."
    )
    models: list[str] = strawberry.field(description="The models that answered in it, or were asked for, by name.")
    totals: Totals = strawberry.field(
        graphql_type=UsageTotals, description="Sums over its calls in the window, under the filter."
    )

    @resolved("Its calls in the window, under the filter, a page at a time.")
    def records(
        self,
        info: Info[Operation, None],
        first: FirstArgument = UNSET,
        after: CursorArgument = UNSET,
        last: LastArgument = UNSET,
        before: CursorArgument = UNSET,
        order_by: Annotated[
            RecordOrder | None, strawberry.argument(description="The order; newest first without it.")
        ] = UNSET,
    ) -> Connection[UsageRecord]:
        arguments = PageArguments(given(first), given(after), given(last), given(before))
        scope = replace(self.scope, filter=_only((self.conversation,), self.scope.filter))
        return connect_records(info.context, scope, given(order_by), arguments, ("conversation", *self.asked))

    @classmethod
    def of(cls, one: conversations.Conversation, scope: Scope, asked: tuple[object, ...]) -> Self:
        """``scope``: that of the list it is in; ``asked``: what cursors of its records are only good for."""
        return cls(
            id=strawberry.ID(write_named_id(cls.__name__, one.conversation)),
            scope=scope,
            asked=asked,
            conversation=one.conversation,
            title=one.title,
            agent=one.agent,
            channel=one.channel,
            user=one.user_id,
            started_at=one.started_at,
            last_active_at=one.last_active_at,
            turns=BigInt(one.turns),
            models=list(one.models),
            totals=one.totals,
        )


def _only(names: Sequence[str], filter_: Filter) -> Filter:
    """``filter_``, and one of ``names``."""
    chosen = (Dimension.CONVERSATION, StringFilter(is_in=tuple(names)))
    return replace(filter_, strings=(*filter_.strings, chosen))


@dataclass(frozen=True, slots=True)
class _Conversations(Listing[Conversation]):
    scope: Scope
    order: conversations.ConversationOrder
    request: ConversationRequest
    search: str | None
    question: bytes
    asked: tuple[object, ...]
    latency: bool

    async def page(self, operation: Operation) -> Page[Conversation]:
        page = await operation.ask(
            Snapshot.conversations,
            self.scope,
            order=self.order,
            page=self.request,
            search=self.search,
            latency=self.latency,
        )
        nodes = [Conversation.of(one, self.scope, self.asked) for one in page.conversations]
        return Page(nodes, lambda place: self._cursor(page.conversations[place]), page.has_next, page.has_previous)

    async def count(self, operation: Operation) -> int:
        return await operation.ask(Snapshot.conversation_count, self.scope, search=self.search)

    def _cursor(self, one: conversations.Conversation) -> str:
        field = self.order.field
        value, name = key_of(one, field)
        # As text, a number has as many digits as it needs.
        said = str(value) if isinstance(value, int) and not field.is_time else value
        return write_cursor(self.question, Window(self.scope.start, self.scope.end), said, name)


def connect_conversations(
    operation: Operation,
    scope: Scope,
    order_by: ConversationOrder | None,
    search: str | None,
    arguments: PageArguments,
    asked: tuple[object, ...],
    *,
    latency: bool,
) -> Connection[Conversation]:
    """The conversations of ``scope``; ``latency``: how long calls took is asked for. Nothing is read yet.

    ``asked``: what a cursor is only good for, beside project, filter, order and search.

    Raises:
        QueryError: a number of conversations that is negative, or more than a page or the operation may have; or a
            text to search for that is too long or that none has.
        BadCursor: a cursor that is none, or of another list, or two of different windows.
    """
    order = conversations.ConversationOrder()
    if order_by:
        order = conversations.ConversationOrder(order_by.field, order_by.direction)
    wanted = checked_text(search, "search", MAX_SEARCH) if search and search.strip() else None
    question = fingerprint("conversations", scope.project, scope.filter, order, wanted, *asked)
    page = cut(scope, question, arguments, partial(conversation_key, order.field))
    operation.reserve(page.size)
    request = ConversationRequest(first=page.first, last=page.last, after=page.after, before=page.before)
    return Connection(listing=_Conversations(page.scope, order, request, wanted, question, asked, latency))


def conversation_key(field: ConversationField, window: Window, value: Value, id: Id) -> ConversationKey:
    """Where a cursor of a list of conversations by ``field`` points.

    Raises:
        ValueError: no conversation stands there.
        OverflowError: nor anywhere in the calendar.
    """
    if not isinstance(id, str) or "\0" in id:
        raise ValueError("no name of a conversation")
    if value is None:
        return ConversationKey(None, id)
    if field.is_time:
        if not isinstance(value, int) or instant(value) >= window.end or value < 0:
            raise ValueError("a conversation outside the window")
    elif not isinstance(value, str) or "\0" in value:
        raise ValueError("no text")
    elif not field.is_text:
        if not _NUMBER.fullmatch(value):
            raise ValueError("no number")
        value = int(value)
    return ConversationKey(value, id)


async def conversation_nodes(operation: Operation, ids: Sequence[str], *, latency: bool) -> dict[str, Conversation]:
    """The conversations with these global ids, by id, over all of their time until now: those of the caller's project
    that have calls the caller may see."""
    names = {id: name for id in ids if (name := read_named_id(id, Conversation.__name__)) is not None}
    if not names:
        return {}
    wanted = tuple(dict.fromkeys(names.values()))
    scope = operation.scope(await _first_instant(operation), operation.now, _only(wanted, Filter()))
    page = await operation.ask(
        Snapshot.conversations,
        scope,
        order=conversations.ConversationOrder(),
        page=ConversationRequest(first=len(wanted)),
        search=None,
        latency=latency,
    )
    found = {one.conversation: Conversation.of(one, scope, ("node",)) for one in page.conversations}
    return {id: found[name] for id, name in names.items() if name in found}


async def _first_instant(operation: Operation) -> datetime:
    """Since when the caller can be told of conversations: who used which is known by the records alone."""
    if operation.grant.user is None:
        return EPOCH
    return await operation.ask(Snapshot.kept_since) or EPOCH
