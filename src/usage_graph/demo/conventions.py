"""How instrumentation libraries describe the same LLM call: one function each for the call and for the span around it.

The span around a call repeats the sums of its children wherever the library is known to do so; a receiver that adds up
every span would count those calls twice. No function here knows a prompt or an answer: the demo sends no content.
Attribute names: semantic-conventions-genai 1.42 (and core 1.27 for the deprecated ones), OpenInference 0.1,
OpenLLMetry 0.40, Pydantic AI 1.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from opentelemetry.trace import SpanKind

from usage_graph.demo.cast import Convention, Model
from usage_graph.demo.workload import Call, Run

Attributes = dict[str, str | int | float]


class Described(NamedTuple):
    """What a library writes on one span."""

    name: str
    kind: SpanKind
    attributes: Attributes


class Library(NamedTuple):
    """An instrumentation library: its scope's name, what it writes on a call, and on the span around a run."""

    scope: str
    call: Callable[[Run, Call], Described]
    run: Callable[[Run], Described]


OTEL_PROVIDERS = {"google": "gcp.gemini", "mistral": "mistral_ai"}
"""Where OpenTelemetry's name of a provider is not the everyday one."""


def _present(pairs: Mapping[str, str | int | float | None]) -> Attributes:
    return {key: value for key, value in pairs.items() if value is not None}


def _sum(run: Run, field: str) -> int:
    return sum(getattr(call, field) or 0 for call in run.calls)


def _served(model: Model, call: Call) -> str | None:
    return (model.served or model.name) if call.error_type is None else None


def _ours(run: Run, call: Call | None = None) -> Attributes:
    """What an application that marks its calls with ``usage_graph.instrument`` adds to every span."""
    credits = None if call is None or call.credits is None else float(call.credits)
    return _present(
        {
            "usage_graph.source": run.source,
            "usage_graph.name": run.name,
            "usage_graph.agent": run.agent,
            "usage_graph.channel": run.channel,
            "usage_graph.credits": credits,
        }
    )


def _otel_call(run: Run, call: Call) -> Described:
    asked = call.model.name
    # An answer is streamed to a person, who reads along.
    first_token = None if run.agent or call.first_token is None else call.first_token.total_seconds()
    attributes = _present(
        {
            "gen_ai.operation.name": call.operation,
            "gen_ai.provider.name": OTEL_PROVIDERS.get(call.model.provider, call.model.provider),
            "gen_ai.request.model": asked,
            "gen_ai.response.model": _served(call.model, call),
            "gen_ai.usage.input_tokens": call.input_tokens,
            "gen_ai.usage.output_tokens": call.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": call.cache_read_tokens or None,
            "gen_ai.usage.cache_write.input_tokens": call.cache_write_tokens or None,
            "gen_ai.usage.reasoning.output_tokens": call.reasoning_tokens or None,
            "gen_ai.response.time_to_first_chunk": first_token,
            "gen_ai.agent.name": run.agent,
            "gen_ai.conversation.id": run.conversation,
            "user.id": run.user,
            "error.type": call.error_type,
        }
    )
    # An agent is known by OpenTelemetry's own attribute; what a conversation is called and costs in credits is not.
    marks = {} if run.agent else _ours(run, call)
    return Described(f"{call.operation} {asked}", SpanKind.CLIENT, attributes | marks)


def _otel_run(run: Run) -> Described:
    if run.agent is None:
        route = "/api/conversations/{id}/turns"
        attributes: Attributes = {"http.request.method": "POST", "http.route": route, "http.response.status_code": 200}
        return Described(f"POST {route}", SpanKind.SERVER, attributes)
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": run.calls[0].model.provider,
        "gen_ai.agent.name": run.agent,
        "gen_ai.request.model": run.calls[0].model.name,
        "gen_ai.usage.input_tokens": _sum(run, "input_tokens"),
        "gen_ai.usage.output_tokens": _sum(run, "output_tokens"),
    }
    return Described(f"invoke_agent {run.agent}", SpanKind.INTERNAL, attributes)


def _deprecated_call(run: Run, call: Call) -> Described:
    attributes = _present(
        {
            "gen_ai.operation.name": call.operation,
            "gen_ai.system": "gemini" if call.model.provider == "google" else call.model.provider,
            "gen_ai.request.model": call.model.name,
            "gen_ai.response.model": _served(call.model, call),
            "gen_ai.usage.prompt_tokens": call.input_tokens,
            "gen_ai.usage.completion_tokens": call.output_tokens,
            "enduser.id": run.user,
            "error.type": call.error_type,
        }
    )
    return Described(f"{call.operation} {call.model.name}", SpanKind.CLIENT, attributes | _ours(run, call))


def _deprecated_run(run: Run) -> Described:
    attributes: Attributes = {"messaging.operation.type": "process"}
    return Described("memory.extract", SpanKind.CONSUMER, attributes | _ours(run))


def _openinference_call(run: Run, call: Call) -> Described:
    attributes = _present(
        {
            "openinference.span.kind": "LLM",
            "llm.provider": call.model.provider,
            "llm.system": call.model.provider,
            "llm.model_name": _served(call.model, call) or call.model.name,
            "llm.token_count.prompt": call.input_tokens,
            "llm.token_count.completion": call.output_tokens,
            "llm.token_count.total": None
            if call.input_tokens is None
            else call.input_tokens + (call.output_tokens or 0),
            "llm.token_count.prompt_details.cache_read": call.cache_read_tokens or None,
            "llm.token_count.prompt_details.cache_write": call.cache_write_tokens or None,
            "llm.token_count.completion_details.reasoning": call.reasoning_tokens or None,
            "error.type": call.error_type,
        }
    )
    return Described("completion", SpanKind.INTERNAL, attributes | _ours(run, call))


def _openinference_run(run: Run) -> Described:
    attributes: Attributes = {
        "openinference.span.kind": "AGENT",
        "agent.name": run.agent or "",
        "llm.token_count.prompt": _sum(run, "input_tokens"),
        "llm.token_count.completion": _sum(run, "output_tokens"),
    }
    return Described(f"{run.agent}.run", SpanKind.INTERNAL, attributes | _ours(run))


def _traceloop_call(run: Run, call: Call) -> Described:
    attributes = _present(
        {
            "llm.request.type": "chat",
            "gen_ai.system": {"openai": "OpenAI", "anthropic": "Anthropic"}.get(
                call.model.provider, call.model.provider
            ),
            "gen_ai.request.model": call.model.name,
            "gen_ai.response.model": _served(call.model, call),
            "gen_ai.usage.prompt_tokens": call.input_tokens,
            "gen_ai.usage.completion_tokens": call.output_tokens,
            "llm.usage.total_tokens": None
            if call.input_tokens is None
            else call.input_tokens + (call.output_tokens or 0),
            "gen_ai.usage.reasoning_tokens": call.reasoning_tokens or None,
            "traceloop.workflow.name": run.agent,
            "error.type": call.error_type,
        }
    )
    return Described(f"{call.model.provider}.chat", SpanKind.CLIENT, attributes | _ours(run, call))


def _traceloop_run(run: Run) -> Described:
    attributes: Attributes = {"traceloop.span.kind": "workflow", "traceloop.entity.name": run.agent or ""}
    return Described(f"{run.agent}.workflow", SpanKind.INTERNAL, attributes | _ours(run))


def _pydantic_call(run: Run, call: Call) -> Described:
    described = _otel_call(run, call)
    cost = None if call.reported_cost is None else float(call.reported_cost)
    old = {"gen_ai.system": described.attributes["gen_ai.provider.name"], "operation.cost": cost}
    return described._replace(attributes=described.attributes | _present(old))


def _pydantic_run(run: Run) -> Described:
    attributes: Attributes = {
        "agent_name": run.agent or "",
        "model_name": run.calls[0].model.name,
        "gen_ai.usage.input_tokens": _sum(run, "input_tokens"),
        "gen_ai.usage.output_tokens": _sum(run, "output_tokens"),
    }
    return Described("agent run", SpanKind.INTERNAL, attributes)


LIBRARIES = {
    Convention.OTEL: Library("opentelemetry.instrumentation.genai", _otel_call, _otel_run),
    Convention.OTEL_DEPRECATED: Library("opentelemetry.instrumentation.openai_v2", _deprecated_call, _deprecated_run),
    Convention.OPENINFERENCE: Library("openinference.instrumentation.litellm", _openinference_call, _openinference_run),
    Convention.TRACELOOP: Library("opentelemetry.instrumentation.openai.v1", _traceloop_call, _traceloop_run),
    Convention.PYDANTIC_AI: Library("pydantic-ai", _pydantic_call, _pydantic_run),
}


def http_request(call: Call) -> Described:
    """What an instrumented HTTP client writes beneath a call: no LLM call of its own."""
    attributes = _present(
        {
            "http.request.method": "POST",
            "http.response.status_code": {None: 200, "rate_limit_exceeded": 429}.get(call.error_type),
            "error.type": call.error_type,
        }
    )
    return Described("POST", SpanKind.CLIENT, attributes)
