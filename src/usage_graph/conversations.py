"""Conversations: what is asked about them, and what is answered.

Units are those of ``usage_graph.usage``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from usage_graph.question import Direction
from usage_graph.usage import EPOCH, Totals

_MICROSECOND = timedelta(microseconds=1)


class ConversationField(StrEnum):
    """What conversations can be ordered by."""

    ID = "conversation"
    TITLE = "title"
    AGENT = "agent"
    CHANNEL = "channel"
    USER = "user_id"
    STARTED_AT = "started_at"
    LAST_ACTIVE_AT = "last_active_at"
    CALLS = "calls"
    TURNS = "turns"
    TOKENS = "total_tokens"
    CREDITS = "credits"
    COST = "cost"
    FAILED_CALLS = "failed_calls"
    MODELS = "models"

    @property
    def is_text(self) -> bool:
        return self in _TEXTS

    @property
    def is_time(self) -> bool:
        return self in _TIMES


_TEXTS = frozenset(
    {
        ConversationField.ID,
        ConversationField.TITLE,
        ConversationField.AGENT,
        ConversationField.CHANNEL,
        ConversationField.USER,
    }
)
_TIMES = frozenset({ConversationField.STARTED_AT, ConversationField.LAST_ACTIVE_AT})


class Conversation(NamedTuple):
    """A conversation that has calls in a window, under a filter: ``totals`` are of these.

    All else is of the conversation, whatever the filter: ``started_at`` its first call ever, ``last_active_at`` its
    last call before the window ends, ``turns`` its turns that began before that; ``title``, ``agent``, ``channel`` and
    ``user_id`` what the newest call says that says something of it, and ``models`` those of all calls, in order. A turn
    is what the application says it is, else a trace.

    Where a caller may see some calls alone (``Scope.bound``), all of it is of those in the window.
    """

    conversation: str
    title: str | None
    agent: str | None
    channel: str | None
    user_id: str | None
    started_at: datetime
    last_active_at: datetime
    turns: int
    models: tuple[str, ...]
    totals: Totals


@dataclass(frozen=True, slots=True)
class ConversationOrder:
    """Nulls last in both directions; ties by conversation, in the same direction. Texts are compared by bytes."""

    field: ConversationField = ConversationField.LAST_ACTIVE_AT
    direction: Direction = Direction.DESC


class ConversationKey(NamedTuple):
    """Where a conversation stands in an order: the order's value (``None`` where unknown), and what breaks ties.

    The value of a time is microseconds since 1970, of ``MODELS`` their number; of ``CREDITS`` it may leave 64 bits.
    """

    value: int | str | None
    conversation: str


def key_of(conversation: Conversation, field: ConversationField) -> ConversationKey:
    """Where ``conversation`` stands in an order by ``field``."""
    totals = conversation.totals
    value: int | str | None
    match field:
        case ConversationField.ID:
            value = conversation.conversation
        case ConversationField.TITLE:
            value = conversation.title
        case ConversationField.AGENT:
            value = conversation.agent
        case ConversationField.CHANNEL:
            value = conversation.channel
        case ConversationField.USER:
            value = conversation.user_id
        case ConversationField.STARTED_AT:
            value = (conversation.started_at - EPOCH) // _MICROSECOND
        case ConversationField.LAST_ACTIVE_AT:
            value = (conversation.last_active_at - EPOCH) // _MICROSECOND
        case ConversationField.CALLS:
            value = totals.calls
        case ConversationField.TURNS:
            value = conversation.turns
        case ConversationField.TOKENS:
            value = totals.total_tokens
        case ConversationField.CREDITS:
            value = totals.credits_nano
        case ConversationField.COST:
            value = None if totals.cost is None else totals.cost_nano
        case ConversationField.FAILED_CALLS:
            value = totals.failed_calls
        case ConversationField.MODELS:
            value = len(conversation.models)
    return ConversationKey(value, conversation.conversation)


@dataclass(frozen=True, slots=True)
class ConversationRequest:
    """A Relay page: ``first``/``last`` are already checked and defaulted; at least one is set."""

    first: int | None = None
    last: int | None = None
    after: ConversationKey | None = None
    before: ConversationKey | None = None


class ConversationPage(NamedTuple):
    """``conversations`` in the asked order."""

    conversations: Sequence[Conversation]
    has_next: bool
    has_previous: bool
