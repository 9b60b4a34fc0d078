"""What the composition root mounts: ``/`` and ``/assets``, the files that it is made of."""

import gzip
import re
from functools import cache, partial
from hashlib import sha256
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
        # Weak, since it is the same for what is compressed and what is not.
        self._etag = f'W/"{sha256(self._content).hexdigest()[:16]}"'
        self._headers = {**_HEADERS, "cache-control": cache_control, "etag": self._etag}
        self._media_type = _TYPES.get(suffix) or guess_type(name)[0] or "application/octet-stream"

    def response(self, request: Request) -> Response:
        known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
        if self._etag in known or "*" in known:
            return Response(status_code=304, headers=self._headers)
        if _reads_gzip(request.headers.get("accept-encoding", "")) and len(self._zipped) < len(self._content):
            return Response(
                self._zipped, headers={**self._headers, "content-encoding": "gzip"}, media_type=self._media_type
            )
        return Response(self._content, headers=self._headers, media_type=self._media_type)


def _reads_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        if coding in ("gzip", "*"):
            return not re.fullmatch(r"q=0(\.0*)?", weight)
    return False


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


def missing() -> list[str]:
    """The files of the page that are not in this installation."""
    page = _STATIC / "index.html"
    if not page.is_file():
        return ["index.html"]
    named = re.findall(r'"\./(assets/[^"]+)"', page.read_text(encoding="utf-8"))
    return [name for name in named if not _STATIC.joinpath(name).is_file()]


def routes() -> list[BaseRoute]:
    """The routes of the page, one for each file: no path is looked up, so none leads elsewhere."""
    names = sorted(file.name for file in _STATIC.joinpath("assets").iterdir())
    return [Route("/", _home), *(Route(f"{ASSETS}{name}", partial(_send, name)) for name in names)]
