"""Ids for what has none on the wire: made of what is told, so that what is sent again is known again."""

from hashlib import blake2b
from typing import Any, NamedTuple


class MadeIds(NamedTuple):
    trace_id: bytes
    span_id: bytes


def ids_of(*values: Any) -> MadeIds:
    """A trace and a span id that stand for ``values``: text, numbers, ``None``, and tuples of them.

    They are equal for equal values, in every process and version of Python, and for no others.
    """
    digest = blake2b(repr(values).encode(errors="replace"), digest_size=24).digest()
    return MadeIds(digest[:16], digest[16:])
