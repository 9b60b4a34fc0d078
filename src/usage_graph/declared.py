"""Declared attributes: those whose values records keep, so that usage can be filtered and split by them.

Whoever runs the server names them; no other attribute reaches the database. Keys under which conventions put what
people wrote to models, or what models answered, are refused: such texts are never kept.
"""

import re

MAX_ATTRIBUTES = 20
MAX_KEY = 100

_CONTENT = frozenset(
    {
        "arg",
        "args",
        "argument",
        "arguments",
        "body",
        "choices",
        "completion",
        "completions",
        "content",
        "contents",
        "definitions",
        "description",
        "document",
        "documents",
        "events",
        "exception",
        "input",
        "inputs",
        "instruction",
        "instructions",
        "message",
        "messages",
        "msg",
        "output",
        "outputs",
        "parameters",
        "prompt",
        "prompts",
        "result",
        "results",
        "statement",
        "template",
        "text",
        "texts",
        "thinking",
        "toolcalls",
        "tools",
        "variables",
    }
)
"""Words of keys that hold content in some convention, such as ``gen_ai.input.messages`` or ``ai.response.text``."""
_ABOUT = frozenset(
    {
        "category",
        "code",
        "count",
        "format",
        "hash",
        "id",
        "key",
        "kind",
        "label",
        "language",
        "length",
        "level",
        "locale",
        "mode",
        "model",
        "name",
        "role",
        "size",
        "slug",
        "source",
        "status",
        "tag",
        "tokens",
        "type",
        "version",
    }
)
"""Last words of keys that hold something about it, such as ``gen_ai.prompt.name``."""
_CONTENT_KEYS = frozenset(
    {
        "ai.response.object",
        "ai.response.toolCalls",
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.data",
        "llm.anthropic.system",
        "metadata",
        "request_data",
        "response",
        "response_data",
    }
)
"""Keys of content that have no such word, or none that others could not have."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def read_keys(value: str) -> tuple[str, ...]:
    """The keys that ``value`` declares, separated by commas; each once, in their order.

    Raises:
        ValueError: one cannot be declared, or there are too many; says why, after the value itself.
    """
    keys = tuple(dict.fromkeys(key for part in value.split(",") if (key := part.strip())))
    if len(keys) > MAX_ATTRIBUTES:
        raise ValueError(f"names {len(keys)} attributes: at most {MAX_ATTRIBUTES} can be kept")
    for key in keys:
        if len(key) > MAX_KEY:
            raise ValueError(f"names {key[:20]!r}..., which has {len(key)} characters: a key has at most {MAX_KEY}")
        if not key.isprintable():
            raise ValueError(f"names {key!r}, which has characters that cannot be printed")
        if holds_content(key):
            raise ValueError(f"names {key!r}, a key of what people wrote or models answered: that is never kept")
    return keys


def holds_content(key: str) -> bool:
    """Whether conventions put prompts, answers, or what tools were given under ``key``."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or key in _CONTENT_KEYS:
        return key in _CONTENT_KEYS
    return words[-1] not in _ABOUT and not _CONTENT.isdisjoint(words)
