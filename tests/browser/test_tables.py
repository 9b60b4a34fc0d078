"""What tables of the page have in common: filters that offer all there is, times, and what is said aloud."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from playwright.sync_api import expect

from tests.browser.calls import HOUR, send
from tests.browser.conftest import Open
from tests.browser.page import calls, counted, panel
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server


def test_the_table_can_be_of_any_source(server: Server, visit: Open) -> None:
    """Also of those that are too small to have a share of their own."""
    project = server.project()
    spans = [
        call(10 * source + number, {"usage_graph.source": f"source {source}"}, start_ns=time.time_ns() - HOUR)
        for source in range(10)
        for number in range(10 - source)
    ]
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    sent = httpx.post(f"{server.http}/v1/traces", content=request(spans).SerializeToString(), headers=headers)
    assert sent.status_code == 200
    page = visit(server, project=project, window="7d")
    expect(panel(page, "Cost by source").get_by_text("source 9")).to_have_count(0)
    calls(page).get_by_label("Source").select_option("source 9")
    counted(page, "1–1 of 1 calls")
    assert "from=source+9" in page.url


def test_a_time_that_is_over_says_when_not_how_long_ago(server: Server, seeded: str, visit: Open) -> None:
    now = datetime.now(UTC)
    page = visit(server, project=seeded, window=f"{now - timedelta(hours=8):%FT%TZ}/{now - timedelta(hours=2):%FT%TZ}")
    shown = calls(page).locator("tbody time").first
    instant = datetime.fromisoformat(shown.get_attribute("datetime") or "").astimezone(ZoneInfo("Europe/Berlin"))
    expect(shown).to_contain_text(f"{instant.day} {instant:%b %Y %H:%M}")
    page.get_by_label("7 days").check()
    expect(calls(page).locator("tbody time").first).to_contain_text("ago")


def test_a_turned_page_is_said_aloud_and_calls_that_come_are_not(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, *range(1, 31))
    page = visit(server, project=project, window="7d")
    counted(page, "1–20 of 30 calls")
    place = calls(page).locator(".pager [role=status]")
    expect(place).to_have_attribute("aria-live", "off")
    expect(page.locator(".range")).not_to_have_attribute("role", "status")
    expect(page.locator(".live.on")).to_be_visible()
    send(server, project, 31, now=True)
    counted(page, "1–20 of 31 calls")
    expect(place).to_have_attribute("aria-live", "off")
    # Polite before its text is another one, and until it is.
    page.evaluate(
        """() => {
          const place = document.querySelector(".records .pager [role=status]");
          new MutationObserver(() => (window.said = place.getAttribute("aria-live"))).observe(
            place, {characterData: true, childList: true, subtree: true});
        }"""
    )
    calls(page).get_by_role("button", name="Next").click()
    counted(page, "21–31 of 31 calls")
    assert page.evaluate("window.said") == "polite"
