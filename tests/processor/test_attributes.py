"""Declared attributes: what of a span, a log event and a data point reaches the record, and what never does."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processor.conftest import CHAT, NOW, a_span, nanoseconds
from usage_graph.observation import Observation
from usage_graph.processor import NotACall, Pricing, Processor, Resource, Scope
from usage_graph.processor.attributes import DeclaredAttributes, value_text
from usage_graph.processor.events import Event, EventProcessor
from usage_graph.processor.measurements import MeasurementProcessor, Point
from usage_graph.usage import UsageRecord

DECLARED = ("team", "feature")
END = nanoseconds(NOW) - 60 * 10**9

Process = Callable[..., UsageRecord]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("blue", "blue"),
        ("x" * 256, "x" * 256),
        # Longer ones are unknown, not cut: two that begin alike are not one group.
        ("x" * 257, None),
        ("", None),
        ("  ", None),
        ('"quoted"', "quoted"),
        ("a\0b", "ab"),
        ("\ud83d\ude00 \ud800", "😀 �"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-(2**63), str(-(2**63))),
        (2**70, None),
        (1.0, "1"),
        (0.25, "0.25"),
        (float("nan"), None),
        (float("inf"), None),
        (b"blue", None),
        (["blue"], None),
        ({"name": "blue"}, None),
        (None, None),
    ],
)
def test_values(value: Any, text: str | None) -> None:
    assert value_text(value) == text


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.binary())
def test_every_value_is_none_or_can_be_stored(value: Any) -> None:
    found = value_text(value)
    if found is not None:
        assert 0 < len(found) <= 256
        assert "\0" not in found
        found.encode()


def test_the_nearest_place_that_has_a_value_is_believed_and_keys_are_in_order() -> None:
    declared = DeclaredAttributes(DECLARED)
    assert declared.read({"team": "own", "other": "x"}, {"team": "scope"}) == (("team", "own"),)
    assert declared.read({"team": ["no text"]}, {}, {"team": "resource", "feature": 1}) == (
        ("feature", "1"),
        ("team", "resource"),
    )
    assert declared.read({}, {}) == ()
    assert not DeclaredAttributes(())


@pytest.fixture
def process(pricing: Pricing) -> Process:
    def run(attributes: dict[str, Any], *places: dict[str, Any], declared: tuple[str, ...] = DECLARED) -> UsageRecord:
        scope, resource = (*places, {}, {})[:2]
        seen = Processor(pricing=pricing, attributes=declared).observe(
            Resource(resource), Scope("test", "1", scope), a_span({**CHAT, **attributes}), project=None, now=NOW
        )
        assert isinstance(seen, Observation)
        return seen.record

    return run


def test_spans(process: Process) -> None:
    record = process({"team": "blue", "tenant": "acme"}, {"feature": "scoped"}, {"team": "red", "feature": "x"})
    assert record.attributes == (("feature", "scoped"), ("team", "blue"))
    assert process({"tenant": "acme"}).attributes == ()
    assert process({"team": "blue"}, declared=()).attributes == ()


def test_a_declared_attribute_changes_nothing_else(process: Process) -> None:
    more = {"gen_ai.usage.input_tokens": 7, "user.id": "ada", "session.id": "s"}
    plain, kept = process(more, declared=()), process(more, declared=("user.id", "session.id"))
    assert kept.attributes == (("session.id", "s"), ("user.id", "ada"))
    assert kept._replace(attributes=()) == plain


def test_spans_that_are_no_calls_keep_none(pricing: Pricing) -> None:
    seen = Processor(pricing=pricing, attributes=DECLARED).observe(
        Resource({}),
        Scope("test", "1", {}),
        a_span({"gen_ai.operation.name": "execute_tool", "team": "blue"}),
        project=None,
        now=NOW,
    )
    assert isinstance(seen, NotACall)
    assert "blue" not in repr(seen)


def test_log_events(pricing: Pricing) -> None:
    said: dict[str, Any] = {
        "model": "claude-sonnet-4-5",
        "input_tokens": 10,
        "output_tokens": 2,
        "team": "blue",
        "tenant": "acme",
    }
    event = Event("claude_code.api_request", END, END, b"", b"", said)
    seen = EventProcessor(pricing=pricing, attributes=DECLARED).observe(
        Resource({"feature": "cli"}), Scope("test", "1", {}), event, project=None, now=NOW
    )
    assert isinstance(seen, Observation)
    assert seen.record.attributes == (("feature", "cli"), ("team", "blue"))


def test_data_points_of_different_values_are_different_series(pricing: Pricing) -> None:
    def point(kind: str, value: int, **attributes: str) -> Point:
        said = {"type": kind, "model": "claude-sonnet-4-5", **attributes}
        return Point("claude_code.token.usage", END - 60 * 10**9, END, value, said)

    points = [point("input", 10, team="blue"), point("output", 5, team="blue"), point("input", 10, team="red")]

    def records(declared: tuple[str, ...]) -> list[UsageRecord]:
        processor = MeasurementProcessor(pricing=pricing, sources=frozenset({"shop"}), attributes=declared)
        resource = Resource({"service.name": "shop", "feature": "cli"})
        told = processor.observe(resource, Scope("meter", "1", {}), points, project=None, now=NOW)
        return [one.record for one in told if isinstance(one, Observation)]

    blue, red = records(DECLARED)
    assert (blue.attributes, blue.input_tokens, blue.output_tokens) == ((("feature", "cli"), ("team", "blue")), 10, 5)
    assert (red.attributes, red.input_tokens, red.output_tokens) == ((("feature", "cli"), ("team", "red")), 10, None)
    assert blue.span_id != red.span_id
    (together,) = records(())
    assert (together.attributes, together.input_tokens, together.output_tokens) == ((), 20, 5)
