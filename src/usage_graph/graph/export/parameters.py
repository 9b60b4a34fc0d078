"""What an export is asked for: the parameters of its URL, as variables of the GraphQL question that it stands for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from starlette.datastructures import QueryParams

from usage_graph.errors import BadWindow, QueryError
from usage_graph.graph.export.formats import Format
from usage_graph.graph.scalars import write_date_time

MAX_FILTER = 32_000
OF_ALL = ("format", "last", "period", "from", "to", "timezone", "filter", "formulas")
"""The parameters that every table has."""


class Table(StrEnum):
    """What is exported."""

    RECORDS = "records"
    CONVERSATIONS = "conversations"
    SERIES = "series"


OF_TABLE: dict[Table, dict[str, Callable[[str], Any]]] = {
    Table.RECORDS: {},
    Table.CONVERSATIONS: {"search": str},
    Table.SERIES: {"bucket": str, "by": str, "attribute": str, "metric": str, "top": int},
}
"""The arguments of each table's own, and how they are read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``variables`` are those of the GraphQL question. ``guard``: texts that look like formulas are made harmless."""

    table: Table
    format: Format
    guard: bool
    variables: dict[str, Any]


def read(table: Table, parameters: QueryParams, now: datetime) -> Asked:
    """The question that ``parameters`` ask, which GraphQL has yet to check.

    Raises:
        QueryError: there are such as there are not, some twice, or some that cannot be read.
    """
    own = OF_TABLE[table]
    known = (*OF_ALL, *own)
    for name, value in parameters.multi_items():
        if name not in known:
            raise QueryError(f"{name[:50]!r} is no parameter of an export of {table}: there are {', '.join(known)}.")
        if len(parameters.getlist(name)) > 1:
            raise QueryError(f"`{name}` is there twice: say it once.")
        if not value:
            raise QueryError(f"`{name}` is empty: give it a value, or leave it out.")
    format_ = _one_of("format", parameters, {format_.value: format_ for format_ in Format}, Format.CSV)
    guard = _one_of("formulas", parameters, {"escape": True, "keep": False}, True)
    if "formulas" in parameters and format_ is not Format.CSV:
        raise QueryError("`formulas` is for csv: in other formats no text is taken for a formula.")
    variables: dict[str, Any] = {"window": _window(parameters, now)}
    if "timezone" in parameters:
        variables["timezone"] = parameters["timezone"]
    if "filter" in parameters:
        variables["filter"] = _filter(parameters["filter"])
    for name, convert in own.items():
        if name in parameters:
            variables[name] = _converted(name, parameters[name], convert)
    return Asked(table, format_, guard, variables)


def _one_of(name: str, parameters: QueryParams, choices: dict[str, Any], default: Any) -> Any:
    value = parameters.get(name)
    if value is None:
        return default
    if value not in choices:
        raise QueryError(f"`{name}` is {value[:50]!r}: it may be {' or '.join(choices)}.")
    return choices[value]


def _converted(name: str, value: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(value)
    except ValueError:
        raise QueryError(f"`{name}` is {value[:50]!r}: write a whole number.") from None


def _window(parameters: QueryParams, now: datetime) -> dict[str, Any]:
    """GraphQL's ``WindowInput``."""
    given = [name for name in ("last", "period", "from") if name in parameters]
    if len(given) != 1 or ("to" in parameters and given != ["from"]):
        raise BadWindow(
            "Of which time? Say one of last=P30D, period=THIS_MONTH, and from=2026-03-01T00:00:00Z with or without a "
            "`to`."
        )
    (name,) = given
    if name != "from":
        return {name: parameters[name]}
    to = parameters.get("to")
    return {
        "between": {"from": _instant(parameters["from"]), "to": write_date_time(now) if to is None else _instant(to)}
    }


def _instant(text: str) -> str:
    """``text`` with the plus of its offset, which a URL says as %2B, and which is a space where it says it as +."""
    return f"{text[:-6]}+{text[-5:]}" if text[-6:-5] == " " else text


def _filter(text: str) -> dict[str, Any]:
    """GraphQL's ``UsageFilter``, as JSON."""
    if len(text) > MAX_FILTER:
        raise QueryError(f"`filter` may have at most {MAX_FILTER} characters, not {len(text)}.")
    try:
        found = orjson.loads(text)
    except (ValueError, RecursionError) as error:
        raise QueryError(f"`filter` is not JSON ({error}).") from None
    if not isinstance(found, dict):
        raise QueryError(
            '`filter` must be an object like GraphQL\'s UsageFilter, such as {"agent": {"eq": "support"}}.'
        )
    return found
