"""The usage page as the server sends it: static files that may load and reach nothing but this server."""

import gzip
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from tests.serving import Server
from usage_graph.page import app as page_app
from usage_graph.page.app import missing, routes

STATIC = files("usage_graph.page") / "static"
ASSETS = sorted(file.name for file in (STATIC / "assets").iterdir())
APP = Starlette(routes=routes())


async def get(path: str, *, encoding: str = "gzip, br", method: str = "GET", known: str = "") -> httpx.Response:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        headers = {"accept-encoding": encoding, **({"if-none-match": known} if known else {})}
        return await client.request(method, path, headers=headers)


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


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("*", True),
        ("identity", False),
        ("br", False),
        ("gzip;q=0, identity", False),
        ("gzip; q=0.000", False),
    ],
)
async def test_compression_is_what_the_client_asks_for(encoding: str, packed: bool) -> None:
    script = next(name for name in ASSETS if name.endswith(".js"))
    answer = await get(f"/assets/{script}", encoding=encoding)
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.text == (STATIC / "assets" / script).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/", *(f"/assets/{name}" for name in ASSETS)])
async def test_who_has_a_file_is_not_sent_it_again(path: str) -> None:
    first = await get(path)
    tag = first.headers["etag"]
    for known in (tag, f'"another", {tag}', "*"):
        again = await get(path, known=known)
        assert (again.status_code, again.content) == (304, b"")
        assert {name: again.headers[name] for name in ("etag", "cache-control", "vary")} == {
            name: first.headers[name] for name in ("etag", "cache-control", "vary")
        }
    assert (await get(path, known='"another"')).status_code == 200
    assert (await get(path, encoding="identity")).headers["etag"] == tag


@pytest.mark.parametrize(
    "path",
    [
        "/assets",
        "/assets/",
        "/assets/nothing.js",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/licenses.md",
        "/assets/%2e%2e%2f%2e%2e%2fapp.py",
        "/assets//etc/passwd",
        f"/assets/{ASSETS[0]}%00.js",
        f"/assets/{ASSETS[0].upper()}",
        "/index.html",
        "/licenses.md",
    ],
)
async def test_nothing_else_is_a_file(path: str) -> None:
    assert (await get(path)).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", f"/assets/{ASSETS[0]}"])
async def test_files_are_read_and_nothing_else(path: str, method: str) -> None:
    answer = await get(path, method=method)
    assert answer.status_code == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/", f"/assets/{ASSETS[0]}"])
def test_a_real_server_says_in_a_head_what_it_would_send(server: Server, path: str) -> None:
    got, head = httpx.get(f"{server.http}{path}"), httpx.head(f"{server.http}{path}")
    assert (head.status_code, head.content) == (200, b"")
    same = got.headers.keys() - {"date"}
    assert {name: head.headers[name] for name in same} == {name: got.headers[name] for name in same}
    assert httpx.get(f"{server.http}{path}", headers={"if-none-match": got.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("accept", ["application/json", "image/*", "text/html;q=0.1, */*", ""])
def test_the_address_is_the_page_whatever_one_would_rather_have(server: Server, accept: str) -> None:
    answer = httpx.get(f"{server.http}/?window=7d&agent=%3Cscript%3E", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    # Nothing of the address is in what is sent.
    assert answer.text == (STATIC / "index.html").read_text(encoding="utf-8")


def test_the_page_is_small() -> None:
    names = ["index.html", *(f"assets/{name}" for name in ASSETS)]
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in names) < 250_000


def test_the_page_is_told_no_other_address() -> None:
    """But those of standards, which nobody asks: the namespaces of SVG and MathML."""
    for name in ASSETS:
        text = (STATIC / "assets" / name).read_text(encoding="utf-8")
        found = set(re.findall(r"(?:https?|wss?)://[\w.-]+", text))
        assert found <= {"http://www.w3.org"}, name


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert missing() == []
    monkeypatch.setattr(page_app, "_STATIC", tmp_path)
    assert missing() == ["index.html"]
    (tmp_path / "index.html").write_bytes((STATIC / "index.html").read_bytes())
    assert sorted(missing()) == [f"assets/{name}" for name in ASSETS]
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / ASSETS[0]).touch()
    assert sorted(missing()) == [f"assets/{name}" for name in ASSETS[1:]]
