"""What every test of the processor needs: the price list (slow to load), and spans made by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from usage_graph.observation import Observation
from usage_graph.processor import NotACall, Pricing, Processor, Rejection, Resource, Scope, Span
from usage_graph.usage import UsageRecord

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""A little after the captured payloads were sent."""

START = datetime(2026, 11, 20, tzinfo=UTC)

Outcome = Observation | NotACall | Rejection


@pytest.fixture(scope="session")
def pricing() -> Pricing:
    return Pricing()


@pytest.fixture
def processor(pricing: Pricing) -> Processor:
    return Processor(pricing=pricing)


def nanoseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def a_span(attributes: dict[str, Any], **changes: Any) -> Span:
    """A span of two seconds with these attributes; ``changes`` by field name."""
    start = nanoseconds(START)
    return Span(b"\1" * 16, b"\2" * 8, b"", "chat gpt-4o", 3, start, start + 2 * 10**9, 0, attributes)._replace(
        **changes
    )


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}

Observe = Callable[..., Outcome]


@pytest.fixture
def observe(processor: Processor) -> Observe:
    """What becomes of a span with these attributes; further arguments name what is around it, and the span's fields."""

    def run(
        attributes: dict[str, Any],
        *,
        scope: str = "test",
        scope_attributes: dict[str, Any] | None = None,
        resource: dict[str, Any] | None = None,
        project: str | None = None,
        **changes: Any,
    ) -> Outcome:
        return processor.observe(
            Resource(resource or {}),
            Scope(scope, "1", scope_attributes or {}),
            a_span(attributes, **changes),
            project=project,
            now=NOW,
        )

    return run


@pytest.fixture
def process(observe: Observe) -> Callable[..., UsageRecord]:
    """The record of a span with these attributes, which must be an LLM call."""

    def run(attributes: dict[str, Any], **rest: Any) -> UsageRecord:
        outcome = observe(attributes, **rest)
        assert isinstance(outcome, Observation)
        return outcome.record

    return run


@pytest.fixture
def call(process: Callable[..., UsageRecord]) -> Callable[..., UsageRecord]:
    """Like ``process``, of a chat with OpenAI unless the attributes say otherwise."""

    def run(attributes: dict[str, Any] | None = None, **rest: Any) -> UsageRecord:
        return process({**CHAT, **(attributes or {})}, **rest)

    return run


@pytest.fixture
def aside(observe: Observe) -> Callable[..., NotACall]:
    """The outcome of a span with these attributes, which must be no LLM call, nor rejected."""

    def run(attributes: dict[str, Any], **rest: Any) -> NotACall:
        outcome = observe(attributes, **rest)
        assert isinstance(outcome, NotACall)
        return outcome

    return run
