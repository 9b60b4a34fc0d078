"""Conversations as the reference reader knows them, and calls to make them of."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.records import usage_records
from usage_graph.conversations import (
    Conversation,
    ConversationKey,
    ConversationOrder,
    ConversationPage,
    ConversationRequest,
    key_of,
)
from usage_graph.question import Direction
from usage_graph.usage import Totals, UsageRecord


def turn_of(record: UsageRecord) -> str:
    return record.trace_id.hex() if record.turn is None else record.turn


def newest(records: Iterable[UsageRecord], name: str) -> str | None:
    """What the newest of ``records`` that says something says."""
    saying = [record for record in records if getattr(record, name) is not None]
    found = max(saying, key=lambda record: (record.started_at, record.id), default=None)
    return None if found is None else getattr(found, name)


def conversations_of(
    calls: Sequence[UsageRecord],
    known: Sequence[UsageRecord],
    end: datetime,
    search: str | None,
    sum_of: Callable[[Iterable[UsageRecord]], Totals],
) -> list[Conversation]:
    """The conversations that have some of ``calls``, and what all that are ``known`` tell of them at ``end``."""
    found = []
    for name in {call.conversation for call in calls if call.conversation is not None}:
        of = [record for record in known if record.conversation == name]
        before = [record for record in of if record.started_at < end]
        models = {record.request_model if record.response_model is None else record.response_model for record in of}
        one = Conversation(
            conversation=name,
            title=newest(of, "name"),
            agent=newest(of, "agent"),
            channel=newest(of, "channel"),
            user_id=newest(of, "user_id"),
            started_at=min(record.started_at for record in of),
            last_active_at=max(record.started_at for record in before),
            turns=len({turn_of(record) for record in before}),
            models=tuple(sorted(model for model in models if model is not None)),
            totals=sum_of(call for call in calls if call.conversation == name),
        )
        texts = (one.conversation, one.title, one.agent, one.user_id)
        if search is None or any(text is not None and search.lower() in text.lower() for text in texts):
            found.append(one)
    return found


def page_of_conversations(
    conversations: Sequence[Conversation], order: ConversationOrder, request: ConversationRequest
) -> ConversationPage:
    """Relay's algorithm, step by step: cut by the cursors, keep the ``first``, then of these the ``last``."""
    # Stable: each sort keeps what the one before it made of equals. Unknown values stay last either way.
    falling = order.direction is Direction.DESC
    everything = sorted(conversations, key=lambda one: one.conversation, reverse=falling)
    everything.sort(key=lambda one: _known(key_of(one, order.field).value, order), reverse=falling)
    everything.sort(key=lambda one: key_of(one, order.field).value is None)

    def comes_after(one: Conversation, key: ConversationKey) -> bool:
        mine = key_of(one, order.field)
        if (mine.value is None) != (key.value is None):
            return mine.value is None
        here, there = ((_known(at.value, order), at.conversation) for at in (mine, key))
        return here < there if falling else here > there

    edges = everything
    preceded = followed = False
    if (after := request.after) is not None:
        preceded = any(not comes_after(one, after) for one in everything)
        edges = [one for one in edges if comes_after(one, after)]
    if (before := request.before) is not None:

        def comes_before(one: Conversation) -> bool:
            return not comes_after(one, before) and key_of(one, order.field) != before

        followed = any(not comes_before(one) for one in everything)
        edges = [one for one in edges if comes_before(one)]
    if request.first is not None:
        followed = len(edges) > request.first
        edges = edges[: request.first]
    if request.last is not None:
        preceded = len(edges) > request.last or (request.first is not None and preceded)
        edges = edges[len(edges) - min(request.last, len(edges)) :]
    return ConversationPage(edges, has_next=followed, has_previous=preceded)


def _known(value: int | str | None, order: ConversationOrder) -> Any:
    """``value``, or another one that can be compared with those of the same order."""
    return value or ("" if order.field.is_text else 0)


_few = st.sampled_from(["a", "b", "B", "%", "ä", "Ä"])
calls = usage_records().flatmap(
    lambda one: st.builds(
        lambda conversation, turn: one._replace(conversation=conversation, turn=turn),
        st.one_of(st.none(), _few, _few),
        st.none() | st.sampled_from(["1", "2"]),
    )
)
"""Calls of few conversations, most of them in some, with few turns that may be the application's or traces."""
