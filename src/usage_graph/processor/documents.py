"""Attributes that hold a document, in JSON (or as a kvlist), and where in it are fields that no plain key gave."""

from collections.abc import Mapping
from typing import NamedTuple

Paths = Mapping[str, tuple[tuple[str, ...], ...]]
"""Field -> ways to it, best first; a way is the keys from the outermost in.

A last key such as ``input*`` stands for the tokens under all keys that begin so, if there is one named just ``input``.
"""


class Document(NamedTuple):
    """The attribute ``key``, and the fields of ``semconv.SPAN_FIELDS`` that are in it.

    ``exclusive``: where the document also gave the input, one of these names in it says that the input leaves cached
    tokens out (unless it is a sum with them).
    """

    key: str
    paths: Paths
    exclusive: frozenset[str] = frozenset()


# Usage objects in the shapes of OpenAI's chat and responses APIs and Anthropic's messages API.
_PROVIDER_USAGE: Paths = {
    "cache_read": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("cache_read_input_tokens",),
    ),
    "cache_write": (("cache_creation_input_tokens",),),
    "cache_write_5m": (("cache_creation", "ephemeral_5m_input_tokens"),),
    "cache_write_1h": (("cache_creation", "ephemeral_1h_input_tokens"),),
    "reasoning": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "thinking_tokens"),
    ),
}

# Details of LangChain's `usage_metadata`. langchain-anthropic writes `cache_creation` 0 where it knows the lifetimes.
_INPUT_DETAILS: Paths = {
    "cache_read": (("cache_read",),),
    "cache_write": (("cache_creation",),),
    "cache_write_5m": (("ephemeral_5m_input_tokens",),),
    "cache_write_1h": (("ephemeral_1h_input_tokens",),),
}
_OUTPUT_DETAILS: Paths = {"reasoning": (("reasoning",),)}


def _inside(key: str, paths: Paths) -> Paths:
    return {field: tuple((key, *way) for way in ways) for field, ways in paths.items()}


DOCUMENTS = (
    Document("gen_ai.usage.raw", {**_PROVIDER_USAGE, "service_tier": (("service_tier",),)}),
    Document("gen_ai.usage.input_token_details", _INPUT_DETAILS),
    Document("gen_ai.usage.output_token_details", _OUTPUT_DETAILS),
    Document(
        "langsmith.metadata.usage_metadata",
        {
            "input": (("input_tokens",),),
            "output": (("output_tokens",),),
            "total": (("total_tokens",),),
            **_inside("input_token_details", _INPUT_DETAILS),
            **_inside("output_token_details", _OUTPUT_DETAILS),
            "cost": (("total_cost",),),
            "input_cost": (("input_cost",),),
            "output_cost": (("output_cost",),),
        },
    ),
    Document(
        "ai.response.providerMetadata",
        {
            "cache_read": (
                ("openai", "cachedPromptTokens"),
                ("azure", "cachedPromptTokens"),
                ("anthropic", "cacheReadInputTokens"),
                ("anthropic", "usage", "cache_read_input_tokens"),
                ("bedrock", "usage", "cacheReadInputTokens"),
                ("google", "usageMetadata", "cachedContentTokenCount"),
                ("vertex", "usageMetadata", "cachedContentTokenCount"),
                ("deepseek", "promptCacheHitTokens"),
            ),
            "cache_write": (
                ("anthropic", "cacheCreationInputTokens"),
                ("anthropic", "usage", "cache_creation_input_tokens"),
                ("bedrock", "usage", "cacheWriteInputTokens"),
            ),
            "cache_write_5m": (("anthropic", "usage", "cache_creation", "ephemeral_5m_input_tokens"),),
            "cache_write_1h": (("anthropic", "usage", "cache_creation", "ephemeral_1h_input_tokens"),),
            "reasoning": (
                ("openai", "reasoningTokens"),
                ("azure", "reasoningTokens"),
                ("google", "usageMetadata", "thoughtsTokenCount"),
                ("vertex", "usageMetadata", "thoughtsTokenCount"),
            ),
            "total": (
                ("google", "usageMetadata", "totalTokenCount"),
                ("vertex", "usageMetadata", "totalTokenCount"),
            ),
            "service_tier": (("openai", "serviceTier"), ("azure", "serviceTier")),
        },
    ),
    Document(
        "langfuse.observation.usage_details",
        {
            "input": (("input*",), ("input_tokens",), ("prompt_tokens",)),
            "output": (("output*",), ("output_tokens",), ("completion_tokens",)),
            **_PROVIDER_USAGE,
            "cache_read": (*_PROVIDER_USAGE["cache_read"], ("input_cached_tokens",), ("input_cache_read",)),
            "cache_write": (*_PROVIDER_USAGE["cache_write"], ("input_cache_creation",)),
            "reasoning": (*_PROVIDER_USAGE["reasoning"], ("output_reasoning_tokens",), ("output_reasoning",)),
            "total": (("total",), ("total_tokens",)),
        },
        # Langfuse's own classes of tokens (`input`, `input_cache_read`, `input_audio`, ...) do not overlap.
        exclusive=frozenset(
            {
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
                "input_cached_tokens",
                "input_cache_read",
                "input_cache_creation",
            }
        ),
    ),
    Document(
        "langfuse.observation.cost_details",
        {
            "cost": (("total",),),
            "input_cost": (("input",),),
            "output_cost": (("output",),),
            "cache_read_cost": (("cache_read_input_tokens",), ("input_cached_tokens",), ("input_cache_read",)),
            "cache_write_cost": (("cache_creation_input_tokens",), ("input_cache_creation",)),
        },
    ),
    Document(
        "mlflow.chat.tokenUsage",
        {
            "input": (("input_tokens",),),
            "output": (("output_tokens",),),
            "total": (("total_tokens",),),
            "cache_read": (("cache_read_input_tokens",),),
            "cache_write": (("cache_creation_input_tokens",),),
        },
    ),
    Document(
        "mlflow.llm.cost",
        {"cost": (("total_cost",),), "input_cost": (("input_cost",),), "output_cost": (("output_cost",),)},
    ),
    Document(
        "braintrust.metrics",
        {
            "input": (("prompt_tokens",),),
            "output": (("completion_tokens",),),
            "total": (("tokens",),),
            "cache_read": (("prompt_cached_tokens",),),
            "cache_write": (("prompt_cache_creation_tokens",),),
            "reasoning": (("completion_reasoning_tokens",),),
            "cost": (("estimated_cost",),),
        },
    ),
    Document("braintrust.metadata", {"provider": (("provider",),), "request_model": (("model",),)}),
    Document(
        "metadata",
        {
            "agent": (("lc_agent_name",),),
            "conversation": (("session_id",), ("thread_id",), ("conversation_id",)),
            "user": (("user_id",),),
            "channel": (("channel",),),
        },
    ),
)

EXCLUSIVE_COSTS = "langfuse.observation.cost_details"
"""The document whose costs do not overlap: without a total, what the call cost is all of them."""

TOKEN_DOCUMENTS = frozenset(document.key for document in DOCUMENTS if "input" in document.paths)
"""Documents that count as tokens of a call."""
