"""OTLP requests to send, built with the official protobuf messages."""

import time
from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Value = str | bool | int | float


def _value(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def call(
    number: int, more: Mapping[str, Value] | None = None, *, start_ns: int | None = None, duration_ns: int = 10**9
) -> Span:
    """The span of an LLM call: 100 tokens in, 20 out. ``number`` makes its ids; ``more`` are further attributes."""
    start = time.time_ns() - 60 * 10**9 if start_ns is None else start_ns
    own: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    return Span(
        trace_id=(number // 10 + 1).to_bytes(16, "big"),
        span_id=(number + 1).to_bytes(8, "big"),
        name="chat gpt-4o-mini",
        start_time_unix_nano=start,
        end_time_unix_nano=start + duration_ns,
        attributes=attributes({**own, **(more or {})}),
    )


def request(
    spans: Iterable[Span], *, resource: Mapping[str, Value] | None = None, scope: str = ""
) -> ExportTraceServiceRequest:
    """One request of one resource and scope."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(attributes(resource or {"service.name": "tests"}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    scope_spans.spans.extend(spans)
    return message


PROTOBUF = {"content-type": "application/x-protobuf"}
