"""OTLP in JSON (protobuf's JSON mapping with OTLP's exceptions: hex ids, enums as numbers): requests in, responses out.

Enum names are taken too, unknown fields are ignored, ``null`` is an absent field, 64-bit integers are numbers or
strings.
"""

import re
from base64 import b64decode
from binascii import unhexlify
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from usage_graph.errors import MalformedRequest
from usage_graph.processor.semconv import LEAF_KEYS, WANTED, WANTED_RESOURCE
from usage_graph.processor.spans import Rejection, Resource, Scope, Span
from usage_graph.processor.values import MAX_DOCUMENT, AttributeValue
from usage_graph.receiver.request import Outline, TraceRequest, walk

MEDIA_TYPE = "application/json"

_NULL = Raw(b"null")
_Number = int | float | str | None

_KINDS = {
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
_STATUS_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}


class _ArrayValue(Struct, gc=False):
    values: list["_AnyValue | None"] | None = None


class _KeyValueList(Struct, gc=False):
    values: list["_KeyAndValue"] | None = None


class _AnyValue(Struct, gc=False, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: _Number = None
    double_value: _Number = None
    array_value: _ArrayValue | None = None
    kvlist_value: _KeyValueList | None = None
    bytes_value: str | None = None


class _LongValue(Struct, gc=False, rename="camel"):
    """What is read of an ``AnyValue`` that is long: arrays and kvlists of that size hold more than usage."""

    string_value: str | None = None


class _KeyAndValue(Struct, gc=False):
    key: str | None = None
    value: _AnyValue | None = None


class _Attribute(Struct, gc=False):
    """An attribute whose value is read only if its key is wanted."""

    key: str | None = None
    value: Raw = _NULL


class _Resource(Struct, gc=False):
    attributes: list[_Attribute] | None = None


class _Scope(Struct, gc=False):
    name: str | None = None
    version: str | None = None
    attributes: list[_Attribute] | None = None


class _Status(Struct, gc=False):
    code: int | str | None = None


class _Span(Struct, gc=False, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: _Number = None
    end_time_unix_nano: _Number = None
    attributes: list[_Attribute] | None = None
    status: _Status | None = None


class _ScopeSpans(Struct, gc=False):
    scope: Raw = _NULL
    spans: list[Raw] | None = None


class _ResourceSpans(Struct, gc=False, rename="camel"):
    resource: Raw = _NULL
    scope_spans: list[_ScopeSpans] | None = None


class _TracesRequest(Struct, gc=False, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


class _OtherRequest(Struct, gc=False, rename="camel"):
    resource_logs: list[Raw] | None = None
    resource_metrics: list[Raw] | None = None


T = TypeVar("T")

_traces_request = Decoder(_TracesRequest)
_other_request = Decoder(_OtherRequest)
_resource = Decoder(_Resource | None)
_scope = Decoder(_Scope | None)
_span = Decoder(_Span)
_any_value = Decoder(_AnyValue | None)
_long_value = Decoder(_LongValue)

# msgspec reports what is wrong in itself, and nesting too deep for the stack as RecursionError.
_UNREADABLE = (ValueError, OverflowError, RecursionError)


def decode_traces(body: bytes) -> TraceRequest:
    """Raises: MalformedRequest: the body is not an ``ExportTraceServiceRequest``; a bad span in it is not an error."""
    request = _decode(_traces_request, body)
    return TraceRequest(walk(request.resource_spans, _Reader), len(body))


def check_other(body: bytes) -> None:
    """Raises: MalformedRequest: the body is not a logs or metrics request."""
    _decode(_other_request, body)


def encode_traces_response(rejected: int, message: str) -> bytes:
    """An ``ExportTraceServiceResponse``, with ``partialSuccess`` only where there is something to say."""
    if not rejected:
        return b"{}"
    return encode({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}})


def _decode(decoder: Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        mended = _mend_surrogates(body)
        if mended == body:
            raise MalformedRequest(_explain(error)) from None
    try:
        return decoder.decode(mended)
    except _UNREADABLE as error:
        raise MalformedRequest(_explain(error)) from None


def _explain(error: Exception) -> str:
    # What msgspec says holds a position and type names, never a value of the body.
    found = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")
    return f"The body is not an OTLP request in JSON: {found}. Field names are lowerCamelCase, as in resourceSpans."


_SURROGATE = re.compile(
    rb"(?<!\\)(\\++)u(?:([dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[dD][c-fC-F][0-9a-fA-F]{2})"
)


def _mend_surrogates(body: bytes) -> bytes:
    r"""``body`` with each lone surrogate escape replaced by ``\ufffd``.

    JavaScript writes them for text that was cut inside an emoji, and one would make the whole body unreadable.
    """

    def mend(match: re.Match[bytes]) -> bytes:
        slashes, high, low = match.groups()
        if len(slashes) % 2 == 0:  # an escaped backslash, then the letter u: text; only what follows may be an escape
            return match[0].removesuffix(low) + rb"\ufffd" if low else match[0]
        return match[0] if high and low else slashes + b"ufffd"

    return _SURROGATE.sub(mend, body)


class _Reader:
    @staticmethod
    def resource(raw: Raw, /) -> Resource | Rejection:
        try:
            resource = _resource.decode(raw) or _Resource()
            return Resource(_values(_pick(resource.attributes, WANTED_RESOURCE)))
        except _UNREADABLE:
            return Rejection("span is in a resource that does not follow OTLP/JSON")

    @staticmethod
    def scope(raw: Raw, /) -> Scope | Rejection:
        try:
            scope = _scope.decode(raw) or _Scope()
            return Scope(scope.name or "", scope.version or "", _values(_pick(scope.attributes, WANTED_RESOURCE)))
        except _UNREADABLE:
            return Rejection("span is in a scope that does not follow OTLP/JSON")

    @staticmethod
    def span(raw: Raw, /) -> Span | Outline | Rejection:
        try:
            span = _span.decode(raw)
            start, end = _integer(span.start_time_unix_nano), _integer(span.end_time_unix_nano)
            picked = _pick(span.attributes, WANTED)
            attributes = None if LEAF_KEYS.isdisjoint(picked) else _values(picked)
        except _UNREADABLE:
            return Rejection("span does not follow OTLP/JSON")
        try:
            trace_id, span_id = unhexlify(span.trace_id or ""), unhexlify(span.span_id or "")
            parent_id = unhexlify(span.parent_span_id or "")
        except ValueError:
            return Rejection("span has an id that is not hexadecimal")
        if attributes is None:
            return Outline(trace_id, span_id, start, end)
        code = _enum(span.status.code, _STATUS_CODES) if span.status else 0
        return Span(
            trace_id, span_id, parent_id, span.name or "", _enum(span.kind, _KINDS), start, end, code, attributes
        )


def _pick(attributes: Sequence[_Attribute] | None, wanted: frozenset[str]) -> dict[str, Raw]:
    return {attribute.key: attribute.value for attribute in attributes or () if attribute.key in wanted}


def _values(picked: dict[str, Raw]) -> dict[str, AttributeValue]:
    return {
        key: _value(_any_value.decode(raw)) if memoryview(raw).nbytes <= MAX_DOCUMENT else _long(raw)
        for key, raw in picked.items()
    }


def _long(raw: Raw) -> AttributeValue:
    return _long_value.decode(raw).string_value


def _value(value: _AnyValue | None) -> AttributeValue:
    """An ``AnyValue`` unwrapped; nothing set, and a number that cannot be read, is ``None``.

    Raises ValueError for what is no base64.
    """
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _readable(_integer, value.int_value)
    if value.double_value is not None:
        return _readable(float, value.double_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.array_value is not None:
        return [_value(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {item.key or "": _value(item.value) for item in value.kvlist_value.values or ()}
    if value.bytes_value is not None:
        return b64decode(value.bytes_value, validate=True)
    return None


def _readable(read: Callable[[int | float | str], int | float], value: int | float | str) -> int | float | None:
    """An attribute's number; what is none is unknown, and no reason to lose the call."""
    try:
        return read(value)
    except (ValueError, OverflowError):
        return None


def _integer(value: _Number) -> int:
    """A 64-bit integer of the JSON mapping: a number, or a string that holds one. Absent is 0."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        return int(value)
    return int(value) if value else 0


def _enum(value: int | str | None, names: dict[str, int]) -> int:
    """An enum's number; 0, which stands for unspecified in OTLP, where it is absent or has an unknown name."""
    return value if isinstance(value, int) else names.get(value or "", 0)
