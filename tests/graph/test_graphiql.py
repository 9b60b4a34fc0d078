"""GraphiQL: the page, its assets, and that it needs nothing else."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import strawberry

import usage_graph.graph
from tests.graph.api import Api
from usage_graph.graph.schema import example_operations

STATIC = Path(usage_graph.graph.__file__).parent / "static"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Page(HTMLParser):
    """The resources that the page names, and the tabs it opens with."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.resources: list[tuple[str, str | None]] = []
        self.tabs: list[dict[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if url := found.get("src") or found.get("href"):
            self.resources.append((url, found.get("integrity")))
        if tabs := found.get("data-tabs"):
            self.tabs = json.loads(tabs)


async def page(api: Api) -> Page:
    return Page((await api.http("GET", headers=BROWSER)).text)


@pytest.mark.parametrize("accept", [BROWSER["accept"], "text/html", "*/*"])
async def test_a_browser_gets_the_page(api: Api, accept: str) -> None:
    answer = await api.http("GET", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "accept"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.startswith("<!doctype html>")


async def test_a_question_is_answered_to_a_browser_too(api: Api) -> None:
    answer = await api.http("GET", params={"query": "{ __typename }"}, headers=BROWSER)
    assert answer.json()["data"] == {"__typename": "Query"}


async def test_every_resource_is_our_own_and_untouched(api: Api) -> None:
    resources = (await page(api)).resources
    assert len(resources) == 9
    for url, integrity in resources:
        assert url.startswith("graphql/static/"), "relative, so that it also works below a prefix"
        answer = await api.http("GET", f"/{url}")
        assert answer.status_code == 200
        if integrity:
            digest = base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
            assert integrity == f"sha384-{digest}"
        fixed = bool(re.search(r"-\d+\.\d+\.\d+\.", url))
        assert fixed is (integrity is not None)
        assert ("immutable" in answer.headers["cache-control"]) is fixed
        assert answer.headers["etag"]


async def test_the_vendored_files_are_those_that_strawberry_trusts() -> None:
    """The hashes of Strawberry's own page vouch for the bytes; an upgrade that changes them is noticed here."""
    theirs = (Path(strawberry.__file__).parent / "static" / "graphiql.html").read_text()
    ours = (STATIC / "graphiql.html").read_text()
    hashes = re.findall(r'integrity="([^"]+)"', ours)
    assert len(hashes) == 6
    assert set(hashes) < set(re.findall(r'integrity="([^"]+)"', theirs))


async def test_the_browser_is_told_to_load_nothing_from_elsewhere(api: Api) -> None:
    policy = (await api.http("GET", headers=BROWSER)).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "script-src" not in policy, "scripts fall under default-src: own files only, none inline"
    for name in ("graphiql.html", "page.js", "page.css"):
        assert not re.search(r"(https?:)?//\w", (STATIC / name).read_text().replace("// ", ""))


async def test_the_tabs_are_the_example_operations(api: Api) -> None:
    tabs = (await page(api)).tabs
    assert [tab["query"] for tab in tabs] == list(example_operations().values())
    assert "query UsagePage" in tabs[0]["query"]
    assert "query CreditsPage" in tabs[1]["query"]


async def test_the_tabs_cannot_break_out_of_the_page(api: Api) -> None:
    text = (await api.http("GET", headers=BROWSER)).text
    (attribute,) = re.findall(r'data-tabs="([^"]*)"', text)
    assert "<" not in attribute
    assert json.loads(html.unescape(attribute))


async def test_every_vendored_file_has_its_licence() -> None:
    names = {re.sub(r"-\d+\.\d+\.\d+.*", "", path.name) for path in STATIC.glob("*-*.*.*.*")}
    assert names == {"react", "react-dom", "graphiql", "graphiql-plugin-explorer"}
    for name in names:
        text = (STATIC / "licenses" / f"{name}.txt").read_text()
        assert text.startswith("MIT License")
        assert "Copyright (c)" in text


@pytest.mark.parametrize("path", ["../schema.py", "%2e%2e/schema.py", "nothing.js", "..%2f..%2f..%2fconfig.py"])
async def test_only_the_assets_are_served(api: Api, path: str) -> None:
    assert (await api.http("GET", f"/graphql/static/{path}")).status_code == 404
