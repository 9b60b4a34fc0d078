"""The usage page as the server sends it: static files that may load and reach nothing but this server."""

import gzip
import re
from html.parser import HTMLParser
from importlib.resources import files

import httpx
import pytest
from starlette.applications import Starlette

from usage_graph.page.app import routes

STATIC = files("usage_graph.page") / "static"
ASSETS = sorted(file.name for file in (STATIC / "assets").iterdir())
APP = Starlette(routes=routes())


async def get(path: str, *, encoding: str = "gzip, br", method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path, headers={"accept-encoding": encoding})


class Named(HTMLParser):
    """What a page names, and whether anything in it would need a weaker policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.urls += [url for name in ("src", "href") if (url := found.get(name))]
        self.inline += [name for name in found if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in found):
            self.inline.append(tag)


async def test_the_page_names_only_its_own_files() -> None:
    page = await get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = Named(page.text)
    assert named.inline == []
    # Relative, so that it also works below a prefix.
    assert sorted(named.urls) == [f"./assets/{name}" for name in ASSETS]


async def test_the_page_is_asked_for_anew_and_its_files_are_kept() -> None:
    assert (await get("/")).headers["cache-control"] == "no-cache"
    for name in ASSETS:
        assert re.search(r"-[\w-]{8}\.\w+$", name)
        assert (await get(f"/assets/{name}")).headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/", *(f"/assets/{name}" for name in ASSETS)])
async def test_every_answer_says_how_it_may_be_used(path: str) -> None:
    headers = (await get(path)).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors", "trusted-types")} == {"'none'"}
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", *(f"/assets/{name}" for name in ASSETS)])
async def test_files_are_compressed_for_those_who_read_that(path: str) -> None:
    plain, packed = await get(path, encoding="identity"), await get(path)
    assert plain.content == packed.content
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) <= int(plain.headers["content-length"])


async def test_nothing_else_is_a_file() -> None:
    for path in (
        "/assets/",
        "/assets/nothing.js",
        "/assets/../index.html",
        "/assets/%2e%2e/licenses.md",
        "/licenses.md",
    ):
        assert (await get(path)).status_code == 404
    assert (await get("/", method="POST")).status_code == 405


async def test_a_head_has_no_body() -> None:
    head = await get("/", method="HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_the_page_is_small() -> None:
    names = ["index.html", *(f"assets/{name}" for name in ASSETS)]
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in names) < 250_000


def test_the_page_is_told_no_other_address() -> None:
    """But those of standards, which nobody asks: the namespaces of SVG and MathML."""
    for name in ASSETS:
        text = (STATIC / "assets" / name).read_text(encoding="utf-8")
        found = set(re.findall(r"(?:https?|wss?)://[\w.-]+", text))
        assert found <= {"http://www.w3.org"}, name
