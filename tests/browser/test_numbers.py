"""Large numbers are short, small money is not nothing, and the exact value is at hand: by pointer, key and touch."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Open, Watch
from tests.browser.page import accessible, calls, card, counted, exact, rows
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server


@pytest.fixture(scope="module")
def large(server: Server) -> str:
    """1,500,000 tokens of input and 45,000 of output, and a call that costs less than a cent."""
    project = server.project()
    for number, (received, sent) in enumerate([(1_499_990, 44_999), (10, 1)]):
        spans = [
            call(
                number,
                {
                    "usage_graph.name": f"Call {number}",
                    "gen_ai.usage.input_tokens": received,
                    "gen_ai.usage.output_tokens": sent,
                },
            )
        ]
        body = request(spans).SerializeToString()
        httpx.post(f"{server.http}/v1/traces", content=body, headers={**PROTOBUF, "x-usage-graph-project": project})
    return project


def test_large_numbers_are_short_and_small_money_is_not_nothing(server: Server, large: str, visit: Open) -> None:
    page = visit(server, project=large, window="7d", order="cost-up")
    counted(page, "1–2 of 2 calls")
    assert exact(card(page, "Input tokens")) == "1,500,000"
    expect(card(page, "Input tokens").locator(".figure [aria-hidden]")).to_have_text("1.5M")
    assert exact(card(page, "Output tokens")) == "45,000"
    expect(card(page, "Output tokens").locator(".figure [aria-hidden]")).to_have_text("45.0K")
    cost = rows(calls(page))[0][6]
    assert re.fullmatch(r"<\$0\.01 = \$0\.00000\d+", cost)
    # With the keyboard: all of them at once.
    page.get_by_role("button", name="Exact numbers").press("Enter")
    expect(card(page, "Input tokens").locator(".figure")).to_have_text("1,500,000")
    expect(card(page, "Output tokens").locator(".figure")).to_have_text("45,000")
    assert rows(calls(page))[0][6] == cost.removeprefix("<$0.01 = ")
    expect(page.locator(".figure .exact, table .exact, main time[title]")).to_have_count(0)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    accessible(page)


def test_a_tap_tells_the_exact_value(server: Server, large: str, browser: Browser, watch: Watch) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = phone.new_page()
    watch.over(page)
    page.goto(f"{server.http}/?project={large}&window=7d")
    tip = page.locator(".tip")
    for place, told in (
        (card(page, "Input tokens").locator(".figure .exact"), "1,500,000"),
        (calls(page).locator("tbody time").first, re.compile(r"\d+:\d+:\d+ ")),
    ):
        place.tap()
        expect(tip).to_be_visible()
        expect(tip).to_have_text(told)
        place.scroll_into_view_if_needed()
        box = tip.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= 390 - box["width"]
    page.get_by_role("heading", name="Usage", exact=True).tap()
    expect(tip).to_be_hidden()
    phone.close()
    assert watch.unexpected == []
