"""Lone surrogates: JavaScript writes them for text that was cut inside an emoji, and JSON's readers choke on them."""

import re

_SURROGATE = re.compile(
    rb"(?<!\\)(\\++)u(?:([dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[dD][c-fC-F][0-9a-fA-F]{2})"
)


def mend(body: bytes) -> bytes:
    r"""``body`` with each lone surrogate escape replaced by ``\ufffd``: one would make all of it unreadable."""
    return _SURROGATE.sub(_mend, body)


def _mend(match: re.Match[bytes]) -> bytes:
    slashes, high, low = match.groups()
    if len(slashes) % 2 == 0:  # an escaped backslash, then the letter u: text; only what follows may be an escape
        return match[0].removesuffix(low) + rb"\ufffd" if low else match[0]
    return match[0] if high and low else slashes + b"ufffd"
