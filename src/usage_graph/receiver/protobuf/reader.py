"""The parts of OTLP requests in protobuf, each read by itself."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError

from usage_graph.processor.events import EVENT_NAME, MAX_NAME, Event, name_of
from usage_graph.processor.measurements import Point
from usage_graph.processor.recent import COUNTS, Read, RecentAttributes
from usage_graph.processor.semconv import TELLING_KEYS
from usage_graph.processor.span import Resource, Scope, Span
from usage_graph.processor.values import MAX_DOCUMENT, AttributeValue, tokens
from usage_graph.receiver.hints import (
    FIRST_TOKEN_EVENTS,
    MARK,
    is_likely_call,
    is_token_count,
    tells_of_first_token,
)
from usage_graph.receiver.logs import LogRecord
from usage_graph.receiver.metrics import Series
from usage_graph.receiver.protobuf import schema
from usage_graph.receiver.protobuf.counts import counter_of
from usage_graph.receiver.request import Unreadable
from usage_graph.receiver.traces import Call, Outline
from usage_graph.receiver.wanted import Wanted

_INVALID = "is not valid protobuf or not valid UTF-8"
_DELTA = 1
_NUMBERS = frozenset(("bool_value", "int_value", "double_value"))
_count = counter_of(COUNTS)
_MAX_BODY = 4 * MAX_NAME + 8
"""Bytes of a body that may be a name: a longer one has more than ``MAX_NAME`` characters, or is no text."""


def _parse(message: Any, raw: bytes) -> Any:
    try:
        return message.FromString(raw)
    except DecodeError:
        raise Unreadable(_INVALID) from None


def _first_token(raw: bytes) -> int:
    """When an event of a span says that the first token came, else 0: events are none of what a call needs."""
    try:
        events = schema.Events.FromString(raw).events
    except DecodeError:
        return 0
    return min((event.time_unix_nano for event in events if event.name in FIRST_TOKEN_EVENTS), default=0)


class Reader:
    """See the readers' protocols in ``traces``, ``logs`` and ``metrics``. ``declared`` attributes are read, too."""

    def __init__(self, declared: frozenset[str] = frozenset()) -> None:
        self._wanted = Wanted.of(declared)
        self._span_attributes = RecentAttributes(self._attribute, _count)

    def resource(self, raw: bytes, /) -> Resource:
        return Resource(_pick(_parse(schema.Resource, raw).attributes, self._wanted.resource))

    def scope(self, raw: bytes, /) -> Scope:
        scope = _parse(schema.Scope, raw)
        return Scope(scope.name, scope.version, _pick(scope.attributes, self._wanted.resource))

    def span(self, resource: Resource, scope: Scope, raw: bytes, /) -> Call | Outline:
        if not is_likely_call(raw):
            outline = _parse(schema.Outline, raw)
            if TELLING_KEYS.isdisjoint(outline.attributes):
                return _outline(resource, scope, outline, raw)
        span = _parse(schema.Span, raw)
        # A slice is a list made at once, three times as fast as an item after the other.
        attributes, found = self._span_attributes.of(span.attributes[:])
        if TELLING_KEYS.isdisjoint(attributes):
            return _outline(resource, scope, _parse(schema.Outline, raw), raw)
        return Call(
            resource,
            scope,
            Span(
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.name,
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code,
                attributes,
                _first_token(raw) if span.events and tells_of_first_token(raw) else 0,
                found,
            ),
        )

    def _attribute(self, raw: bytes) -> Read:
        """An attribute of a span. Raises: Unreadable."""
        attribute = _parse(schema.KeyValue, raw)
        key, value = attribute.key, attribute.value
        if key in self._wanted.span:
            return key, _value(value)
        return value.WhichOneof("value") in _NUMBERS

    def log_record(self, resource: Resource, scope: Scope, raw: bytes, /) -> LogRecord:
        record = _parse(schema.LogRecord, raw)
        attributes = _pick(record.attributes, self._wanted.event)
        name = name_of(attributes.get(EVENT_NAME), record.event_name, None) or name_of(None, None, _short(record.body))
        return LogRecord(
            resource,
            scope,
            Event(
                name,
                record.time_unix_nano,
                record.observed_time_unix_nano,
                record.trace_id,
                record.span_id,
                attributes,
                MARK in raw and _counts_tokens(record.attributes),
            ),
        )

    def series(self, raw: bytes, /) -> Series:
        metric = _parse(schema.Metric, raw)
        if points := metric.sum.data_points:
            return Series(metric.name, metric.sum.aggregation_temporality == _DELTA, points, self._number)
        histogram = metric.histogram
        delta = histogram.aggregation_temporality == _DELTA
        return Series(metric.name, delta, histogram.data_points, self._histogram)

    def _number(self, metric: str, raw: bytes) -> Point | None:
        point = _parse(schema.NumberDataPoint, raw)
        field = point.WhichOneof("value")
        return self._point(metric, point, getattr(point, field)) if field else None

    def _histogram(self, metric: str, raw: bytes) -> Point | None:
        point = _parse(schema.HistogramDataPoint, raw)
        return self._point(metric, point, point.sum) if point.HasField("sum") else None

    def _point(self, metric: str, point: Any, value: int | float) -> Point:
        attributes = _pick(point.attributes, self._wanted.point)
        return Point(metric, point.start_time_unix_nano, point.time_unix_nano, value, attributes)


def _outline(resource: Resource, scope: Scope, span: Any, raw: bytes) -> Outline:
    return Outline(
        resource,
        scope,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        MARK in raw and _counts_tokens(span.attributes),
    )


def _counts_tokens(attributes: Mapping[str, Any]) -> bool:
    return any(is_token_count(key) and tokens(_value(attributes[key])) for key in attributes)


def _short(body: bytes) -> AttributeValue:
    """A body that is a short text; whatever else it is stays unread."""
    if not body or len(body) > _MAX_BODY:
        return None
    text: str = _parse(schema.AnyValue, body).string_value
    return text


def _pick(attributes: Mapping[str, Any], wanted: frozenset[str]) -> dict[str, AttributeValue]:
    return {key: _value(attributes[key]) for key in wanted.intersection(attributes)}


def _value(value: Any) -> AttributeValue:
    """An ``AnyValue`` unwrapped; nothing set, and an array or kvlist too long to be about usage, is ``None``."""
    # Reading a field that is not set gives its zero value, cheaper than asking which one is set.
    if found := value.string_value or value.int_value or value.double_value:
        return found  # type: ignore[no-any-return]  # made at run time, see schema
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value" | "kvlist_value" if value.ByteSize() > MAX_DOCUMENT:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            entries = value.kvlist_value.values
            return {key: _value(entries[key]) for key in entries}
        case field:
            return getattr(value, field)  # type: ignore[no-any-return]
