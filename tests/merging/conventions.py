"""One call as each convention tells of it: what is known of the call goes in, attributes come out.

Written from the conventions, not from the tables of the processor: what a dialect calls things is said twice.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Called(NamedTuple):
    """A call as it was. Tokens are inclusive; of a failed one nobody knows them, nor an id, nor who answered.

    ``cost`` is nano-USD. ``number`` is the call's own, from 1.
    """

    number: int
    provider: str
    request_model: str
    response_model: str
    failed: bool
    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost: int
    user: str | None = None
    conversation: str | None = None
    agent: str | None = None
    channel: str | None = None

    @property
    def response_id(self) -> str:
        prefix = {"anthropic": "msg_", "gcp.gemini": "gen-"}.get(self.provider, "chatcmpl-")
        return f"{prefix}{self.number:016d}"

    @property
    def tokens(self) -> tuple[int, int, int, int, int]:
        return self.input, self.output, self.cache_read, self.cache_write, self.reasoning

    @property
    def uncached(self) -> int:
        return self.input - self.cache_read - self.cache_write


class Dialect(NamedTuple):
    """How one emitter tells of a call.

    ``says`` are the attributes of a call that went well, ``asks`` those of any. ``silent``: what it never tells of
    ``input``, ``output``, ``cache_read``, ``cache_write``, ``reasoning``, ``response_model``, ``response_id``;
    ``priced``: it tells the cost. ``names``: its keys for user, conversation, agent and channel, where it has them on
    the call itself. ``above``: what it writes on the span above calls, given the sum of what they used.
    """

    scope: str
    asks: Callable[[Called], dict[str, Any]]
    says: Callable[[Called], dict[str, Any]]
    providers: tuple[str, ...] = ("openai", "anthropic")
    silent: frozenset[str] = frozenset()
    priced: bool = False
    names: Mapping[str, str] = {}
    above: Callable[[int, int], dict[str, Any]] = lambda _, __: {}
    agent_above: str | None = None
    """The agent's name that ``above`` tells."""
    tells_failures: bool = True
    """Else a failed call looks like anything."""
    one_name: bool = False
    """It tells only one name of the model: that of who answered, else of who was asked."""

    @property
    def measures(self) -> bool:
        return "input" not in self.silent

    @property
    def has_ids(self) -> bool:
        return "response_id" not in self.silent

    def shows(self, call: Called) -> bool:
        """Whether it can be seen that this was a call."""
        return self.tells_failures or not call.failed

    def models(self, call: Called) -> tuple[str, str | None]:
        """The names that it tells: of the model that was asked for, and of the one that answered."""
        answered = None if call.failed or "response_model" in self.silent else call.response_model
        if self.one_name:
            return (answered or call.request_model,) * 2
        return call.request_model, answered

    def attributes(self, call: Called) -> dict[str, Any]:
        told = self.asks(call) | ({"error.type": "timeout"} if call.failed else self.says(call))
        whom = {key: getattr(call, field) for field, key in self.names.items()}
        return told | {key: value for key, value in whom.items() if value is not None}


def _nonzero(**counts: int) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count}


def _gen_ai(call: Called) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.request_model,
    }


def _answered(call: Called) -> dict[str, Any]:
    return {"gen_ai.response.model": call.response_model, "gen_ai.response.id": call.response_id}


def _used(call: Called) -> dict[str, int]:
    return {"gen_ai.usage.input_tokens": call.input, "gen_ai.usage.output_tokens": call.output}


def _cached(call: Called, write: str = "cache_creation") -> dict[str, int]:
    return {
        "gen_ai.usage.cache_read.input_tokens": call.cache_read,
        f"gen_ai.usage.{write}.input_tokens": call.cache_write,
    }


def _sum(used: int, output: int) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": used,
        "gen_ai.usage.output_tokens": output,
    }


_ANY_PROVIDER = ("openai", "anthropic", "gcp.gemini", "aws.bedrock")

_GEN_AI_NAMES = {
    "user": "user.id",
    "conversation": "gen_ai.conversation.id",
    "agent": "gen_ai.agent.name",
    "channel": "channel",
}

OTEL = Dialect(
    "opentelemetry.instrumentation.genai",
    _gen_ai,
    lambda call: (
        _answered(call)
        | _used(call)
        | _cached(call, "cache_write")
        | {"gen_ai.usage.reasoning.output_tokens": call.reasoning}
    ),
    names=_GEN_AI_NAMES,
    above=_sum,
    providers=_ANY_PROVIDER,
)


def _gen_ai_system(call: Called) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": call.provider,
        "gen_ai.request.model": call.request_model,
    }


_COUNTED_BOTH = frozenset({"cache_read", "cache_write", "reasoning"})

OTEL_OLD = Dialect(
    "opentelemetry.instrumentation.openai_v2",
    _gen_ai_system,
    lambda call: _answered(call) | _used(call),
    silent=_COUNTED_BOTH,
    names={"user": "enduser.id", "conversation": "session.id"},
)

OTEL_OLDEST = Dialect(
    "opentelemetry.instrumentation.some_gateway",
    lambda call: {"gen_ai.system": call.provider, "gen_ai.request.model": call.request_model},
    lambda call: (
        _answered(call) | {"gen_ai.usage.prompt_tokens": call.input, "gen_ai.usage.completion_tokens": call.output}
    ),
    silent=_COUNTED_BOTH,
    tells_failures=False,
)


def _openinference(call: Called) -> dict[str, Any]:
    return {
        "llm.model_name": call.response_model,
        "llm.token_count.prompt": call.input,
        "llm.token_count.completion": call.output,
        "llm.token_count.total": call.input + call.output,
        "llm.token_count.prompt_details.cache_read": call.cache_read,
        "llm.token_count.prompt_details.cache_write": call.cache_write,
        "llm.token_count.completion_details.reasoning": call.reasoning,
    }


OPENINFERENCE = Dialect(
    "openinference.instrumentation.some",
    lambda call: {
        "openinference.span.kind": "LLM",
        "llm.system": call.provider,
        "llm.model_name": call.request_model,
    },
    _openinference,
    silent=frozenset({"response_id"}),
    names={"user": "user.id", "conversation": "session.id", "agent": "agent.name"},
    above=lambda used, output: {
        "openinference.span.kind": "AGENT",
        "llm.token_count.prompt": used,
        "llm.token_count.completion": output,
    },
    one_name=True,
    providers=_ANY_PROVIDER,
)

NOTHING_MEASURED = frozenset({"input", "output", "cache_read", "cache_write", "reasoning"})

STREAMED = OPENINFERENCE._replace(
    scope="openinference.instrumentation.streaming",
    says=lambda _: {},
    silent=NOTHING_MEASURED | {"response_model", "response_id"},
)

TRACELOOP_OLD = Dialect(
    "opentelemetry.instrumentation.some.v1",
    lambda call: {
        "llm.request.type": "chat",
        "gen_ai.system": call.provider.title(),
        "gen_ai.request.model": call.request_model,
    },
    lambda call: (
        _answered(call)
        | {
            "gen_ai.usage.prompt_tokens": call.input,
            "gen_ai.usage.completion_tokens": call.output,
            "llm.usage.total_tokens": call.input + call.output,
            "gen_ai.usage.cache_read_input_tokens": call.cache_read,
            "gen_ai.usage.cache_creation_input_tokens": call.cache_write,
        }
    ),
    silent=frozenset({"reasoning"}),
    names={
        "user": "traceloop.association.properties.user_id",
        "conversation": "traceloop.association.properties.session_id",
        "channel": "traceloop.association.properties.channel",
    },
    above=lambda _, __: {"traceloop.span.kind": "workflow", "traceloop.entity.name": "a workflow"},
)

TRACELOOP = Dialect(
    "opentelemetry.instrumentation.other.v1",
    _gen_ai,
    lambda call: (
        _answered(call)
        | _used(call)
        | _cached(call)
        | {
            "gen_ai.usage.total_tokens": call.input + call.output,
            "gen_ai.usage.reasoning_tokens": call.reasoning,
        }
    ),
    names=TRACELOOP_OLD.names,
    above=TRACELOOP_OLD.above,
    providers=_ANY_PROVIDER,
)


def _vercel(call: Called) -> dict[str, Any]:
    return {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": f"{call.provider}.chat",
        "ai.model.id": call.request_model,
        "gen_ai.system": f"{call.provider}.chat",
        "gen_ai.request.model": call.request_model,
    }


def _vercel_answered(call: Called) -> dict[str, Any]:
    return _answered(call) | {"ai.response.model": call.response_model, "ai.response.id": call.response_id}


def _provider_metadata(call: Called) -> str:
    if call.provider == "anthropic":
        told = {"cacheReadInputTokens": call.cache_read, "cacheCreationInputTokens": call.cache_write}
    else:
        told = {"cachedPromptTokens": call.cache_read, "reasoningTokens": call.reasoning}
    return json.dumps({call.provider: told})


def _as_sent(call: Called) -> int:
    """The input as the provider counts it: Anthropic's leaves cached tokens out."""
    return call.uncached if call.provider == "anthropic" else call.input


_VERCEL_NAMES = {
    "user": "ai.telemetry.metadata.userId",
    "conversation": "ai.telemetry.metadata.sessionId",
    "channel": "ai.telemetry.metadata.channel",
}

VERCEL_4 = Dialect(
    "ai",
    _vercel,
    lambda call: (
        _vercel_answered(call)
        | {
            "ai.usage.promptTokens": _as_sent(call),
            "ai.usage.completionTokens": call.output,
            "gen_ai.usage.input_tokens": _as_sent(call),
            "gen_ai.usage.output_tokens": call.output,
            "ai.response.providerMetadata": _provider_metadata(call),
        }
    ),
    names=_VERCEL_NAMES,
    above=lambda used, output: {
        "ai.operationId": "ai.generateText",
        "ai.usage.promptTokens": used,
        "ai.usage.completionTokens": output,
    },
)

VERCEL_6 = Dialect(
    "ai",
    lambda call: _vercel(call) | {"ai.operationId": "ai.streamText.doStream"},
    lambda call: (
        _vercel_answered(call)
        | {
            "ai.usage.inputTokens": call.input,
            "ai.usage.outputTokens": call.output,
            "ai.usage.totalTokens": call.input + call.output,
            "ai.usage.inputTokenDetails.noCacheTokens": call.uncached,
            "ai.usage.inputTokenDetails.cacheReadTokens": call.cache_read,
            "ai.usage.inputTokenDetails.cacheWriteTokens": call.cache_write,
            "ai.usage.outputTokenDetails.reasoningTokens": call.reasoning,
        }
    ),
    names=_VERCEL_NAMES,
    above=lambda used, output: {
        "ai.operationId": "ai.streamText",
        "ai.usage.inputTokens": used,
        "ai.usage.outputTokens": output,
    },
)

VERCEL_7 = Dialect(
    "gen_ai",
    _gen_ai,
    lambda call: _answered(call) | _used(call) | _cached(call),
    silent=frozenset({"reasoning"}),
    above=_sum,
)

PYDANTIC = Dialect(
    "pydantic-ai",
    lambda call: _gen_ai(call) | {"gen_ai.system": call.provider},
    lambda call: (
        _answered(call)
        | _used(call)
        | _nonzero(
            **{
                "gen_ai.usage.details.cache_read_tokens": call.cache_read,
                "gen_ai.usage.details.cache_write_tokens": call.cache_write,
                "gen_ai.usage.details.reasoning_tokens": call.reasoning,
            }
        )
        | {"operation.cost": call.cost / 1e9}
    ),
    priced=True,
    names={"conversation": "gen_ai.conversation.id", "agent": "gen_ai.agent.name"},
    above=lambda used, output: {
        "agent_name": "the run",
        "model_name": "a model",
        "gen_ai.usage.input_tokens": used,
        "gen_ai.usage.output_tokens": output,
    },
    agent_above="the run",
)

LANGSMITH = Dialect(
    "langsmith",
    lambda call: {
        "langsmith.span.kind": "llm",
        "gen_ai.system": call.provider,
        "gen_ai.request.model": call.request_model,
    },
    lambda call: (
        _answered(call)
        | _used(call)
        | {
            "gen_ai.usage.total_tokens": call.input + call.output,
            "gen_ai.usage.input_token_details": repr(
                {"audio": 0, "cache_read": call.cache_read, "cache_creation": call.cache_write}
            ),
            "gen_ai.usage.output_token_details": repr({"reasoning": call.reasoning}),
        }
    ),
    names={"user": "langsmith.metadata.user_id", "conversation": "langsmith.metadata.thread_id"},
    above=lambda used, output: {
        "langsmith.span.kind": "chain",
        "gen_ai.system": "langchain",
        "gen_ai.usage.input_tokens": used,
    },
    providers=_ANY_PROVIDER,
)


def _langfuse_usage(call: Called) -> str:
    if call.provider == "anthropic":
        return json.dumps(
            {
                "input": call.uncached,
                "output": call.output,
                "cache_read_input_tokens": call.cache_read,
                "cache_creation_input_tokens": call.cache_write,
            }
        )
    return json.dumps(
        {
            "prompt_tokens": call.input,
            "completion_tokens": call.output,
            "total_tokens": call.input + call.output,
            "prompt_tokens_details": {"cached_tokens": call.cache_read},
            "completion_tokens_details": {"reasoning_tokens": call.reasoning},
        }
    )


LANGFUSE = Dialect(
    "langfuse-sdk",
    lambda call: {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": call.request_model,
        **({"langfuse.observation.level": "ERROR"} if call.failed else {}),
    },
    lambda call: {
        "langfuse.observation.model.name": call.response_model,
        "langfuse.observation.usage_details": _langfuse_usage(call),
        "langfuse.observation.cost_details": json.dumps({"total": call.cost / 1e9}),
    },
    silent=frozenset({"response_id"}),
    priced=True,
    names={"user": "user.id", "conversation": "session.id", "channel": "langfuse.trace.metadata.channel"},
    above=lambda _, __: {"langfuse.observation.type": "agent"},
    one_name=True,
)

LITELLM = Dialect(
    "litellm",
    lambda call: (
        _gen_ai_system(call)
        | {"llm.request.type": "completion", "metadata.user_api_key_user_id": "", "llm.is_streaming": "False"}
    ),
    lambda call: (
        _answered(call)
        | _used(call)
        | {"gen_ai.usage.total_tokens": call.input + call.output, "gen_ai.cost.total_cost": call.cost / 1e9}
    ),
    providers=("openai",),
    silent=_COUNTED_BOTH,
    priced=True,
    names={"user": "llm.user"},
)

STRANDS = Dialect(
    "strands.telemetry.tracer",
    lambda call: {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "strands-agents",
        "gen_ai.request.model": call.request_model,
    },
    lambda call: (
        _used(call)
        | _cached(call)
        | {
            "gen_ai.usage.prompt_tokens": call.input,
            "gen_ai.usage.completion_tokens": call.output,
            "gen_ai.usage.total_tokens": call.input + call.output,
            "gen_ai.usage.cache_read_input_tokens": call.cache_read,
            "gen_ai.usage.cache_write_input_tokens": call.cache_write,
        }
    ),
    silent=frozenset({"reasoning", "response_model", "response_id"}),
    names={"user": "user.id", "conversation": "session.id"},
    above=lambda used, output: _sum(used, output) | {"gen_ai.system": "strands-agents"},
)

ADK = Dialect(
    "gcp.vertex.agent",
    lambda call: _gen_ai(call) | {"gen_ai.operation.name": "generate_content"},
    lambda call: _used(call) | _cached(call) | {"gen_ai.usage.reasoning.output_tokens": call.reasoning},
    providers=("gcp.gemini",),
    silent=frozenset({"response_model", "response_id"}),
    names={"conversation": "gen_ai.conversation.id", "agent": "gen_ai.agent.name"},
    above=lambda _, __: {"gen_ai.operation.name": "invoke_agent"},
)

OPENLIT = Dialect(
    "openlit.instrumentation.some",
    _gen_ai,
    lambda call: (
        _answered(call)
        | _cached(call)
        | {
            "gen_ai.usage.input_tokens": _as_sent(call),
            "gen_ai.usage.output_tokens": call.output,
            "gen_ai.client.token.usage": _as_sent(call) + call.output,
            "gen_ai.usage.reasoning_tokens": call.reasoning,
            "gen_ai.usage.cost": call.cost / 1e9,
        }
    ),
    priced=True,
    names={"user": "gen_ai.request.user"},
)

BOTOCORE = Dialect(
    "opentelemetry.instrumentation.botocore.bedrock-runtime",
    _gen_ai_system,
    lambda call: _used(call) | _cached(call) | {"gen_ai.usage.input_tokens": call.uncached},
    providers=("aws.bedrock",),
    silent=frozenset({"reasoning", "response_model", "response_id"}),
)

ANTHROPIC_SDK = Dialect(
    "com.anthropic.sdk.python",
    _gen_ai,
    lambda call: _answered(call) | _used(call) | _cached(call, "cache_write"),
    providers=("anthropic",),
    silent=frozenset({"reasoning"}),
)

DIALECTS = {
    "OTel": OTEL,
    "OTel 1.30": OTEL_OLD,
    "OTel before 1.28": OTEL_OLDEST,
    "OpenInference": OPENINFERENCE,
    "OpenInference, of a stream": STREAMED,
    "Traceloop 0.40": TRACELOOP_OLD,
    "Traceloop": TRACELOOP,
    "Vercel AI SDK 4": VERCEL_4,
    "Vercel AI SDK 6": VERCEL_6,
    "Vercel AI SDK 7": VERCEL_7,
    "Pydantic AI": PYDANTIC,
    "LangSmith": LANGSMITH,
    "Langfuse": LANGFUSE,
    "LiteLLM": LITELLM,
    "Strands": STRANDS,
    "Google ADK": ADK,
    "OpenLIT": OPENLIT,
    "botocore": BOTOCORE,
    "Anthropic SDK": ANTHROPIC_SDK,
}
