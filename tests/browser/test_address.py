"""An address says all that is shown, and whatever else it says breaks nothing."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.page import calls, card, counted, names, panel
from tests.serving import Server

NONSENSE = ("<script>alert(1)</script>", "", "9" * 400, "__proto__", "\u202e\x00", "x" * 3_000)
PARAMETERS = {
    "how": ("bucket", "metric", "by", "chart", "kind", "order", "only", "page", "talkPage"),
    "zone": ("timezone",),
    "window": ("window",),
    "filter": ("source", "agent", "model", "name", "conversation", "user", "channel"),
    "tables": ("search", "from", "talk"),
    "cursors": ("cursor", "talkCursor", "record"),
    "project": ("project",),
}
WINDOWS = (
    "2026-11-02T00:00:00Z/2026-11-01T00:00:00Z",
    "2026-11-01T00:00:00Z/2026-11-01T00:00:00Z",
    "2026-11-01/2026-11-02",
    "2026-11-01T00:00:00Z/",
    "2026-02-30T00:00:00Z/2026-03-03T00:00:00Z",
    "0000-01-01T00:00:00Z/9999-12-31T23:59:59Z",
    "9999-12-31T00:00:00Z/9999-12-31T23:59:59Z",
    "2026-11-01T00:00:00+99:99/2026-11-02T00:00:00Z",
    "1970-01-01T00:00:00Z/2999-12-31T23:59:59Z",
    "%",
)


def usable(page: Page) -> None:
    """It shows numbers, or says why not; what it is controlled by is there, and nothing is wider than the screen."""
    numbers = page.locator(".card .figure .number")
    expect(numbers.or_(page.get_by_role("alert")).or_(page.get_by_text("No calls")).first).to_be_visible()
    expect(page.get_by_label("7 days")).to_be_attached()
    expect(calls(page).or_(page.get_by_role("heading", name="No calls yet: send the first one"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("group", PARAMETERS)
def test_nonsense_is_told_or_passed_over(server: Server, seeded: str, visit: Open, group: str) -> None:
    page = visit(server, project=seeded)
    for nonsense in NONSENSE:
        page.goto(f"{server.http}/?{urlencode({'project': seeded, **dict.fromkeys(PARAMETERS[group], nonsense)})}")
        usable(page)
    # Nothing of it is left over when it is gone from the address.
    page.goto(f"{server.http}/?{urlencode({'project': seeded, 'window': '7d'})}")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def test_broken_windows_are_told_or_passed_over(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded)
    for window in WINDOWS:
        page.goto(f"{server.http}/?{urlencode({'project': seeded, 'window': window})}")
        usable(page)
    page.goto(f"{server.http}/?window=%&project={seeded}&=&&&a=b&window=24h#nowhere")
    usable(page)


@pytest.mark.parametrize("timezone", ["Nowhere/Land", "+05:45", "europe/berlin"])
@pytest.mark.parametrize("window", ["7d", "2026-10-25T00:00:00Z/2026-10-26T00:00:00Z"], ids=["moving", "fixed"])
def test_a_zone_that_there_is_not(server: Server, seeded: str, visit: Open, timezone: str, window: str) -> None:
    page = visit(server, project=seeded, window=window, timezone=timezone)
    usable(page)
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("7 days").check()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


@pytest.mark.parametrize("cursor", [">nonsense", "<", "nonsense"])
def test_out_of_a_page_that_there_is_not(server: Server, seeded: str, visit: Open, cursor: str) -> None:
    page = visit(server, project=seeded, window="7d", page="7", cursor=cursor, talkPage="9", talkCursor=cursor)
    usable(page)
    calls(page).get_by_role("searchbox").fill("Reviewer")
    counted(page, "1–10 of 10 calls")
    calls(page).get_by_role("searchbox").fill("")
    counted(page, "1–20 of 60 calls")


def test_a_call_that_there_is_not(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", record="nonsense")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile("not there|not an id|no id", re.I))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("record="))
    counted(page, "1–20 of 60 calls")


def test_a_reload_shows_the_same(server: Server, seeded: str, visit: Open) -> None:
    state = {
        "window": "30d",
        "timezone": "Asia/Kathmandu",
        "bucket": "day",
        "metric": "tokens",
        "by": "agent",
        "chart": "lines",
        "kind": "agent",
        "order": "cost",
        "search": "e",
        "model": "gpt-5-mini",
    }
    page = visit(server, project=seeded, only="=Reviewer", **state)
    counted(page, "1–20 of 30 calls")
    calls(page).get_by_role("button", name="Next").click()
    counted(page, "21–30 of 30 calls")
    calls(page).locator("tbody button.link").nth(3).click()
    expect(page.get_by_role("dialog").get_by_text("Model asked for")).to_be_visible()

    def shown() -> dict[str, object]:
        return {
            "url": page.url,
            "cards": page.locator(".card .figure").all_inner_texts(),
            "names": names(page),
            "dialog": page.get_by_role("dialog").locator("h2").inner_text(),
            "lines": page.locator("svg g.line").count(),
            "consumers": panel(page, "Top consumers").locator("tbody th").all_inner_texts(),
            "chosen": page.locator("input:checked").evaluate_all("all => all.map((one) => one.value)"),
            "selected": page.locator("select").evaluate_all("all => all.map((one) => one.value)"),
        }

    before = shown()
    assert before["lines"] == 1
    for _ in range(2):
        page.reload()
        counted(page, "21–30 of 30 calls")
        expect(page.get_by_role("dialog").get_by_text("Model asked for")).to_be_visible()
        expect(panel(page, "Top consumers").locator("tbody th").first).to_be_visible()
        assert shown() == before
