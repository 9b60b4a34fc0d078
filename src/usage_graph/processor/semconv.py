"""Attribute names, as one table: which span is an LLM call, and which keys hold which field, best first.

A new dialect is new rows here and nothing elsewhere. What no row names is never read: this table is the allow-list that
keeps prompts, completions and tool arguments out. Sources of the rows:

- OpenTelemetry GenAI semantic conventions, current (semantic-conventions-genai) and deprecated (up to 1.36);
- OpenInference 0.1.42; Traceloop / OpenLLMetry 0.40 to 0.62; Vercel AI SDK 3 to 7; Pydantic AI 0.8 to 2, Logfire 5;
- besides, where the same rows serve: OpenLIT, LangSmith, Langfuse, LiteLLM, Strands, Google ADK, Claude Code's spans,
  Bedrock via botocore, gateways (Cloudflare, OpenRouter), Sentry.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from usage_graph.processor.providers import fold
from usage_graph.processor.values import charge, credit, nano_credit, text, tokens, usd


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
    """Spelled so that the request header, which queries name it by, can hold it: see ``usage.project_named``."""
    name = text(value)
    return ("".join(filter(str.isprintable, name)).strip() or None) if name else None


def _metadata(*names: str) -> tuple[str, ...]:
    """Per-call metadata that applications set; each dialect has its own prefix, and some write camel case."""
    camel = tuple(words[0] + "".join(map(str.title, words[1:])) for words in (name.split("_") for name in names))
    return (
        *(f"traceloop.association.properties.{name}" for name in names),
        *(f"langsmith.metadata.{name}" for name in names),
        *(f"ai.telemetry.metadata.{name}" for name in camel),
        *(f"ai.settings.context.{name}" for name in camel),
    )


PROVIDER_KEYS = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "llm.system",
    "ai.model.provider",
    "gen_ai.model.provider",
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
            "traceloop.association.properties.lc_agent_name",
            "graph.node.name",
            "gen_ai.agent.id",
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
            "copilot_chat.chat_session_id",
            "conversation.id",
            "cursor.conversation.id",
        ),
    ),
    Field(
        "user",
        text,
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
            "query_source",
            "github.copilot.initiator",
        ),
    ),
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
            "langfuse.observation.model.name",
            "mlflow.llm.model",
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
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
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
            "llm.token_count.prompt_details.cache_write",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            "cache_creation_tokens",
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
            "llm.token_count.completion_details.reasoning",
            "llm.usage.reasoning_tokens",
            "ai.usage.reasoningTokens",
            "ai.usage.outputTokenDetails.reasoningTokens",
            "codex.usage.reasoning_output_tokens",
        ),
    ),
    # Never added to anything: it tells only what the parts include.
    Field(
        "total",
        tokens,
        (
            "gen_ai.usage.total_tokens",
            "llm.usage.total_tokens",
            "llm.token_count.total",
            "ai.usage.totalTokens",
        ),
    ),
    Field("cost", charge, COST_KEYS),
    Field("input_cost", usd, ("gen_ai.usage.input_cost", "gen_ai.cost.input_cost", "llm.cost.prompt")),
    Field("output_cost", usd, ("gen_ai.usage.output_cost", "gen_ai.cost.output_cost", "llm.cost.completion")),
    Field("credits", credit, ("usage_graph.credits",)),
    Field("nano_credits", nano_credit, ("github.copilot.nano_aiu",)),
    Field("service_tier", text, ("openai.response.service_tier", "gen_ai.openai.response.service_tier")),
    Field("error_type", text, ("error.type", "exception.type", "error.code")),
    Field("level", text, ("langfuse.observation.level",)),
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
    Field("project", _project, ("usage_graph.project", "openinference.project.name")),
)

UNKNOWN_SERVICE = "unknown_service"
"""What OpenTelemetry SDKs call a service that has no name, sometimes followed by a colon and the program."""


class Document(NamedTuple):
    """A key whose value is JSON (or a kvlist), and where in it fields are that no plain key gave.

    ``exclusive``: where the document also gave the input, one of these names in it says that the input leaves
    cached tokens out.
    """

    key: str
    paths: Mapping[str, tuple[tuple[str, ...], ...]]
    exclusive: frozenset[str] = frozenset()


# Usage objects in the shapes of OpenAI's chat and responses APIs and Anthropic's messages API.
_PROVIDER_USAGE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "cache_read": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("cache_read_input_tokens",),
    ),
    "cache_write": (("cache_creation_input_tokens",),),
    "cache_write_1h": (("cache_creation", "ephemeral_1h_input_tokens"),),
    "reasoning": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "thinking_tokens"),
    ),
}

DOCUMENTS = (
    Document("gen_ai.usage.raw", _PROVIDER_USAGE),
    Document(
        "ai.response.providerMetadata",
        {
            "cache_read": (
                ("openai", "cachedPromptTokens"),
                ("azure", "cachedPromptTokens"),
                ("anthropic", "cacheReadInputTokens"),
                ("anthropic", "usage", "cache_read_input_tokens"),
            ),
            "cache_write": (
                ("anthropic", "cacheCreationInputTokens"),
                ("anthropic", "usage", "cache_creation_input_tokens"),
            ),
            "cache_write_1h": (("anthropic", "usage", "cache_creation", "ephemeral_1h_input_tokens"),),
            "reasoning": (("openai", "reasoningTokens"), ("azure", "reasoningTokens")),
        },
    ),
    Document(
        "langfuse.observation.usage_details",
        {
            "input": (("input",), ("input_tokens",), ("prompt_tokens",)),
            "output": (("output",), ("output_tokens",), ("completion_tokens",)),
            **_PROVIDER_USAGE,
            "cache_read": (*_PROVIDER_USAGE["cache_read"], ("input_cached_tokens",)),
            "reasoning": (*_PROVIDER_USAGE["reasoning"], ("output_reasoning_tokens",)),
            "total": (("total",), ("total_tokens",)),
        },
        exclusive=frozenset({"cache_read_input_tokens", "input_cached_tokens", "cache_creation_input_tokens"}),
    ),
    Document("langfuse.observation.cost_details", {"cost": (("total",),)}),
    Document(
        "mlflow.chat.tokenUsage",
        {"input": (("input_tokens",),), "output": (("output_tokens",),), "total": (("total_tokens",),)},
    ),
    Document("mlflow.llm.cost", {"cost": (("total_cost",),)}),
    Document(
        "braintrust.metrics",
        {"input": (("prompt_tokens",),), "output": (("completion_tokens",),)},
    ),
    Document(
        "metadata",
        {"conversation": (("session_id",), ("thread_id",)), "channel": (("channel",),)},
    ),
    Document("langfuse.trace.metadata.channel", {"channel": ((),)}),
)


class LeafRule(NamedTuple):
    """If the span has ``key``, this rule decides: an LLM call of that operation, or (``None``) no LLM call."""

    key: str
    operation: Callable[[str], str | None]


def _one_of(**operations: str) -> Callable[[str], str | None]:
    return lambda value: operations.get(value.lower())


_VERCEL = {"doGenerate": "chat", "doStream": "chat", "doEmbed": "embeddings", "doRerank": "rerank"}


def _vercel(value: str) -> str | None:
    """``ai.generateText.doGenerate`` is the call; ``ai.generateText`` around it repeats what it used."""
    step = value.rpartition(".")[2]
    return _VERCEL.get(step) or ("other" if step[:2] == "do" and step[2:3].isupper() else None)


# What calls an agent, a tool, a chain or a workflow repeats what the LLM calls inside used, or used nothing.
_GEN_AI = _one_of(
    chat="chat",
    generate_content="chat",
    generate="chat",
    text_completion="completion",
    completion="completion",
    embeddings="embeddings",
    embedding="embeddings",
    rerank="rerank",
    image_generation="image",
    speech="audio",
    transcription="audio",
    decide="other",
)

OPERATION_KEY = "gen_ai.operation.name"

LEAF_RULES = (
    LeafRule(
        "openinference.span.kind", _one_of(llm="chat", embedding="embeddings", reranker="rerank", decision="other")
    ),
    LeafRule("langfuse.observation.type", _one_of(generation="chat", embedding="embeddings")),
    LeafRule("langsmith.span.kind", _one_of(llm="chat", embedding="embeddings")),
    LeafRule(OPERATION_KEY, _GEN_AI),
    LeafRule("ai.operationId", _vercel),
    LeafRule("traceloop.span.kind", _one_of()),
    LeafRule(
        "llm.request.type",
        _one_of(chat="chat", completion="completion", embedding="embeddings", rerank="rerank"),
    ),
)
"""Tried in order; the first whose key is present decides. Without any, see ``leaf.operation``."""

MODEL_KEYS = ("gen_ai.request.model", "gen_ai.response.model")
"""What a span without any of these marks needs, besides a provider and tokens, to be an LLM call.

Not every model key: an "agent run" of Pydantic AI before 2 has sums of tokens and a ``model_name``.
"""

NEVER_LEAF_SCOPES = ("codex", "gemini-cli")
"""Scopes of agents whose log events, not spans, are what counts their calls."""

CLAUDE_CODE = "com.anthropic.claude_code"
SPAN_TYPE = "span.type"
LLM_REQUEST = "llm_request"

LOGFIRE_SPAN_TYPE = "logfire.span_type"
PENDING_SPAN = "pending_span"
"""Logfire announces a span that has begun; the span itself follows."""


class ExclusiveScope(NamedTuple):
    """Emitters whose input leaves cached tokens out, although the conventions include them.

    ``providers``: only for these (all, if empty). ``unless``: the span has none of these keys.
    """

    scope: str
    providers: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


EXCLUSIVE_SCOPES = (
    ExclusiveScope("openlit", providers=("anthropic", "aws.bedrock")),
    ExclusiveScope("opentelemetry.instrumentation.botocore"),
    ExclusiveScope(CLAUDE_CODE),
    # The AI SDK up to 5; from 6 on it writes these details, and an input that includes them.
    ExclusiveScope(
        "ai",
        providers=("anthropic", "aws.bedrock"),
        unless=tuple(
            f"ai.usage.inputTokenDetails.{part}" for part in ("noCacheTokens", "cacheReadTokens", "cacheWriteTokens")
        ),
    ),
)

WANTED: frozenset[str] = (
    frozenset(key for field in SPAN_FIELDS for key in field.keys)
    | {document.key for document in DOCUMENTS}
    | {rule.key for rule in LEAF_RULES}
    | {key for scope in EXCLUSIVE_SCOPES for key in scope.unless}
    | {SPAN_TYPE, LOGFIRE_SPAN_TYPE}
)
"""Every span attribute that anything here reads. Decoders keep nothing else."""

WANTED_RESOURCE: frozenset[str] = frozenset(
    key for field in (*INHERITED_FIELDS, *RESOURCE_FIELDS) for key in field.keys
)
"""The same for resources; a scope's attributes are read under the same names."""

LEAF_KEYS: frozenset[str] = frozenset((*(rule.key for rule in LEAF_RULES), *PROVIDER_KEYS, SPAN_TYPE))
"""Every LLM call has one of these attributes. A span with none of them need not be read further."""
