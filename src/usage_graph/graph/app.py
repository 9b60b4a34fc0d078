"""What the composition root mounts: ``/graphql`` and the assets of its page."""

from collections.abc import Callable
from datetime import datetime

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from usage_graph.graph import graphiql
from usage_graph.graph.administration import Administration
from usage_graph.graph.budget import Budgets
from usage_graph.graph.endpoint import Endpoint
from usage_graph.graph.live import Live
from usage_graph.graph.live_websocket import Sockets
from usage_graph.graph.operation import Reader


def routes(
    *,
    reader: Reader,
    live: Live,
    clock: Callable[[], datetime],
    timeout: float = 30.0,
    declared: tuple[str, ...] = (),
    budgets: Budgets | None = None,
    administration: Administration | None = None,
) -> list[BaseRoute]:
    """The routes of the GraphQL API.

    ``live`` is where subscriptions are answered: whoever mounts the routes stops it before the server. ``clock`` gives
    the aware instant that windows end at; an operation that takes longer than ``timeout`` seconds is answered with
    ``TIMEOUT``; ``declared`` are the attributes that can be asked for; ``budgets`` say what operations may cost;
    ``administration`` is where admins change something. Host, Origin and CORS are the business of whoever mounts them.
    """
    endpoint = Endpoint(
        reader=reader,
        clock=clock,
        timeout=timeout,
        declared=declared,
        budgets=budgets or Budgets(),
        administration=administration,
        live=live,
    )
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]  # the endpoint answers those it does not take in its own format
    return [
        Route("/graphql", endpoint, methods=methods),
        Mount("/graphql/static", graphiql.assets()),
        WebSocketRoute("/graphql", Sockets(live=live, answers=endpoint.answers).serve),
    ]
