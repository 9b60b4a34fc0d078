"""The parts of OTLP requests in JSON, each read by itself."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from msgspec import Raw
from msgspec.json import Decoder

from usage_graph.processor.events import EVENT_NAME, MAX_NAME, Event, name_of
from usage_graph.processor.measurements import Point
from usage_graph.processor.reading import Found
from usage_graph.processor.recent import Read, RecentAttributes
from usage_graph.processor.semconv import TELLING_KEYS
from usage_graph.processor.span import Resource, Scope, Span
from usage_graph.processor.values import AttributeValue, tokens
from usage_graph.receiver.hints import (
    FIRST_TOKEN_EVENTS,
    MARK,
    is_likely_call,
    is_token_count,
    tells_of_first_token,
)
from usage_graph.receiver.json import documents
from usage_graph.receiver.json.documents import UNREADABLE, AnySpan, Attribute
from usage_graph.receiver.json.values import enum, identifier, integer, pick, readable, text, value, values
from usage_graph.receiver.logs import LogRecord
from usage_graph.receiver.metrics import Series
from usage_graph.receiver.request import Unreadable
from usage_graph.receiver.traces import Call, Outline
from usage_graph.receiver.wanted import Wanted

_KINDS = {
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
_STATUS_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_DELTA = 1
_TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": _DELTA}
_NUMBER = re.compile(rb'\s*\{\s*"(?:int|double|bool)Value"\s*:\s*"?[-+.\w]{1,32}"?\s*\}\s*')
_MAX_BODY = 12 * MAX_NAME + 64
"""Bytes of a body that may be a name: a longer one has more than ``MAX_NAME`` characters, or is no text."""

P = ParamSpec("P")
T = TypeVar("T")

_NO_POINTS = documents.Points()

_resource = Decoder(documents.Resource | None)
_scope = Decoder(documents.Scope | None)
_span = Decoder(documents.Span)
_likely_call = Decoder(documents.LikelyCall)
_attribute = Decoder(Attribute)
_events = Decoder(documents.Events)
_log_record = Decoder(documents.LogRecord)
_metric = Decoder(documents.Metric)
_data_point = Decoder(documents.DataPoint)


def _following_otlp(read: Callable[P, T]) -> Callable[P, T]:
    """``read``, which raises ``Unreadable`` for what does not follow OTLP/JSON."""

    @wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except UNREADABLE:
            raise Unreadable("does not follow OTLP/JSON") from None

    return reading


def _first_token(raw: bytes) -> int:
    """When an event of a span says that the first token came, else 0: events are none of what a call needs."""
    try:
        events = _events.decode(raw).events or ()
        times = [integer(one.time_unix_nano) for one in events if (one.name or "").encode() in FIRST_TOKEN_EVENTS]
    except UNREADABLE:
        return 0
    return min(times, default=0)


class Reader:
    """See the readers' protocols in ``traces``, ``logs`` and ``metrics``. ``declared`` attributes are read, too."""

    def __init__(self, declared: frozenset[str] = frozenset()) -> None:
        self._wanted = Wanted.of(declared)
        self._span_attributes = RecentAttributes(self._attribute)

    @_following_otlp
    def resource(self, raw: Raw, /) -> Resource:
        resource = _resource.decode(raw) or documents.Resource()
        return Resource(values(pick(resource.attributes, self._wanted.resource)))

    @_following_otlp
    def scope(self, raw: Raw, /) -> Scope:
        scope = _scope.decode(raw) or documents.Scope()
        return Scope(scope.name or "", scope.version or "", values(pick(scope.attributes, self._wanted.resource)))

    def span(self, resource: Resource, scope: Scope, raw: Raw, /) -> Call | Outline:
        if is_likely_call(body := bytes(raw)):
            try:
                likely = _likely_call.decode(raw)
                attributes, found = self._span_attributes.of(map(bytes, likely.attributes or ()))
                if not TELLING_KEYS.isdisjoint(attributes):
                    return Call(resource, scope, _span_of(likely, body, attributes, found))
            except UNREADABLE:
                pass  # it may be no call, and of others it does not matter what their attributes are
        return self._plain_span(resource, scope, body)

    @_following_otlp
    def _plain_span(self, resource: Resource, scope: Scope, raw: bytes) -> Call | Outline:
        span = _span.decode(raw)
        picked = pick(span.attributes, self._wanted.span)
        if not TELLING_KEYS.isdisjoint(picked):
            return Call(resource, scope, _span_of(span, raw, values(picked), None))
        return Outline(
            resource,
            scope,
            identifier(span.trace_id),
            identifier(span.span_id),
            identifier(span.parent_span_id),
            integer(span.start_time_unix_nano),
            integer(span.end_time_unix_nano),
            _counts_tokens(raw, span.attributes),
        )

    def _attribute(self, raw: bytes) -> Read:
        """An attribute of a span. Raises: as ``values``."""
        attribute = _attribute.decode(raw)
        if attribute.key in self._wanted.span:
            return attribute.key, value(attribute.value)
        return _NUMBER.fullmatch(bytes(attribute.value)) is not None

    @_following_otlp
    def log_record(self, resource: Resource, scope: Scope, raw: Raw, /) -> LogRecord:
        record = _log_record.decode(raw)
        attributes = values(pick(record.attributes, self._wanted.event))
        event = Event(
            name_of(attributes.get(EVENT_NAME), record.event_name, None) or name_of(None, None, _short(record.body)),
            integer(record.time_unix_nano),
            integer(record.observed_time_unix_nano),
            identifier(record.trace_id),
            identifier(record.span_id),
            attributes,
            _counts_tokens(raw, record.attributes),
        )
        return LogRecord(resource, scope, event)

    @_following_otlp
    def series(self, raw: Raw, /) -> Series:
        metric = _metric.decode(raw)
        points = next((held for held in (metric.sum, metric.histogram) if held and held.data_points), _NO_POINTS)
        delta = enum(points.aggregation_temporality, _TEMPORALITIES) == _DELTA
        return Series(metric.name or "", delta, points.data_points or (), self._point)

    @_following_otlp
    def _point(self, metric: str, raw: Raw) -> Point | None:
        point = _data_point.decode(raw)
        start, time = integer(point.start_time_unix_nano), integer(point.time_unix_nano)
        attributes = values(pick(point.attributes, self._wanted.point))
        if point.as_int is not None:
            found = readable(integer, point.as_int)
        else:
            found = readable(float, point.as_double if point.as_double is not None else point.sum)
        return None if found is None else Point(metric, start, time, found, attributes)


def _span_of(span: AnySpan, raw: bytes, attributes: Mapping[str, AttributeValue], found: Found | None) -> Span:
    """Raises: as ``values``."""
    return Span(
        identifier(span.trace_id),
        identifier(span.span_id),
        identifier(span.parent_span_id),
        span.name or "",
        enum(span.kind, _KINDS),
        integer(span.start_time_unix_nano),
        integer(span.end_time_unix_nano),
        enum(span.status.code, _STATUS_CODES) if span.status else 0,
        attributes,
        _first_token(raw) if tells_of_first_token(raw) else 0,
        found,
    )


def _counts_tokens(raw: bytes | Raw, attributes: Sequence[Attribute] | None) -> bool:
    if MARK not in bytes(raw):
        return False
    hints = {one.key: one.value for one in attributes or () if one.key is not None and is_token_count(one.key)}
    return any(tokens(value(hint)) for hint in hints.values())


def _short(body: Raw) -> str | None:
    """A body that is a short text; whatever else it is stays unread."""
    return text(body) if memoryview(body).nbytes <= _MAX_BODY else None
