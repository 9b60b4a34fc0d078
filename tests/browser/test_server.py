"""The page and its server: live, empty, away, and behind a key."""

import json
import re
import signal
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.calls import send
from tests.browser.conftest import Open, Watch
from tests.browser.page import accessible, calls, card, counted, names
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
    expect(calls(page).locator("tbody button.link")).to_have_text(["First call"])


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


def test_a_server_that_was_killed_while_it_was_asked(tmp_path: Path, visit: Open, watch: Watch) -> None:
    """Nothing is answered any more, and then the connection is cut; what was stored is there again."""
    watch.expected = ["ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "WebSocket", "503"]
    server = Server(data_dir=tmp_path).start()
    try:
        send(server, "killed", *range(1, 26))
        page = visit(server, project="killed", window="24h")
        counted(page, "1–20 of 25 calls")
        expect(page.locator(".live")).to_have_text("live")
        # Stopped, not ended: requests get there, and wait.
        server.process.send_signal(signal.SIGSTOP)
        with page.expect_request("**/graphql"):
            page.get_by_label("7 days").check()
        server.kill()
        expect(page.get_by_text("The server does not answer.").first).to_be_visible()
        expect(page.locator(".live")).to_have_text("not live")
        # Meanwhile one sees what was there.
        assert len(names(page)) == 20
        server.start()
        expect(page.locator(".live")).to_have_text("live", timeout=30_000)
        counted(page, "1–20 of 25 calls")
        expect(page.get_by_text("The server does not answer.")).to_have_count(0, timeout=30_000)
        send(server, "killed", 26, now=True)
        expect(card(page, "API calls").locator(".figure")).to_have_text("26")
    finally:
        server.stop()


@pytest.mark.parametrize("window", ["2001-01-01T00:00:00Z/2001-01-08T00:00:00Z", "24h"])
def test_a_time_without_calls(server: Server, visit: Open, window: str) -> None:
    """It says so, when the last call was, and is as usable as any other."""
    project = server.project()
    send(server, project, 300)  # two and a half days ago
    page = visit(server, project=project, window=window)
    expect(card(page, "API calls").locator(".figure")).to_have_text("0")
    expect(page.get_by_text("The last call of all was")).to_be_visible()
    expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_have_count(0)
    counted(page, "None of 0 calls")
    page.get_by_text("As a table").click()
    amounts = page.locator(".as-table tbody tr td:nth-child(2)")
    expect(amounts.first).to_be_visible()
    assert set(amounts.all_inner_texts()) == {"$0"}
    accessible(page)
    page.get_by_label("7 days").check()
    expect(card(page, "API calls").locator(".figure")).to_have_text("1")
