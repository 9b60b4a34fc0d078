"""GraphiQL from the package's own assets: the page asks nothing of any other host, so it works offline."""

import re
from functools import cache
from html import escape
from importlib.resources import files

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from usage_graph.graph.schema import example_operations

_STATIC = files("usage_graph.graph") / "static"
_VERSION = re.compile(r"-\d+\.\d+\.\d+\.")
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def is_wanted(request: Request) -> bool:
    """Whether somebody opens the endpoint rather than asks it."""
    accept = request.headers.get("accept", "*/*")
    return (
        request.method == "GET" and "query" not in request.query_params and ("text/html" in accept or "*/*" in accept)
    )


@cache
def _content() -> str:
    tabs = [{"query": document} for document in example_operations().values()]
    return (_STATIC / "graphiql.html").read_text().replace("{{tabs}}", escape(orjson.dumps(tabs).decode()))


def page() -> Response:
    return HTMLResponse(
        _content(),
        headers={
            "cache-control": "no-cache",
            "content-security-policy": _POLICY,
            "referrer-policy": "same-origin",
            "vary": "accept",
            "x-content-type-options": "nosniff",
        },
    )


class _Assets(StaticFiles):
    """A file with a version in its name never changes; the others are asked for again by ETag."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        fixed = _VERSION.search(path) is not None
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if fixed else "no-cache"
        return response


def assets() -> ASGIApp:
    """The files that the page is made of."""
    return _Assets(directory=str(_STATIC))
