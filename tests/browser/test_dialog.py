"""The dialog of a call or a conversation: every way out of it leads to what was there before."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.page import calls, counted
from tests.serving import Server

WAYS = {
    "button": lambda page: page.get_by_role("button", name="Close").click(),
    "beside": lambda page: page.mouse.click(20, 400),
    "escape": lambda page: page.keyboard.press("Escape"),
    "back": lambda page: page.go_back(),
}


def opened(page: Page) -> None:
    calls(page).locator("tbody button.link").first.click()
    expect(page.get_by_role("dialog").get_by_text("Model asked for")).to_be_visible()
    expect(page).to_have_url(re.compile("record="))


@pytest.mark.parametrize("way", list(WAYS))
def test_back_does_not_open_it_again(server: Server, seeded: str, visit: Open, way: str) -> None:
    page = visit(server, project=seeded, window="24h")
    page.get_by_label("7 days").check()
    counted(page, "1–20 of 60 calls")
    opened(page)
    WAYS[way](page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("window=7d(?!.*record=)"))
    page.go_back()
    expect(page).to_have_url(re.compile("window=24h(?!.*record=)"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    # Forward is where it was opened, as anywhere.
    page.go_forward()
    page.go_forward()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Close").click()
    expect(page).to_have_url(re.compile("window=7d(?!.*record=)"))


def test_one_that_an_address_opened_is_closed_in_its_place(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    opened(page)
    address = page.url
    page.close()
    page = visit(server)
    page.goto(address)
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("window=7d(?!.*record=)"))
    page.go_back()
    expect(page).not_to_have_url(re.compile("record="))
    expect(page.get_by_role("dialog")).to_have_count(0)
