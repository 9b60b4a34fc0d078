"""Arguments and variables, read as GraphQL and Strawberry do, by what is known of their types once and for all.

Only what is right is read here. Everything else is ``Unplanned``: the plain executor says what is wrong with it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    VariableValues,
    get_argument_values,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValueSource, input_is_nested_too_deeply
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_value
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

from usage_graph.graph.cost import has_variable

Convert = Callable[[Any], Any]
Read = Callable[[VariableValues], dict[str, Any]]

_NAMES = StrawberryConfig().name_converter


class Unplanned(Exception):
    """This is for the plain executor to answer."""


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        """Raises ``Unplanned`` where one has no type of an input."""
        self._signatures: list[tuple[GraphQLVariableSignature, bool, bool]] = []
        for node in operation.variable_definitions or ():
            signature = get_variable_signature(schema, node)
            if not isinstance(signature, GraphQLVariableSignature):
                raise Unplanned
            self._signatures.append((signature, is_non_null_type(signature.type), _is_recursive(signature.type)))

    def read(self, given: dict[str, Any]) -> VariableValues:
        """As ``get_variable_values``. Raises ``Unplanned`` where one is wrong or missing."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, is_required, is_recursive in self._signatures:
            name = signature.name
            value = given.get(name, Undefined)
            if value is Undefined:
                sources[name] = VariableValueSource(signature)
                if signature.default is not None:
                    coerced[name] = _present(coerce_default_value(signature))
                elif is_required:
                    raise Unplanned
                continue
            sources[name] = VariableValueSource(signature, value)
            if is_recursive and input_is_nested_too_deeply(value, signature.type):
                raise Unplanned
            coerced[name] = _present(coerce_input_value(value, signature.type))
        return VariableValues(sources, coerced)


def _present(value: Any) -> Any:
    if value is Undefined:
        raise Unplanned
    return value


def _is_recursive(type_: Any, above: tuple[object, ...] = ()) -> bool:
    """Whether a value of an input type can hold another one of it."""
    while is_non_null_type(type_) or is_list_type(type_):
        type_ = type_.of_type
    if not is_input_object_type(type_):
        return False
    return type_ in above or any(_is_recursive(field.type, (*above, type_)) for field in type_.fields.values())


def arguments_of(definition: GraphQLField, node: FieldNode, field: StrawberryField) -> Read | dict[str, Any]:
    """The arguments of a resolver by their names in Python: at once where no variable is in them.

    Raises ``Unplanned``, now or when they are read, where they are wrong.
    """
    converters = [
        (_NAMES.from_argument(argument), argument.python_name, converter(argument.type)) for argument in field.arguments
    ]
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    variables = {name: value.name.value for name, value in given.items() if isinstance(value, VariableNode)}
    others = [value for name, value in given.items() if name not in variables]
    if any(map(has_variable, others)):
        return lambda values: _converted(get_argument_values(definition, node, values), converters)
    fixed = _fixed(definition, node, variables.keys())
    if not variables:
        return _converted(fixed, converters)
    required = {name for name in variables if is_non_null_type(definition.args[name].type)}
    defaults = {name: coerce_default_value(definition.args[name]) for name in variables}

    def read(values: VariableValues) -> dict[str, Any]:
        found = dict(fixed)
        for name, variable in variables.items():
            value = values.coerced.get(variable, defaults[name])
            if value is Undefined:
                if name in required:
                    raise Unplanned
                continue
            if value is None and name in required:
                raise Unplanned
            found[name] = value
        return _converted(found, converters)

    return read


def _fixed(definition: GraphQLField, node: FieldNode, variable: Iterable[str]) -> dict[str, Any]:
    """The arguments that are not a ``variable``, defaults included."""
    apart = set(variable)
    left = GraphQLField(
        definition.type, args={name: argument for name, argument in definition.args.items() if name not in apart}
    )
    found: dict[str, Any] = get_argument_values(left, node)
    return found


def _converted(values: dict[str, Any], converters: Iterable[tuple[str, str, Convert | None]]) -> dict[str, Any]:
    return {
        python_name: convert(values[name]) if convert is not None else values[name]
        for name, python_name, convert in converters
        if name in values
    }


def converter(type_: Any, known: dict[type, Convert] | None = None) -> Convert | None:
    """What makes an argument in Python of a coerced value of ``type_``; ``None``: it is one.

    Raises:
        Unplanned: it takes more than that.
    """
    known = {} if known is None else known
    if isinstance(type_, LazyType):
        type_ = type_.resolve_type()
    if isinstance(type_, StrawberryMaybe):
        raise Unplanned
    if isinstance(type_, StrawberryOptional):
        return _unless_null(converter(type_.of_type, known))
    if isinstance(type_, StrawberryList):
        return _of_list(converter(type_.of_type, known))
    definition = get_object_definition(type_)
    if definition is None:
        return None
    if definition.from_input is not None:
        raise Unplanned
    if type_ not in known:
        fields: list[tuple[str, str, Convert | None]] = []
        known[type_] = _of_input(type_, fields)
        for field in definition.fields:
            inner = converter(field.resolve_type(type_definition=definition), known)
            fields.append((_NAMES.from_field(field), field.python_name, inner))
    return known[type_]


def _unless_null(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: value if value is None or value is UNSET else convert(value)


def _of_list(convert: Convert | None) -> Convert:
    if convert is None:
        return list
    return lambda values: [convert(value) for value in values]


def _of_input(type_: Any, fields: list[tuple[str, str, Convert | None]]) -> Convert:
    """``fields`` may be filled later: an input can hold another one of its kind."""
    return lambda values: type_(**_converted(values, fields))
