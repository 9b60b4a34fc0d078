"""How scalars and enums get into an answer: as Python expressions, which cost less than a call for each value.

Each is for values of the classes that are usual. For any other it calls what GraphQL itself writes the type with.
Instants stay as they are where they are in UTC: whoever encodes the answer writes them as ``scalars`` does.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLEnumType, GraphQLLeafType, GraphQLScalarType, Undefined

from usage_graph.graph.arguments import Unplanned
from usage_graph.graph.scalars import MAX_SAFE_INTEGER
from usage_graph.graph.types import AS_STORED
from usage_graph.usage import Totals

_TEXT = "({v} if {v}.__class__ is str else {write}({v}))"
_USUAL = {
    "String": _TEXT,
    "ID": _TEXT,
    "Boolean": "({v} if {v} is True or {v} is False else {write}({v}))",
    # not a number and infinity, less themselves, are not 0
    "Float": "({v} if {v}.__class__ is float and {v} - {v} == 0.0 else {write}({v}))",
    "BigInt": f"({{v}} if {{v}}.__class__ is int and -{MAX_SAFE_INTEGER} <= {{v}} <= {MAX_SAFE_INTEGER} "
    "else {write}({v}))",
    "DateTime": "({v} if {v}.__class__ is datetime and {v}.tzinfo is UTC else {write}({v}))",
}
"""By the name of the type: the value is ``v``, and ``write`` is what GraphQL writes it with."""

_DIGITS = 9
"""Of amounts, after the point."""

NAMES = {"datetime": datetime, "UTC": UTC}
"""What expressions know by name."""


class _Names(dict[Any, Any]):
    """Of the members of an enum, as they are met."""

    def __init__(self, write: Callable[[Any], Any]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, member: Any) -> Any:
        name = self[member] = self._write(member)
        return name


def expression(type_: GraphQLLeafType, value: str, name: Callable[[Any], str]) -> str:
    """The value of the variable ``value``, which is not null, as it is answered; ``name`` gives objects a name."""
    write = _writer(type_)
    if isinstance(type_, GraphQLEnumType):
        return f"{name(_Names(write))}[{value}]"
    return _USUAL.get(type_.name, "{write}({v})").format(v=value, write=name(write))


def _writer(type_: GraphQLScalarType | GraphQLEnumType) -> Callable[[Any], Any]:
    """Raises for everything that is not of the type, and ``Unplanned`` where nothing is left of it."""
    coerce = type_.coerce_output_value

    def write(value: Any) -> Any:
        written = coerce(value)
        if value is None or written is None or written is Undefined:
            raise Unplanned
        return written

    return write


def write_nano(nano: int) -> str:
    """As ``scalars.write_decimal`` writes so many 1e-9 units."""
    if nano < 0:
        return f"-{write_nano(-nano)}"
    digits = str(nano).rjust(_DIGITS + 1, "0")
    part = digits[-_DIGITS:].rstrip("0")
    return f"{digits[:-_DIGITS]}.{part}" if part else digits[:-_DIGITS]


def _cost(totals: Any) -> str | None:
    if totals.__class__ is not Totals:
        raise Unplanned
    cost = totals.known_cost_nano
    return None if cost is None else write_nano(cost)


def _credits(totals: Any) -> str:
    if totals.__class__ is not Totals:
        raise Unplanned
    return write_nano(totals.credits_nano)


def _record_cost(shown: Any) -> str | None:
    cost = shown.record.cost_nano
    return None if cost is None else write_nano(cost)


WRITTEN: dict[tuple[str, str], Callable[[Any], str | None]] = {
    ("UsageTotals", "cost"): _cost,
    ("UsageTotals", "credits"): _credits,
    ("UsageRecord", "cost"): _record_cost,
    ("UsageRecord", "credits"): lambda shown: write_nano(shown.record.credits_nano),
}
"""By type and field: what writes the field of an object without making a ``Decimal`` of it first."""


def attribute(type_name: str, field: str) -> str:
    """How a field of an object is reached that has no resolver."""
    return f"record.{field}" if type_name == "UsageRecord" and field in AS_STORED else field
