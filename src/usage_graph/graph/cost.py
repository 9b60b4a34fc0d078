"""What an operation costs, estimated from its document and its variables before anything is asked of the database.

The unit is an entry of the answer: a point of a series (once for the whole and once for each group), a group, a
consumer, a record. A question to the database is worth ``weights.QUESTION`` of them: the database needs for one about
as long as the server does for writing so many entries. What is asked of each entry of a list counts as often as the
list is long. The estimate is an upper bound: lists are taken to be as long as they may be, and fields that share an
answer count each.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableValues,
    get_argument_values,
    get_directive_values,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    get_variable_values,
    is_list_type,
)
from strawberry.extensions import SchemaExtension

from usage_graph.errors import QueryError
from usage_graph.graph.inputs import BetweenInput, WindowInput
from usage_graph.graph.types import UsageTotals
from usage_graph.graph.weights import QUESTION, WEIGHTS, Asked, Weight
from usage_graph.window import Window

_FREE = Weight("answers with what others have asked")
_WINDOW = WindowInput.__name__


class CostedOperations(SchemaExtension):
    """Has the operation's budget pay for it once it is known to be valid, and refuses it where that cannot."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if not context.pre_execution_errors:
            assert context.graphql_document is not None  # noqa: S101 (it is parsed)
            try:
                context.context.budget.spend(
                    estimate(
                        context.schema._schema,
                        context.graphql_document,
                        context.operation_name,
                        context.variables or {},
                        context.context.now,
                    )
                )
            except QueryError as error:
                context.pre_execution_errors = [GraphQLError(str(error), original_error=error)]
        yield


def estimate(
    schema: GraphQLSchema, document: DocumentNode, name: str | None, variables: Mapping[str, Any], now: datetime
) -> int:
    """The points that the operation ``name`` of a valid ``document`` costs at most; 0 where ``variables`` are wrong."""
    operation = get_operation_ast(document, name)
    assert operation is not None  # noqa: S101 (its name was checked before)
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(values, list):
        return 0  # execution begins with refusing them
    root = schema.get_root_type(operation.operation)
    found = _Walk(schema, document, values, now).sum(operation.selection_set, root, None)
    return found.once + found.each


class _Sum(NamedTuple):
    """Points of a selection: those that count ``once``, and those that count for ``each`` entry of a list above it.

    ``times``: latencies are selected, which are one more question of the field that answers the totals.
    """

    once: int = 0
    each: int = 0
    times: bool = False

    def plus(self, other: "_Sum") -> "_Sum":
        return _Sum(self.once + other.once, self.each + other.each, self.times or other.times)


class _Walk:
    """Through one operation, with its variables. Each fragment is summed up once for each window it is about."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: VariableValues, now: datetime) -> None:
        self._schema = schema
        self._variables = variables
        self._now = now
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        totals = schema.get_type(UsageTotals.__name__)
        assert isinstance(totals, GraphQLObjectType)  # noqa: S101 (it is ours)
        self._latency = totals.fields["latency"]
        self._known: dict[tuple[str, Window | None], _Sum] = {}

    def sum(self, selections: SelectionSetNode | None, parent: object, window: Window | None) -> _Sum:
        found = _Sum()
        for node in selections.selections if selections else ():
            if self._is_left_out(node):
                continue
            if isinstance(node, FieldNode):
                found = found.plus(self._field(node, parent, window))
            elif isinstance(node, InlineFragmentNode):
                on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                found = found.plus(self.sum(node.selection_set, on, window))
            elif isinstance(node, FragmentSpreadNode):
                found = found.plus(self._fragment(node.name.value, window))
        return found

    def _fragment(self, name: str, window: Window | None) -> _Sum:
        if (name, window) not in self._known:
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name, window] = self.sum(fragment.selection_set, on, window)
        return self._known[name, window]

    def _field(self, node: FieldNode, parent: object, window: Window | None) -> _Sum:
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)  # noqa: S101 (validation has seen to it)
        field = parent.fields.get(node.name.value)
        if field is None:
            return _Sum()  # introspection: answered from the schema
        if field is self._latency:
            return _Sum(times=True)
        weight = WEIGHTS.get(f"{parent.name}.{node.name.value}", _FREE)
        arguments = self._arguments(field, node)
        if "window" in field.args and get_named_type(field.args["window"].type).name == _WINDOW:
            window = _window(arguments, self._now)
        below = self.sum(node.selection_set, get_named_type(field.type), window)
        if is_list_type(get_nullable_type(field.type)):
            below = _Sum(0, below.once + below.each, below.times)
        if weight.points and below.times:
            below = _Sum(below.once + QUESTION, below.each)
        if weight.entries is None:
            return _Sum(weight.points).plus(below)
        entries = 0 if arguments is None else max(0, weight.entries(Asked(arguments, window)))
        return _Sum(weight.points + entries + below.once + entries * below.each)

    def _arguments(self, field: GraphQLField, node: FieldNode) -> dict[str, Any] | None:
        """``None`` where they are wrong: then the field is refused when its turn comes."""
        try:
            return get_argument_values(field, node, self._variables)
        except GraphQLError:
            return None

    def _is_left_out(self, node: SelectionNode) -> bool:
        for directive, leaves_out in ((GraphQLSkipDirective, True), (GraphQLIncludeDirective, False)):
            values = get_directive_values(directive, node, self._variables)
            if values is not None and values["if"] is leaves_out:
                return True
        return False


def _window(arguments: dict[str, Any] | None, now: datetime) -> Window | None:
    """The window that a field's arguments say; ``None`` where they say none: the field is refused then."""
    if arguments is None:
        return None
    said = arguments["window"]
    between = said.get("between")
    wanted = WindowInput(
        last=said.get("last"),
        period=said.get("period"),
        between=between and BetweenInput(from_=between["from"], to=between["to"]),
    )
    try:
        return wanted.resolve(arguments.get("timezone", UTC), now)
    except QueryError:
        return None
