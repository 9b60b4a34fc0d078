"""What marks a span, as rows: as an LLM call, as something around calls, and its emitter as one with its own habits."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from usage_graph.processor.values import AttributeValue, document


class LeafRule(NamedTuple):
    """If the span has ``key``, this rule decides by the word there: see ``word``.

    ``operation`` is that of an LLM call of that kind, or ``None``: no LLM call. ``around`` tells whether that is known
    (agents, tools, chains: they repeat what the calls inside used, or used nothing) or the word is new. ``misnamed``: a
    word that is a chat after all where the span has one of those keys.
    """

    key: str
    operation: Callable[[str], str | None]
    around: Callable[[str], bool]
    misnamed: tuple[str, tuple[str, ...]] = ("", ())


def word(value: AttributeValue) -> str | None:
    """A mark's value: text, text in JSON's quotes, or the ``type`` in a document."""
    if isinstance(value, str) and value[:1] not in ('"', "{"):
        return value or None
    held = document(value)
    if isinstance(held, dict):
        held = held.get("type")
    return held if isinstance(held, str) and held else None


def _one_of(**operations: str) -> Callable[[str], str | None]:
    return lambda value: operations.get(value.lower())


def _among(*words: str) -> Callable[[str], bool]:
    known = frozenset(words)
    return lambda value: value.lower() in known


def _any(_: str) -> bool:
    return True


_GEN_AI_AROUND = frozenset(
    {
        "agent_step",
        "chain",
        "compact_events",
        "create_agent",
        "execute_event_loop_cycle",
        "execute_hook",
        "execute_task",
        "execute_tool",
        "fetch_response",
        "framework",
        "handoff",
        "invoke_agent",
        "invoke_workflow",
        "llm_call",
        "orchestrate_tools",
        "plan",
        "retrieval",
    }
)


def _gen_ai_around(value: str) -> bool:
    value = value.lower()
    return value in _GEN_AI_AROUND or value.startswith(("invoke_", "execute_")) or "memory" in value


_VERCEL = {
    "doGenerate": "chat",
    "doStream": "chat",
    "doEmbed": "embeddings",
    "doRerank": "rerank",
    "doTranscribe": "audio",
}


def _vercel(value: str) -> str | None:
    """``ai.generateText.doGenerate`` is the call; ``ai.generateText`` around it repeats what it used."""
    step = value.rpartition(".")[2]
    if step == "doGenerate" and value.startswith(("ai.generateImage", "ai.generateSpeech")):
        return "image" if value.startswith("ai.generateImage") else "audio"
    return _VERCEL.get(step) or ("other" if step[:2] == "do" and step[2:3].isupper() else None)


OPERATION_KEY = "gen_ai.operation.name"

_SEMANTIC_KERNEL = {
    "chat.completions": "chat",
    "chat.streaming_completions": "chat",
    "text.completions": "completion",
    "text.streaming_completions": "completion",
}

# LiteLLM's own names of calls; asynchronous ones, which are all those of its proxy, have an "a" before them.
_LITELLM_CALLS = {
    "anthropic_messages": "chat",
    "completion": "completion",
    "embedding": "embeddings",
    "generate_content": "chat",
    "generate_content_stream": "chat",
    "image_edit": "image",
    "image_generation": "image",
    "image_variation": "image",
    "rerank": "rerank",
    "responses": "chat",
    "speech": "audio",
    "text_completion": "completion",
    "transcription": "audio",
}
_LITELLM = _LITELLM_CALLS | {f"a{name}": operation for name, operation in _LITELLM_CALLS.items()}
# That of a completion is one of messages.
_LITELLM["acompletion"] = "chat"

GEN_AI_OPERATION = _one_of(
    chat="chat",
    generate="chat",
    embeddings="embeddings",
    image="image",
    decide="other",
    **_LITELLM,
    **_SEMANTIC_KERNEL,
)

LEAF_RULES = (
    LeafRule(
        "openinference.span.kind",
        _one_of(llm="chat", embedding="embeddings", reranker="rerank", decision="other"),
        _among("agent", "chain", "tool", "retriever", "guardrail", "evaluator", "prompt", "unknown"),
    ),
    LeafRule(
        "langfuse.observation.type",
        _one_of(generation="chat", embedding="embeddings"),
        _among("span", "event", "agent", "tool", "chain", "retriever", "evaluator", "guardrail"),
        # The Python SDK up to 3.3 wrote it on generations, too.
        misnamed=("span", ("langfuse.observation.model.name", "langfuse.observation.usage_details")),
    ),
    LeafRule(
        "langsmith.span.kind",
        _one_of(llm="chat", embedding="embeddings"),
        _among("chain", "tool", "retriever", "prompt", "parser"),
    ),
    LeafRule(OPERATION_KEY, GEN_AI_OPERATION, _gen_ai_around),
    LeafRule("ai.operationId", _vercel, _any),
    LeafRule("traceloop.span.kind", _one_of(), _any),
    LeafRule(
        "llm.request.type",
        _one_of(chat="chat", **_LITELLM),
        _among(),
    ),
    LeafRule(
        "mlflow.spanType",
        _one_of(chat_model="chat", llm="chat", embedding="embeddings", reranker="rerank"),
        _among("agent", "chain", "tool", "retriever", "parser", "memory", "workflow", "task", "guardrail", "evaluator"),
    ),
    LeafRule(
        "braintrust.span_attributes.type",
        _one_of(llm="chat"),
        _among("task", "tool", "function", "eval", "score", "automation"),
    ),
    LeafRule(
        "braintrust.span_attributes",
        _one_of(llm="chat"),
        _among("task", "tool", "function", "eval", "score", "automation"),
    ),
)
"""Tried in order; the first whose key is present decides. Without any, see ``leaf.judge``."""

MODEL_KEYS = ("gen_ai.request.model", "gen_ai.response.model")
"""What a span without any of these marks needs, besides a provider and tokens, to be an LLM call.

Not every model key: an "agent run" of Pydantic AI before 2 has sums of tokens and a ``model_name``.
"""

AGENT_RUN_KEY = "agent_name"
"""Marks that agent run, where nothing else marks the span."""

UNNAMED_OPERATIONS = {"gcp.vertex.agent": "chat"}
"""The operation of a call that has none of the marks, by scope: Google ADK 1's ``call_llm``. Elsewhere "other"."""

NEVER_LEAF_SCOPES = ("codex", "gemini-cli")
"""Scopes of agents whose log events, not spans, are what counts their calls."""

CLAUDE_CODE = "com.anthropic.claude_code"
SPAN_TYPE = "span.type"
LLM_REQUEST = "llm_request"

LOGFIRE_SPAN_TYPE = "logfire.span_type"
PENDING_SPAN = "pending_span"
"""Logfire announces a span that has begun; the span itself follows."""

STREAMED_TWICE = "logfire."
"""Scopes that make two spans of a streamed call: the request, and beside it the answer, which alone has the usage."""

AGENT_ENTITY = ("traceloop.span.kind", "agent", "traceloop.entity.name")
"""Traceloop's name of an entity is an agent's where its kind says so."""

TRUSTED_SCOPES = ("com.anthropic.sdk", "com.openai.sdk", "mistralai_sdk", "xai_sdk")
"""Scopes of the providers' own SDKs: of all who observe a call they know its tokens best."""


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

INCLUSIVE_PROVIDERS = frozenset({"azure", "deepseek", "gcp.gemini", "gcp.vertex_ai", "groq", "openai", "x_ai"})
"""Their APIs count cached tokens as input: where cache is more than input, an emitter has changed the numbers."""

# Gemini's and xAI's APIs count what the model thought beside what it answered.
EXCLUSIVE_OUTPUT_PROVIDERS = frozenset({"gcp.gemini", "gcp.vertex_ai", "x_ai"})
EXCLUSIVE_OUTPUT_MODELS = ("gemini", "grok")

EXCLUSIVE_OUTPUT_KEY = ("gen_ai.usage.experimental.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens")
"""The first without the second: Google ADK before 2.3, which passed Gemini's counts on as they are."""


def has_any(keys: Collection[str], wanted: tuple[str, ...]) -> bool:
    """Whether one of ``wanted`` is among ``keys``; quicker than a set where few are wanted."""
    for key in wanted:  # noqa: SIM110  # called for most spans: a generator costs twice as much
        if key in keys:
            return True
    return False
