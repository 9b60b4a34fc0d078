"""Strawberry's field decorator with a type: as it comes, decorated resolvers are untyped to mypy."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def resolved(description: str, *, graphql_type: object = None) -> Callable[[Resolver], Resolver]:
    """A field with a resolver. ``graphql_type``: its type in the schema, where that is not the annotated one."""
    return cast(Callable[[Resolver], Resolver], strawberry.field(description=description, graphql_type=graphql_type))
