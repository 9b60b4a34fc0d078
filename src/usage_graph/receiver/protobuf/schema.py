"""The part of OTLP's protobuf schema that the hot path reads, built at run time.

It is wire-compatible with ``opentelemetry.proto`` and better here in three ways. A span, log record, metric or data
point is ``bytes`` until its turn comes (on the wire an embedded message is a length-delimited field like any other), so
that a broken one harms only itself and long requests are parsed in small steps; a log record's body stays ``bytes``.
Attributes are a ``map``, which the wire does not tell from ``repeated KeyValue``, so that what nobody asks for never
becomes a Python object. And the requests of the three signals, which have the same numbers, are one message; so are
their responses.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation

from usage_graph.errors import StartupError

_PACKAGE = "usage_graph.otlp"
_Field = descriptor_pb2.FieldDescriptorProto

_SCALARS = frozenset(("string", "bytes", "bool", "int32", "int64", "fixed64", "sfixed64", "double"))
_ONE, _MANY, _ONEOF, _MAP = "one", "many", "oneof", "map"
_Row = tuple[str, int, str, str]

# message -> (field, number, type or message name, how many); numbers and types are those of opentelemetry.proto.
_MESSAGES: dict[str, Sequence[_Row]] = {
    "AnyValue": (
        ("string_value", 1, "string", _ONEOF),
        ("bool_value", 2, "bool", _ONEOF),
        ("int_value", 3, "int64", _ONEOF),
        ("double_value", 4, "double", _ONEOF),
        ("array_value", 5, "ArrayValue", _ONEOF),
        ("kvlist_value", 6, "KeyValueList", _ONEOF),
        ("bytes_value", 7, "bytes", _ONEOF),
    ),
    "ArrayValue": (("values", 1, "AnyValue", _MANY),),
    "KeyValueList": (("values", 1, "AnyValue", _MAP),),
    "Status": (("code", 3, "int32", _ONE),),
    "Span": (
        ("trace_id", 1, "bytes", _ONE),
        ("span_id", 2, "bytes", _ONE),
        ("parent_span_id", 4, "bytes", _ONE),
        ("name", 5, "string", _ONE),
        ("kind", 6, "int32", _ONE),
        ("start_time_unix_nano", 7, "fixed64", _ONE),
        ("end_time_unix_nano", 8, "fixed64", _ONE),
        ("attributes", 9, "bytes", _MANY),
        ("events", 11, "bytes", _MANY),
        ("status", 15, "Status", _ONE),
    ),
    # The same, of one that is hardly a call: nothing of its attributes but their keys is looked at.
    "Outline": (
        ("trace_id", 1, "bytes", _ONE),
        ("span_id", 2, "bytes", _ONE),
        ("parent_span_id", 4, "bytes", _ONE),
        ("name", 5, "string", _ONE),
        ("start_time_unix_nano", 7, "fixed64", _ONE),
        ("end_time_unix_nano", 8, "fixed64", _ONE),
        ("attributes", 9, "AnyValue", _MAP),
        ("status", 15, "Status", _ONE),
    ),
    "KeyValue": (("key", 1, "string", _ONE), ("value", 2, "AnyValue", _ONE)),
    # Of a span, and read apart from all else: seldom there, and never wanted but for their times.
    "Event": (("time_unix_nano", 1, "fixed64", _ONE), ("name", 2, "bytes", _ONE)),
    "Events": (("events", 11, "Event", _MANY),),
    "Scope": (("name", 1, "string", _ONE), ("version", 2, "string", _ONE), ("attributes", 3, "AnyValue", _MAP)),
    "Resource": (("attributes", 1, "AnyValue", _MAP),),
    "LogRecord": (
        ("time_unix_nano", 1, "fixed64", _ONE),
        ("body", 5, "bytes", _ONE),
        ("attributes", 6, "AnyValue", _MAP),
        ("trace_id", 9, "bytes", _ONE),
        ("span_id", 10, "bytes", _ONE),
        ("observed_time_unix_nano", 11, "fixed64", _ONE),
        ("event_name", 12, "string", _ONE),
    ),
    # What Sum and Histogram have in common.
    "Points": (("data_points", 1, "bytes", _MANY), ("aggregation_temporality", 2, "int32", _ONE)),
    "Metric": (("name", 1, "string", _ONE), ("sum", 7, "Points", _ONE), ("histogram", 9, "Points", _ONE)),
    "NumberDataPoint": (
        ("start_time_unix_nano", 2, "fixed64", _ONE),
        ("time_unix_nano", 3, "fixed64", _ONE),
        ("as_double", 4, "double", _ONEOF),
        ("as_int", 6, "sfixed64", _ONEOF),
        ("attributes", 7, "AnyValue", _MAP),
    ),
    "HistogramDataPoint": (
        ("start_time_unix_nano", 2, "fixed64", _ONE),
        ("time_unix_nano", 3, "fixed64", _ONE),
        ("sum", 5, "double", _ONEOF),
        ("attributes", 9, "AnyValue", _MAP),
    ),
    # ResourceSpans, ResourceLogs and ResourceMetrics, and what is in them.
    "Scoped": (("scope", 1, "bytes", _ONE), ("parts", 2, "bytes", _MANY)),
    "Held": (("resource", 1, "bytes", _ONE), ("scopes", 2, "Scoped", _MANY)),
    "Request": (("resources", 1, "Held", _MANY),),
    "PartialSuccess": (("rejected", 1, "int64", _ONE), ("error_message", 2, "string", _ONE)),
    "Response": (("partial_success", 1, "PartialSuccess", _ONE),),
}


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="usage_graph_otlp.proto", package=_PACKAGE, syntax="proto3")
    for name, rows in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(how == _ONEOF for _, _, _, how in rows):
            message.oneof_decl.add(name="value")
        for field, number, type_, how in rows:
            row = message.field.add(name=field, number=number)
            row.label = _Field.LABEL_REPEATED if how in (_MANY, _MAP) else _Field.LABEL_OPTIONAL
            if how == _ONEOF:
                row.oneof_index = 0
            if how == _MAP:
                type_ = _describe_entry(message, field, type_)
            if type_ in _SCALARS:
                row.type = _Field.Type.Value(f"TYPE_{type_.upper()}")
            else:
                row.type, row.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{type_}"
    return file


def _describe_entry(message: descriptor_pb2.DescriptorProto, field: str, value: str) -> str:
    """Declare ``message``'s map entry from string to ``value``; returns its name."""
    entry = message.nested_type.add(name=field.capitalize() + "Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
    held = entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_MESSAGE)
    held.type_name = f".{_PACKAGE}.{value}"
    return f"{message.name}.{entry.name}"


_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(_describe().SerializeToString())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


# Classes made at run time have no static type; what they hold is in the table above.
AnyValue = _message("AnyValue")
Resource = _message("Resource")
Scope = _message("Scope")
Span = _message("Span")
Outline = _message("Outline")
KeyValue = _message("KeyValue")
Events = _message("Events")
LogRecord = _message("LogRecord")
Metric = _message("Metric")
NumberDataPoint = _message("NumberDataPoint")
HistogramDataPoint = _message("HistogramDataPoint")
Request = _message("Request")
Response = _message("Response")


def require_compiled_protobuf() -> None:
    """Raises: StartupError: protobuf runs in pure Python here, which takes some 280 times as long."""
    if (found := api_implementation.Type()) != "upb":
        raise StartupError(
            f"protobuf runs with its {found!r} implementation, not with the compiled one ('upb'). "
            "Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION, or reinstall protobuf from a wheel made for this platform."
        )
