"""Spans in, observations of LLM calls out: one span, one observation. No I/O; the clock is an argument."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from usage_graph.observation import Ancestor, Observation, derived_source
from usage_graph.processor import leaf, providers
from usage_graph.processor.attributes import DeclaredAttributes
from usage_graph.processor.charges import reported
from usage_graph.processor.charging import Charging
from usage_graph.processor.cost import UNKNOWN, Pricing
from usage_graph.processor.leaf import NoCall
from usage_graph.processor.marks import (
    AGENT_ENTITY,
    CLAUDE_CODE,
    EXCLUSIVE_OUTPUT_KEY,
    STREAMED_TWICE,
    TRUSTED_SCOPES,
    has_any,
)
from usage_graph.processor.reading import Found, Identity, Origin, origin, read, read_identity
from usage_graph.processor.span import ZERO_SPAN, Rejection, Resource, Scope, Span, check
from usage_graph.processor.tokens import Tokens, habits, inclusive, written
from usage_graph.processor.values import AttributeValue, bounded_first_token, text
from usage_graph.project import DEFAULT_PROJECT
from usage_graph.usage import MAX_DURATION_US, UsageRecord, record_id


class NotACall(NamedTuple):
    """A span that is no LLM call, but may be above some: ``ancestor`` is what it then tells of them.

    ``certain``: its attributes say that it belongs to a trace of LLM calls; else it matters only if the trace is known
    to have some. ``unrecognised``: it has token counts, and no rule says what it is.
    """

    ancestor: Ancestor
    certain: bool
    unrecognised: bool


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS_ERROR = 2


class Processor:
    """Turns spans into observations. Not for two threads at once: it remembers the last resource and scope.

    ``attributes``: keys of those whose values records keep.
    """

    def __init__(self, *, pricing: Pricing, charging: Charging | None = None, attributes: Collection[str] = ()) -> None:
        self._pricing = pricing
        self._charging = charging or Charging()
        self._declared = DeclaredAttributes(attributes)
        self._now: datetime | None = None
        self._now_ns = 0
        self._from: tuple[Resource, Scope, Origin] | None = None

    def observe(
        self, resource: Resource, scope: Scope, span: Span, *, project: str | None, now: datetime
    ) -> Observation | NotACall | Rejection:
        """What the span tells of an LLM call; a ``Rejection`` if it can be neither a call nor above one.

        ``project`` is the request's, already checked; without one, the resource's, else ``default``. Never raises,
        whatever the attributes hold.
        """
        if now is not self._now:
            self._now, self._now_ns = now, int(now.timestamp() * 10**9)
        if rejection := check(span.trace_id, span.span_id, span.start_ns, span.end_ns, self._now_ns):
            return rejection
        judged = leaf.judge(scope.name, span.attributes)
        around = self._origin(resource, scope)
        project = project or around.project or DEFAULT_PROJECT
        if isinstance(judged, NoCall):
            return _beside(span, judged, around, project)
        seen = self._call(scope.name, span, judged, around, project)
        if self._declared and isinstance(seen, Observation):
            return self._declared.added_to(seen, span.attributes, scope.attributes, resource.attributes)
        return seen

    def _call(self, scope: str, span: Span, operation: str, around: Origin, project: str) -> Observation | NotACall:
        attributes = span.attributes
        found = span.found or read(attributes)
        provider = found.provider or _infer_provider(found)
        used = _tokens(scope, provider, found, attributes)
        failed = span.status_code == _STATUS_ERROR or found.error_type is not None or found.level == "ERROR"
        if used.input is None and used.output is None and not failed and scope.startswith(STREAMED_TWICE):
            # A streamed call: the span "streaming response from ..." beside this one has the usage.
            return _beside(span, leaf.AROUND, around, project)
        record = self._record(span, found, used, around, operation, provider, project, failed)
        return Observation(
            self._charging.charge(record),
            _parent(span),
            found.response_id,
            found.request_id or (found.bare_request_id if scope.startswith(CLAUDE_CODE) else None),
            scope.startswith(TRUSTED_SCOPES),
            (found.source or around.source) is None,
            text(scope) or "",
            around.instance or found.service,
        )

    def _record(
        self,
        span: Span,
        found: Found,
        used: Tokens,
        around: Origin,
        operation: str,
        provider: str | None,
        project: str,
        failed: bool,
    ) -> UsageRecord:
        """Priced, but not yet charged for."""
        # Whole seconds and the rest apart: of all microseconds at once, timedelta would divide them again.
        started_at = _EPOCH + timedelta(0, span.start_ns // 10**9, span.start_ns % 10**9 // 1000)
        duration_us = _duration_us(span)
        said = reported(found, used, span.attributes)
        charged = said or self._pricing.charge(
            provider,
            found.request_model,
            found.response_model,
            started_at,
            found.service_tier,
            used,
            failed=failed,
            project=project,
        )
        cost, input_cost, read_cost, write_cost, output_cost = charged or UNKNOWN
        credits_nano = found.credits if found.credits is not None else found.nano_credits
        agent = found.agent or around.agent
        # In the order of the fields: names would cost a tenth of all that is done for a span here.
        return UsageRecord._make(
            (
                project,
                started_at,
                record_id(project, span.trace_id, span.span_id),
                span.trace_id,
                span.span_id,
                duration_us,
                failed,
                found.error_type,
                found.source or around.source or derived_source(agent, operation),
                operation,
                found.name or around.name,
                agent,
                found.conversation or around.conversation,
                found.user or around.user,
                found.channel or around.channel,
                around.service or found.service,
                around.environment or found.environment,
                provider,
                found.request_model,
                found.response_model,
                used.input,
                used.output,
                used.cache_read,
                used.cache_write,
                used.reasoning,
                cost,
                said is not None,
                credits_nano or 0,
                used.cache_write_1h,
                input_cost,
                read_cost,
                write_cost,
                output_cost,
                found.service_tier,
                used.suspect,
                _first_token_us(found, span, duration_us),
                credits_nano is not None,
                found.turn,
                (),
            )
        )

    def _origin(self, resource: Resource, scope: Scope) -> Origin:
        """Spans come in runs of one resource and one scope, so the last answer is nearly always the next."""
        last = self._from
        if last is None or last[0] is not resource or last[1] is not scope:
            self._from = last = resource, scope, origin(resource.attributes, scope.attributes)
        return last[2]


def _beside(span: Span, judged: NoCall, around: Origin, project: str) -> NotACall:
    if judged is leaf.ELSEWHERE:
        nobody = Ancestor(project, span.trace_id, span.span_id, _parent(span))
        return NotACall(nobody, judged.certain, unrecognised=False)
    said: Identity | Found
    if judged.known:
        said, used = read_identity(span.attributes), False
    else:
        said = found = span.found or read(span.attributes)
        used = bool(found.input or found.output)
    agent = said.agent
    kind_key, kind, name_key = AGENT_ENTITY
    if agent is None and span.attributes.get(kind_key) == kind:
        agent = text(span.attributes.get(name_key))
    ancestor = Ancestor(
        project,
        span.trace_id,
        span.span_id,
        _parent(span),
        said.conversation or around.conversation,
        said.user or around.user,
        agent or around.agent,
        said.channel or around.channel,
    )
    return NotACall(ancestor, judged.certain, unrecognised=used)


def _parent(span: Span) -> bytes:
    """The id of the span above; empty where there is none, or what is there cannot be one."""
    parent = span.parent_span_id
    return parent if len(parent) == 8 and parent != ZERO_SPAN else b""


def _duration_us(span: Span) -> int:
    """0 where the end is missing or cannot be the call's."""
    taken = span.end_ns - span.start_ns
    return taken // 1000 if 0 <= taken <= 1000 * MAX_DURATION_US else 0


def _first_token_us(found: Found, span: Span, duration_us: int) -> int | None:
    """How long it took until the first token; unknown where that is longer than the call."""
    first = found.first_token or found.first_token_seconds or found.first_token_either
    if first is None and found.first_token_at is not None:
        first = found.first_token_at - span.start_ns // 1000
    elif first is None and span.first_token_ns:
        first = (span.first_token_ns - span.start_ns) // 1000
    return bounded_first_token(first, duration_us)


def _infer_provider(found: Found) -> str | None:
    """From the models' names, else from the host that was called."""
    for model in (found.response_model, found.request_model):
        if model and (provider := providers.of_model(model)):
            return provider
    return providers.of_host(found.host) if found.host else None


def _tokens(scope: str, provider: str | None, found: Found, keys: Mapping[str, AttributeValue]) -> Tokens:
    if _is_plain(found):
        return Tokens(
            found.input, found.output, found.cache_read, found.cache_write, found.cache_write_1h, found.reasoning
        )
    unless, counts_cache, gemini = habits(scope, provider, found.response_model or found.request_model)
    write, hour, suspect = written(found.cache_write, found.cache_write_5m, found.cache_write_1h)
    legacy, current = EXCLUSIVE_OUTPUT_KEY
    return inclusive(
        Tokens(found.input, found.output, found.cache_read, write, hour, found.reasoning, suspect),
        total=found.total,
        excludes_cache=found.exclusive or (unless is not None and not has_any(keys, unless)),
        excludes_reasoning=legacy in keys and current not in keys,
        gemini=gemini,
        counts_cache=counts_cache,
    )


def _is_plain(found: Found) -> bool:
    """Whether there are no parts that could be in input or output or not, and no total that says so."""
    return not (
        found.cache_read or found.reasoning or found.cache_write or found.cache_write_5m or found.cache_write_1h
    ) and (not found.total or found.input is None or found.output is None or found.total == found.input + found.output)
