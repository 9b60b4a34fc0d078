"""Calls as OTLP requests: what an application with the OpenTelemetry GenAI and OpenInference attributes sends.

About 18 attributes and 850 bytes per span, no prompts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench.workload import Call

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
    yield "gen_ai.response.id", f"chatcmpl-{call.trace_id.hex()[:12]}{call.span_id.hex()}"
    yield "gen_ai.usage.input_tokens", call.input_tokens
    yield "llm.token_count.prompt", call.input_tokens
    if not embeds:
        yield "gen_ai.response.finish_reasons", ["stop"]
        yield "gen_ai.usage.output_tokens", call.output_tokens
        yield "llm.token_count.completion", call.output_tokens
    yield "llm.token_count.total", call.input_tokens + call.output_tokens
    if call.cached_tokens:
        yield "gen_ai.usage.cache_read.input_tokens", call.cached_tokens


def protobuf(calls: Sequence[Call]) -> bytes:
    """One request with one resource and one scope."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(_key_value(key, value) for key, value in RESOURCE.items())
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = SCOPE
    scope_spans.spans.extend(
        Span(
            trace_id=call.trace_id,
            span_id=call.span_id,
            name=f"{call.operation} {call.model.requested}",
            kind=Span.SpanKind.SPAN_KIND_CLIENT,
            start_time_unix_nano=call.start_ns,
            end_time_unix_nano=call.end_ns,
            attributes=[_key_value(key, value) for key, value in attributes(call)],
            status=Status(code=Status.STATUS_CODE_ERROR if call.failed else Status.STATUS_CODE_UNSET),
        )
        for call in calls
    )
    return request.SerializeToString()


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


def json(calls: Sequence[Call]) -> bytes:
    """The same request by OTLP's JSON rules: ids in hex, 64-bit integers as strings."""
    spans = [
        {
            "traceId": call.trace_id.hex(),
            "spanId": call.span_id.hex(),
            "name": f"{call.operation} {call.model.requested}",
            "kind": 3,
            "startTimeUnixNano": str(call.start_ns),
            "endTimeUnixNano": str(call.end_ns),
            "attributes": [_json_key_value(key, value) for key, value in attributes(call)],
            "status": {"code": 2} if call.failed else {},
        }
        for call in calls
    ]
    resource = {"attributes": [_json_key_value(key, value) for key, value in RESOURCE.items()]}
    scope_spans = [{"scope": {"name": SCOPE[0], "version": SCOPE[1]}, "spans": spans}]
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
