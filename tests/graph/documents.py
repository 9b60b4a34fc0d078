"""Hypothesis strategies of documents: whatever can be asked of the schema, rightly or wrongly, in any way."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st

from usage_graph.graph.schema import schema

_DEPTH = 5
_FIELDS = ("usage", "usage", "usage", "ingestHealth", "node")
"""Of a query: what is asked for most is met most. Administration is another test's."""

_LITERALS = {
    "WindowInput": [
        '{ last: "P30D" }',
        '{ last: "P60D" }',
        "{ period: THIS_MONTH }",
        '{ between: { from: "2026-03-20T07:00:00+02:00", to: "2026-04-01T00:00:00Z" } }',
        '{ between: { from: "2026-04-01T00:00:00Z", to: "2026-03-01T00:00:00Z" } }',
        "$window",
        "$window",
    ],
    "TimeZone": ['"UTC"', '"Asia/Kathmandu"', "$zone"],
    "UsageFilter": [
        "null",
        "{ status: [OK], agent: { isNull: false } }",
        '{ source: { in: $sources }, or: [{ search: "GPT" }, { model: { startsWith: "g" } }] }',
        '{ not: { attributes: [{ key: "team", value: { eq: "team-1" } }] } }',
        '{ attributes: [{ key: "nobody", value: { eq: "b" } }] }',
        "$filter",
    ],
    "Int": ["3", "1", "0", "7", "101", "-1", "$count"],
    "String": ['"a"', '"feature"', "null", "$text"],
    "RecordOrder": ["{ field: COST, direction: ASC }", "{}", "null"],
    "ConversationOrder": ["{ field: TOKENS }", "{ direction: ASC }", "null"],
    "ID": ['"nobody"'],
}
_CURSORS = ("after", "before")
"""Arguments that are left out: nearly all texts are none, and others are refused for the same reason."""

_VARIABLES = {
    "window": 'WindowInput! = { last: "P20D" }',
    "zone": 'TimeZone! = "UTC"',
    "sources": "[String!]",
    "filter": "UsageFilter",
    "count": "Int! = 4",
    "text": "String",
    "yes": "Boolean! = true",
    "no": "Boolean = false",
}
_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "window": st.sampled_from(
            [
                {"last": "P45D"},
                {"period": "LAST_MONTH"},
                {"between": {"from": "2026-03-25T00:00:00Z", "to": "2026-04-10T12:00:00Z"}},
                {"last": "yesterday"},
                {"last": "P1D", "period": "TODAY"},
                {},
                None,
            ]
        ),
        "zone": st.sampled_from(["Europe/Berlin", "Mars/Olympus", None, 3]),
        "sources": st.sampled_from([[], ["chat"], "chat", None, [None]]),
        "filter": st.sampled_from([None, {}, {"search": "gpt"}, {"and": [{"status": "OK"}]}, {"colour": "red"}]),
        "count": st.sampled_from([2, 5, 1000, "2", None]),
        "text": st.sampled_from([None, "feature", "", 7]),
        "yes": st.sampled_from([True, False, None]),
        "no": st.sampled_from([True, False]),
    },
)


class Document(NamedTuple):
    text: str
    variables: dict[str, Any]


class _Writer:
    """Writes one document. ``choose`` draws one of several."""

    def __init__(self, choose: Callable[[list[Any]], Any]) -> None:
        self._choose = choose
        self._aliases = 0
        self.fragments: list[str] = []

    def selection(self, type_: GraphQLObjectType, depth: int) -> str:
        return f"{{ {' '.join(self._piece(type_, depth) for _ in range(self._choose([1, 2, 3])))} }}"

    def _piece(self, type_: GraphQLObjectType, depth: int) -> str:
        kind = self._choose(["field"] * 7 + ["inline", "typed", "named"])
        if kind == "inline":
            return f"...{self._directive()} {self.selection(type_, depth)}"
        if kind == "typed":
            return f"... on {type_.name}{self._directive()} {self.selection(type_, depth)}"
        if kind == "named" and len(self.fragments) < 3:
            place = len(self.fragments)
            self.fragments.append("")
            self.fragments[place] = f"fragment F{place} on {type_.name} {self.selection(type_, depth)}"
            return f"...F{place}{self._directive()}"
        return self._field(type_, depth)

    def _field(self, type_: GraphQLObjectType, depth: int) -> str:
        names = [*(_FIELDS if type_.name == "Query" else type_.fields), "__typename"]
        if not depth:
            names = [name for name in names if name == "__typename" or _is_leaf(type_.fields[name])]
        name = self._choose(names)
        if name == "__typename":
            return f"{self._alias()}{name}{self._directive()}"
        field = type_.fields[name]
        below = get_named_type(field.type)
        alias = self._alias(always=bool(field.args))
        selection = self.selection(below, depth - 1) if isinstance(below, GraphQLObjectType) else ""
        if name == "node":
            selection = "{ __typename id }"
        return f"{alias}{name}{self._arguments(field)}{self._directive()} {selection}"

    def _alias(self, *, always: bool = False) -> str:
        if self._aliases >= 25 or not (always or self._choose([True, False, False, False])):
            return ""
        self._aliases += 1
        return f"a{self._aliases}: "

    def _arguments(self, field: GraphQLField) -> str:
        given = [
            f"{name}: {self._value(argument)}"
            for name, argument in field.args.items()
            if name not in _CURSORS and (is_required_argument(argument) or self._choose([True, False, False]))
        ]
        return f"({', '.join(given)})" if given else ""

    def _value(self, argument: GraphQLArgument) -> str:
        type_: GraphQLNamedType = get_named_type(argument.type)
        if isinstance(type_, GraphQLEnumType):
            return str(self._choose(list(type_.values)))
        return str(self._choose({"Boolean": ["true"], **_LITERALS}[type_.name]))

    def _directive(self) -> str:
        return str(
            self._choose(
                [""] * 9 + [" @include(if: $yes)", " @skip(if: $no)", " @skip(if: false)", " @include(if: false)"]
            )
        )


def _is_leaf(field: GraphQLField) -> bool:
    return is_leaf_type(get_named_type(field.type))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A query with variables. Often a right one; else wrong in its text, its variables, or what it asks for."""
    writer = _Writer(lambda choices: draw(st.sampled_from(choices)))
    root = schema._schema.query_type
    assert root is not None
    body = f"{writer.selection(root, _DEPTH)} {' '.join(writer.fragments)}"
    # One that is declared and not used is an error.
    used = set(re.findall(r"\$(\w+)", body))
    declared = [f"${name}: {type_}" for name, type_ in _VARIABLES.items() if name in used]
    head = f"({', '.join(declared)})" if declared else ""
    return Document(f"query {head} {body}", draw(_VALUES))
