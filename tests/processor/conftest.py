"""What every test of the processor needs: the price list (slow to load), and spans made by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from usage_graph.processor import Pricing, Processor, Rejection, Resource, Scope, Span
from usage_graph.usage import UsageRecord

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""A little after the captured payloads were sent."""

START = datetime(2026, 11, 20, tzinfo=UTC)

Outcome = UsageRecord | Rejection | None


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

Process = Callable[..., Outcome]


@pytest.fixture
def process(processor: Processor) -> Process:
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
        return processor.record(
            Resource(resource or {}),
            Scope(scope, "1", scope_attributes or {}),
            a_span(attributes, **changes),
            project=project,
            now=NOW,
        )

    return run


@pytest.fixture
def call(process: Process) -> Callable[..., UsageRecord]:
    """Like ``process``, of a chat with OpenAI unless the attributes say otherwise; the result must be a record."""

    def run(attributes: dict[str, Any] | None = None, **rest: Any) -> UsageRecord:
        outcome = process({**CHAT, **(attributes or {})}, **rest)
        assert isinstance(outcome, UsageRecord)
        return outcome

    return run
