"""Which time, which zone, which calls, how it looks: what is shown is in the address, what is chosen is remembered."""

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.page import calls, card, counted, panel
from tests.serving import Server

RANGE = """query ($window: WindowInput!) { usage(window: $window, timezone: "Europe/Berlin") { range { from } } }"""


def test_the_time_that_was_chosen_is_remembered(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded)
    page.get_by_label("30 days").check()
    expect(page).to_have_url(re.compile("window=30d"))
    page.close()
    expect(visit(server).get_by_label("30 days")).to_be_checked()


def test_days_are_those_of_the_zone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="day")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    with page.expect_request("**/graphql") as asked:
        page.get_by_label("Time zone").select_option("Asia/Tokyo")
    assert '"timezone":"Asia/Tokyo"' in (asked.value.post_data or "")
    assert "timezone=Asia/Tokyo" in page.url


def test_the_fields_of_a_time_of_ones_own_say_what_is_shown(server: Server, visit: Open) -> None:
    page = visit(
        server, project=server.project(), window="2026-10-25T00:00:00+02:00/2026-10-26T00:00:00+01:00", bucket="hour"
    )
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-10-25T00:00")
    expect(page.get_by_label("to", exact=True)).to_have_value("2026-10-26T00:00")
    expect(page.get_by_label("Custom")).to_be_checked()


def test_a_time_of_ones_own(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    page.get_by_label("Custom").check()
    page.get_by_label("From", exact=True).fill("2020-01-01T00:00")
    page.get_by_label("to", exact=True).fill("2020-01-02T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("0")
    assert "window=2019-12-31T23:00:00.000Z/2020-01-01T23:00:00.000Z" in page.url
    expect(page.get_by_text("The last call of all was")).to_be_visible()
    page.get_by_label("to", exact=True).fill("2019-01-01T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("It has to end after it begins.")


def test_a_field_narrows_the_page(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    page.get_by_label("Narrow by").select_option("model")
    field = page.get_by_label("Only calls of this model")
    field.press_sequentially("gpt-5-")
    expect(page.locator("datalist option")).to_have_count(1)
    field.fill("gpt-5")
    field.press("Enter")
    expect(card(page, "API calls").locator(".figure")).to_have_text("20")
    page.get_by_role("button", name="Remove model: gpt-5").click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def test_periods(server: Server, seeded: str, visit: Open) -> None:
    """24h, 7d, 30d and this month, each with its own numbers, and all the way back."""
    page = visit(server, project=seeded, window="30d")
    windows = {"24 hours": "24h", "7 days": "7d", "This month": "month"}
    starts = {"24 hours": {"last": "PT24H"}, "7 days": {"last": "P7D"}, "This month": {"period": "THIS_MONTH"}}
    shown = page.locator(".controls .range")
    for name, said in windows.items():
        page.get_by_label(name).check()
        expect(page).to_have_url(re.compile(f"window={said}"))
        asked = server.query(RANGE, {"window": starts[name]}, project=seeded)["usage"]["range"]
        start = datetime.fromisoformat(asked["from"]).astimezone(ZoneInfo("Europe/Berlin"))
        expect(shown).to_contain_text(f"{start.day} {start:%b %Y}")
    for name in ("7 days", "24 hours", "30 days"):
        page.go_back()
        expect(page.get_by_label(name)).to_be_checked()
    page.go_forward()
    expect(page.get_by_label("24 hours")).to_be_checked()


def test_back_and_forward_restore_every_state(server: Server, seeded: str, visit: Open) -> None:
    """What is as usual is in no address, and is restored as well: not what was chosen last."""
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    steps: list[Callable[[], object]] = [
        lambda: panel(page, "Top consumers").get_by_label("By").select_option("calls"),
        lambda: page.get_by_label("Time zone").select_option("Asia/Tokyo"),
        lambda: panel(page, "Top consumers").get_by_label("What").select_option("model"),
        lambda: page.get_by_role("button", name="Exact numbers").click(),
        lambda: calls(page).get_by_label("Source").select_option("chat"),
        lambda: calls(page).get_by_role("button", name="Tokens").click(),
        lambda: calls(page).get_by_role("button", name="Next").click(),
        lambda: calls(page).get_by_role("searchbox").fill("Question"),
        lambda: calls(page).locator("tbody button.link").first.click(),
        lambda: page.get_by_role("dialog").get_by_role("link", name=re.compile("user-")).click(),
    ]
    states = [_state(page)]
    for step in steps:
        address = page.url
        step()
        expect(page).not_to_have_url(address)
        _settled(page)
        states.append(_state(page))
    assert len({str(state) for state in states}) == len(states)
    for state in reversed(states[:-1]):
        page.go_back()
        _settled(page)
        assert _state(page) == state
    for state in states[1:]:
        page.go_forward()
        _settled(page)
        assert _state(page) == state
    # Who opens it elsewhere sees the same.
    other = visit(server)
    other.goto(page.url)
    _settled(other)
    assert _state(other) == states[-1]


def _settled(page: Page) -> None:
    # What is busy says so with the next frame.
    page.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)


def _state(page: Page) -> dict[str, object]:
    """What controls say and tables show; times go on by themselves."""
    found: dict[str, object] = page.evaluate(
        """() => ({
          chosen: [...document.querySelectorAll('select, input[type=search]')].map((field) => field.value),
          checked: [...document.querySelectorAll('input:checked')].map((field) => field.value),
          pressed: [...document.querySelectorAll('.controls [aria-pressed=true]')].map((button) => button.innerText),
          narrowed: [...document.querySelectorAll('.narrowing button')].map((button) => button.innerText),
          sorted: [...document.querySelectorAll('[aria-sort]')].map((head) => head.innerText + head.ariaSort),
          pages: [...document.querySelectorAll('.pager')].map((pager) => pager.innerText),
          names: [...document.querySelectorAll('.rows tbody th')].map((name) => name.innerText),
          dialogs: [...document.querySelectorAll('dialog[open] dd')].map((fact) => fact.innerText),
        })"""
    )
    return found


def test_a_link_says_the_same_to_everybody(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    link = page.url
    panel(page, "Top consumers").get_by_label("By").select_option("calls")
    page.get_by_role("button", name="Exact numbers").click()
    page.get_by_label("30 days").check()
    # What this visitor chose last is in force where no address says otherwise.
    again = visit(server)
    expect(again.get_by_label("30 days")).to_be_checked()
    expect(again.get_by_role("button", name="Exact numbers")).to_have_attribute("aria-pressed", "true")
    again.goto(link)
    expect(again.get_by_label("7 days")).to_be_checked()
    expect(panel(again, "Top consumers").get_by_label("By")).to_have_value("cost")
    expect(again.get_by_role("button", name="Exact numbers")).to_have_attribute("aria-pressed", "false")
    # A link that was opened is no choice.
    expect(visit(server).get_by_label("30 days")).to_be_checked()


def test_back_from_a_time_of_ones_own(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    page.get_by_label("Custom").check()
    page.get_by_label("From", exact=True).fill("2020-01-01T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("window=2019-12-31T23:00"))
    page.go_back()
    expect(page.get_by_label("7 days")).to_be_checked()
    expect(page.get_by_label("From", exact=True)).to_have_count(0)


def test_the_zone_is_the_browsers_until_one_chooses(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server)
    with page.expect_request(lambda asked: '"timezone":"Europe/Berlin"' in (asked.post_data or "")):
        page.goto(f"{server.http}/?project={seeded}")
    expect(page.get_by_label("Time zone").locator("option:checked")).to_have_text("Europe/Berlin (here)")
    when = calls(page).locator("time").first
    expect(when).to_have_attribute("title", re.compile(r"(CET|CEST|GMT\+[12])$"))
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    expect(when).to_have_attribute("title", re.compile(r"(JST|GMT\+9)$"))
    page.close()
    expect(visit(server).get_by_label("Time zone")).to_have_value("Asia/Tokyo")


def test_light_and_dark(server: Server, seeded: str, visit: Open) -> None:
    """As the system has it, until somebody chooses; then that is remembered."""
    page = visit(server, project=seeded)
    dark = page.get_by_role("button", name="Dark", exact=True)
    expect(dark).to_have_attribute("aria-pressed", "false")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    expect(dark).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    dark.press("Enter")
    expect(dark).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(dark).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_jumps_while_it_loads(
    server: Server, seeded: str, context: BrowserContext, visit: Open, width: int
) -> None:
    """Chromium's own measure of what moved without being asked to; below a tenth is what it calls good."""
    context.add_init_script(
        """addEventListener('DOMContentLoaded', () => { globalThis.moved = 0; new PerformanceObserver((list) => {
          for (const shift of list.getEntries()) if (!shift.hadRecentInput) moved += shift.value;
        }).observe({type: 'layout-shift', buffered: true}); })"""
    )
    page = visit(server)
    page.set_viewport_size({"width": width, "height": 900})
    held: list[Route] = []
    slow = [True]
    page.route("**/graphql", lambda route: held.append(route) if slow else route.continue_())
    page.goto(f"{server.http}/?project={seeded}&window=7d")
    expect(calls(page).locator("tbody tr.waiting")).to_have_count(20)
    slow.clear()
    for route in held:
        route.continue_()
    counted(page, "1–20 of 60 calls")
    expect(calls(page).locator("tbody tr.waiting")).to_have_count(0)
    expect(panel(page, "Latency").locator("tbody tr")).to_have_count(3)
    assert page.evaluate("moved") < 0.02


def test_how_to_send_the_first_call_can_be_copied(server: Server, context: BrowserContext, visit: Open) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit(server, project=server.project())
    empty = page.locator(".empty")
    expect(empty).to_be_visible()
    seen = set()
    for way in empty.get_by_role("radio").all():
        way.check()
        empty.get_by_role("button", name="Copy").click()
        expect(empty.get_by_role("status")).to_have_text("Copied.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == empty.locator("pre").inner_text()
        assert server.http in copied
        seen.add(copied)
    assert len(seen) >= 6
