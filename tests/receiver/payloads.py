"""OTLP requests to test with, made with the full ``opentelemetry.proto``."""

import itertools
import json
import time
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

CAPTURED = Path(__file__).parents[1] / "data" / "otlp"

TRACE_ID = bytes(range(16))
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


def request(*spans: Span, resource: dict[str, str] | None = None) -> ExportTraceServiceRequest:
    made = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    made.resource.attributes.extend(attribute(key, value) for key, value in (resource or {}).items())
    return ExportTraceServiceRequest(resource_spans=[made])


def to_json(message: ExportTraceServiceRequest) -> bytes:
    """OTLP/JSON: protobuf's JSON mapping, but ids in hexadecimal and enums as numbers."""
    document = MessageToDict(message, use_integers_for_enums=True)
    for resource_spans in document.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                _hexadecimal(span, "traceId", "spanId", "parentSpanId")
                for link in span.get("links", ()):
                    _hexadecimal(link, "traceId", "spanId")
    return json.dumps(document).encode()


def _hexadecimal(fields: dict[str, Any], *names: str) -> None:
    for name in names:
        if name in fields:
            fields[name] = b64decode(fields[name]).hex()


def with_raw_span(message: ExportTraceServiceRequest, raw: bytes) -> bytes:
    """``message``'s bytes with one more span, of any bytes, in a scope of its own."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2]) + _varint(len(content)) + content

    whole: bytes = message.SerializeToString()
    return whole + field(1, field(2, field(2, raw)))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
