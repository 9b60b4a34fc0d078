"""Attributes that are small numbers of tokens, read from their bytes: no two calls have the same, and all have some."""

from collections.abc import Callable, Mapping

from usage_graph.processor.recent import Entry

_KEY, _VALUE, _INT = b"\x0a", b"\x12", b"\x18"
"""The tags before a ``KeyValue``'s key and value, and before the latter's ``int_value``."""
_LONGEST = 3
"""Bytes of a varint that is read here: up to two million."""


def counter_of(keys: Mapping[str, tuple[int, int]]) -> Callable[[bytes], Entry | None]:
    """A function that reads an attribute of one of ``keys``, which are given with what they say (``recent.COUNTS``).

    It is for the one spelling that encoders use: key, value, nothing else. ``None``: it is another attribute or number,
    or spelled otherwise.
    """
    heads = {}
    for key, (position, rank) in keys.items():
        name = key.encode()
        for size in range(1, _LONGEST + 1):
            head = _KEY + bytes([len(name)]) + name + _VALUE + bytes([size + 1]) + _INT
            heads[head] = key, position, rank, size

    def count(raw: bytes) -> Entry | None:
        if len(raw) < 6:
            return None
        end = raw[1] + 5
        found = heads.get(raw[:end])
        if found is None:
            return None
        key, position, rank, size = found
        digits = int.from_bytes(raw[end:], "little")
        # All bytes of a varint but the last have their highest bit set, which is none of the number's.
        if len(raw) - end != size or digits & 0x808080 != 0x8080 >> 24 - 8 * size:
            return None
        number = digits & 0x7F | digits >> 1 & 0x3F80 | digits >> 2 & 0x1FC000
        return key, number, position, rank, number, ()

    return count
