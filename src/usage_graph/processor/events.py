"""Log events in, observations of LLM calls out: for coding agents whose events, not spans, count their calls.

No I/O; the clock is an argument.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from usage_graph.observation import Observation, derived_source
from usage_graph.processor import providers
from usage_graph.processor.agents import (
    EVENT_RULES,
    EVENT_TIMESTAMP,
    EVENT_WANTED,
    READERS,
    TWINS,
    Attributes,
    EventRule,
    Keys,
    Said,
)
from usage_graph.processor.attributes import DeclaredAttributes
from usage_graph.processor.charging import Charging
from usage_graph.processor.cost import Pricing
from usage_graph.processor.made import ids_of
from usage_graph.processor.reading import Origin, origin
from usage_graph.processor.semconv import INPUT_KEYS, OUTPUT_KEYS
from usage_graph.processor.span import Rejection, Resource, Scope
from usage_graph.processor.tally import Tally
from usage_graph.processor.values import AttributeValue, bounded_first_token
from usage_graph.project import DEFAULT_PROJECT
from usage_graph.usage import MAX_DURATION_US, UsageRecord, record_id

__all__ = ["EVENT_NAME", "EVENT_WANTED", "MAX_NAME", "Event", "EventProcessor", "Ignored", "name_of"]

EVENT_NAME = "event.name"
"""The attribute that names an event where the log record's own field does not, or holds a place in the source code."""
MAX_NAME = 256
"""A longer name, or body, names no event."""

NO_TIME = Rejection("log record of an LLM call has no time (time_unix_nano and observed_time_unix_nano are 0)")
NOT_NANOSECONDS = Rejection("log record is from before 1971: time_unix_nano counts nanoseconds since 1970")
IN_FUTURE = Rejection("log record is from more than one hour in the future: check the sender's clock")

_HOUR_NS = 3_600 * 10**9
_YEAR_1971_NS = 365 * 24 * _HOUR_NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Event(NamedTuple):
    """One OTLP log record; ``attributes`` may be limited to ``EVENT_WANTED``. Times are nanoseconds since 1970, or 0.

    ``name`` is what ``name_of`` made of it. ``tokens``: it has attributes, wanted or not, that look like token counts.
    """

    name: str
    time_ns: int
    observed_ns: int
    trace_id: bytes
    span_id: bytes
    attributes: Attributes
    tokens: bool = False


class Ignored(NamedTuple):
    """No call, or one that is counted from elsewhere. ``unrecognised``: has token counts, and no rule knows it."""

    unrecognised: bool


def name_of(attribute: AttributeValue, field: AttributeValue, body: AttributeValue) -> str:
    """An event's name: its attribute ``event.name``, else the record's ``event_name``, else a body of one short text.

    Empty where it has none. What is longer than ``MAX_NAME`` is content.
    """
    return next((name for name in (attribute, field, body) if isinstance(name, str) and 0 < len(name) <= MAX_NAME), "")


_TOLD = Said._fields.index("turn")
"""How many fields tell an event from others."""

_RULES: dict[str, list[EventRule]] = {}
_SHORT: dict[str, list[EventRule]] = {}
for _rule in EVENT_RULES:
    for _name in _rule.names:
        _RULES.setdefault(_name, []).append(_rule)
    for _name in _rule.short:
        _SHORT.setdefault(_name, []).append(_rule)

_TOKEN_KEYS = frozenset((*INPUT_KEYS, *OUTPUT_KEYS)).union(
    *(rule.keys.get(field, ()) for rule in EVENT_RULES for field in ("input", "output"))
)


class EventProcessor:
    """Turns log events into observations. Not for two threads at once: it remembers the last resource and scope.

    ``attributes``: keys of those whose values records keep.
    """

    def __init__(self, *, pricing: Pricing, charging: Charging | None = None, attributes: Collection[str] = ()) -> None:
        self._pricing = pricing
        self._charging = charging or Charging()
        self._declared = DeclaredAttributes(attributes)
        self._from: tuple[Resource, Scope, Origin] | None = None

    def observe(
        self, resource: Resource, scope: Scope, event: Event, *, project: str | None, now: datetime
    ) -> Observation | Rejection | Ignored:
        """What the event tells of a call. ``project`` is the request's; without one, the resource's, else ``default``.

        Never raises, whatever the attributes hold.
        """
        rule = _rule_of(scope.name, event)
        if rule is None:
            tells = event.tokens or not _TOKEN_KEYS.isdisjoint(event.attributes)
            return Ignored(tells and event.name not in TWINS)
        end_ns = _ended(event)
        if rejection := _check(end_ns, int(now.timestamp() * 10**9)):
            return rejection
        seen = self._call(resource, scope, event, rule, end_ns, project)
        if self._declared:
            return self._declared.added_to(seen, event.attributes, scope.attributes, resource.attributes)
        return seen

    def _call(
        self, resource: Resource, scope: Scope, event: Event, rule: EventRule, end_ns: int, project: str | None
    ) -> Observation:
        said = Said(**read(rule.keys, READERS, event.attributes))
        around = self._origin(resource, scope)
        used = Tally(
            said.input, said.output, said.cache_read, said.cache_write, said.reasoning, said.apart, said.total
        ).used(excludes_cache=rule.excludes_cache, excludes_thoughts=rule.excludes_thoughts)
        taken_us = (said.duration or 0) * 1000
        duration_us = taken_us if taken_us <= MAX_DURATION_US else 0
        trace_id, span_id = _identity(rule, event, said, end_ns)
        project = project or around.project or DEFAULT_PROJECT
        agent = said.agent or around.agent
        source = said.source or around.source
        cost = said.cost if said.cost is not None else said.cost_micros
        record = UsageRecord(
            project=project,
            started_at=_EPOCH + timedelta(microseconds=end_ns // 1000 - duration_us),
            id=record_id(project, trace_id, span_id),
            trace_id=trace_id,
            span_id=span_id,
            duration_us=duration_us,
            failed=rule.failed,
            error_type=(said.error_type or said.http_error) if rule.failed else None,
            source=source or derived_source(agent, "chat"),
            operation="chat",
            name=said.name or around.name,
            agent=agent,
            conversation=said.conversation or around.conversation,
            user_id=said.user or around.user,
            channel=said.channel or around.channel,
            service=around.service,
            environment=around.environment,
            provider=said.provider or provider_of(said.response_model, said.request_model),
            request_model=said.request_model,
            response_model=said.response_model,
            input_tokens=used.input,
            output_tokens=used.output,
            cache_read_tokens=used.cache_read,
            cache_write_tokens=used.cache_write,
            reasoning_tokens=used.reasoning,
            cost_nano=cost,
            cost_reported=cost is not None,
            credits_nano=0,
            suspect=used.suspect,
            turn=said.turn,
            first_token_us=bounded_first_token(said.first_token, duration_us),
        )
        return Observation(
            self._charging.charge(self._pricing.price(record)),
            parent_span_id=event.span_id if _is_id(event.span_id, 8) and trace_id == event.trace_id else b"",
            request_id=said.request_id,
            trusted=rule.trusted,
            source_derived=source is None,
            scope=scope.name,
            instance=around.instance or around.service,
        )

    def _origin(self, resource: Resource, scope: Scope) -> Origin:
        """Events come in runs of one resource and one scope, so the last answer is nearly always the next."""
        last = self._from
        if last is None or last[0] is not resource or last[1] is not scope:
            self._from = last = resource, scope, origin(resource.attributes, scope.attributes)
        return last[2]


def _rule_of(scope: str, event: Event) -> EventRule | None:
    for rule in _RULES.get(event.name, ()):
        if rule.counts(event.attributes):
            return rule
    for rule in _SHORT.get(event.name, ()):
        if scope.startswith(rule.scope) and rule.counts(event.attributes):
            return rule
    return None


def read(keys: Keys, readers: Mapping[str, Callable[[Any], Any]], attributes: Attributes) -> dict[str, Any]:
    """Every field that has a value, from the best of its keys whose value can be read."""
    found = {}
    for field, names in keys.items():
        reader = readers[field]
        for name in names:
            if name in attributes and (value := reader(attributes[name])) is not None:
                found[field] = value
                break
    return found


def provider_of(*models: str | None) -> str | None:
    """Who serves the first of the models whose name tells."""
    return next((provider for model in models if model and (provider := providers.of_model(model))), None)


def _ended(event: Event) -> int:
    """When the event was made, which is when the call ended: nanoseconds, 0 where nothing says so."""
    if event.time_ns:
        return event.time_ns
    stamp = event.attributes.get(EVENT_TIMESTAMP)
    if isinstance(stamp, str) and len(stamp) <= MAX_NAME:
        try:
            at = datetime.fromisoformat(stamp)
            return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND * 1000
        except (ValueError, OverflowError, TypeError):
            pass
    return event.observed_ns


def _check(end_ns: int, now_ns: int) -> Rejection | None:
    """Like ``spans.check``: any past from 1971 on, and up to one hour in the future."""
    if end_ns < _YEAR_1971_NS:
        return NOT_NANOSECONDS if end_ns else NO_TIME
    return IN_FUTURE if end_ns > now_ns + _HOUR_NS else None


def _is_id(value: bytes, length: int) -> bool:
    return len(value) == length and any(value)


def _identity(rule: EventRule, event: Event, said: Said, end_ns: int) -> tuple[bytes, bytes]:
    """The trace and span id of an event's record: the same whenever the event is sent again, and no other event's.

    The log record's own span id will not do: it is that of the span in which the event was made, as others were.
    """
    told = said[:_TOLD]
    made = ids_of(rule.agent, said.event_id) if said.event_id else ids_of(rule.agent, rule.failed, end_ns, *told)
    return event.trace_id if _is_id(event.trace_id, 16) else made.trace_id, made.span_id
