"""The metrics that count tokens or money, as one table: which count what, and which attributes say of whom.

A new metric is a new row here and nothing elsewhere; what no row names is never read. Not in the table:
``codex.turn.cost_microusd``. Codex asks for a turn's cost after the turn and reports it without its model, in a later
interval than the tokens: what the tokens cost by the price list would be counted beside it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from usage_graph.processor.agents import provider
from usage_graph.processor.values import text

COST = "cost"
"""What a metric of USD counts; the rest are the fields of ``tokens.Tokens``, and ``apart`` and ``total``."""


class Meter(NamedTuple):
    """A metric. It counts ``kind``, or what its attribute ``by`` says, by ``kinds``; any other kind is not counted.

    ``family``: metrics that count the same tokens together. Where one resource and scope have several families, which
    repeat each other, the lowest ``rank`` counts. ``excludes_cache``, ``excludes_thoughts``: see ``agents.EventRule``.
    """

    family: str
    rank: int
    kind: str | None = None
    by: str = ""
    kinds: Mapping[str, str] = {}
    excludes_cache: bool = False
    excludes_thoughts: bool = False


_CLAUDE_CODE = Meter("claude_code", 0, excludes_cache=True)
_CURSOR = Meter("cursor", 0, excludes_cache=True)
_GEN_AI = Meter("gen_ai.client.inference.usage", 1)

METERS: Mapping[str, Meter] = {
    "claude_code.token.usage": _CLAUDE_CODE._replace(
        by="type",
        kinds={"input": "input", "output": "output", "cacheRead": "cache_read", "cacheCreation": "cache_write"},
    ),
    "claude_code.cost.usage": _CLAUDE_CODE._replace(kind=COST),
    "codex.turn.token_usage": Meter(
        "codex",
        0,
        by="token_type",
        kinds={
            "input": "input",
            "output": "output",
            "cached_input": "cache_read",
            "cache_write_input": "cache_write",
            "reasoning_output": "reasoning",
        },
    ),
    "gemini_cli.token.usage": Meter(
        "gemini_cli",
        0,
        by="type",
        kinds={
            "input": "input",
            "output": "output",
            "cache": "cache_read",
            "thought": "reasoning",
            "tool": "apart",
        },
        excludes_thoughts=True,
    ),
    "cursor.token.usage": _CURSOR._replace(
        by="cursor.token.type",
        kinds={"input": "input", "output": "output", "cache_read": "cache_read", "cache_creation": "cache_write"},
    ),
    "cursor.cost.usage": _CURSOR._replace(kind=COST),
    "gen_ai.client.inference.usage.input_tokens": _GEN_AI._replace(kind="input"),
    "gen_ai.client.inference.usage.output_tokens": _GEN_AI._replace(kind="output"),
    "gen_ai.client.inference.usage.cache_read.input_tokens": _GEN_AI._replace(kind="cache_read"),
    "gen_ai.client.inference.usage.cache_write.input_tokens": _GEN_AI._replace(kind="cache_write"),
    "gen_ai.client.inference.usage.reasoning.output_tokens": _GEN_AI._replace(kind="reasoning"),
    "gen_ai.client.token.usage": Meter(
        "gen_ai.client.token.usage", 2, by="gen_ai.token.type", kinds={"input": "input", "output": "output"}
    ),
}

MODALITY = "gen_ai.token.modality"
"""Splits a count by text, image, audio: where the count is also there unsplit, the parts are in it."""


class Series(NamedTuple):
    """Whose usage a data point counts, as its attributes say."""

    source: str | None = None
    name: str | None = None
    agent: str | None = None
    conversation: str | None = None
    user: str | None = None
    channel: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    operation: str | None = None
    service_tier: str | None = None


SERIES_READERS: Mapping[str, Callable[[Any], Any]] = {**dict.fromkeys(Series._fields, text), "provider": provider}

SERIES_KEYS: Mapping[str, tuple[str, ...]] = {
    "source": ("usage_graph.source",),
    "name": ("usage_graph.name",),
    "agent": ("usage_graph.agent", "gen_ai.agent.name", "agent.name"),
    "conversation": ("usage_graph.conversation", "session.id", "gen_ai.conversation.id"),
    "user": ("usage_graph.user", "user.account_uuid", "user.account_id", "user.email", "user.id"),
    "channel": ("usage_graph.channel", "query_source", "originator", "auth_type"),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "request_model": ("gen_ai.request.model", "model", "cursor.model.name"),
    "response_model": ("gen_ai.response.model",),
    "operation": ("gen_ai.operation.name",),
    "service_tier": ("openai.response.service_tier",),
}

METRICS: frozenset[str] = frozenset(METERS)
"""The metrics that are read."""

POINT_WANTED: frozenset[str] = (
    frozenset(key for keys in SERIES_KEYS.values() for key in keys)
    | {meter.by for meter in METERS.values() if meter.by}
    | {MODALITY}
)
"""Every attribute of a data point that anything here reads. Decoders keep nothing else."""
