"""Token counts made inclusive: input contains cache reads and writes, output contains reasoning.

The conventions ask for that, but several emitters pass on what their provider counts: Anthropic's and Bedrock's input
leaves cached tokens out, Gemini's output leaves its thoughts out.
"""

from functools import lru_cache
from typing import NamedTuple

from usage_graph.processor.marks import (
    EXCLUSIVE_OUTPUT_MODELS,
    EXCLUSIVE_OUTPUT_PROVIDERS,
    EXCLUSIVE_SCOPES,
    INCLUSIVE_PROVIDERS,
)
from usage_graph.usage import MAX_TOKENS


class Tokens(NamedTuple):
    """What one call used; ``None`` is unknown. ``cache_write_1h`` is the part of ``cache_write`` kept for an hour.

    ``suspect``: the counts contradict each other.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    suspect: bool = False

    @property
    def none_used(self) -> bool:
        """Measured, and none used."""
        return not self.input and not self.output and (self.input, self.output) != (None, None)


class Habits(NamedTuple):
    """What an emitter is known to do with the counts of its provider.

    ``excludes_cache``: leave cached tokens out of the input, unless it writes one of these keys; ``None``: it does not.
    ``counts_cache``: the provider's own counts include them. ``gemini``: the provider's own counts may leave reasoning
    out of the output.
    """

    excludes_cache: tuple[str, ...] | None
    counts_cache: bool
    gemini: bool


@lru_cache(4096)
def habits(scope: str, provider: str | None, model: str | None) -> Habits:
    """Those of ``marks.EXCLUSIVE_SCOPES`` and the providers beside it."""
    claude = model is not None and "claude" in model
    emitter = next(
        (rule for rule in EXCLUSIVE_SCOPES if scope == rule.scope or scope.startswith(rule.scope + ".")), None
    )
    of_them = emitter is not None and (not emitter.providers or provider in emitter.providers or claude)
    return Habits(
        emitter.unless if emitter is not None and of_them else None,
        provider in INCLUSIVE_PROVIDERS and not claude,
        provider in EXCLUSIVE_OUTPUT_PROVIDERS
        or (model is not None and any(name in model for name in EXCLUSIVE_OUTPUT_MODELS)),
    )


def written(cache_write: int | None, kept_5m: int | None, kept_1h: int | None) -> tuple[int | None, int | None, bool]:
    """Cache writes, those of them kept for an hour, and whether the counts by lifetime contradict their sum.

    Without a sum that says something it is that of the lifetimes.
    """
    lasting = (kept_5m or 0) + (kept_1h or 0)
    if lasting and not cache_write:
        return (lasting, kept_1h, False) if lasting <= MAX_TOKENS else (None, None, True)
    return cache_write, kept_1h, lasting > (cache_write or 0)


def inclusive(
    reported: Tokens,
    *,
    total: int | None,
    excludes_cache: bool,
    gemini: bool,
    excludes_reasoning: bool = False,
    counts_cache: bool = False,
) -> Tokens:
    """``reported`` with inclusive input and output. ``total`` only tells what the parts include; it is never counted.

    Input leaves cache out if cache is more than it, if the emitter is known for it, or if only so the parts make
    ``total``. Output leaves reasoning out if the emitter is known for it, and in Gemini's shape if reasoning is more
    than it or if only so the parts make ``total``. Elsewhere reasoning is cut to the output it is part of: output is
    what is billed. A sum that no call can have used is unknown, with its parts.

    ``cache_read + cache_write <= input`` and ``reasoning <= output`` hold afterwards wherever both sides are known. The
    result is suspect where one part is more than its whole and nothing explains that (``counts_cache``: the provider
    does not), and where ``total`` is none that these parts can make.
    """
    used, output, read, write, hour, reasoning, suspect = reported
    total = total or None
    cached = (read or 0) + (write or 0)
    suspect = suspect or not _makes_sense(reported, cached, total, gemini=gemini)
    if used is not None and cached:
        # Where as many tokens were thought as were cached, Gemini's total is that of thoughts beside the output.
        summed = output is not None and total == used + cached + output and not (gemini and reasoning == cached)
        told = excludes_cache or summed
        if told or cached > used:
            suspect = suspect or (counts_cache and not told)
            used += cached
            if used > MAX_TOKENS:
                used = read = write = None
                suspect = True
    if output is not None and reasoning:
        apart = used is not None and total == used + output + reasoning
        if (excludes_reasoning and (used is None or total != used + output)) or (
            gemini and (reasoning > output or apart)
        ):
            output += reasoning
        elif reasoning > output:
            reasoning, suspect = output, True
        if output > MAX_TOKENS:
            output = reasoning = None
            suspect = True
    if hour is not None and hour > (write or 0):
        hour = write or 0
    return Tokens(used, output, read, write, hour, reasoning, suspect)


def _makes_sense(reported: Tokens, cached: int, total: int | None, *, gemini: bool) -> bool:
    """Whether ``total`` is one of the sums that emitters make of these parts, or unknown.

    Gemini's may hold more: the prompts of its own tools.
    """
    if total is None or reported.input is None or reported.output is None:
        return True
    more = total - reported.input - reported.output
    if more == 0:
        return True
    reasoning = reported.reasoning or 0
    parts = (reported.cache_read or 0, reported.cache_write or 0, cached, reasoning, cached + reasoning)
    return more in parts or (gemini and more > 0)
