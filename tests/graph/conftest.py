"""An API over a month's worth of calls."""

from datetime import timedelta

import pytest

from tests.graph.api import NOW, Api
from tests.records import record
from usage_graph.usage import UsageRecord

MONTH = [
    record(
        started_at=NOW - timedelta(hours=7 * number, seconds=number),
        span_id=number.to_bytes(8, "big"),
        source=("chat", "agent", "memory")[number % 3],
        name=f"Conversation {number % 5}" if number % 2 else None,
        agent=f"agent-{number % 4}" if number % 3 == 1 else None,
        conversation=f"conversation-{number % 5}" if number % 2 else None,
        user_id=f"user-{number % 7}" if number % 5 else None,
        channel=("web", None)[number % 2],
        service="assistant",
        environment=("production", "staging")[number % 2],
        response_model=("gpt-4o-mini-2024-07-18", None)[number % 2],
        failed=number % 10 == 9,
        error_type="timeout" if number % 10 == 9 else None,
        input_tokens=None if number % 20 == 19 else 100 + number,
        output_tokens=None if number % 20 == 19 else number,
        cache_read_tokens=number % 50 or None,
        cache_write_tokens=number % 30 or None,
        reasoning_tokens=number % 9 or None,
        cost_nano=None if number % 6 == 5 else 1_000_003 * number,
        cost_reported=number % 6 == 4,
        credits_nano=500_000_000 * (number % 3),
        duration_us=1_234_567 + number,
        cache_write_1h_tokens=number % 30 // 2 or None,
        input_cost_nano=None if number % 6 > 3 else 400_001 * number,
        cache_read_cost_nano=None if number % 6 > 3 or not number % 50 else 1_000 * number,
        cache_write_cost_nano=None if number % 6 > 3 or not number % 30 else 2_000 * number,
        output_cost_nano=None if number % 6 > 3 else 500_000 * number,
        service_tier=("batch", None)[number % 2],
        suspect=number % 25 == 0,
        attributes=(*((("feature", f"feature-{number % 3}"),) if number % 4 else ()), ("team", f"team-{number % 2}")),
    )
    for number in range(1, 101)
]


@pytest.fixture
def month() -> list[UsageRecord]:
    """100 calls in 29 days before ``NOW``, seven hours apart; every field known in some and unknown in others."""
    return MONTH


@pytest.fixture
def api(month: list[UsageRecord]) -> Api:
    return Api(month)
