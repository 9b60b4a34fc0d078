"""Token counts made inclusive: input contains cache reads and writes, output contains reasoning.

The conventions ask for that, but several emitters pass on what their provider counts: Anthropic's and Bedrock's input
leaves cached tokens out, Gemini's output leaves its thoughts out.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from usage_graph.processor.semconv import EXCLUSIVE_SCOPES, ExclusiveScope
from usage_graph.usage import MAX_TOKENS


class Tokens(NamedTuple):
    """What one call used; ``None`` is unknown. ``cache_write_1h`` is the part of ``cache_write`` kept for an hour."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None

    @property
    def none_used(self) -> bool:
        """Measured, and none used."""
        return not self.input and not self.output and (self.input, self.output) != (None, None)


@lru_cache(256)
def _exclusive(scope: str) -> ExclusiveScope | None:
    return next((rule for rule in EXCLUSIVE_SCOPES if scope == rule.scope or scope.startswith(rule.scope + ".")), None)


def excludes_cache(scope: str, provider: str | None, model: str | None, keys: Collection[str]) -> bool:
    """Whether this emitter is known to leave cached tokens out of its input (``semconv.EXCLUSIVE_SCOPES``)."""
    rule = _exclusive(scope)
    if rule is None:
        return False
    of_them = not rule.providers or provider in rule.providers or (model is not None and "claude" in model)
    return of_them and not any(key in keys for key in rule.unless)


def inclusive(reported: Tokens, *, total: int | None, excludes_cache: bool, gemini: bool) -> Tokens:
    """``reported`` with inclusive input and output. ``total`` only tells what the parts include; it is never counted.

    Input leaves cache out if cache is more than it, if the emitter is known for it, or if only so the parts make
    ``total``. Output leaves reasoning out only in Gemini's shape, if reasoning is more than it or if only so the parts
    make ``total``. Elsewhere reasoning is cut to the output it is part of: output is what is billed. A sum that no call
    can have used is unknown, with its parts.

    ``cache_read + cache_write <= input`` and ``reasoning <= output`` hold afterwards wherever both sides are known.
    """
    used, output, read, write, hour, reasoning = reported
    cached = (read or 0) + (write or 0)
    if used is not None and cached:
        known = output is not None and total is not None
        if excludes_cache or cached > used or (known and total == used + cached + (output or 0)):
            used += cached
            if used > MAX_TOKENS:
                used = read = write = None
    if output is not None and reasoning:
        if gemini and (reasoning > output or (used is not None and total == used + output + reasoning)):
            output += reasoning
        reasoning = min(reasoning, output)
        if output > MAX_TOKENS:
            output = reasoning = None
    if hour is not None:
        hour = min(hour, write or 0)
    return Tokens(used, output, read, write, hour, reasoning)
