"""The page and its server: live, empty, away, and behind a key."""

import json
import re
from pathlib import Path

import httpx
from playwright.sync_api import expect

from tests.browser.calls import send
from tests.browser.conftest import Open, Watch
from tests.browser.page import card, counted, names
from tests.serving import Server

KEY = "3c363836cf4e16666669a25da280a186"


def test_two_windows_show_new_calls_by_themselves(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, 1)
    pages = [visit(server, project=project, window="24h"), visit(server, project=project, window="7d")]
    for page in pages:
        expect(page.locator(".live")).to_have_text("live")
        expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    send(server, project, 2)
    for page in pages:
        expect(card(page, "API calls").locator(".figure")).to_have_text("2")
        counted(page, "1–2 of 2 calls")


def test_an_empty_page_shows_how_to_send_the_first_call(server: Server, visit: Open) -> None:
    project = server.project()
    page = visit(server, project=project)
    expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_be_visible()
    shown = page.locator(".empty pre").inner_text()
    url, body = re.search(r"curl -s (\S+)", shown), re.search(r"-d '(.*)'$", shown, re.S)
    assert url
    assert body
    assert url[1] == f"{server.http}/v1/traces"
    sent = httpx.post(url[1], json=json.loads(body[1]), headers={"x-usage-graph-project": project})
    assert sent.status_code == 200
    expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_have_count(0)
    assert names(page) == ["First call"]


def test_a_key_is_asked_for_and_stays_in_the_tab(tmp_path: Path, visit: Open, watch: Watch) -> None:
    watch.expected = ["401"]
    with Server(data_dir=tmp_path, settings={"USAGE_GRAPH_API_KEY": KEY}) as server:
        page = visit(server)
        expect(page.get_by_role("heading", name="This server wants a key")).to_be_visible()
        page.get_by_label("Key", exact=True).fill("no such key at all")
        page.get_by_role("button", name="Open").click()
        expect(page.locator(".door .problem")).to_be_visible()
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_be_visible()
        expect(page.locator(".live")).to_have_text("live")
        assert KEY not in page.url
        page.reload()
        expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_be_visible()
        assert KEY not in json.dumps(page.evaluate("({...localStorage})"))
        assert page.context.cookies() == []
        assert KEY not in server.log


def test_a_server_that_was_away_is_found_again(tmp_path: Path, visit: Open, watch: Watch) -> None:
    watch.expected = ["ERR_CONNECTION", "WebSocket", "503"]
    server = Server(data_dir=tmp_path).start()
    try:
        page = visit(server, project="away", window="24h")
        expect(page.locator(".live")).to_have_text("live")
        server.stop()
        expect(page.locator(".live")).to_have_text("not live")
        page.get_by_label("7 days").check()
        expect(page.get_by_text("The server does not answer.").first).to_be_visible()
        server.start()
        send(server, "away", 1)
        expect(card(page, "API calls").locator(".figure")).to_have_text("1", timeout=30_000)
        expect(page.get_by_text("The server does not answer.")).to_have_count(0)
        expect(page.locator(".live")).to_have_text("live", timeout=30_000)
    finally:
        server.stop()
