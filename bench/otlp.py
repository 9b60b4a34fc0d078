"""Calls as OTLP requests: what an application with the OpenTelemetry GenAI and OpenInference attributes sends.

About 18 attributes and 850 bytes per span, no prompts. Spans that are no LLM calls have what instrumentations of HTTP,
databases and caches write: 5 to 9 attributes.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench.workload import Call, Other

Value = str | int | float | list[str]

SCOPE = ("opentelemetry.instrumentation.openai_v2", "2.1")
RESOURCE: dict[str, Value] = {
    "service.name": "bench",
    "service.version": "1.4.2",
    "deployment.environment.name": "production",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.0",
}


SERVER, CLIENT, INTERNAL = (
    Span.SpanKind.SPAN_KIND_SERVER,
    Span.SpanKind.SPAN_KIND_CLIENT,
    Span.SpanKind.SPAN_KIND_INTERNAL,
)
_OTHERS: "dict[str, tuple[str, Span.SpanKind.ValueType, tuple[tuple[str, Value], ...]]]" = {
    "request": (
        "POST /chat/{conversation}",
        SERVER,
        (
            ("http.request.method", "POST"),
            ("url.path", "/chat/7f21"),
            ("url.scheme", "https"),
            ("http.route", "/chat/{conversation}"),
            ("http.response.status_code", 200),
            ("server.address", "app.example.com"),
            ("client.address", "203.0.113.9"),
            ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"),
            ("network.protocol.version", "1.1"),
        ),
    ),
    "http": (
        "GET",
        CLIENT,
        (
            ("http.request.method", "GET"),
            ("url.full", "https://search.example.com/documents?limit=10&space=handbook"),
            ("server.address", "search.example.com"),
            ("server.port", 443),
            ("http.response.status_code", 200),
            ("network.protocol.version", "1.1"),
        ),
    ),
    "sql": (
        "SELECT app.message",
        CLIENT,
        (
            ("db.system.name", "postgresql"),
            ("db.namespace", "app"),
            ("db.operation.name", "SELECT"),
            ("db.collection.name", "message"),
            ("db.query.text", "SELECT id, role, body FROM message WHERE conversation = $1 ORDER BY id DESC LIMIT 40"),
            ("server.address", "db.example.com"),
            ("server.port", 5432),
        ),
    ),
    "cache": (
        "GET",
        CLIENT,
        (
            ("db.system.name", "redis"),
            ("db.operation.name", "GET"),
            ("db.query.text", "GET session:?"),
            ("server.address", "cache.example.com"),
            ("server.port", 6379),
        ),
    ),
    "tool": (
        "execute_tool search",
        INTERNAL,
        (
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "search"),
            ("gen_ai.tool.type", "function"),
            ("openinference.span.kind", "TOOL"),
        ),
    ),
}
"""Of each kind: the span's name, its kind, and its attributes."""


def response_id(call: Call) -> str | None:
    """What the provider calls its answer; ``None`` where there was none."""
    return None if call.failed else f"chatcmpl-{call.trace_id.hex()[:12]}{call.span_id.hex()}"


def attributes(call: Call) -> Iterator[tuple[str, Value]]:
    """What the span of ``call`` says; the counts stand in both conventions, as they do where both are installed."""
    embeds = call.operation == "embeddings"
    yield "gen_ai.operation.name", call.operation
    yield "gen_ai.provider.name", call.model.provider
    yield "gen_ai.request.model", call.model.requested
    yield "openinference.span.kind", "EMBEDDING" if embeds else "LLM"
    yield "server.address", "llm.example.com"
    yield "usage_graph.source", call.source
    if call.name:
        yield "usage_graph.name", call.name
    if call.agent:
        yield "gen_ai.agent.name", call.agent
    if call.conversation:
        yield "gen_ai.conversation.id", call.conversation
        yield "session.id", call.conversation
    if call.user:
        yield "user.id", call.user
    if call.channel:
        yield "usage_graph.channel", call.channel
    if not embeds:
        yield "gen_ai.request.temperature", 0.2
        yield "gen_ai.request.max_tokens", 4096
    if call.failed:
        yield "error.type", "timeout"
        return
    yield "gen_ai.response.model", call.model.answered
    yield "gen_ai.response.id", response_id(call) or ""
    yield "gen_ai.usage.input_tokens", call.input_tokens
    yield "llm.token_count.prompt", call.input_tokens
    if not embeds:
        yield "gen_ai.response.finish_reasons", ["stop"]
        yield "gen_ai.usage.output_tokens", call.output_tokens
        yield "llm.token_count.completion", call.output_tokens
    yield "llm.token_count.total", call.input_tokens + call.output_tokens
    if call.cached_tokens:
        yield "gen_ai.usage.cache_read.input_tokens", call.cached_tokens


def protobuf(spans: Sequence[Call | Other]) -> bytes:
    """One request with one resource and one scope."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(_key_value(key, value) for key, value in RESOURCE.items())
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = SCOPE
    scope_spans.spans.extend(map(_span, spans))
    return request.SerializeToString()


def _span(of: Call | Other) -> Span:
    name, kind, said, failed = _outline(of)
    return Span(
        trace_id=of.trace_id,
        span_id=of.span_id,
        parent_span_id=of.parent_id,
        name=name,
        kind=kind,
        start_time_unix_nano=of.start_ns,
        end_time_unix_nano=of.end_ns,
        attributes=[_key_value(key, value) for key, value in said],
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
    )


def _outline(of: Call | Other) -> "tuple[str, Span.SpanKind.ValueType, Iterable[tuple[str, Value]], bool]":
    """The span's name, kind and attributes, and whether it failed."""
    if isinstance(of, Other):
        return *_OTHERS[of.kind], False
    return f"{of.operation} {of.model.requested}", CLIENT, attributes(of), of.failed


def _key_value(key: str, value: Value) -> KeyValue:
    match value:
        case str():
            wrapped = AnyValue(string_value=value)
        case int():
            wrapped = AnyValue(int_value=value)
        case float():
            wrapped = AnyValue(double_value=value)
        case list():
            wrapped = AnyValue()
            wrapped.array_value.values.extend(AnyValue(string_value=item) for item in value)
    return KeyValue(key=key, value=wrapped)


def json(spans: Sequence[Call | Other]) -> bytes:
    """The same request by OTLP's JSON rules: ids in hex, 64-bit integers as strings."""
    found = []
    for of in spans:
        name, kind, said, failed = _outline(of)
        found.append(
            {
                "traceId": of.trace_id.hex(),
                "spanId": of.span_id.hex(),
                "parentSpanId": of.parent_id.hex(),
                "name": name,
                "kind": kind,
                "startTimeUnixNano": str(of.start_ns),
                "endTimeUnixNano": str(of.end_ns),
                "attributes": [_json_key_value(key, value) for key, value in said],
                "status": {"code": 2} if failed else {},
            }
        )
    resource = {"attributes": [_json_key_value(key, value) for key, value in RESOURCE.items()]}
    scope_spans = [{"scope": {"name": SCOPE[0], "version": SCOPE[1]}, "spans": found}]
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]})


def _json_key_value(key: str, value: Value) -> dict[str, Any]:
    match value:
        case str():
            wrapped: dict[str, Any] = {"stringValue": value}
        case int():
            wrapped = {"intValue": str(value)}
        case float():
            wrapped = {"doubleValue": value}
        case list():
            wrapped = {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
    return {"key": key, "value": wrapped}
