"""How long calls took, as it is answered, and whether an operation asks for it."""

from typing import Any

import strawberry
from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    value_from_ast_untyped,
)
from strawberry.types import Info

from usage_graph import latency
from usage_graph.graph.scalars import BigInt

_OFF = "It is less than 2 % off the true value; null without such calls."
_MAX = "never below the true value, and less than 4 % above it; null without such calls."


@strawberry.type(
    description="How long calls took until their first token came, in milliseconds, where their instrumentation tells: "
    "most do so of streams alone, some also of answers that come all at once."
)
class FirstToken:
    """The shape in which ``latency.FirstToken`` is answered; never instantiated."""

    calls: BigInt = strawberry.field(description="Calls of which it is known.")
    avg_ms: float | None = strawberry.field(description="The mean, exact; null without such calls.")
    p50_ms: float | None = strawberry.field(description=f"Half of these calls were as fast. {_OFF}")
    p95_ms: float | None = strawberry.field(description=f"95 of 100 of these calls were as fast. {_OFF}")
    p99_ms: float | None = strawberry.field(description=f"99 of 100 of these calls were as fast. {_OFF}")
    max_ms: float | None = strawberry.field(description=f"No call was slower: {_MAX}")


@strawberry.type(
    description="How long calls took, in milliseconds, and how fast they answered; of calls whose duration is known "
    "and not 0. Quantiles and maxima are taken from histograms whose classes are 4 % wide: a quantile is less than "
    "2 % off, a maximum less than 4 % above the true value. Of time whose records are gone since before histograms "
    "were kept, only the averages are known."
)
class Latency:
    """The shape in which ``latency.Latency`` is answered; never instantiated."""

    avg_ms: float | None = strawberry.field(description="The mean, exact; null without such calls.")
    p50_ms: float | None = strawberry.field(description=f"Half of the calls were as fast. {_OFF}")
    p95_ms: float | None = strawberry.field(description=f"95 of 100 calls were as fast. {_OFF}")
    p99_ms: float | None = strawberry.field(description=f"99 of 100 calls were as fast. {_OFF}")
    max_ms: float | None = strawberry.field(description=f"No call was slower: {_MAX}")
    first_token: latency.FirstToken = strawberry.field(
        graphql_type=FirstToken, description="How long it took until the first token came."
    )
    tokens_per_second: float | None = strawberry.field(
        description="Output tokens per second of the calls whose output tokens and duration are known: all of their "
        "tokens by all of their time, the time until the first token included; null without such calls."
    )


def selects_latency(info: Info[Any, Any]) -> bool:
    """Whether anything below the field that is being resolved asks for ``latency``."""
    raw, variables = info._raw_info, info.variable_values
    selections: list[SelectionSetNode | None] = [node.selection_set for node in raw.field_nodes]
    seen = set()
    while selections:
        for node in found.selections if (found := selections.pop()) else ():
            if any(_leaves_out(directive, variables) for directive in node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                if node.name.value == "latency":
                    return True
                selections.append(node.selection_set)
            elif isinstance(node, InlineFragmentNode):
                selections.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                selections.append(raw.fragments[node.name.value].selection_set)
    return False


def _leaves_out(directive: DirectiveNode, variables: dict[str, Any]) -> bool:
    """Whether it is a `@skip` or an `@include` by which what it is on does not count."""
    name = directive.name.value
    if name not in ("skip", "include"):
        return False
    return any(value_from_ast_untyped(one.value, variables) is (name == "skip") for one in directive.arguments or ())
