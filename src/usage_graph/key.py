"""The door: every request is let in, or not, by the key that it shows, before anything else looks at it.

Open to anyone are only what tells nothing (health, for probes), and the usage page and GraphiQL, which have to be there
before anyone can enter a key in them.
"""

from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.config import SERVICE
from usage_graph.errors import Forbidden, Unauthenticated
from usage_graph.grant import Access, Grant, attach
from usage_graph.graph import failures, graphiql
from usage_graph.graph.live import KEYS_IN_SCOPE
from usage_graph.keys import Keys
from usage_graph.page.app import ASSETS
from usage_graph.project import PROJECT_HEADER, project_in
from usage_graph.receiver.encoding import BY_MEDIA_TYPE, JSON
from usage_graph.receiver.status import failure

_PUBLIC = frozenset({"/", "/healthz", "/readyz"})
_PUBLIC_BELOW = ("/graphql/static/", ASSETS)
_OTLP_BELOW = "/v1/"
_METRICS = "/metrics"
_GRAPHQL = "/graphql"
_CHALLENGE = {"WWW-Authenticate": f'Bearer realm="{SERVICE}"'}

Refusal = Unauthenticated | Forbidden


def presented(headers: Mapping[str, str]) -> str | None:
    """The key in ``headers``: ``authorization: Bearer KEY`` or, where that is a proxy's, ``x-api-key: KEY``.

    Names are in lower case, or ``headers`` does not mind case.
    """
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


def admit(keys: Keys, headers: Mapping[str, str], *, access: Access) -> Grant:
    """What the sender of ``headers`` may do, who wants ``access``.

    Raises:
        Unauthenticated: they carry no good key where one is wanted.
        Forbidden: their key is for something else.
    """
    grant = keys.grant(presented(headers))
    grant.require(access)
    return grant


class KeyGuard:
    """ASGI middleware that notes in the scope what a caller may do, and answers 401 and 403 to those who may not.

    It stands before the routes, so that a new one is guarded until somebody says otherwise here. Refusals are in the
    format that their senders read. A WebSocket may show its key later, as browsers must, so one that shows none gets
    through, without a grant, where it is known to ask for one.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        scope[KEYS_IN_SCOPE] = self._keys
        if scope["type"] == "http" and _is_public(scope):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if scope["type"] == "websocket" and scope["path"] == _GRAPHQL and presented(headers) is None:
            return await self._app(scope, receive, send)
        try:
            attach(scope, self._grant(scope["path"], headers))
        except (Unauthenticated, Forbidden) as error:
            response = _otlp(error, headers) if scope["path"].startswith(_OTLP_BELOW) else _json(error)
            return await response(scope, receive, send)
        return await self._app(scope, receive, send)

    def _grant(self, path: str, headers: Headers) -> Grant:
        grant = admit(self._keys, headers, access=Access.INGEST if path.startswith(_OTLP_BELOW) else Access.READ)
        if path == _METRICS and grant.project is not None:
            raise Forbidden("These tell of all projects: send an operator's key (`usage-graph keys create --help`).")
        if (named := headers.get(PROJECT_HEADER)) is not None:
            # Routes look, too; but none can forget to. What names no project is theirs to explain.
            with suppress(ValueError):
                grant.project_for(project_in(named))
        return grant


def _is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    if path == _GRAPHQL:
        return graphiql.is_wanted(Request(scope))
    return path in _PUBLIC or path.startswith(_PUBLIC_BELOW)


def _otlp(error: Refusal, headers: Headers) -> Response:
    """A ``google.rpc.Status`` in the sender's encoding, in JSON where that is not known."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = BY_MEDIA_TYPE.get(media_type, JSON)
    failed = failure(error)
    return Response(
        encoding.encode_failure(failed), failed.http_status, _challenge(failed.http_status), encoding.media_type
    )


def _json(error: Refusal) -> Response:
    """As GraphQL answers."""
    code = Forbidden.code if isinstance(error, Forbidden) else "UNAUTHENTICATED"
    status = failure(error).http_status
    return JSONResponse({"errors": [failures.refusal(str(error), code)]}, status, _challenge(status))


def _challenge(status: int) -> dict[str, str] | None:
    return _CHALLENGE if status == 401 else None
