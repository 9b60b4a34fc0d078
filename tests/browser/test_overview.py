"""What stands above the tables: cards, the chart, shares and top consumers are what the API says."""

import re

import httpx
from playwright.sync_api import Locator, Page, Position, expect

from tests.browser.calls import TOTALS
from tests.browser.conftest import Open
from tests.browser.page import calls, card, exact, panel
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server


def test_the_cards_show_what_the_api_says(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    totals = server.query(TOTALS, project=seeded)["usage"]["totals"]
    assert exact(card(page, "Total cost")) == f"${totals['cost']}"
    assert exact(card(page, "Avg / call")) == f"${totals['avgCost']}"
    assert exact(card(page, "Input tokens")) == f"{totals['inputTokens']:,}" == "273,000"
    assert exact(card(page, "Output tokens")) == f"{totals['outputTokens']:,}"
    expect(card(page, "Input tokens").locator(".figure [aria-hidden]")).to_have_text("273.0K")


def test_pointing_at_the_chart_tells_exact_costs(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="day")
    chart = page.get_by_role("group", name=re.compile("Cost over time"))
    usage = server.query(TOTALS, project=seeded)["usage"]
    expect(page.locator(".legend button")).to_have_text([group["key"] for group in usage["breakdown"]["groups"]])
    points = usage["series"]["points"]
    chart.focus()
    page.keyboard.press("End")
    expect(page.locator(".reading .total dd")).to_have_text(f"${points[-1]['totals']['cost']}")
    assert points[-1]["partial"]
    expect(page.locator(".reading em")).to_have_text("partial")
    page.keyboard.press("Escape")
    expect(page.locator(".reading")).to_have_count(0)


def test_a_point_of_the_chart_leads_to_its_time_alone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="hour", metric="calls")
    chart = page.get_by_role("group", name=re.compile("Calls over time"))
    shown = page.url
    for by_key in (True, False):
        chart.focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        held = page.locator(".reading .total dd").inner_text()
        if by_key:
            page.keyboard.press("Enter")
        else:
            chart.click(position=middle(chart, page))
        expect(card(page, "API calls").locator(".figure")).to_have_text(held)
        assert "window=" in page.url
        assert page.url != shown
        page.go_back()
        expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def middle(chart: Locator, page: Page) -> Position:
    """Of the point that the chart's cursor stands on."""
    around, cursor = chart.bounding_box(), page.locator(".cursor").bounding_box()
    assert around
    assert cursor
    return {"x": cursor["x"] - around["x"] + cursor["width"] / 2, "y": around["height"] / 2}


def test_shares_have_the_colours_of_the_chart(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    rows = panel(page, "Cost by source").locator("tbody tr")
    groups = server.query(TOTALS, project=seeded)["usage"]["breakdown"]["groups"]
    expect(rows).to_have_count(len(groups))
    for row, group in zip(rows.all(), groups, strict=True):
        assert row.locator("th").inner_text() == group["key"]
        assert row.locator("td").last.inner_text() == f"{group['share'] * 100:.1f}%"
        colour = row.locator(".swatch").evaluate("place => getComputedStyle(place).backgroundColor")
        for place in (
            page.locator(".legend button", has_text=group["key"]).locator(".swatch"),
            panel(page, "Cost of each source").locator("li", has_text=group["key"]).locator(".swatch"),
        ):
            assert place.evaluate("place => getComputedStyle(place).backgroundColor") == colour
        badge = calls(page).locator("tbody .badge", has_text=group["key"]).first
        assert badge.evaluate("place => getComputedStyle(place).borderLeftColor") == colour


def test_a_consumer_leads_to_its_own_calls_and_back_leads_back(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    panel(page, "Top consumers").get_by_role("link", name="Reviewer").click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("10")
    assert "agent=Reviewer" in page.url
    expect(page.get_by_role("button", name="Remove agent: Reviewer")).to_be_visible()
    page.reload()
    expect(card(page, "API calls").locator(".figure")).to_have_text("10")
    page.go_back()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def test_names_that_are_chosen_are_compared_alone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", by="agent", chart="lines")
    lines = page.locator(".chart g.line:not(.whole)")
    expect(lines).to_have_count(4)
    for name in ("Reviewer", "Translator"):
        page.locator(".legend button", has_text=name).click()
    expect(lines).to_have_count(2)
    assert page.url.count("only=") == 2


def test_chosen_names_that_are_not_there_leave_all_of_them(server: Server, seeded: str, visit: Open) -> None:
    """Another metric may have others among its largest: a chart of nobody would help nobody."""
    page = visit(server, project=seeded, window="7d", by="agent", only="=Somebody else")
    expect(page.locator(".chart .fill rect").first).to_be_visible()
    expect(page.locator(".legend button.off")).to_have_count(0)


def test_the_chart_is_a_table_too(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="day")
    page.get_by_text("As a table").click()
    points = server.query(TOTALS, project=seeded)["usage"]["series"]["points"]
    cells = page.locator(".as-table tbody tr td:nth-child(2)")
    expect(cells).to_have_text([f"${point['totals']['cost']}" for point in points])


def test_a_day_of_25_hours_has_25_of_them(server: Server, visit: Open) -> None:
    project = server.project()
    twice_half_past_two = [1761438600 * 10**9, 1761442200 * 10**9]
    for number, start in enumerate(twice_half_past_two):
        spans = request([call(number, start_ns=start)]).SerializeToString()
        httpx.post(f"{server.http}/v1/traces", content=spans, headers={**PROTOBUF, "x-usage-graph-project": project})
    day = "2025-10-26T00:00:00+02:00/2025-10-27T00:00:00+01:00"
    page = visit(server, project=project, window=day, bucket="hour", metric="calls")
    page.get_by_text("As a table").click()
    rows = page.locator(".as-table tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.nth(2)).to_contain_text("26 Oct 2025 02:00–03:00 (UTC+2)")
    expect(rows.nth(3)).to_contain_text("26 Oct 2025 02:00–03:00 (UTC+1)")
    expect(page.locator(".chart .times text", has_text="02:00")).to_have_text(["02:00 (+2)"])
    page.locator(".chart").focus()
    for key in ("Home", *["ArrowRight"] * 3):
        page.keyboard.press(key)
    expect(page.locator(".reading strong")).to_have_text("26 Oct 2025 02:00–03:00 (UTC+1)")
    assert [row.locator("td").first.inner_text() for row in rows.all()[1:5]] == ["0", "1", "1", "0"]
