"""Calls to price, without the spans that they come in."""

from datetime import datetime
from typing import Any

from tests.processor.conftest import START
from tests.records import record
from usage_graph.usage import UsageRecord


def a_call(
    provider: str | None,
    request_model: str | None,
    response_model: str | None = None,
    *,
    at: datetime = START,
    read: int | None = None,
    written: int | None = None,
    hour: int | None = None,
    reasoning: int | None = None,
    **changes: Any,
) -> UsageRecord:
    """An unpriced call of 1000 tokens in and 100 out, unless ``changes`` say otherwise by field name."""
    fields = {"input_tokens": 1000, "output_tokens": 100, "cost_nano": None} | changes
    return record(
        provider=provider,
        request_model=request_model,
        response_model=response_model,
        started_at=at,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reasoning,
        **fields,
    )


def parts(call: UsageRecord) -> tuple[int | None, ...]:
    """What the input costs that was not cached, cache reads, cache writes and the output."""
    return call.input_cost_nano, call.cache_read_cost_nano, call.cache_write_cost_nano, call.output_cost_nano
