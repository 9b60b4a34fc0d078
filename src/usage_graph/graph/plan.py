"""Queries as functions, made once for each document: what its text says is settled before a request comes.

GraphQL's own executor finds out for each value what is selected of it, and keeps a path, a frame and often a task for
it; that is most of what a large answer costs. A plan answers what is right. Whatever goes wrong or is unusual raises,
and then the plain executor answers the same operation, whose questions are asked only once: so there is one place
where errors are made, and their paths and what they leave null are its business.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from usage_graph.graph import leaves
from usage_graph.graph.arguments import Unplanned, arguments_of
from usage_graph.graph.completion import Made, awaited, completed, completed_later
from usage_graph.graph.operation import Operation
from usage_graph.graph.source import Function, Run, Source, listed, not_null
from usage_graph.graph.weights import QUESTION, WEIGHTS, Weight

_FREE = Weight("asks nothing")
_DEFINITION = "strawberry-definition"


class _RawInfo(NamedTuple):
    """What resolvers may know of the field that they resolve: the part of ``GraphQLResolveInfo`` that is used here."""

    context: Operation
    field_nodes: list[FieldNode]
    fragments: dict[str, FragmentDefinitionNode]
    variable_values: dict[str, Any]


class Plan(NamedTuple):
    """A query as a function.

    ``alone``: it puts at most one question. ``in_turn``: it never waits for two fields at once.
    """

    made: Made
    alone: bool
    in_turn: bool

    async def answer(self, run: Run) -> dict[str, Any]:
        """``data`` of the answer. Raises, whatever, where the plain executor has to answer."""
        found = self.made.call(None, run)
        return cast(dict[str, Any], await found if self.made.waits else found)


class Planner:
    """Makes the plan of one operation of a valid document.

    ``variables`` decide what ``@skip`` and ``@include`` leave out, and nothing else.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._details = {name: FragmentDetails(node) for name, node in fragments.items()}
        self._operation = operation
        self._variables = variables
        self._selected: dict[tuple[str, int], tuple[FieldDetailsList, Made]] = {}
        self._questions = 0
        self._lists = 0
        self._in_turn = True

    def plan(self) -> Plan:
        """Raises ``Unplanned``, or what the plain executor would, where there is none."""
        root = self._schema.query_type
        assert root is not None  # noqa: S101 (it is ours)
        collected = collect_fields(self._schema, self._details, self._variables, root, self._operation)
        made = self._object(root, collected, is_root=True)
        return Plan(made, self._questions <= 1, self._in_turn)

    def _selection(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Made:
        """Of objects that are the value of a field, or its items; made once, however often it is asked for."""
        key = type_.name, id(details)
        if key not in self._selected:
            collected = collect_subfields(self._schema, self._details, self._variables, self._operation, type_, details)
            self._selected[key] = details, self._object(type_, collected)
        return self._selected[key][1]

    def _object(self, type_: GraphQLObjectType, collected: CollectedFields, *, is_root: bool = False) -> Made:
        if collected.new_defer_usages:
            raise Unplanned
        body = Source()
        waiting: list[tuple[str, Made]] = []
        free = True
        for key, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            if name == "__typename":
                body.add(key, repr(type_.name))
                continue
            definition = type_.fields.get(name)
            if definition is None:
                raise Unplanned
            made = self._waiting(type_, definition, details)
            if made is None:
                self._at_once(body, key, type_, definition, details)
            else:
                body.add(key, "None")
                waiting.append((key, made))
                free = free and WEIGHTS.get(f"{type_.name}.{name}", _FREE).points == 0 and _is_async(definition)
        made = Made(body.function(None if is_root else _check(type_)), False)
        if not waiting:
            return made
        self._in_turn = self._in_turn and (free or len(waiting) == 1)
        return Made(awaited(made.call, waiting, in_turn=free), True)

    def _at_once(
        self,
        body: Source,
        key: str,
        type_: GraphQLObjectType,
        definition: GraphQLField,
        details: FieldDetailsList,
    ) -> None:
        """Adds a field that is there when it is asked for."""
        field = _field(definition)
        if field.base_resolver is not None:
            value = body.variable(f"{body.name(self._resolver(definition, details))}(o, x)")
        elif (written := leaves.WRITTEN.get((type_.name, field.python_name))) is not None:
            return body.add(key, f"{body.name(written)}(o)", needed=is_non_null_type(definition.type))
        else:
            value = body.variable(f"o.{leaves.attribute(type_.name, field.python_name)}")
        return body.add(key, self._expression(body, definition.type, value, details))

    def _expression(self, body: Source, type_: GraphQLOutputType, value: str, details: FieldDetailsList) -> str:
        """What the variable ``value`` is answered as; raises where it is null and must not be."""
        if not is_non_null_type(type_):
            return f"(None if {value} is None else {self._present(body, type_, value, details)})"
        return self._present(body, type_.of_type, value, details)

    def _present(self, body: Source, type_: GraphQLOutputType, value: str, details: FieldDetailsList) -> str:
        """The same of a value that is not null, or wrong."""
        if is_leaf_type(type_):
            return leaves.expression(type_, value, body.name)
        if is_list_type(type_):
            item = body.item()
            inner = self._expression(body, type_.of_type, item, details)
            return f"[{inner} for {item} in {body.name(listed)}({value})]"
        if is_object_type(type_):
            made = self._selection(type_, details)
            if not made.waits:
                return f"{body.name(made.call)}({value}, x)"
        raise Unplanned

    def _waiting(self, type_: GraphQLObjectType, definition: GraphQLField, details: FieldDetailsList) -> Made | None:
        """A field that has to be waited for, by itself or for what is below it; ``None``: it has not."""
        field = _field(definition)
        below = self._below(definition.type, details)
        weight = WEIGHTS.get(f"{type_.name}.{details[0].node.name.value}", _FREE)
        if weight.points:
            self._questions += 1 if weight.points == QUESTION and not self._lists else 2
        if below is None and not _is_async(definition):
            return None
        if field.base_resolver is None:
            name = field.python_name
            return Made(completed(lambda o, x: getattr(o, name), below, definition.type), True)
        resolver = self._resolver(definition, details)
        if not _is_async(definition):
            return Made(completed(resolver, below, definition.type), True)
        if below is not None:
            return Made(completed_later(resolver, below, definition.type), True)
        body = Source()
        at_once = body.returning(self._expression(body, definition.type, "o", details))

        async def resolved(source: Any, run: Run) -> Any:
            return at_once(await resolver(source, run), run)

        return Made(resolved, True)

    def _below(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Made | None:
        """What completes the objects of a field where that has to be waited for."""
        is_list = False
        while is_non_null_type(type_) or is_list_type(type_):
            is_list = is_list or is_list_type(type_)
            type_ = type_.of_type
        if not is_object_type(type_):
            return None
        self._lists += is_list
        made = self._selection(type_, details)
        self._lists -= is_list
        if not made.waits:
            return None
        self._in_turn = self._in_turn and not is_list
        return made

    def _resolver(self, definition: GraphQLField, details: FieldDetailsList) -> Function:
        """Calls the function that resolves the field, as Strawberry does."""
        field = _field(definition)
        resolver: Any = field.base_resolver
        if resolver.parent_parameter or resolver.root_parameter or not resolver.self_parameter:
            raise Unplanned
        function, fragments = resolver.wrapped_func, self._fragments
        arguments = arguments_of(definition, details[0].node, field)
        nodes = [one.node for one in details]
        name = resolver.info_parameter.name if resolver.info_parameter else None

        def resolve(source: Any, run: Run) -> Any:
            given = arguments if isinstance(arguments, dict) else arguments(run.variables)
            if name is None:
                return function(source, **given)
            raw: Any = _RawInfo(run.operation, nodes, fragments, run.variables.coerced)
            return function(source, **{name: Info(_raw_info=raw, _field=field)}, **given)

        return resolve


def _field(definition: GraphQLField) -> StrawberryField:
    field = (definition.extensions or {}).get(_DEFINITION)
    if not isinstance(field, StrawberryField) or field.extensions or field.permission_classes:
        raise Unplanned
    return field


def _is_async(definition: GraphQLField) -> bool:
    return bool(_field(definition).is_async)


def _check(type_: GraphQLObjectType) -> Callable[[Any], None]:
    """What raises for null, and for objects that are not of the type where the type can tell."""
    is_type_of = type_.is_type_of
    if is_type_of is None:
        return not_null
    usual = (type_.extensions or {})[_DEFINITION].origin
    told: Any = None

    def check(value: Any) -> None:
        if value.__class__ is not usual and is_type_of(value, told) is not True:
            raise Unplanned

    return check
