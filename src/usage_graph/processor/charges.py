"""What a call cost as its span reports it: the total, and the parts of it where they are told apart."""

from collections.abc import Mapping
from typing import NamedTuple

from usage_graph.processor.documents import EXCLUSIVE_COSTS
from usage_graph.processor.reading import Found
from usage_graph.processor.semconv import COST_KEYS
from usage_graph.processor.tokens import Tokens
from usage_graph.processor.values import AttributeValue, usd
from usage_graph.usage import MAX_COST_NANO

_SLACK_NANO = 4
"""Each part was rounded: by so much they may miss the total, and still make it."""


class Reported(NamedTuple):
    """Nano-USD. The parts are of the input that was not cached, of cache reads, of cache writes and of the output."""

    total: int
    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None


def reported(found: Found, used: Tokens, attributes: Mapping[str, AttributeValue]) -> Reported | None:
    """The cost that the span reports: a total above 0, else the sum of its input and output parts.

    A reported 0 is believed only where tokens were measured and none was used. With tokens, it is what emitters write
    for a model that they have no price for; with unknown tokens, what they write for a call that failed. Parts are
    taken only where they make the total.
    """
    total = found.cost
    if total is None and found.input_cost is not None and found.output_cost is not None:
        total = found.input_cost + found.output_cost
        if EXCLUSIVE_COSTS in attributes:
            total += (found.cache_read_cost or 0) + (found.cache_write_cost or 0)
        if not 0 < total <= MAX_COST_NANO:
            total = None
    if total is not None:
        return _parted(total, found, used)
    if used.none_used and any(usd(attributes.get(key)) == 0 for key in COST_KEYS):
        return Reported(0)
    return None


def _parted(total: int, found: Found, used: Tokens) -> Reported:
    charged, output = found.input_cost, found.output_cost
    if charged is None or output is None:
        return Reported(total)
    read, write = found.cache_read_cost or 0, found.cache_write_cost or 0
    if abs(charged + output - total) <= _SLACK_NANO and read + write <= charged:
        if not read and not write and (used.cache_read or used.cache_write):
            # The input's cost is one number for cached and uncached tokens.
            return Reported(total, output=min(output, total))
        charged -= read + write
    elif abs(charged + read + write + output - total) > _SLACK_NANO:
        return Reported(total)
    parts = [charged, read, write, output]
    if (surplus := sum(parts) - total) > 0:
        parts[parts.index(max(parts))] -= surplus
    return Reported(total, *parts)
