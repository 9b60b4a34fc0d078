"""What agents and metrics count, made inclusive, as ``tokens`` does for spans; but here it is known who counts how."""

from typing import NamedTuple

from usage_graph.processor.tokens import Tokens, inclusive
from usage_graph.usage import MAX_TOKENS


class Tally(NamedTuple):
    """Token counts as they were sent; ``None`` is unknown.

    ``apart`` are input tokens that ``input`` may leave out (what Gemini's tools put into the prompt). ``total`` is
    never counted: it tells what is in what.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    apart: int | None = None
    total: int | None = None

    def used(self, *, excludes_cache: bool, excludes_thoughts: bool) -> Tokens:
        """Inclusive tokens.

        ``excludes_cache``: the input leaves cached tokens out. ``excludes_thoughts``: so does the output with
        reasoning, unless the total says otherwise. What is ``apart`` is added if the total says so.
        """
        used, output, read, write, reasoning = map(_believed, self[:5])
        if used is not None and self.apart and self.total is not None:
            more = self.total - used - (output or 0)
            if more == self.apart + (reasoning or 0) or (more == self.apart and more != reasoning):
                used += self.apart
        return inclusive(
            Tokens(used, output, read, write, None, reasoning),
            total=self.total,
            excludes_cache=excludes_cache,
            excludes_reasoning=excludes_thoughts,
            gemini=excludes_thoughts,
            counts_cache=not excludes_cache,
        )


def _believed(count: int | None) -> int | None:
    return count if count is None or count <= MAX_TOKENS else None
