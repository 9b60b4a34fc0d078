"""What the composition root mounts: ``/graphql`` and the assets of its page."""

from collections.abc import Callable
from datetime import datetime

from starlette.routing import BaseRoute, Mount, Route

from usage_graph.graph import graphiql
from usage_graph.graph.endpoint import Endpoint
from usage_graph.graph.operation import Reader


def routes(*, reader: Reader, clock: Callable[[], datetime], timeout: float = 30.0) -> list[BaseRoute]:
    """The routes of the GraphQL API.

    ``clock`` gives the aware instant that windows end at; an operation that takes longer than ``timeout`` seconds is
    answered with ``TIMEOUT``. Host, Origin and CORS are the business of whoever mounts them.
    """
    endpoint = Endpoint(reader=reader, clock=clock, timeout=timeout)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]  # the endpoint answers those it does not take in its own format
    return [
        Mount("/graphql/static", graphiql.assets()),
        Route("/graphql", endpoint.respond, methods=methods),
    ]
