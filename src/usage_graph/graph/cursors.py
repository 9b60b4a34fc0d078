"""Opaque texts that clients hand back: page cursors and global ids.

Both are msgpack arrays in base64url. They are not signed: a forged one reaches nothing that its sender could not
ask for openly, since the project is never taken from them.
"""

import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec

from usage_graph.errors import BadCursor, BadWindow
from usage_graph.window import Window, between

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_IN_URLS = bytes.maketrans(b"+/", b"-_")
_encode = msgspec.msgpack.Encoder().encode

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Value = int | str | None
"""What a cursor says of a node's place in the order; numbers have 64 bits."""
Id = int | str
"""What a cursor says of the node itself."""

T = TypeVar("T", bound=msgspec.Struct)
K = TypeVar("K")


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    question: bytes
    start: Int64
    end: Int64
    value: Int64 | str | None
    id: Int64 | str


class _GlobalId(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    type: str
    started_at: Int64
    id: Int64


class _NamedId(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    type: str
    name: str


class Position(NamedTuple, Generic[K]):
    """Where a cursor points: between which instants its pages lie, and after or before which node."""

    window: Window
    key: K


def micros(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (at - _EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """Raises ``OverflowError`` outside the calendar."""
    return _EPOCH + timedelta(microseconds=micros)


def _write(content: msgspec.Struct) -> str:
    return binascii.b2a_base64(_encode(content), newline=False).translate(_IN_URLS, b"=").decode()


def _read(text: str, kind: type[T]) -> T:
    """Raises ``ValueError`` for everything that ``_write`` does not write."""
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    content = msgspec.msgpack.decode(binascii.a2b_base64(padded, strict_mode=True), type=kind)
    if _write(content) != text:
        raise ValueError("not the canonical form")
    return content


def fingerprint(*question: object) -> bytes:
    """Six bytes that tell one question from another: the same in every process, for dataclasses, enums and tuples."""
    encoded = msgspec.msgpack.encode(question, order="deterministic")
    return blake2b(encoded, digest_size=6).digest()


def write_cursor(question: bytes, window: Window, value: Value, id: Id) -> str:
    """``question`` is the fingerprint of the arguments under which the cursor is valid."""
    return _write(_Cursor(question, micros(window.start), micros(window.end), value, id))


def read_cursor(text: str, question: bytes, key: Callable[[Window, Value, Id], K]) -> Position[K]:
    """The position of a cursor that ``write_cursor`` wrote for the same question.

    ``key`` makes a key of what it holds; it raises ``ValueError`` for what no cursor of the list does.

    Raises:
        BadCursor: the text is no cursor, or belongs to another question.
    """
    try:
        cursor = _read(text, _Cursor)
        window = between(instant(cursor.start), instant(cursor.end))
        position = Position(window, key(window, cursor.value, cursor.id)) if cursor.question == question else None
    except (ValueError, OverflowError, msgspec.MsgspecError, BadWindow):
        raise BadCursor(
            "This is not a cursor of this API: pass on a `cursor`, `startCursor` or `endCursor` as it was answered, "
            "or leave it out to begin with the first page."
        ) from None
    if position is None:
        raise BadCursor(
            "This cursor belongs to another list: window, timezone, filter, order and project must be those of the "
            "page it came from. Leave it out to begin with the first page."
        )
    return position


def write_global_id(type_name: str, started_at: datetime, record_id: int) -> str:
    return _write(_GlobalId(type_name, micros(started_at), record_id))


def read_global_id(text: str, type_name: str) -> tuple[datetime, int] | None:
    """The start and the id of the record; ``None`` for every text that is no id of ``type_name``."""
    try:
        content = _read(text, _GlobalId)
        return (instant(content.started_at), content.id) if content.type == type_name else None
    except (ValueError, OverflowError, msgspec.MsgspecError):
        return None


def write_named_id(type_name: str, name: str) -> str:
    """The id of what is known by a name of its own."""
    return _write(_NamedId(type_name, name))


def read_named_id(text: str, type_name: str) -> str | None:
    """The name; ``None`` for every text that is no id of ``type_name``."""
    try:
        content = _read(text, _NamedId)
    except (ValueError, OverflowError, msgspec.MsgspecError):
        return None
    return content.name if content.type == type_name else None
