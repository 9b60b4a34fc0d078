"""The schema: what is promised is there, described, and committed."""

from importlib.resources import files
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    get_introspection_query,
)

from tests.graph.api import Api
from usage_graph.graph.schema import example_operations, sdl

ROOT = Path(__file__).parents[2]

CORE = build_schema((Path(__file__).parent / "core.graphql").read_text())
SCHEMA = build_schema(sdl())


def own_types(schema: GraphQLSchema) -> list[GraphQLNamedType]:
    builtin = {"Boolean", "Float", "ID", "Int", "String"}
    return [type_ for name, type_ in schema.type_map.items() if not name.startswith("__") and name not in builtin]


def signature(type_: GraphQLNamedType) -> dict[str, str]:
    """Every named part of a type with all that a client can tell apart."""
    if isinstance(type_, GraphQLEnumType):
        return dict.fromkeys(type_.values, "")
    if isinstance(type_, GraphQLInputObjectType):
        parts = {name: f"{field.type} = {default(field)}" for name, field in type_.fields.items()}
        return parts | {"@oneOf": str(type_.is_one_of)}
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        parts = {name: str(field.type) for name, field in type_.fields.items()}
        for name, field in type_.fields.items():
            parts |= {f"{name}({arg}:)": f"{a.type} = {default(a)}" for arg, a in field.args.items()}
        return parts | {f"implements {interface}": "" for interface in type_.interfaces}
    assert isinstance(type_, GraphQLScalarType)
    return {}


def default(argument: object) -> object:
    """The default as it is written in the SDL."""
    found = getattr(argument, "default", None)
    return found and found.literal and found.literal.to_dict()


def test_the_committed_sdl_is_up_to_date() -> None:
    assert (ROOT / "schema" / "schema.graphql").read_text() == sdl(), "run `make schema`"


def test_the_sdl_and_the_operations_are_in_the_package() -> None:
    documents = files("usage_graph.graph") / "documents"
    assert (documents / "schema.graphql").read_text() == sdl()
    assert set(example_operations()) == {path.stem for path in (ROOT / "schema" / "operations").iterdir()}


@pytest.mark.parametrize("core", own_types(CORE), ids=str)
def test_the_core_is_in_the_schema(core: GraphQLNamedType) -> None:
    found = SCHEMA.type_map[core.name]
    assert type(found) is type(core)
    assert signature(core).items() <= signature(found).items()


def test_nothing_the_core_requires_of_clients_has_grown() -> None:
    """An argument or input field beyond the core must be optional, or old clients break."""
    for core in own_types(CORE):
        beyond = signature(SCHEMA.type_map[core.name]).keys() - signature(core).keys()
        assert not beyond, "extend core.graphql with it, once it is meant to stay"


def test_everything_is_described() -> None:
    missing = []
    for type_ in own_types(SCHEMA):
        parts: list[tuple[str, object]] = [(type_.name, type_)]
        if isinstance(type_, GraphQLEnumType):
            parts += [(f"{type_}.{name}", value) for name, value in type_.values.items()]
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            parts += [(f"{type_}.{name}", field) for name, field in type_.fields.items()]
            for name, field in type_.fields.items():
                parts += [(f"{type_}.{name}({arg}:)", a) for arg, a in getattr(field, "args", {}).items()]
        missing += [where for where, part in parts if not getattr(part, "description", None)]
    assert missing == []


@pytest.mark.parametrize("name", example_operations())
async def test_example_operations_run_as_they_are(api: Api, name: str) -> None:
    document = example_operations()[name]
    assert f"query {name}" in document
    assert await api.data(document)


async def test_introspection_is_allowed(api: Api) -> None:
    data = await api.data(get_introspection_query(specified_by_url=True, input_value_deprecation=True))
    assert data["__schema"]["queryType"]["name"] == "Query"
