"""Which span is an LLM call: decided for each span by itself, since its parent may arrive later, or never."""

from collections.abc import Mapping
from typing import NamedTuple

from usage_graph.processor.documents import TOKEN_DOCUMENTS
from usage_graph.processor.marks import (
    AGENT_RUN_KEY,
    CLAUDE_CODE,
    GEN_AI_OPERATION,
    LEAF_RULES,
    LLM_REQUEST,
    LOGFIRE_SPAN_TYPE,
    MODEL_KEYS,
    NEVER_LEAF_SCOPES,
    OPERATION_KEY,
    PENDING_SPAN,
    SPAN_TYPE,
    UNNAMED_OPERATIONS,
    has_any,
    word,
)
from usage_graph.processor.semconv import INPUT_KEYS, OUTPUT_KEYS, PROVIDER_KEYS
from usage_graph.processor.values import AttributeValue


class NoCall(NamedTuple):
    """A span that is no LLM call.

    ``certain``: its attributes say that it belongs to a trace of LLM calls. ``known``: a rule says that it is no call;
    else it has no mark, or one with a word that is new.
    """

    certain: bool
    known: bool


AROUND = NoCall(certain=True, known=True)
"""An agent, a tool, a chain, a step: repeats what the calls inside used, or used nothing."""
NEW = NoCall(certain=True, known=False)
PLAIN = NoCall(certain=False, known=False)
ELSEWHERE = NoCall(certain=False, known=True)
"""Counted by other signals, or by another span."""

_RULES = tuple(LEAF_RULES)
_TOKEN_KEYS = TOKEN_DOCUMENTS.union(INPUT_KEYS, OUTPUT_KEYS)


def judge(scope: str, attributes: Mapping[str, AttributeValue]) -> str | NoCall:
    """The folded operation of an LLM call (chat, completion, embeddings, rerank, image, audio, other), else why not.

    A span is an LLM call if the first of ``marks.LEAF_RULES`` whose key it has says so; without any of those keys, if
    it has a provider, a model and tokens.
    """
    if scope.startswith(NEVER_LEAF_SCOPES):
        return ELSEWHERE
    if scope.startswith(CLAUDE_CODE):
        return "chat" if attributes.get(SPAN_TYPE) == LLM_REQUEST else AROUND
    if attributes.get(LOGFIRE_SPAN_TYPE) == PENDING_SPAN:
        return ELSEWHERE
    for key, operation, around, (misnamed, given_away_by) in _RULES:
        value = attributes.get(key)
        if not value or (said := word(value)) is None:
            continue
        if found := operation(said):
            if key != OPERATION_KEY and isinstance(precise := attributes.get(OPERATION_KEY), str):
                # OpenInference's kinds are coarser than the operation that another instrumentation named.
                return GEN_AI_OPERATION(precise) or found
            return found
        if said == misnamed and has_any(attributes, given_away_by):
            return "chat"
        return AROUND if around(said) else NEW
    if not has_any(attributes, PROVIDER_KEYS):
        return AROUND if AGENT_RUN_KEY in attributes else PLAIN
    if has_any(attributes, MODEL_KEYS) and not _TOKEN_KEYS.isdisjoint(attributes):
        return UNNAMED_OPERATIONS.get(scope, "other")
    return AROUND if AGENT_RUN_KEY in attributes else NEW
