"""Calls as OTLP: spans of the GenAI conventions, built with OpenTelemetry's own messages."""

import gzip
from collections.abc import Sequence
from datetime import timedelta

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from usage_graph.importing.call import Call, ids
from usage_graph.usage import EPOCH

SCOPE = "usage_graph.importing"

# The names under which the server reads each field; the first of its rows in `processor.semconv`, where there are more.
_TEXTS = {
    "source": "usage_graph.source",
    "name": "usage_graph.name",
    "agent": "usage_graph.agent",
    "conversation": "usage_graph.conversation",
    "user": "usage_graph.user",
    "channel": "usage_graph.channel",
    "service": "service.name",
    "environment": "deployment.environment.name",
    "provider": "gen_ai.provider.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "request_id": "anthropic.request.id",
    "service_tier": "gen_ai.response.service_tier",
    "error_type": "error.type",
}
_COUNTS = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "cache_write_1h_tokens": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
_AMOUNTS = {"cost": "usage_graph.cost", "credits": "usage_graph.credits"}
# What is a call at the server, by the operations that it makes of them.
_OPERATIONS = {
    "chat": "chat",
    "completion": "text_completion",
    "embeddings": "embeddings",
    "rerank": "rerank",
    "image": "image_generation",
    "audio": "transcription",
    "other": "decide",
}
_MICROSECOND = timedelta(microseconds=1)


def span(kind: str, call: Call) -> Span:
    """The span of ``call``, which a history of ``kind`` told of."""
    trace_id, span_id = ids(kind, call)
    start = (call.started_at - EPOCH) // _MICROSECOND * 1000
    operation = _OPERATIONS[call.operation]
    made = Span(
        trace_id=trace_id,
        span_id=span_id,
        name=f"{operation} {call.model}" if call.model else operation,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + call.duration // _MICROSECOND * 1000,
        attributes=[_text("gen_ai.operation.name", operation)],
    )
    for texts, key in _TEXTS.items():
        if (value := getattr(call, texts)) is not None:
            made.attributes.append(_text(key, value))
    for counts, key in _COUNTS.items():
        if (number := getattr(call, counts)) is not None:
            made.attributes.append(KeyValue(key=key, value=AnyValue(int_value=number)))
    for amounts, key in _AMOUNTS.items():
        if (amount := getattr(call, amounts)) is not None:
            # In digits: exact, as doubles are not.
            made.attributes.append(_text(key, f"{amount:f}"))
    if call.failed:
        made.status.code = Status.STATUS_CODE_ERROR
    return made


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def request(spans: Sequence[Span]) -> bytes:
    """The gzipped body of a request with ``spans``."""
    message = ExportTraceServiceRequest()
    scope_spans = message.resource_spans.add().scope_spans.add()
    scope_spans.scope.name = SCOPE
    scope_spans.spans.extend(spans)
    return gzip.compress(message.SerializeToString(), compresslevel=6, mtime=0)
