"""Ids that a provider gave to a response or a request: whoever saw the same one saw the same call."""

import re

from usage_graph.processor.values import AttributeValue, text

RESPONSE_PREFIXES = ("chatcmpl-", "cmpl-", "resp_", "msg_", "gen-")
"""OpenAI's chat, completions and responses APIs and those that are compatible, Anthropic, OpenRouter."""

REQUEST_PREFIXES = ("req_",)
"""Anthropic and OpenAI."""

_SHORTEST = 8
"""Characters after the prefix. Local servers hand out ids such as ``chatcmpl-842``, and each of them more than once."""


def _shape(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(map(re.escape, prefixes))}).{{{_SHORTEST}}}")


_RESPONSE, _REQUEST = _shape(RESPONSE_PREFIXES), _shape(REQUEST_PREFIXES)


def response_id(value: AttributeValue) -> str | None:
    """A response's id, if a provider made it: frameworks write ids of their own, mostly bare UUIDs, under the key."""
    return text(value) if type(value) is str and _RESPONSE.match(value) else None


def request_id(value: AttributeValue) -> str | None:
    """A request's id, if a provider made it."""
    return text(value) if type(value) is str and _REQUEST.match(value) else None


def bare_request_id(value: AttributeValue) -> str | None:
    """A request's id where whatever serves the model gives it, so that it may look like anything but a word."""
    found = text(value)
    return found if found is not None and len(found) >= _SHORTEST and any(map(str.isdigit, found)) else None
