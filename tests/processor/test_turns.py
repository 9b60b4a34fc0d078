"""The user's turn that a call is part of: what says it, and that it makes no other call of one that was told before."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.processor.conftest import CHAT, NOW, nanoseconds
from tests.processor.test_events import CLAUDE, CLAUDE_SCOPE, CODEX, END, GEMINI
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Resource, Scope
from usage_graph.processor.events import EVENT_WANTED, Event, EventProcessor
from usage_graph.processor.semconv import WANTED
from usage_graph.usage import UsageRecord


@pytest.mark.parametrize(
    ("attributes", "turn"),
    [
        ({}, None),
        ({"usage_graph.turn": "t-1"}, "t-1"),
        ({"usage_graph.turn": 7}, "7"),
        ({"usage_graph.turn": 0}, "0"),
        ({"usage_graph.turn": ""}, None),
        ({"usage_graph.turn": True}, None),
        ({"usage_graph.turn": "x" * 300}, "x" * 256),
        ({"github.copilot.interaction_id": "i-1"}, "i-1"),
        ({"github.copilot.interaction_id": "i-1", "usage_graph.turn": "t-1"}, "t-1"),
    ],
)
def test_a_span_says_its_turn(
    process: Callable[..., UsageRecord], attributes: dict[str, Any], turn: str | None
) -> None:
    assert set(attributes) <= WANTED
    assert process(CHAT | attributes).turn == turn


def an_event(pricing: Pricing, attributes: dict[str, Any], scope: str) -> UsageRecord:
    name = str(attributes["event.name"])
    event = Event(name, nanoseconds(END), 0, b"", b"", attributes)
    seen = EventProcessor(pricing=pricing).observe(Resource({}), Scope(scope, "1", {}), event, project=None, now=NOW)
    assert isinstance(seen, Observation)
    return seen.record


@pytest.mark.parametrize(
    ("event", "scope", "key"),
    [
        (CLAUDE, CLAUDE_SCOPE, "prompt.id"),
        (CLAUDE, CLAUDE_SCOPE, "usage_graph.turn"),
        (GEMINI, "gemini-cli", "prompt_id"),
        (CODEX, "codex", "usage_graph.turn"),
    ],
)
def test_an_event_says_its_turn_and_is_the_same_event(
    pricing: Pricing, event: dict[str, Any], scope: str, key: str
) -> None:
    """An event that was stored before turns were read is known again when it is sent once more."""
    assert key in EVENT_WANTED
    before, after = an_event(pricing, event, scope), an_event(pricing, event | {key: "p-1"}, scope)
    assert (before.turn, after.turn) == (None, "p-1")
    assert (before.trace_id, before.span_id, before.id) == (after.trace_id, after.span_id, after.id)


@pytest.mark.parametrize(
    ("event", "scope", "ids"),
    [
        (CLAUDE, CLAUDE_SCOPE, ("7c240d00f9ad81b77990dd8b8d969a84", "8758c8c68800259b")),
        (CODEX, "codex", ("987c92b74bb84d7fe8ee37edd3a29a20", "1fb6a22350a81d33")),
        (GEMINI, "gemini-cli", ("60c44518b3b4a943791595461d2dc7b2", "54cb02542b3f6859")),
    ],
)
def test_the_ids_of_events_are_what_they_were(
    pricing: Pricing, event: dict[str, Any], scope: str, ids: tuple[str, str]
) -> None:
    """Whatever else is read of them: these are of the version that first stored events."""
    record = an_event(pricing, event, scope)
    assert (record.trace_id.hex(), record.span_id.hex()) == ids
