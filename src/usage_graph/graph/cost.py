"""What an operation costs, estimated from its document and its variables before anything is asked of the database.

The unit is an entry of the answer: a point of a series (once for the whole and once for each group), a group, a
consumer, a record. A question to the database is worth ``weights.QUESTION`` of them: the database needs for one about
as long as the server does for writing so many entries. What is asked of each entry of a list counts as often as the
list is long. The estimate is an upper bound: lists are taken to be as long as they may be, and fields that share an
answer count each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLDirective,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
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
        # What was begun by its plan has paid already.
        if not context.pre_execution_errors and context.context.budget.requested is None:
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
    return Bill(schema, document, operation).points(values, now)


class _Sum(NamedTuple):
    """Points of a selection: those that count ``once``, and those that count for ``each`` entry of a list above it.

    ``times``: latencies are selected, which are one more question of the field that answers the totals.
    """

    once: int = 0
    each: int = 0
    times: bool = False

    def plus(self, other: "_Sum") -> "_Sum":
        return _Sum(self.once + other.once, self.each + other.each, self.times or other.times)


_TIMES = _Sum(times=True)


@dataclass(slots=True)
class _Item:
    """A part of a selection that costs something, or leads to one that does. ``below``: the parts of it that do.

    A ``field`` is asked for at ``node``; without one it is a fragment. ``arguments``: where no variable is in them.
    """

    node: SelectionNode
    below: "list[_Item]"
    field: GraphQLField | None = None
    weight: Weight = _FREE
    arguments: dict[str, Any] | None = None
    is_constant: bool = False
    is_list: bool = False
    is_latency: bool = False
    says_window: bool = False
    directives: tuple[tuple[GraphQLDirective, bool], ...] = ()


class Bill:
    """What one operation of a valid document costs, whatever its variables: what costs nothing is left out."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        totals = schema.get_type(UsageTotals.__name__)
        assert isinstance(totals, GraphQLObjectType)  # noqa: S101 (it is ours)
        self._latency = totals.fields["latency"]
        self._known: dict[str, list[_Item]] = {}
        self._items = self._selection(operation.selection_set, schema.get_root_type(operation.operation))
        del self._known

    def points(self, variables: VariableValues, now: datetime) -> int:
        """With these coerced variables, at the instant ``now``."""
        found = _Walk(variables, now).sum(self._items, None)
        return found.once + found.each

    def _selection(self, selections: SelectionSetNode | None, parent: object) -> list[_Item]:
        items = (self._item(node, parent) for node in (selections.selections if selections else ()))
        return [item for item in items if item is not None]

    def _item(self, node: SelectionNode, parent: object) -> _Item | None:
        if isinstance(node, FieldNode):
            item = self._field(node, parent)
        elif isinstance(node, InlineFragmentNode):
            on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
            item = _Item(node, self._selection(node.selection_set, on))
        elif isinstance(node, FragmentSpreadNode):
            item = _Item(node, self._fragment(node.name.value))
        else:
            return None
        if item is None or not (item.below or item.weight is not _FREE or item.is_latency):
            return None
        item.directives = tuple(
            (directive, leaves_out)
            for directive, leaves_out in ((GraphQLSkipDirective, True), (GraphQLIncludeDirective, False))
            if any(one.name.value == directive.name for one in node.directives or ())
        )
        return item

    def _fragment(self, name: str) -> list[_Item]:
        """Each once: a chain of fragments that doubles at every link costs nothing."""
        if name not in self._known:
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selection(fragment.selection_set, on)
        return self._known[name]

    def _field(self, node: FieldNode, parent: object) -> _Item | None:
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)  # noqa: S101 (validation has seen to it)
        field = parent.fields.get(node.name.value)
        if field is None:
            return None  # introspection: answered from the schema
        if field is self._latency:
            return _Item(node, [], field, is_latency=True)
        item = _Item(
            node,
            self._selection(node.selection_set, get_named_type(field.type)),
            field,
            WEIGHTS.get(f"{parent.name}.{node.name.value}", _FREE),
            is_constant=not any(has_variable(one.value) for one in node.arguments or ()),
            is_list=is_list_type(get_nullable_type(field.type)),
            says_window="window" in field.args and get_named_type(field.args["window"].type).name == _WINDOW,
        )
        if item.is_constant and item.weight.entries is not None:
            item.arguments = _arguments(field, node, None)
        return item


def has_variable(value: ValueNode) -> bool:
    """Whether a variable is in ``value``."""
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(map(has_variable, value.values))
    return isinstance(value, ObjectValueNode) and any(has_variable(field.value) for field in value.fields)


class _Walk:
    """Through one bill, with variables. Each fragment is summed up once for each window it is about."""

    def __init__(self, variables: VariableValues, now: datetime) -> None:
        self._variables = variables
        self._now = now
        self._known: dict[tuple[int, int | None], _Sum] = {}
        self._windows: dict[int, Window | None] = {}

    def sum(self, items: list[_Item], about: _Item | None) -> _Sum:
        """Of a selection in the window that the field ``about`` says."""
        found = _Sum()
        for item in items:
            if item.directives and self._is_left_out(item):
                continue
            if item.field is not None:
                found = found.plus(self._field(item, about))
            elif isinstance(item.node, FragmentSpreadNode):
                found = found.plus(self._fragment(item.below, about))
            else:
                found = found.plus(self.sum(item.below, about))
        return found

    def _fragment(self, items: list[_Item], about: _Item | None) -> _Sum:
        key = id(items), None if about is None else id(about)
        if key not in self._known:
            self._known[key] = self.sum(items, about)
        return self._known[key]

    def _field(self, item: _Item, about: _Item | None) -> _Sum:
        if item.is_latency:
            return _TIMES
        weight = item.weight
        below = self.sum(item.below, item if item.says_window else about) if item.below else _Sum()
        if item.is_list:
            below = _Sum(0, below.once + below.each, below.times)
        if weight.points and below.times:
            below = _Sum(below.once + QUESTION, below.each)
        if weight.entries is None:
            return _Sum(weight.points).plus(below)
        arguments = item.arguments if item.is_constant else self._arguments(item)
        window = self._window(about) if weight.by_window else None
        entries = 0 if arguments is None else max(0, weight.entries(Asked(arguments, window)))
        return _Sum(weight.points + entries + below.once + entries * below.each)

    def _arguments(self, item: _Item) -> dict[str, Any] | None:
        assert item.field is not None  # noqa: S101 (a fragment has no weight)
        assert isinstance(item.node, FieldNode)  # noqa: S101 (likewise)
        return _arguments(item.field, item.node, self._variables)

    def _window(self, about: _Item | None) -> Window | None:
        if about is None:
            return None
        if id(about) not in self._windows:
            self._windows[id(about)] = _window(self._arguments(about), self._now)
        return self._windows[id(about)]

    def _is_left_out(self, item: _Item) -> bool:
        for directive, leaves_out in item.directives:
            values = get_directive_values(directive, item.node, self._variables)
            if values is not None and values["if"] is leaves_out:
                return True
        return False


def _arguments(field: GraphQLField, node: FieldNode, variables: VariableValues | None) -> dict[str, Any] | None:
    """``None`` where they are wrong: then the field is refused when its turn comes."""
    try:
        return get_argument_values(field, node, variables)
    except GraphQLError:
        return None


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
