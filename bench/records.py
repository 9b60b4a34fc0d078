"""Calls as usage records, without the way over OTLP: what fills a database with a million of them in seconds.

``tests/bench`` holds this against the real decoder and processor: both make the same records of the same calls.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bench import otlp
from bench.otlp import RESOURCE
from bench.workload import Call
from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.usage import UsageRecord, record_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROJECT = "default"


def observations(calls: Sequence[Call]) -> Iterator[Observation]:
    """The observation that the server makes of each call's span: the record, and what else the call is known by."""
    for call, record in zip(calls, records(calls), strict=True):
        yield Observation(record, call.parent_id, otlp.response_id(call), scope=otlp.SCOPE[0], instance=record.service)


def records(calls: Iterable[Call]) -> Iterator[UsageRecord]:
    """The record that the server makes of each call's span."""
    pricing = Pricing()
    service, environment = str(RESOURCE["service.name"]), str(RESOURCE["deployment.environment.name"])
    for call in calls:
        started_at = _EPOCH + timedelta(microseconds=call.start_ns // 1000)
        answered = None if call.failed else call.model.answered
        used = None if call.failed else call.input_tokens
        output = None if call.failed or call.operation == "embeddings" else call.output_tokens
        cached = None if call.failed else call.cached_tokens or None
        record = UsageRecord(
            project=_PROJECT,
            started_at=started_at,
            id=record_id(_PROJECT, call.trace_id, call.span_id),
            trace_id=call.trace_id,
            span_id=call.span_id,
            duration_us=(call.end_ns - call.start_ns) // 1000,
            failed=call.failed,
            error_type="timeout" if call.failed else None,
            source=call.source,
            operation=call.operation,
            name=call.name,
            agent=call.agent,
            conversation=call.conversation,
            user_id=call.user,
            channel=call.channel,
            service=service,
            environment=environment,
            provider=call.model.provider,
            request_model=call.model.requested,
            response_model=answered,
            input_tokens=used,
            output_tokens=output,
            cache_read_tokens=cached,
            cache_write_tokens=None,
            reasoning_tokens=None,
            cost_nano=None,
            cost_reported=False,
            credits_nano=0,
        )
        yield pricing.price(record)
