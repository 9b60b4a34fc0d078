"""Which sums a document can ask for: what nobody selects need not be summed."""

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode

from usage_graph.usage import SUMMED

_COST = ("calls", "unpriced_calls", "cost_nano")
_TIMES = ("timed_calls", "timed_output_tokens", "timed_output_us", "first_token_calls", "first_token_us")
_PARTS = ("input_cost_nano", "cache_read_cost_nano", "cache_write_cost_nano", "output_cost_nano")

MEASURES: dict[str, tuple[str, ...]] = {
    "calls": ("calls",),
    "failedCalls": ("failed_calls",),
    "inputTokens": ("input_tokens",),
    "outputTokens": ("output_tokens",),
    "totalTokens": ("input_tokens", "output_tokens"),
    "cacheReadTokens": ("cache_read_tokens",),
    "cacheWriteTokens": ("cache_write_tokens",),
    "cacheWrite1hTokens": ("cache_write_1h_tokens",),
    "reasoningTokens": ("reasoning_tokens",),
    "cost": _COST,
    "costs": (*_COST, *_PARTS),
    "unpricedCalls": ("unpriced_calls",),
    "pricedShare": ("calls", "unpriced_calls"),
    "unmeasuredCalls": ("unmeasured_calls",),
    "suspectCalls": ("suspect_calls",),
    "avgCost": _COST,
    "credits": ("credits_nano",),
    "avgDurationMs": ("calls", "duration_us"),
    "latency": ("duration_us", *_TIMES),
}
"""What each field of ``UsageTotals``, and of what compares two of them, is told from."""


def measures_of(document: DocumentNode) -> frozenset[str]:
    """The measures of all fields in ``document`` that are named so, wherever they stand, left out or not.

    All of an operation's questions then ask for the same: what two of its fields share is still asked once.
    """
    found: set[str] = set()
    selections: list[SelectionSetNode | None] = [
        node.selection_set
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while selections:
        for node in inner.selections if (inner := selections.pop()) else ():
            if isinstance(node, FieldNode):
                found.update(MEASURES.get(node.name.value, ()))
            selections.append(getattr(node, "selection_set", None))
    return frozenset(found)


EVERY = frozenset(SUMMED)
