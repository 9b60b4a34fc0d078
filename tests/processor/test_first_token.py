"""The time to the first token: where instrumentations say it, in which units, and what is not believed."""

from typing import Any

import pytest

from tests.processor.conftest import CHAT, NOW, START, Observe, nanoseconds
from tests.processor.test_events import CLAUDE, CLAUDE_SCOPE, CODEX
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Resource, Scope
from usage_graph.processor.events import Event, EventProcessor

AT_HALF_A_SECOND = "2026-11-20T00:00:00.5Z"


def first_token(observe: Observe, **attributes: Any) -> int | None:
    """Of a call of two seconds."""
    seen = observe({**CHAT, **attributes.pop("attributes", {})}, **attributes)
    assert isinstance(seen, Observation)
    return seen.record.first_token_us


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("usage_graph.first_token_ms", 500, 500_000),
        ("usage_graph.first_token_ms", 12.3456, 12_345),
        ("gen_ai.response.time_to_first_chunk", 0.5, 500_000),
        ("gen_ai.response.time_to_first_chunk", 1, 1_000_000),
        ("gen_ai.client.operation.time_to_first_chunk", 0.05, 50_000),
        ("gen_ai.server.time_to_first_token", 0.0176, 17_600),
        ("gen_ai.server.time_to_first_token", 919, 919_000),
        ("ai.response.msToFirstChunk", 31.69, 31_690),
        ("ttft_ms", 15, 15_000),
        ("ttft_ms", "15", 15_000),
        ("copilot_chat.time_to_first_token", 250, 250_000),
        ("langfuse.observation.completion_start_time", AT_HALF_A_SECOND, 500_000),
        ("langfuse.observation.completion_start_time", f'"{AT_HALF_A_SECOND}"', 500_000),
        ("langfuse.observation.completion_start_time", "2026-11-20T01:00:00.500000+01:00", 500_000),
        ("langfuse.observation.completion_start_time", "2026-11-20T00:00:00.5", 500_000),
        # the whole call
        ("gen_ai.response.time_to_first_chunk", 2.0, 2_000_000),
        # longer than the call
        ("gen_ai.response.time_to_first_chunk", 2.000001, None),
        ("langfuse.observation.completion_start_time", "2026-11-20T00:00:02.000001Z", None),
        ("usage_graph.first_token_ms", 10**30, None),
        ("usage_graph.first_token_ms", 1e300, None),
        # before it
        ("langfuse.observation.completion_start_time", "2026-11-19T23:59:59Z", None),
        ("usage_graph.first_token_ms", -1, None),
        # 0 is what is written where nothing was measured
        ("usage_graph.first_token_ms", 0, None),
        ("gen_ai.server.time_to_first_token", 0.0, None),
        # no time
        ("usage_graph.first_token_ms", float("nan"), None),
        ("usage_graph.first_token_ms", float("inf"), None),
        ("usage_graph.first_token_ms", True, None),
        ("usage_graph.first_token_ms", [1], None),
        ("langfuse.observation.completion_start_time", "soon", None),
        ("langfuse.observation.completion_start_time", 1_700_000_000, None),
        ("langfuse.observation.completion_start_time", "0001-01-01T00:00:00+23:59", None),
    ],
)
def test_where_spans_say_it(observe: Observe, key: str, value: Any, expected: int | None) -> None:
    assert first_token(observe, attributes={key: value}) == expected


def test_the_best_word_wins(observe: Observe) -> None:
    own = {"usage_graph.first_token_ms": 7, "gen_ai.response.time_to_first_chunk": 1.0}
    assert first_token(observe, attributes=own, first_token_ns=nanoseconds(START) + 10**9) == 7_000


@pytest.mark.parametrize(("after_ns", "expected"), [(10**9, 10**6), (0, None), (-1, None), (3 * 10**9, None)])
def test_an_event_of_a_span_says_it_where_no_attribute_does(
    observe: Observe, after_ns: int, expected: int | None
) -> None:
    assert first_token(observe, first_token_ns=nanoseconds(START) + after_ns) == expected


def test_a_call_without_an_end_may_have_had_a_first_token(observe: Observe) -> None:
    assert first_token(observe, attributes={"ttft_ms": 15}, end_ns=0) == 15_000


@pytest.mark.parametrize(
    ("event", "scope", "expected"),
    [
        ({**CLAUDE, "ttft_ms": 300}, CLAUDE_SCOPE, 300_000),
        ({**CLAUDE, "ttft_ms": "300"}, CLAUDE_SCOPE, 300_000),
        ({**CLAUDE, "ttft_ms": 1501}, CLAUDE_SCOPE, None),
        (CLAUDE, CLAUDE_SCOPE, None),
        ({**CODEX, "ttft_ms": 9}, "codex", 9_000),
    ],
)
def test_where_events_say_it(pricing: Pricing, event: dict[str, Any], scope: str, expected: int | None) -> None:
    made = Event(event["event.name"], nanoseconds(START), 0, b"", b"", event)
    seen = EventProcessor(pricing=pricing).observe(Resource({}), Scope(scope, "", {}), made, project=None, now=NOW)
    assert isinstance(seen, Observation)
    assert seen.record.first_token_us == expected
