"""The labels a call can carry, and how they become span attributes.

The server reads ``usage_graph.<label>`` before any other convention's attribute for the same thing.
"""

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "usage_graph."


def storable_text(what: str, value: object) -> str:
    """``value`` as an exact ``str`` that can be put on the wire.

    An enum member whose type is also ``str`` becomes its value. A lone surrogate becomes ``?``: protobuf cannot encode
    it, and the exporter would lose the whole batch of spans for it.

    Raises:
        TypeError: ``value`` is not a string. Nothing is converted: ``str(None)`` and ``str(object)`` make labels that
            nobody meant.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {type(value).__name__}; convert it first if its text is meant.")
    return str.__str__(value).encode("utf-8", "replace").decode()


def label_attributes(function: str, labels: Mapping[str, str | None]) -> dict[str, str]:
    """The span attributes of ``labels``; those that are ``None`` or empty are left out.

    Raises:
        TypeError: a label is neither ``None`` nor a string; the message names ``function`` and the argument.
    """
    return {
        PREFIX + name: text
        for name, value in labels.items()
        if value is not None and (text := storable_text(f"{function}({name}=...)", value))
    }
