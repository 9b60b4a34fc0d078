"""Which time, which zone, which calls: all of it is in the address."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.page import card
from tests.serving import Server


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
