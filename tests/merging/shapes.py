"""Spans made by hand, of one process: what the tests of merging put together."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.merging.requests import Request, request_of
from tests.receiver.payloads import attribute
from tests.receiver.payloads import request as spans_request

BEGIN = time.time_ns() - 3_600 * 10**9
"""An hour ago, so that servers that look at the clock take it as past, and take it at all."""
MILLISECOND = 10**6
PROCESS = {"service.name": "tests", "service.instance.id": "one-process"}


def trace(number: int) -> bytes:
    return number.to_bytes(16, "big")


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def a_span(
    number: int,
    attributes: Mapping[str, Any],
    *,
    above: int = 0,
    of_trace: int = 1,
    start: int = 0,
    duration: int = 1000,
    failed: bool = False,
) -> Span:
    """Span ``number``, below span ``above``; ``start`` and ``duration`` are milliseconds."""
    begin = BEGIN + start * MILLISECOND
    return Span(
        trace_id=trace(of_trace),
        span_id=span_id(number),
        parent_span_id=span_id(above) if above else b"",
        name="a span",
        start_time_unix_nano=begin,
        end_time_unix_nano=begin + duration * MILLISECOND,
        status=Status(code=Status.STATUS_CODE_ERROR) if failed else None,
        attributes=[attribute(key, value) for key, value in attributes.items()],
    )


def chat(*, response_id: str | None = None, used: int = 100, output: int = 20) -> dict[str, Any]:
    """The attributes of a call, as the conventions have them."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": used,
        "gen_ai.usage.output_tokens": output,
        **({"gen_ai.response.id": response_id} if response_id else {}),
    }


def openinference(*, used: int = 100, output: int = 20) -> dict[str, Any]:
    """The same call by an instrumentation that knows no response ids."""
    return {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": used,
        "llm.token_count.completion": output,
    }


def agent(name: str | None = None) -> dict[str, Any]:
    """The attributes of a span around calls, with ``gen_ai.usage.*`` that repeat what they used."""
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 10**6,
        **({"gen_ai.agent.name": name} if name else {}),
    }


def message(
    spans: Iterable[Span], *, scope: str = "one.scope", resource: Mapping[str, Any] | None = None
) -> ExportTraceServiceRequest:
    return spans_request(*spans, scope=scope, resource=PROCESS if resource is None else resource)


def traced(*spans: Span, scope: str = "one.scope", resource: Mapping[str, Any] | None = None) -> Request:
    return request_of(message(spans, scope=scope, resource=resource))
