"""Attribute names, as one table: which keys hold which field, best first.

A new dialect is new rows here, in ``documents`` (fields inside JSON) and in ``marks`` (which span is an LLM call), and
nothing elsewhere. What no row names is never read: these tables are the allow-list that keeps prompts, completions and
tool arguments out. Sources of the rows:

- OpenTelemetry GenAI semantic conventions, current (semantic-conventions-genai) and deprecated (up to 1.36);
- OpenInference 0.1.42; Traceloop / OpenLLMetry 0.40 to 0.62; Vercel AI SDK 3 to 7; Pydantic AI 0.8 to 2, Logfire 5;
- OpenLIT 1.33 to 1.45, LangSmith, Langfuse 3 to 5, LiteLLM, Strands, Google ADK 1 and 2, Bedrock via botocore, the
  Anthropic SDK's own spans, MLflow, Braintrust, Sentry, GitHub Copilot, Claude Code's spans;
- gateways: Cloudflare, OpenRouter, Bifrost.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from usage_graph.processor.documents import DOCUMENTS
from usage_graph.processor.identifiers import bare_request_id, request_id, response_id
from usage_graph.processor.marks import (
    AGENT_ENTITY,
    AGENT_RUN_KEY,
    EXCLUSIVE_OUTPUT_KEY,
    EXCLUSIVE_SCOPES,
    LEAF_RULES,
    LOGFIRE_SPAN_TYPE,
    SPAN_TYPE,
)
from usage_graph.processor.providers import fold
from usage_graph.processor.values import (
    charge,
    credit,
    instant,
    milliseconds,
    nano_credit,
    seconds,
    seconds_or_whole_milliseconds,
    text,
    tokens,
    usd,
)


class Field(NamedTuple):
    """A field, how a value of it is read, and its keys, best first: the first whose value can be read wins."""

    name: str
    read: Callable[[Any], Any]
    keys: tuple[str, ...]


def _provider(value: Any) -> str | None:
    """A framework's name is no provider's: the next key may have one."""
    name = text(value)
    return name and fold(name)


def _project(value: Any) -> str | None:
    """Spelled so that the request header, which queries name it by, can hold it: see ``project.project_named``."""
    name = text(value)
    return ("".join(filter(str.isprintable, name)).strip() or None) if name else None


_NOBODY = "default_user_id"
"""What LiteLLM's proxy calls whoever has no user id of their own."""


def _user(value: Any) -> str | None:
    name = text(value)
    return name if name != _NOBODY else None


def _metadata(*names: str) -> tuple[str, ...]:
    """Per-call metadata that applications set; each dialect has its own prefix, and some write camel case."""
    camel = tuple(words[0] + "".join(map(str.title, words[1:])) for words in (name.split("_") for name in names))
    return (
        *(f"traceloop.association.properties.{name}" for name in names),
        *(f"langsmith.metadata.{name}" for name in names),
        *(f"litellm.metadata.{name}" for name in names),
        *(f"ai.telemetry.metadata.{name}" for name in dict.fromkeys((*camel, *names))),
        *(f"ai.settings.context.{name}" for name in dict.fromkeys((*camel, *names))),
    )


PROVIDER_KEYS = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "llm.system",
    "ai.model.provider",
    "gen_ai.model.provider",
    "gen_ai.llm.provider",
    "mlflow.llm.provider",
    "langsmith.metadata.ls_provider",
    "traceloop.association.properties.ls_provider",
)

INPUT_KEYS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "ai.usage.tokens",
    "decision.token_count.input",
    "gen_ai.token.usage.input",
    "gen_ai.response.prompt_tokens",
    "braintrust.metrics.prompt_tokens",
    "input_tokens",
)

OUTPUT_KEYS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
    "decision.token_count.output",
    "gen_ai.token.usage.output",
    "gen_ai.response.completion_tokens",
    "braintrust.metrics.completion_tokens",
    "output_tokens",
)

COST_KEYS = (
    "usage_graph.cost",
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
    "gen_ai.cost.total_cost",
    "llm.cost.total",
    "operation.cost",
    "gen_ai.token.cost.total",
    "opencode.llm.cost.total",
)

# What a span says; names and order are those of `reading.Found`.
SPAN_FIELDS = (
    Field("source", text, ("usage_graph.source",)),
    Field(
        "name",
        text,
        (
            "usage_graph.name",
            "ai.telemetry.functionId",
            "traceloop.entity.path",
            "gen_ai.prompt.name",
            "langfuse.observation.prompt.name",
            "langfuse.trace.name",
            "gen_ai.workflow.name",
            "traceloop.workflow.name",
        ),
    ),
    Field(
        "agent",
        text,
        (
            "usage_graph.agent",
            "gen_ai.agent.name",
            "agent.name",
            "agent_name",
            *_metadata("lc_agent_name"),
            "graph.node.name",
            "gen_ai.agent.id",
            "github.copilot.agent.type",
        ),
    ),
    Field(
        "conversation",
        text,
        (
            "usage_graph.conversation",
            "session.id",
            "langfuse.session.id",
            "gen_ai.conversation.id",
            *_metadata("session_id", "thread_id", "conversation_id", "chat_id"),
            "gcp.vertex.agent.session_id",
            "copilot_chat.chat_session_id",
            "mlflow.trace.session",
            "conversation.id",
            "cursor.conversation.id",
        ),
    ),
    Field(
        "user",
        _user,
        (
            "usage_graph.user",
            "user.id",
            "langfuse.user.id",
            "enduser.id",
            "enduser.pseudo.id",
            "gen_ai.user",
            "gen_ai.request.user",
            "llm.user",
            "metadata.user_api_key_end_user_id",
            "metadata.user_api_key_user_id",
            *_metadata("user_id"),
            "mlflow.trace.user",
            "user.account_uuid",
            "user.account_id",
            "user.email",
            "cursor.user.id",
        ),
    ),
    Field(
        "channel",
        text,
        (
            "usage_graph.channel",
            "channel",
            *_metadata("channel"),
            "langfuse.trace.metadata.channel",
            "langfuse.observation.metadata.channel",
            "metadata.channel",
            "query_source",
            "github.copilot.initiator",
            "cursor.surface",
            "cursor.entrypoint",
        ),
    ),
    # The user's turn that the call is part of; without one, its trace is taken for it.
    Field("turn", text, ("usage_graph.turn", "github.copilot.interaction_id")),
    Field("service", text, ("service.name", "gen_ai.application_name")),
    Field(
        "environment",
        text,
        ("langfuse.environment", "deployment.environment.name", "deployment.environment", "gen_ai.environment"),
    ),
    Field("provider", _provider, PROVIDER_KEYS),
    Field("host", text, ("server.address",)),
    Field(
        "request_model",
        text,
        (
            "gen_ai.request.model",
            "llm.request.model_name",
            "ai.model.id",
            "embedding.model_name",
            "reranker.model_name",
            "llm.model_name",
            "decision.request.model_name",
            "decision.model_name",
            "langfuse.observation.model.name",
            "mlflow.llm.model",
            "gen_ai.llm.model",
            *_metadata("ls_model_name"),
            "model",
        ),
    ),
    Field(
        "response_model",
        text,
        (
            "gen_ai.response.model",
            "llm.response.model_name",
            "ai.response.model",
            "llm.model_name",
            "decision.response.model_name",
            "langfuse.observation.model.name",
        ),
    ),
    Field("input", tokens, INPUT_KEYS),
    Field("output", tokens, OUTPUT_KEYS),
    Field(
        "cache_read",
        tokens,
        (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_read_tokens",
            "gen_ai.usage.input_tokens.cached",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.details.cache_read_input_tokens",
            "gen_ai.usage.details.cached_tokens",
            "gen_ai.usage.cached_input_tokens",
            "gen_ai.usage.cached_tokens",
            "gen_ai.usage.input_tokens_details.cached_tokens",
            "gen_ai.usage.prompt_tokens_details.cached_tokens",
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
            "braintrust.metrics.prompt_cached_tokens",
            "cache_read_tokens",
        ),
    ),
    Field(
        "cache_write",
        tokens,
        (
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.input_tokens.cache_write",
            "gen_ai.usage.details.cache_write_tokens",
            "gen_ai.usage.details.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_tokens",
            "gen_ai.usage.cache_creation_tokens",
            "llm.token_count.prompt_details.cache_write",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            "braintrust.metrics.prompt_cache_creation_tokens",
            "cache_creation_tokens",
        ),
    ),
    Field(
        "cache_write_5m",
        tokens,
        (
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
            "gen_ai.usage.details.ephemeral_5m_input_tokens",
        ),
    ),
    Field(
        "cache_write_1h",
        tokens,
        (
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
            "gen_ai.usage.details.ephemeral_1h_input_tokens",
        ),
    ),
    Field(
        "reasoning",
        tokens,
        (
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.output_tokens.reasoning",
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.output_tokens_details.reasoning_tokens",
            "gen_ai.usage.completion_tokens_details.reasoning_tokens",
            "llm.token_count.completion_details.reasoning",
            "llm.usage.reasoning_tokens",
            "ai.usage.reasoningTokens",
            "ai.usage.outputTokenDetails.reasoningTokens",
            "codex.usage.reasoning_output_tokens",
            "braintrust.metrics.completion_reasoning_tokens",
            EXCLUSIVE_OUTPUT_KEY[0],
        ),
    ),
    # Until the first token, or the first chunk of a stream.
    Field(
        "first_token",
        milliseconds,
        (
            "usage_graph.first_token_ms",
            "ai.response.msToFirstChunk",
            "ttft_ms",
            "copilot_chat.time_to_first_token",
        ),
    ),
    Field(
        "first_token_seconds",
        seconds,
        ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"),
    ),
    # OpenLIT's is in seconds, that of Strands in milliseconds.
    Field("first_token_either", seconds_or_whole_milliseconds, ("gen_ai.server.time_to_first_token",)),
    Field("first_token_at", instant, ("langfuse.observation.completion_start_time",)),
    # Never added to anything: it tells only what the parts include.
    Field(
        "total",
        tokens,
        (
            "gen_ai.usage.total_tokens",
            "llm.usage.total_tokens",
            "llm.token_count.total",
            "ai.usage.totalTokens",
            "gen_ai.token.usage.total",
            "braintrust.metrics.tokens",
        ),
    ),
    Field("cost", charge, COST_KEYS),
    Field(
        "input_cost",
        usd,
        ("gen_ai.usage.input_cost", "gen_ai.cost.input_cost", "llm.cost.prompt", "gen_ai.token.cost.input"),
    ),
    Field(
        "output_cost",
        usd,
        ("gen_ai.usage.output_cost", "gen_ai.cost.output_cost", "llm.cost.completion", "gen_ai.token.cost.output"),
    ),
    Field(
        "cache_read_cost",
        usd,
        ("gen_ai.cost.cache_read_cost", "llm.cost.prompt_details.cache_read", "llm.cost.prompt_details.cache_input"),
    ),
    Field("cache_write_cost", usd, ("gen_ai.cost.cache_creation_cost", "llm.cost.prompt_details.cache_write")),
    Field("credits", credit, ("usage_graph.credits",)),
    Field("nano_credits", nano_credit, ("github.copilot.nano_aiu",)),
    Field(
        "service_tier",
        text,
        (
            "openai.response.service_tier",
            "gen_ai.openai.response.service_tier",
            "anthropic.response.service_tier",
            "gen_ai.response.service_tier",
        ),
    ),
    Field("error_type", text, ("error.type", "exception.type", "error.code")),
    Field("level", text, ("langfuse.observation.level",)),
    Field("response_id", response_id, ("gen_ai.response.id", "ai.response.id")),
    # Claude Code writes its request's id as the response's.
    Field("request_id", request_id, ("anthropic.request.id", "gen_ai.response.id")),
    # Claude Code's, whatever serves the model; elsewhere any application's.
    Field("bare_request_id", bare_request_id, ("request_id",)),
)

# Where the span says nothing, the scope's and then the resource's attributes may. Their `session.id` is a window or a
# process, not a conversation, and their `agent.name` is often a monitoring agent.
INHERITED_FIELDS = (
    Field("source", text, ("usage_graph.source",)),
    Field("name", text, ("usage_graph.name",)),
    Field("agent", text, ("usage_graph.agent", "gen_ai.agent.name")),
    Field("conversation", text, ("usage_graph.conversation",)),
    Field("user", text, ("usage_graph.user", "user.id", "enduser.id", "user.email", "cursor.user.id")),
    Field("channel", text, ("usage_graph.channel",)),
)

# These the resource knows better than the span.
RESOURCE_FIELDS = (
    Field("service", text, ("service.name",)),
    Field("environment", text, ("deployment.environment.name", "deployment.environment", "langfuse.environment")),
    Field("instance", text, ("service.instance.id",)),
    Field("project", _project, ("usage_graph.project", "openinference.project.name")),
)

UNKNOWN_SERVICE = "unknown_service"
"""What OpenTelemetry SDKs call a service that has no name, sometimes followed by a colon and the program."""


LEAF_KEYS: frozenset[str] = frozenset((*(rule.key for rule in LEAF_RULES), *PROVIDER_KEYS, SPAN_TYPE))
"""Every LLM call has one of these attributes."""

IDENTITY = ("agent", "conversation", "user", "channel")
IDENTITY_KEYS: frozenset[str] = frozenset(key for field in SPAN_FIELDS if field.name in IDENTITY for key in field.keys)
"""Keys that tell whom calls are for, on a call or on a span above it."""

TELLING_KEYS: frozenset[str] = LEAF_KEYS | IDENTITY_KEYS
"""A span with none of these is no LLM call and tells nothing of those below it. It need not be read further."""

UNIQUE_KEYS: frozenset[str] = frozenset(
    key for field in SPAN_FIELDS if field.name in ("response_id", "request_id", "bare_request_id") for key in field.keys
)
"""Keys whose values no two calls share."""

WANTED: frozenset[str] = (
    frozenset(key for field in SPAN_FIELDS for key in field.keys)
    | {document.key for document in DOCUMENTS}
    | {rule.key for rule in LEAF_RULES}
    | {key for rule in LEAF_RULES for key in rule.misnamed[1]}
    | {key for scope in EXCLUSIVE_SCOPES for key in scope.unless}
    | {SPAN_TYPE, LOGFIRE_SPAN_TYPE, AGENT_RUN_KEY, AGENT_ENTITY[2], *EXCLUSIVE_OUTPUT_KEY}
)
"""Every span attribute that anything here reads. Decoders keep nothing else."""

WANTED_RESOURCE: frozenset[str] = frozenset(
    key for field in (*INHERITED_FIELDS, *RESOURCE_FIELDS) for key in field.keys
)
"""The same for resources; a scope's attributes are read under the same names."""
