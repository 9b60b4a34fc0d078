"""Which span is an LLM call: decided for each span by itself, since its parent may arrive later, or never."""

from collections.abc import Mapping

from usage_graph.processor.semconv import (
    CLAUDE_CODE,
    INPUT_KEYS,
    LEAF_RULES,
    LLM_REQUEST,
    LOGFIRE_SPAN_TYPE,
    MODEL_KEYS,
    NEVER_LEAF_SCOPES,
    OPERATION_KEY,
    OUTPUT_KEYS,
    PENDING_SPAN,
    PROVIDER_KEYS,
    SPAN_TYPE,
)
from usage_graph.processor.values import AttributeValue

_RULES = tuple(LEAF_RULES)
_GEN_AI = next(rule.operation for rule in LEAF_RULES if rule.key == OPERATION_KEY)
_TOKEN_KEYS = frozenset(INPUT_KEYS + OUTPUT_KEYS)


def operation(scope: str, attributes: Mapping[str, AttributeValue]) -> str | None:
    """The folded operation of an LLM call (chat, completion, embeddings, rerank, image, audio, other), else ``None``.

    A span is an LLM call if the first of ``semconv.LEAF_RULES`` whose key it has says so; without any of those keys, if
    it has a provider, a model and tokens.
    """
    if scope.startswith(NEVER_LEAF_SCOPES):
        return None
    if scope.startswith(CLAUDE_CODE):
        return "chat" if attributes.get(SPAN_TYPE) == LLM_REQUEST else None
    if attributes.get(LOGFIRE_SPAN_TYPE) == PENDING_SPAN:
        return None
    for key, folded in _RULES:
        value = attributes.get(key)
        if value and isinstance(value, str):
            found = folded(value)
            if found and key != OPERATION_KEY and isinstance(precise := attributes.get(OPERATION_KEY), str):
                # OpenInference's kinds are coarser than the operation that another instrumentation named.
                return _GEN_AI(precise) or found
            return found
    if (
        any(key in attributes for key in MODEL_KEYS)
        and any(key in attributes for key in PROVIDER_KEYS)
        and not _TOKEN_KEYS.isdisjoint(attributes)
    ):
        return "other"
    return None
