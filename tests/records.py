"""Usage records to test with: hypothesis strategies, and one by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from usage_graph.usage import MAX_COST_NANO, MAX_CREDITS_NANO, NANO, UsageRecord, record_id

BASE = datetime(2026, 3, 1, tzinfo=UTC)
"""The strategies' records start in the 60 days after this; New York and Berlin change their clocks inside."""

_words = st.sampled_from(["a", "b", "B", "%", "_", "\\", "ä", "Ä", "naïve_plan 100%", "z" * 256, "'; --", "\x1f"])
_optional = st.one_of(st.none(), _words)
_attributes = st.dictionaries(st.sampled_from(["team", "feature"]), _words).map(
    lambda found: tuple(sorted(found.items()))
)
_part = st.one_of(st.none(), st.integers(0, 10**9))
_tokens = st.one_of(st.none(), st.integers(0, 5000), st.just(10**12))


def record(**changes: Any) -> UsageRecord:
    """A plain call; ``changes`` by field name. Its id follows from project, trace and span."""
    fields: dict[str, Any] = {
        "project": "default",
        "started_at": BASE,
        "id": 0,
        "trace_id": b"\1" * 16,
        "span_id": b"\1" * 8,
        "duration_us": 1_500_000,
        "failed": False,
        "error_type": None,
        "source": "chat",
        "operation": "chat",
        "name": None,
        "agent": None,
        "conversation": None,
        "user_id": None,
        "channel": None,
        "service": None,
        "environment": None,
        "provider": "openai",
        "request_model": "gpt-4o-mini",
        "response_model": None,
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "cost_nano": 27_000,
        "cost_reported": False,
        "credits_nano": 0,
        "cache_write_1h_tokens": None,
        "input_cost_nano": None,
        "cache_read_cost_nano": None,
        "cache_write_cost_nano": None,
        "output_cost_nano": None,
        "service_tier": None,
        "suspect": False,
        "first_token_us": None,
        "credits_reported": False,
        "turn": None,
        "attributes": (),
    } | changes
    fields["id"] = record_id(fields["project"], fields["trace_id"], fields["span_id"])
    return UsageRecord(**fields)


@st.composite
def usage_records(draw: st.DrawFn, *, project: str = "default") -> UsageRecord:
    """Any storable record, with few distinct values, so that groups and ties come up; the span key is small."""
    # Starts cluster on boundaries of buckets, where mistakes live.
    start = BASE + draw(
        st.one_of(
            st.integers(0, 60 * 96).map(lambda quarters: timedelta(minutes=15) * quarters),
            st.integers(0, 60 * 86_400 * 10**6).map(lambda us: timedelta(microseconds=us)),
        )
    )
    cost = draw(st.one_of(st.none(), st.integers(0, 10**9), st.just(MAX_COST_NANO)))
    return record(
        project=project,
        started_at=start,
        trace_id=draw(st.integers(1, 6)).to_bytes(16, "big"),
        span_id=draw(st.integers(1, 2**63)).to_bytes(8, "big"),
        duration_us=draw(st.one_of(st.just(0), st.integers(0, 10**8))),
        failed=draw(st.booleans()),
        error_type=draw(_optional),
        source=draw(_words),
        operation=draw(st.sampled_from(["chat", "embeddings"])),
        name=draw(_optional),
        agent=draw(_optional),
        conversation=draw(_optional),
        user_id=draw(_optional),
        channel=draw(_optional),
        service=draw(_optional),
        environment=draw(_optional),
        provider=draw(_optional),
        request_model=draw(_optional),
        response_model=draw(_optional),
        input_tokens=draw(_tokens),
        output_tokens=draw(_tokens),
        cache_read_tokens=draw(_tokens),
        cache_write_tokens=draw(_tokens),
        reasoning_tokens=draw(_tokens),
        cost_nano=cost,
        cost_reported=cost is not None and draw(st.booleans()),
        credits_nano=draw(st.sampled_from([0, 1, NANO, MAX_CREDITS_NANO])),
        cache_write_1h_tokens=draw(_tokens),
        input_cost_nano=draw(_part),
        cache_read_cost_nano=draw(_part),
        cache_write_cost_nano=draw(_part),
        output_cost_nano=draw(_part),
        service_tier=draw(_optional),
        suspect=draw(st.booleans()),
        first_token_us=draw(st.one_of(st.none(), st.integers(0, 10**8))),
        credits_reported=draw(st.booleans()),
        turn=draw(_optional),
        attributes=draw(_attributes),
    )
