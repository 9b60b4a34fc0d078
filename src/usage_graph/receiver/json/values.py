"""Values of OTLP's JSON mapping: attributes, numbers, enums and ids."""

from base64 import b64decode
from binascii import unhexlify
from collections.abc import Callable, Mapping, Sequence

from msgspec import Raw
from msgspec.json import Decoder

from usage_graph.processor.values import MAX_DOCUMENT, AttributeValue
from usage_graph.receiver.json.documents import AnyValue, Attribute, Number, Text
from usage_graph.receiver.request import Unreadable

_any_value = Decoder(AnyValue | None)
_text = Decoder(Text | None)


def pick(attributes: Sequence[Attribute] | None, wanted: frozenset[str]) -> dict[str, Raw]:
    return {attribute.key: attribute.value for attribute in attributes or () if attribute.key in wanted}


def values(picked: Mapping[str, Raw]) -> dict[str, AttributeValue]:
    """Raises: ValueError, OverflowError, RecursionError: one of them does not follow OTLP/JSON."""
    return {key: value(raw) for key, raw in picked.items()}


def value(raw: Raw) -> AttributeValue:
    """An ``AnyValue``; of one that is long only a text is read. Raises: as ``values``."""
    return _unwrap(_any_value.decode(raw)) if memoryview(raw).nbytes <= MAX_DOCUMENT else text(raw)


def text(raw: Raw) -> str | None:
    """The text that an ``AnyValue`` is, else ``None``. Raises: as ``values``."""
    found = _text.decode(raw)
    return found.string_value if found else None


def _unwrap(value: AnyValue | None) -> AttributeValue:
    """Nothing set, and a number that cannot be read, is ``None``. Raises: ValueError: what should be base64 is none."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return readable(integer, value.int_value)
    if value.double_value is not None:
        return readable(float, value.double_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.array_value is not None:
        return [_unwrap(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {item.key or "": _unwrap(item.value) for item in value.kvlist_value.values or ()}
    if value.bytes_value is not None:
        return b64decode(value.bytes_value, validate=True)
    return None


def readable(read: Callable[[int | float | str], int | float], value: Number) -> int | float | None:
    """A measured number; what is none is unknown, and no reason to lose the call."""
    if value is None:
        return None
    try:
        return read(value)
    except (ValueError, OverflowError):
        return None


def integer(value: Number) -> int:
    """A 64-bit integer: a number, or a string that holds one. Absent is 0. Raises: ValueError, OverflowError."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        return int(value)
    return int(value) if value else 0


def enum(value: int | str | None, names: Mapping[str, int]) -> int:
    """An enum's number; 0, which stands for unspecified in OTLP, where it is absent or has an unknown name."""
    return value if isinstance(value, int) else names.get(value or "", 0)


def identifier(value: str | None) -> bytes:
    """A trace's or a span's id. Raises: Unreadable: it is not hexadecimal."""
    try:
        return unhexlify(value or "")
    except ValueError:
        raise Unreadable("has an id that is not hexadecimal") from None
