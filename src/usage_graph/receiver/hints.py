"""What hints at an LLM call where no rule knows one: attributes that look like token counts, whatever their names."""

import re

MARK = b"oken"
"""Is in the bytes of whatever has such an attribute: looked for first, as it costs next to nothing."""

_COUNT = re.compile(
    r"(?=.*token)(?=.*(?:input|output|prompt|completion))(?!.*(?:max|limit|budget|cost|price|per_))", re.DOTALL
)
_MAX_KEY = 256


def is_token_count(key: str) -> bool:
    """Whether ``key`` reads like a count of tokens of the prompt or of the answer, and not like a bound or a price."""
    return "oken" in key and len(key) <= _MAX_KEY and _COUNT.match(key.lower()) is not None
