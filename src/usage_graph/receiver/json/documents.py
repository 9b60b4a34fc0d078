"""The part of OTLP's JSON documents that the hot path reads; what is to be read by itself, or not at all, stays raw."""

from typing import Any

from msgspec import Raw, Struct, defstruct

NULL = Raw(b"null")
Number = int | float | str | None

# msgspec reports what is wrong in itself, and nesting too deep for the stack as RecursionError.
UNREADABLE = (ValueError, OverflowError, RecursionError)


def request_of(resources: str, scopes: str, parts: str) -> Any:
    """The type of a signal's requests; the signals differ only in what they call their parts."""

    def holding(name: str, what: Raw | None, held: str, type_: Any, called: str) -> Any:
        fields: list[Any] = [(held, list[type_] | None, None)]
        if what is not None:
            fields.append((name, Raw, what))
        return defstruct(name.title(), fields, rename={held: called}, gc=False)

    scoped = holding("scope", NULL, "parts", Raw, parts)
    held = holding("resource", NULL, "scopes", scoped, scopes)
    return holding("request", None, "resources", held, resources)


class ArrayValue(Struct, gc=False):
    values: list["AnyValue | None"] | None = None


class KeyValueList(Struct, gc=False):
    values: list["KeyAndValue"] | None = None


class AnyValue(Struct, gc=False, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number = None
    double_value: Number = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class Text(Struct, gc=False, rename="camel"):
    """What is read of an ``AnyValue`` that should be a text, or is long: all else so long holds more than usage."""

    string_value: str | None = None


class KeyAndValue(Struct, gc=False):
    key: str | None = None
    value: AnyValue | None = None


class Attribute(Struct, gc=False):
    """An attribute whose value is read only if its key is wanted."""

    key: str | None = None
    value: Raw = NULL


class Resource(Struct, gc=False):
    attributes: list[Attribute] | None = None


class Scope(Struct, gc=False):
    name: str | None = None
    version: str | None = None
    attributes: list[Attribute] | None = None


class Status(Struct, gc=False):
    code: int | str | None = None


class AnySpan(Struct, gc=False, rename="camel"):
    """What is read of every span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: Number = None
    end_time_unix_nano: Number = None
    status: Status | None = None


class Span(AnySpan, gc=False, rename="camel"):
    attributes: list[Attribute] | None = None


class LikelyCall(AnySpan, gc=False, rename="camel"):
    """A span whose attributes are mostly such as were read before."""

    attributes: list[Raw] | None = None


class Event(Struct, gc=False, rename="camel"):
    time_unix_nano: Number = None
    name: str | None = None


class Events(Struct, gc=False):
    """Those of a span, which are read apart from all else."""

    events: list[Event] | None = None


class LogRecord(Struct, gc=False, rename="camel"):
    time_unix_nano: Number = None
    observed_time_unix_nano: Number = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None
    body: Raw = NULL
    attributes: list[Attribute] | None = None


class Points(Struct, gc=False, rename="camel"):
    """What a sum and a histogram have in common."""

    data_points: list[Raw] | None = None
    aggregation_temporality: int | str | None = None


class Metric(Struct, gc=False):
    name: str | None = None
    sum: Points | None = None
    histogram: Points | None = None


class DataPoint(Struct, gc=False, rename="camel"):
    """A point of a sum (``as_double``, ``as_int``) or of a histogram (``sum``)."""

    start_time_unix_nano: Number = None
    time_unix_nano: Number = None
    as_double: Number = None
    as_int: Number = None
    sum: Number = None
    attributes: list[Attribute] | None = None
