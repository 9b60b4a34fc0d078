"""OTLP in protobuf: requests in, responses out."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from usage_graph.errors import MalformedRequest
from usage_graph.processor.semconv import LEAF_KEYS, WANTED, WANTED_RESOURCE
from usage_graph.processor.spans import Rejection, Resource, Scope, Span
from usage_graph.processor.values import MAX_DOCUMENT, AttributeValue
from usage_graph.receiver import schema
from usage_graph.receiver.request import Outline, TraceRequest, walk

MEDIA_TYPE = "application/x-protobuf"

_MALFORMED = (
    "The body is not an OTLP request in protobuf. "
    "Send what an OTLP exporter makes, or name the body's real type in Content-Type."
)


def decode_traces(body: bytes) -> TraceRequest:
    """Raises: MalformedRequest: the body is not an ``ExportTraceServiceRequest``; a bad span in it is not an error."""
    try:
        request = schema.TracesRequest.FromString(body)
    except DecodeError:
        raise MalformedRequest(_MALFORMED) from None
    return TraceRequest(walk(request.resource_spans, _Reader), len(body))


def check_other(body: bytes) -> None:
    """Raises: MalformedRequest: the body is not a logs or metrics request."""
    try:
        schema.OtherRequest.FromString(body)
    except DecodeError:
        raise MalformedRequest(_MALFORMED) from None


def encode_traces_response(rejected: int, message: str) -> bytes:
    """An ``ExportTraceServiceResponse``, with ``partial_success`` only where there is something to say."""
    if not rejected:
        return b""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    encoded: bytes = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    return encoded


class _Reader:
    @staticmethod
    def resource(raw: bytes, /) -> Resource | Rejection:
        try:
            return Resource(_pick(schema.Resource.FromString(raw).attributes, WANTED_RESOURCE))
        except DecodeError:
            return Rejection("span is in a resource that is not valid protobuf or not valid UTF-8")

    @staticmethod
    def scope(raw: bytes, /) -> Scope | Rejection:
        try:
            scope = schema.Scope.FromString(raw)
        except DecodeError:
            return Rejection("span is in a scope that is not valid protobuf or not valid UTF-8")
        return Scope(scope.name, scope.version, _pick(scope.attributes, WANTED_RESOURCE))

    @staticmethod
    def span(raw: bytes, /) -> Span | Outline | Rejection:
        try:
            span = schema.Span.FromString(raw)
        except DecodeError:
            return Rejection("span is not valid protobuf or not valid UTF-8")
        if LEAF_KEYS.isdisjoint(span.attributes):
            return Outline(span.trace_id, span.span_id, span.start_time_unix_nano, span.end_time_unix_nano)
        return Span(
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            span.name,
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code,
            _pick(span.attributes, WANTED),
        )


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
