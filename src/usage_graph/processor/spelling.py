"""The ways to write a model's name: gateways, clouds and SDKs each put something of their own around it."""

import re
from collections.abc import Iterator

_VENDORS = (
    "ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|"
    "stability|twelvelabs|writer|zai"
)
_VENDOR = re.compile(rf"(?:[a-z]{{2,6}}(?:-gov)?\.)?(?:{_VENDORS})\.")
_VERSION = re.compile(r"-v\d+(?::\d+)*$")
_VERSION_OF_BEDROCK = re.compile(r"-v\d+(?::\d+)+$")
_LENGTH = re.compile(r"\[\w+\]$")
_COMPACT_DATE = re.compile(r"-(20\d\d)([01]\d)([0-3]\d)(?=-|:|$)")
_DATE = re.compile(r"-20\d\d-[01]\d-[0-3]\d$")
_LATEST = "-latest"
_FINE_TUNED = "ft:"


def spellings(name: str) -> Iterator[str]:
    """``name`` in lower case as it is, then with less and less around it; each once.

    ``us.anthropic.claude-sonnet-4-5-20250929-v1:0``, ``openai/gpt-4o``, ``claude-sonnet-4-5@20250929``,
    ``claude-opus-4-6[1m]``, ``mistral-large-latest``. A fine-tuned model is never taken for the one it was made from:
    ``ft:gpt-4o-2024-08-06:acme::x`` becomes ``ft:gpt-4o`` at most. Each is followed by itself with dashes in its date.
    """
    seen: set[str] = set()
    for spelling in _less_and_less(name.strip().lower()):
        for written in (spelling, dashed(spelling)):
            if written and written not in seen:
                seen.add(written)
                yield written


def dashed(name: str) -> str:
    """``name`` with its date as ``2025-09-29``, which some write ``20250929``."""
    return _COMPACT_DATE.sub(r"-\1-\2-\3", name)


def _less_and_less(name: str) -> Iterator[str]:
    yield name
    while "/" in name:
        name = name.partition("/")[2]
        yield name
    plain, of_vendor = _VENDOR.subn("", _LENGTH.sub("", name), count=1)
    # Elsewhere `-v2` makes another model of it.
    plain = (_VERSION if of_vendor else _VERSION_OF_BEDROCK).sub("", plain)
    yield plain
    if plain.startswith(_FINE_TUNED):
        plain = ":".join(plain.split(":")[:2])
        yield plain
    yield plain.replace("@", "-")
    plain = plain.partition("@")[0]
    yield plain
    plain = _DATE.sub("", dashed(plain))
    yield plain
    yield plain.removesuffix(_LATEST)
