"""What is looked for in the bytes of a part before more of it is read: whatever looks like a token count, and events
that tell of a first token.
"""

import re

MARK = b"oken"
"""Is in the bytes of whatever has such an attribute: looked for first, as it costs next to nothing."""

FIRST_TOKEN_EVENTS = frozenset(
    {b"First Token Stream Event", b"gen_ai.content.completion.chunk", b"llm.content.completion.chunk"}
)
"""Span events that OpenInference and Traceloop add when the first piece of an answer comes, or each."""
_FIRST_TOKEN, _CHUNK = b"First Token Stream Event", b"content.completion.chunk"

_GEN_AI, _OPENINFERENCE = b"gen_ai.", b"openinference."

_COUNT = re.compile(
    r"(?=.*token)(?=.*(?:input|output|prompt|completion))(?!.*(?:max|limit|budget|cost|price|per_))", re.DOTALL
)
_MAX_KEY = 256


def tells_of_first_token(raw: bytes) -> bool:
    """Whether the bytes of a span, in either encoding, hold the name of one of ``FIRST_TOKEN_EVENTS``."""
    return _FIRST_TOKEN in raw or _CHUNK in raw


def is_likely_call(raw: bytes) -> bool:
    """Whether the bytes of a span are probably those of a call: a guess that only says what to try first."""
    return _GEN_AI in raw or _OPENINFERENCE in raw


def is_token_count(key: str) -> bool:
    """Whether ``key`` reads like a count of tokens of the prompt or of the answer, and not like a bound or a price."""
    return "oken" in key and len(key) <= _MAX_KEY and _COUNT.match(key.lower()) is not None
