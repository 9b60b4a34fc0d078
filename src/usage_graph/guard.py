"""Who may talk to a server that listens on loopback.

A web page can make a browser send requests to ``http://localhost:8000``, and, by pointing its own name at 127.0.0.1
(DNS rebinding), even read the answers. Such requests carry the page's Host or Origin: only loopback's own names, and
those that a setting allows, get through.
"""

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.config import is_loopback


class LoopbackGuard:
    """ASGI middleware that refuses requests by foreign Host (421) or Origin (403)."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str], allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = {name.lower() for name in allowed_hosts}
        self._origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        name = _hostname(f"//{host}") or ""
        if not is_loopback(name) and name not in self._hosts:
            return JSONResponse(
                {
                    "message": f"This server answers to loopback names only, not to Host {host[:100]!r}: call it as "
                    "127.0.0.1 or localhost, or add the name to USAGE_GRAPH_ALLOWED_HOSTS."
                },
                421,
            )
        return _foreign(headers, self._origins)


class SocketGuard:
    """ASGI middleware that refuses WebSockets by foreign Origin: CORS keeps no browser from opening one."""

    def __init__(self, app: ASGIApp, *, allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _foreign(Headers(scope=scope), self._origins) if scope["type"] == "websocket" else None
        await (refusal or self._app)(scope, receive, send)


def _foreign(headers: Headers, allowed: Collection[str]) -> JSONResponse | None:
    """What pages of other origins are told; ``None`` for all others."""
    origin = headers.get("origin")
    if origin is None or "*" in allowed or origin in allowed or _is_same(origin, headers.get("host", "")):
        return None
    return JSONResponse(
        {
            "message": f"Pages of origin {origin[:100]!r} may not call this server: add the origin to "
            "USAGE_GRAPH_CORS_ORIGINS."
        },
        403,
    )


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_same(origin: str, host: str) -> bool:
    return origin in (f"http://{host}", f"https://{host}")
