"""What the composition root mounts: ``/`` and ``/assets``, the files that it is made of."""

import gzip
from functools import cache, partial
from importlib.resources import files
from mimetypes import guess_type

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_STATIC = files("usage_graph.page") / "static"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

ASSETS = "/assets/"
"""Below this everything is public: files, and nothing that they show."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # An address of the page can name a conversation or a user.
    "referrer-policy": "no-referrer",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class _File:
    """A file as it is sent; small enough to be kept, and to be compressed when it is first asked for."""

    def __init__(self, name: str, *, cache_control: str) -> None:
        path = _STATIC.joinpath(name)
        suffix = name[name.rindex(".") :]
        self._content = path.read_bytes()
        self._zipped = gzip.compress(self._content, mtime=0)
        self._headers = {**_HEADERS, "cache-control": cache_control}
        self._media_type = _TYPES.get(suffix) or guess_type(name)[0] or "application/octet-stream"

    def response(self, request: Request) -> Response:
        if "gzip" in request.headers.get("accept-encoding", "") and len(self._zipped) < len(self._content):
            return Response(
                self._zipped, headers={**self._headers, "content-encoding": "gzip"}, media_type=self._media_type
            )
        return Response(self._content, headers=self._headers, media_type=self._media_type)


@cache
def _page() -> _File:
    # Names what it is made of by its digests, so it is asked for anew each time.
    return _File("index.html", cache_control="no-cache")


@cache
def _asset(name: str) -> _File:
    # The digest of the content is in the name.
    return _File(f"assets/{name}", cache_control="public, max-age=31536000, immutable")


async def _home(request: Request) -> Response:
    return _page().response(request)


async def _send(name: str, request: Request) -> Response:
    return _asset(name).response(request)


def routes() -> list[BaseRoute]:
    """The routes of the page, one for each file: no path is looked up, so none leads elsewhere."""
    names = sorted(file.name for file in _STATIC.joinpath("assets").iterdir())
    return [Route("/", _home), *(Route(f"{ASSETS}{name}", partial(_send, name)) for name in names)]
