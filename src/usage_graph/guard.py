"""Which web pages may talk to a server.

A web page can make a browser send requests to ``http://localhost:8000``, and, by pointing its own name at 127.0.0.1
(DNS rebinding), even read the answers. Such requests carry the page's Host or Origin: only loopback's own names, and
those that a setting allows, get through. What a page fetches blindly (an image, a script) has no Origin, but browsers
tell by ``sec-fetch-site`` that it comes from elsewhere. Beyond loopback keys keep pages out; as long as none is wanted,
the names that the server is called by do.
"""

import socket
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.config import is_loopback
from usage_graph.graph import graphiql
from usage_graph.keys import Keys


class LoopbackGuard:
    """ASGI middleware that refuses requests by foreign Host (421), and by Origin or from another site (403).

    A link from another site opens the page, and nothing else.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str], allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = {name.lower() for name in allowed_hosts}
        self._origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _hostname(host)
        if not is_loopback(name) and name not in self._hosts:
            return JSONResponse(
                {
                    "message": f"This server answers to loopback names only, not to Host {host[:100]!r}: call it as "
                    "127.0.0.1 or localhost, or add the name to USAGE_GRAPH_ALLOWED_HOSTS."
                },
                421,
            )
        if "origin" not in headers and "*" not in self._origins and _is_blind(scope, headers):
            return JSONResponse(
                {
                    "message": "Pages of other sites may not call this server: have them send their Origin (CORS), and "
                    "add it to USAGE_GRAPH_CORS_ORIGINS."
                },
                403,
            )
        return _foreign(headers, self._origins)


class HostGuard:
    """ASGI middleware that refuses requests by foreign Host (421) for as long as no key is wanted.

    An address cannot be pointed elsewhere, so any is good.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str], keys: Keys) -> None:
        self._app = app
        self._hosts = {name.lower() for name in allowed_hosts}
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if scope["type"] in ("http", "websocket") and not self._keys.wanted:
            refusal = self._refusal(Headers(scope=scope).get("host", ""))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, host: str) -> JSONResponse | None:
        name = _hostname(host)
        if is_loopback(name) or _is_address(name) or name in self._hosts:
            return None
        return JSONResponse(
            {
                "message": "As long as no key is wanted, this server answers to IP addresses and loopback names only, "
                f"not to Host {host[:100]!r}: call it by its address, or add the name to USAGE_GRAPH_ALLOWED_HOSTS."
            },
            421,
        )


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


def _is_blind(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site fetches something without being able to read it."""
    if headers.get("sec-fetch-site") != "cross-site":
        return False
    opened = headers.get("sec-fetch-mode") == "navigate" and scope["type"] == "http" and scope["method"] == "GET"
    if not opened:
        return True
    return scope["path"] != "/" and not (scope["path"] == "/graphql" and graphiql.is_wanted(Request(scope)))


def _hostname(host: str) -> str:
    """The name in a header Host; empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    """Whether nobody is asked where ``name`` is."""
    try:
        ip_address(name)
    except ValueError:
        try:
            socket.inet_aton(name)  # also such as 127.1, which no browser sends
        except OSError:
            return False
    return True


def _is_same(origin: str, host: str) -> bool:
    return origin in (f"http://{host}", f"https://{host}")
