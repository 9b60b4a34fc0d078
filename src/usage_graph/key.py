"""The key that a server may want from everyone who calls it.

One key for all comes from ``USAGE_GRAPH_API_KEY``: whoever has it may send calls and ask about them. Open to anyone
are only what tells nothing (health, for probes) and the page of GraphiQL, which has to be there before anyone can enter
a key in it.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.config import SERVICE
from usage_graph.errors import Unauthenticated
from usage_graph.graph import failures, graphiql
from usage_graph.receiver.encoding import BY_MEDIA_TYPE, JSON
from usage_graph.receiver.status import failure

_PUBLIC = frozenset({"/", "/healthz", "/readyz"})
_PUBLIC_BELOW = "/graphql/static/"
_CHALLENGE = {"WWW-Authenticate": f'Bearer realm="{SERVICE}"'}


class Key:
    """What opens this server, as ``authorization: Bearer KEY`` or, where that is a proxy's, ``x-api-key: KEY``."""

    def __init__(self, secret: str) -> None:
        self._digest = _digest(secret)

    def admit(self, headers: Mapping[str, str]) -> None:
        """Return if ``headers`` carry the key; names are in lower case, or ``headers`` does not mind case.

        Raises:
            Unauthenticated: they carry none, or another. How long the comparison takes tells nothing about the key.
        """
        presented = _presented(headers)
        if presented is None:
            raise Unauthenticated(
                'This server wants its key: send the header "authorization: Bearer KEY" with the USAGE_GRAPH_API_KEY '
                "that it was started with (in GraphiQL, under Headers)."
            )
        if not compare_digest(_digest(presented), self._digest):
            raise Unauthenticated("The key of this request is not this server's: see its USAGE_GRAPH_API_KEY.")


def _digest(secret: str) -> bytes:
    """Of one length, whatever the length of ``secret``."""
    return sha256(secret.encode()).digest()


def _presented(headers: Mapping[str, str]) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


class KeyGuard:
    """ASGI middleware that answers 401 to requests without the key, in the format that their senders read.

    It stands before the routes, so that a new one is guarded until somebody says otherwise here.
    """

    def __init__(self, app: ASGIApp, *, key: Key) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if _is_public(scope):
            return None
        headers = Headers(scope=scope)
        try:
            self._key.admit(headers)
        except Unauthenticated as error:
            return _otlp(error, headers) if scope["path"].startswith("/v1/") else _graphql(error)
        return None


def _is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    if path == "/graphql":
        return graphiql.is_wanted(Request(scope))
    return path in _PUBLIC or path.startswith(_PUBLIC_BELOW)


def _otlp(error: Unauthenticated, headers: Headers) -> Response:
    """A ``google.rpc.Status`` in the sender's encoding, in JSON where that is not known."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = BY_MEDIA_TYPE.get(media_type, JSON)
    failed = failure(error)
    return Response(encoding.encode_failure(failed), failed.http_status, _CHALLENGE, encoding.media_type)


def _graphql(error: Unauthenticated) -> Response:
    return JSONResponse({"errors": [failures.refusal(str(error), "UNAUTHENTICATED")]}, 401, _CHALLENGE)
