"""Spans in, usage records out: one LLM call, one record. No I/O; the clock is an argument."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from usage_graph.processor import leaf, providers
from usage_graph.processor.cost import Pricing, reported_nano
from usage_graph.processor.reading import Found, Origin, origin, read
from usage_graph.processor.tokens import Tokens, excludes_cache, inclusive
from usage_graph.processor.values import AttributeValue
from usage_graph.usage import UsageRecord, record_id


class Resource(NamedTuple):
    """Who sent the spans; ``attributes`` may be limited to ``WANTED_RESOURCE``."""

    attributes: Mapping[str, AttributeValue]


class Scope(NamedTuple):
    """The instrumentation that made the spans; ``attributes`` may be limited to ``WANTED_RESOURCE``."""

    name: str
    version: str
    attributes: Mapping[str, AttributeValue]


class Span(NamedTuple):
    """One OTLP span; ``attributes`` may be limited to ``WANTED``. Times are nanoseconds since 1970, 0 if missing."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status_code: int
    attributes: Mapping[str, AttributeValue]


class Rejection(NamedTuple):
    """Why a span cannot be a record, for whoever sent it."""

    reason: str


NO_TRACE_ID = Rejection("span has no trace id (16 bytes, not all zero)")
NO_SPAN_ID = Rejection("span has no span id (8 bytes, not all zero)")
NO_START = Rejection("span has no start time (start_time_unix_nano is 0)")
NOT_NANOSECONDS = Rejection("span starts before 1971: start_time_unix_nano counts nanoseconds since 1970")
STARTS_IN_FUTURE = Rejection("span starts more than one hour in the future: check the sender's clock")
ENDS_IN_FUTURE = Rejection("span ends more than one hour in the future: check the sender's clock")

_ZERO_TRACE, _ZERO_SPAN = bytes(16), bytes(8)
_HOUR_NS = 3_600 * 10**9
_YEAR_1971_NS = 365 * 24 * _HOUR_NS
_LONGEST_NS = 7 * 24 * _HOUR_NS
"""No call takes over a week: such an end is a wrong clock, and sums of such durations would leave 64 bits."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS_ERROR = 2
_DEFAULT_PROJECT = "default"


def check(trace_id: bytes, span_id: bytes, start_ns: int, end_ns: int, now_ns: int) -> Rejection | None:
    """Whether any span, LLM call or not, has ids and a believable time; cheap enough to ask of each.

    Any past is fine (backfill), up to one hour in the future is a skewed clock. Before 1971 nobody called an LLM: such
    a time was sent in seconds, milliseconds or microseconds. A missing end, one before the start, or one years after
    it, is no reason to lose a call.
    """
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
        return NO_TRACE_ID
    if len(span_id) != 8 or span_id == _ZERO_SPAN:
        return NO_SPAN_ID
    if start_ns < _YEAR_1971_NS:
        return NOT_NANOSECONDS if start_ns else NO_START
    if start_ns > now_ns + _HOUR_NS:
        return STARTS_IN_FUTURE
    return ENDS_IN_FUTURE if end_ns > now_ns + _HOUR_NS else None


class Processor:
    """Turns spans into usage records. Not for two threads at once: it remembers the last resource and scope."""

    def __init__(self, *, pricing: Pricing) -> None:
        self._pricing = pricing
        self._now: datetime | None = None
        self._now_ns = 0
        self._from: tuple[Resource, Scope, Origin] | None = None

    def record(
        self, resource: Resource, scope: Scope, span: Span, *, project: str | None, now: datetime
    ) -> UsageRecord | Rejection | None:
        """The span's usage record; a ``Rejection`` if it can be none; ``None`` if it is not an LLM call.

        ``project`` is the request's, already checked; without one, the resource's, else ``default``. Never raises,
        whatever the attributes hold.
        """
        if now is not self._now:
            self._now, self._now_ns = now, int(now.timestamp() * 10**9)
        if rejection := check(span.trace_id, span.span_id, span.start_ns, span.end_ns, self._now_ns):
            return rejection
        operation = leaf.operation(scope.name, span.attributes)
        if operation is None:
            return None
        return self._call(resource, scope, span, operation, project)

    def _call(
        self, resource: Resource, scope: Scope, span: Span, operation: str, project: str | None
    ) -> UsageRecord | None:
        found = read(span.attributes)
        provider = found.provider or _infer_provider(found)
        used = _tokens(scope.name, provider, found, span.attributes)
        failed = span.status_code == _STATUS_ERROR or found.error_type is not None or found.level == "ERROR"
        if used.input is None and used.output is None and not failed and scope.name.startswith("logfire."):
            # A streamed call: the span "streaming response from ..." beside this one has the usage.
            return None
        around = self._origin(resource, scope)
        started_at = _EPOCH + timedelta(microseconds=span.start_ns // 1000)
        project = project or around.project or _DEFAULT_PROJECT
        agent = found.agent or around.agent
        reported = reported_nano(found, used, span.attributes)
        return UsageRecord(
            project=project,
            started_at=started_at,
            id=record_id(project, span.trace_id, span.span_id),
            trace_id=span.trace_id,
            span_id=span.span_id,
            duration_us=_duration_us(span),
            failed=failed,
            error_type=found.error_type,
            source=found.source or around.source or ("agent" if agent else operation),
            operation=operation,
            name=found.name or around.name,
            agent=agent,
            conversation=found.conversation or around.conversation,
            user_id=found.user or around.user,
            channel=found.channel or around.channel,
            service=around.service or found.service,
            environment=around.environment or found.environment,
            provider=provider,
            request_model=found.request_model,
            response_model=found.response_model,
            input_tokens=used.input,
            output_tokens=used.output,
            cache_read_tokens=used.cache_read,
            cache_write_tokens=used.cache_write,
            reasoning_tokens=used.reasoning,
            cost_nano=self._computed(provider, found, used, started_at) if reported is None else reported,
            cost_reported=reported is not None,
            credits_nano=found.credits if found.credits is not None else found.nano_credits or 0,
        )

    def _computed(self, provider: str | None, found: Found, used: Tokens, at: datetime) -> int | None:
        return self._pricing.cost_nano(
            provider,
            found.request_model,
            found.response_model,
            at,
            used.input,
            used.output,
            used.cache_read,
            used.cache_write,
            cache_write_1h=used.cache_write_1h,
            reasoning=used.reasoning,
            service_tier=found.service_tier,
        )

    def _origin(self, resource: Resource, scope: Scope) -> Origin:
        """Spans come in runs of one resource and one scope, so the last answer is nearly always the next."""
        last = self._from
        if last is None or last[0] is not resource or last[1] is not scope:
            self._from = last = resource, scope, origin(resource.attributes, scope.attributes)
        return last[2]


def _duration_us(span: Span) -> int:
    """0 where the end is missing or cannot be the call's."""
    taken = span.end_ns - span.start_ns
    return taken // 1000 if 0 <= taken <= _LONGEST_NS else 0


def _infer_provider(found: Found) -> str | None:
    """From the models' names, else from the host that was called."""
    for model in (found.response_model, found.request_model):
        if model and (provider := providers.of_model(model)):
            return provider
    return providers.of_host(found.host) if found.host else None


def _tokens(scope: str, provider: str | None, found: Found, keys: Mapping[str, AttributeValue]) -> Tokens:
    model = found.response_model or found.request_model
    return inclusive(
        Tokens(found.input, found.output, found.cache_read, found.cache_write, found.cache_write_1h, found.reasoning),
        total=found.total,
        excludes_cache=found.exclusive or excludes_cache(scope, provider, model, keys),
        gemini=provider in ("gcp.gemini", "gcp.vertex_ai") or bool(model and "gemini" in model),
    )
