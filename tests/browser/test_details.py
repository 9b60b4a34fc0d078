"""The details of a call: how they come and go, and where they lead."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.page import calls, counted
from tests.serving import Server


def test_details_of_a_call(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    first = calls(page).locator("tbody button.link").first
    name = first.inner_text()
    first.press("Enter")
    dialog = page.get_by_role("dialog", name="Details of a call")
    expect(dialog.get_by_text("Model asked for")).to_be_visible()
    expect(dialog.get_by_role("heading", level=2)).to_contain_text(name)
    assert "record=" in page.url
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("record="))
    expect(first).to_be_focused()
    page.go_forward()
    expect(dialog.get_by_text("Model asked for")).to_be_visible()
    page.reload()
    expect(dialog.get_by_text("Model asked for")).to_be_visible()
    # Beside it is outside.
    page.mouse.click(20, 20)
    expect(dialog).to_have_count(0)


def test_details_lead_to_calls_of_the_same_kind(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", search="Question 22")
    counted(page, "1–1 of 1 calls")
    calls(page).get_by_role("button", name="Question 22").click()
    dialog = page.get_by_role("dialog", name="Details of a call")
    dialog.get_by_role("link", name="chat-6").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Remove conversation: chat-6")).to_be_visible()
