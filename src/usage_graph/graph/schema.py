"""The executable schema, its SDL, and the example operations that ship with it."""

from importlib.resources import files

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from usage_graph.graph.belongings import Belongings
from usage_graph.graph.cost import CostedOperations
from usage_graph.graph.events import EventExecutor
from usage_graph.graph.limits import CheckedDocuments
from usage_graph.graph.mutation import Mutation
from usage_graph.graph.query import Query
from usage_graph.graph.scalars import SCALARS
from usage_graph.graph.subscription import Subscription

_DOCUMENTS = files("usage_graph.graph") / "documents"


class Schema(strawberry.Schema):
    """Strawberry logs every error, users' mistakes included; here ``failures`` decides what is logged."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


@strawberry.type(name="Query", description="Where did the tokens and the money go? And, for admins, what is set.")
class _Query(Query, Belongings):
    pass


schema = Schema(
    query=_Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[CheckedDocuments, CostedOperations],
    execution_context_class=EventExecutor,
)


def sdl() -> str:
    """The schema definition language text, as committed in ``schema/schema.graphql``."""
    return schema.as_str() + "\n"


def example_operations() -> dict[str, str]:
    """The documents of ``schema/operations`` by name, in the order in which GraphiQL shows them: whole pages first."""
    found = {file.name.removesuffix(".graphql"): file.read_text() for file in (_DOCUMENTS / "operations").iterdir()}
    names = sorted(sorted(found, reverse=True), key=lambda name: not name.endswith("Page"))
    return {name: found[name] for name in names}
