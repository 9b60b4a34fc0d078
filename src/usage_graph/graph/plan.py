"""Queries as functions, made once for each document: what its text says is settled before a request comes.

GraphQL's own executor finds out for each value what is selected of it, and keeps a path, a frame and often a task for
it; that is most of what a large answer costs. A plan answers what is right. Whatever goes wrong or is unusual raises,
and then the plain executor answers the same operation, whose questions are asked only once: so there is one place
where errors are made, and their paths and what they leave null are its business.
"""

from collections.abc import Awaitable, Callable, Sequence
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
from graphql.pyutils.gather_with_cancel import gather_with_cancel
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from usage_graph.graph import leaves
from usage_graph.graph.arguments import Unplanned, arguments_of
from usage_graph.graph.operation import Operation
from usage_graph.graph.weights import QUESTION, WEIGHTS, Weight

_FREE = Weight("asks nothing")
_DEFINITION = "strawberry-definition"


class Run(NamedTuple):
    """One execution of a plan."""

    operation: Operation
    variables: VariableValues


class _RawInfo(NamedTuple):
    """What resolvers may know of the field that they resolve: the part of ``GraphQLResolveInfo`` that is used here."""

    context: Operation
    field_nodes: list[FieldNode]
    fragments: dict[str, FragmentDefinitionNode]
    variable_values: dict[str, Any]


class _Made(NamedTuple):
    """A function of a value and a ``Run``; what it answers is awaited where it ``waits``."""

    call: Callable[[Any, Run], Any]
    waits: bool


class Plan(NamedTuple):
    """A query as a function.

    ``alone``: it puts at most one question. ``in_turn``: it never waits for two fields at once.
    """

    made: _Made
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
        self._selected: dict[tuple[str, int], tuple[FieldDetailsList, _Made]] = {}
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

    def _selection(self, type_: GraphQLObjectType, details: FieldDetailsList) -> _Made:
        """Of objects that are the value of a field, or its items; made once, however often it is asked for."""
        key = type_.name, id(details)
        if key not in self._selected:
            collected = collect_subfields(self._schema, self._details, self._variables, self._operation, type_, details)
            self._selected[key] = details, self._object(type_, collected)
        return self._selected[key][1]

    def _object(self, type_: GraphQLObjectType, collected: CollectedFields, *, is_root: bool = False) -> _Made:
        if collected.new_defer_usages:
            raise Unplanned
        body = _Body()
        waiting: list[tuple[str, _Made]] = []
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
        made = _Made(body.function(None if is_root else _check(type_)), False)
        if not waiting:
            return made
        self._in_turn = self._in_turn and (free or len(waiting) == 1)
        return _Made(_awaited(made.call, waiting, in_turn=free), True)

    def _at_once(
        self,
        body: "_Body",
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
            value = body.variable(f"o.{field.python_name}")
        return body.add(key, self._expression(body, definition.type, value, details))

    def _expression(self, body: "_Body", type_: GraphQLOutputType, value: str, details: FieldDetailsList) -> str:
        """What the variable ``value`` is answered as; raises where it is null and must not be."""
        if not is_non_null_type(type_):
            return f"(None if {value} is None else {self._present(body, type_, value, details)})"
        return self._present(body, type_.of_type, value, details)

    def _present(self, body: "_Body", type_: GraphQLOutputType, value: str, details: FieldDetailsList) -> str:
        """The same of a value that is not null, or wrong."""
        if is_leaf_type(type_):
            return leaves.expression(type_, value, body.name)
        if is_list_type(type_):
            item = body.item()
            inner = self._expression(body, type_.of_type, item, details)
            return f"[{inner} for {item} in {body.name(_listed)}({value})]"
        if is_object_type(type_):
            made = self._selection(type_, details)
            if not made.waits:
                return f"{body.name(made.call)}({value}, x)"
        raise Unplanned

    def _waiting(self, type_: GraphQLObjectType, definition: GraphQLField, details: FieldDetailsList) -> _Made | None:
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
            return _Made(_completed(lambda o, x: getattr(o, name), below, definition.type), True)
        resolver = self._resolver(definition, details)
        if not _is_async(definition):
            return _Made(_completed(resolver, below, definition.type), True)
        if below is not None:
            return _Made(_completed_later(resolver, below, definition.type), True)
        body = _Body()
        at_once = body.returning(self._expression(body, definition.type, "o", details))

        async def resolved(source: Any, run: Run) -> Any:
            return at_once(await resolver(source, run), run)

        return _Made(resolved, True)

    def _below(self, type_: GraphQLOutputType, details: FieldDetailsList) -> _Made | None:
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

    def _resolver(self, definition: GraphQLField, details: FieldDetailsList) -> Callable[[Any, Run], Any]:
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
        return _not_null
    usual = (type_.extensions or {})[_DEFINITION].origin
    told: Any = None

    def check(value: Any) -> None:
        if value.__class__ is not usual and is_type_of(value, told) is not True:
            raise Unplanned

    return check


def _not_null(value: Any) -> None:
    if value is None:
        raise Unplanned


def _listed(values: Any) -> Any:
    if values.__class__ is not list and values.__class__ is not tuple:
        raise Unplanned
    return values


class _Body:
    """The source of a function ``f(o, x)`` of an object ``o`` and a ``Run`` ``x``, and the names that are in it."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {**leaves.NAMES, "Unplanned": Unplanned}
        self._lines: list[str] = []
        self._entries: list[str] = []
        self._count = 0

    def name(self, value: Any) -> str:
        """A name for an object of the function's making."""
        name = f"n{len(self._names)}"
        self._names[name] = value
        return name

    def variable(self, value: str) -> str:
        """A variable that holds ``value``."""
        self._count += 1
        self._lines.append(f"v{self._count} = {value}")
        return f"v{self._count}"

    def item(self) -> str:
        """A variable of a comprehension."""
        self._count += 1
        return f"i{self._count}"

    def add(self, key: str, value: str, *, needed: bool = False) -> None:
        """An entry of the object that is answered; ``needed``: raises where it is null."""
        if needed:
            value = self.variable(value)
            self._lines.append(f"if {value} is None: raise Unplanned")
        self._entries.append(f"{key!r}: {value}")

    def function(self, check: Callable[[Any], None] | None) -> Callable[[Any, Run], Any]:
        """To a dictionary of the entries; ``check`` sees the object first."""
        head = ""
        if check is not None:
            head = "if o is None: raise Unplanned" if check is _not_null else f"{self.name(check)}(o)"
        return self._compiled([head, *self._lines, f"return {{{', '.join(self._entries)}}}"])

    def returning(self, value: str) -> Callable[[Any, Run], Any]:
        """To ``value``."""
        return self._compiled([*self._lines, f"return {value}"])

    def _compiled(self, lines: Sequence[str]) -> Callable[[Any, Run], Any]:
        # Names of attributes come from our own types, keys are literals: nothing of a document is run.
        exec("def f(o, x):\n " + "\n ".join(lines), self._names)  # noqa: S102
        return cast(Callable[[Any, Run], Any], self._names["f"])


def _awaited(
    at_once: Callable[[Any, Run], dict[str, Any]], waiting: list[tuple[str, _Made]], *, in_turn: bool
) -> Callable[[Any, Run], Awaitable[dict[str, Any]]]:
    """An object some of whose fields have to be waited for: ``in_turn``, or all at once."""

    async def one(source: Any, run: Run) -> dict[str, Any]:
        found = at_once(source, run)
        for key, field in waiting:
            found[key] = await field.call(source, run)
        return found

    async def several(source: Any, run: Run) -> dict[str, Any]:
        found = at_once(source, run)
        values = await gather_with_cancel(*(field.call(source, run) for _, field in waiting))
        found.update(zip((key for key, _ in waiting), values, strict=True))
        return found

    return one if in_turn or len(waiting) == 1 else several


def _completed(
    resolver: Callable[[Any, Run], Any], below: _Made | None, type_: GraphQLOutputType
) -> Callable[[Any, Run], Awaitable[Any]]:
    assert below is not None  # noqa: S101 (or there would be nothing to wait for)
    complete = _completion(below, type_)

    async def completed(source: Any, run: Run) -> Any:
        return await complete(resolver(source, run), run)

    return completed


def _completed_later(
    resolver: Callable[[Any, Run], Any], below: _Made, type_: GraphQLOutputType
) -> Callable[[Any, Run], Awaitable[Any]]:
    complete = _completion(below, type_)

    async def completed(source: Any, run: Run) -> Any:
        return await complete(await resolver(source, run), run)

    return completed


def _completion(below: _Made, type_: GraphQLOutputType) -> Callable[[Any, Run], Awaitable[Any]]:
    """Of the value of a field, all of whose objects ``below`` completes."""
    if is_non_null_type(type_):
        return _needed(_completion_of_present(below, type_.of_type))
    present = _completion_of_present(below, type_)

    async def nullable(value: Any, run: Run) -> Any:
        return None if value is None else await present(value, run)

    return nullable


def _needed(complete: Callable[[Any, Run], Awaitable[Any]]) -> Callable[[Any, Run], Awaitable[Any]]:
    async def needed(value: Any, run: Run) -> Any:
        if value is None:
            raise Unplanned
        return await complete(value, run)

    return needed


def _completion_of_present(below: _Made, type_: GraphQLOutputType) -> Callable[[Any, Run], Awaitable[Any]]:
    if not is_list_type(type_):
        return below.call
    complete = _completion(below, type_.of_type)

    async def listed(values: Any, run: Run) -> Any:
        return await gather_with_cancel(*(complete(value, run) for value in _listed(values)))

    return listed
