"""OTLP requests to test with, made with the full ``opentelemetry.proto``."""

import itertools
import json
import time
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

CAPTURED = Path(__file__).parents[1] / "data" / "otlp"

TRACE_ID = bytes(range(16))
IDS = ("traceId", "spanId", "parentSpanId")
_numbers = itertools.count(1)


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def attribute(key: str, value: str | int | float) -> KeyValue:
    match value:
        case str():
            return KeyValue(key=key, value=AnyValue(string_value=value))
        case int():
            return KeyValue(key=key, value=AnyValue(int_value=value))
        case float():
            return KeyValue(key=key, value=AnyValue(double_value=value))


def llm_span(number: int | None = None, /, *, attributes: Mapping[str, Any] | None = None, **changes: Any) -> Span:
    """A chat call of one second that ended just now; ``changes`` by field name."""
    now = time.time_ns()
    said: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        **(attributes or {}),
    }
    fields: dict[str, Any] = {
        "trace_id": TRACE_ID,
        "span_id": span_id(next(_numbers) if number is None else number),
        "name": "chat gpt-4o-mini",
        "kind": Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": now - 10**9,
        "end_time_unix_nano": now,
        "attributes": [attribute(key, value) for key, value in said.items()],
    } | changes
    return Span(**fields)


def other_span(number: int, **changes: Any) -> Span:
    """A span that is no LLM call."""
    span = llm_span(number, **changes)
    del span.attributes[:]
    span.attributes.append(attribute("http.request.method", "GET"))
    return span


def request(*spans: Span, resource: Mapping[str, Any] | None = None, scope: str = "") -> ExportTraceServiceRequest:
    held = ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=_resource(resource), scope_spans=[held])])


def logs_request(
    *records: LogRecord, resource: Mapping[str, Any] | None = None, scope: str = ""
) -> ExportLogsServiceRequest:
    held = ScopeLogs(scope=InstrumentationScope(name=scope), log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=_resource(resource), scope_logs=[held])])


def metrics_request(
    *metrics: Metric, resource: Mapping[str, Any] | None = None, scope: str = ""
) -> ExportMetricsServiceRequest:
    held = ScopeMetrics(scope=InstrumentationScope(name=scope), metrics=metrics)
    made = ResourceMetrics(resource=_resource(resource), scope_metrics=[held])
    return ExportMetricsServiceRequest(resource_metrics=[made])


def _resource(attributes: Mapping[str, Any] | None) -> Resource:
    return Resource(attributes=[attribute(key, value) for key, value in (attributes or {}).items()])


def log_record(name: str, attributes: Mapping[str, Any] | None = None, **changes: Any) -> LogRecord:
    """An event of just now, named as the newest SDKs do; ``changes`` by field name."""
    said = [attribute(key, value) for key, value in (attributes or {}).items()]
    fields: dict[str, Any] = {"event_name": name, "time_unix_nano": time.time_ns(), "attributes": said} | changes
    return LogRecord(**fields)


def delta(
    name: str,
    *values: int | float,
    attributes: Mapping[str, Any] | None = None,
    temporality: AggregationTemporality.ValueType = AGGREGATION_TEMPORALITY_DELTA,
    time_ns: int | None = None,
) -> Metric:
    """A sum over the last minute, with a point for each of ``values``."""
    now = time.time_ns() if time_ns is None else time_ns
    said = [attribute(key, value) for key, value in (attributes or {}).items()]
    points = []
    for value in values:
        point = NumberDataPoint(start_time_unix_nano=max(0, now - 60 * 10**9), time_unix_nano=now, attributes=said)
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
        points.append(point)
    return Metric(name=name, sum=Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=True))


def to_json(message: Message) -> bytes:
    """OTLP/JSON: protobuf's JSON mapping, but ids in hexadecimal and enums as numbers."""
    return json.dumps(_hexadecimal(MessageToDict(message, use_integers_for_enums=True))).encode()


def _hexadecimal(value: Any) -> Any:
    if isinstance(value, list):
        return [_hexadecimal(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: b64decode(item).hex() if key in IDS else _hexadecimal(item) for key, item in value.items()}


def with_raw_part(message: Message, raw: bytes) -> bytes:
    """``message``'s bytes with one more span (or log record, or metric), of any bytes, of its first resource."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2]) + _varint(len(content)) + content

    ((_, groups),) = message.ListFields()
    resource = field(1, groups[0].resource.SerializeToString())
    return message.SerializeToString() + field(1, resource + field(2, field(2, raw)))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
