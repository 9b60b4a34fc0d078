"""The table of calls: what a row tells, search, filter, order and pages."""

import re
import time
from contextlib import suppress
from datetime import datetime

import httpx
import pytest
from playwright.sync_api import Error, Route, expect

from tests.browser.calls import send
from tests.browser.conftest import Open
from tests.browser.page import calls, card, counted, listen, names, rows
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

MINUTE = 60 * 10**9

LISTED = """query ($orderBy: RecordOrder) { usage(window: {last: "P7D"}) {
  records(first: 100, orderBy: $orderBy) { nodes {
    source name requestModel responseModel inputTokens outputTokens totalTokens cost startedAt
  } }
} }"""


@pytest.fixture(scope="module")
def mixed(server: Server) -> str:
    """45 calls that every column puts in another order."""
    project, now = server.project(), time.time_ns()
    spans = [
        call(
            number,
            {
                "usage_graph.name": f"Call {number}",
                "gen_ai.usage.input_tokens": 100 + number * 17 % 45,
                "gen_ai.usage.output_tokens": 20 + number * 13 % 45,
                "gen_ai.request.model": "gpt-5" if number % 4 else "gpt-5-mini",
            },
            start_ns=now - (number * 7 % 45 + 1) * MINUTE,
            duration_ns=(number * 11 % 45 + 1) * 10**8,
        )
        for number in range(45)
    ]
    _send(server, project, request(spans).SerializeToString())
    return project


def _send(server: Server, project: str, body: bytes) -> None:
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    assert httpx.post(f"{server.http}/v1/traces", content=body, headers=headers).status_code == 200


def test_a_row_tells_what_the_api_says(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    nodes = server.query(LISTED, project=seeded)["usage"]["records"]["nodes"]
    for cells, node in zip(rows(calls(page)), nodes[:20], strict=True):
        source, name, model, received, sent, both, cost, duration, when = cells
        assert (source, name, model) == (node["source"], node["name"], node["responseModel"] or node["requestModel"])
        for cell, count in ((received, node["inputTokens"]), (both, node["totalTokens"])):
            assert cell == f"{count / 1000:.1f}K = {count:,}"
        assert sent == str(node["outputTokens"])
        assert cost == f"<$0.01 = ${node['cost']}"
        assert duration == "1.0s = 1,000 ms"
        assert re.match(r"\d+[mh] ago = ", when)
        assert f"{datetime.fromisoformat(node['startedAt']):%M:%S} " in when


# What it is ordered by already is turned around, as at the beginning and at the end.
ORDERS = [
    ("Time", "STARTED_AT", "ASC"),
    ("Input", "INPUT_TOKENS", "DESC"),
    ("Output", "OUTPUT_TOKENS", "DESC"),
    ("Tokens", "TOKENS", "DESC"),
    ("Duration", "DURATION", "DESC"),
    ("Cost", "COST", "DESC"),
    ("Cost", "COST", "ASC"),
]


def test_headings_order_it_and_pages_follow(server: Server, mixed: str, visit: Open) -> None:
    page = visit(server, project=mixed, window="7d")
    counted(page, "1–20 of 45 calls")
    for name, field, direction in ORDERS:
        heading = calls(page).get_by_role("columnheader", name=name, exact=True)
        heading.get_by_role("button").press("Enter")
        expect(heading).to_have_attribute("aria-sort", "ascending" if direction == "ASC" else "descending")
        expect(calls(page)).to_have_attribute("aria-busy", "false")
        order = {"orderBy": {"field": field, "direction": direction}}
        nodes = server.query(LISTED, order, project=mixed)["usage"]["records"]["nodes"]
        assert names(page) == [node["name"] for node in nodes[:20]], order
    assert "order=cost-up" in page.url
    seen = names(page)
    for count in ("21–40", "41–45"):
        calls(page).get_by_role("button", name="Next").click()
        counted(page, f"{count} of 45 calls")
        seen += names(page)
    assert seen == [node["name"] for node in nodes]
    page.go_back()
    counted(page, "21–40 of 45 calls")
    assert names(page) == seen[20:40]
    page.go_back()
    page.go_back()
    expect(heading).to_have_attribute("aria-sort", "descending")


def test_there_are_buttons_to_pages_where_there_are_several(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, *range(1, 21))
    page = visit(server, project=project, window="7d")
    counted(page, "1–20 of 20 calls")
    buttons = calls(page).locator(".pager button")
    expect(buttons).to_have_count(0)
    send(server, project, 21)
    counted(page, "1–20 of 21 calls")
    expect(buttons).to_have_count(3)
    expect(calls(page).locator(".pager")).to_contain_text("Page 1 of 2")


def test_the_keyboard_stays_on_the_button_at_the_last_page(server: Server, mixed: str, visit: Open) -> None:
    page = visit(server, project=mixed, window="7d")
    counted(page, "1–20 of 45 calls")
    after = calls(page).get_by_role("button", name="Next")
    after.focus()
    top = calls(page).locator(".pager").bounding_box()
    for count in ("21–40", "41–45"):
        page.keyboard.press("Enter")
        counted(page, f"{count} of 45 calls")
    expect(after).to_be_focused()
    expect(after).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    counted(page, "41–45 of 45 calls")
    # The last page is as high as the others: the button stays where the pointer is.
    assert calls(page).locator(".pager").bounding_box() == top


def test_times_go_on_by_themselves(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, 1)
    page = visit(server)
    page.clock.install()
    page.goto(f"{server.http}/?project={project}&window=7d")
    when = calls(page).locator("tbody time")
    expect(when).to_contain_text(re.compile(r"^[12]m ago"))
    page.clock.fast_forward("10:00")
    expect(when).to_contain_text(re.compile(r"^1[12]m ago"))


def test_answers_that_are_slower_than_calls_are_waited_for(server: Server, visit: Open) -> None:
    """Each call that comes has the page ask again, but not in place of what is under way: there would be no answer."""
    project = server.project()
    send(server, project, 1)
    page = visit(server)
    lines = listen(page, server, project)
    held: list[Route] = []
    slow = [True]
    page.route("**/graphql", lambda route: held.append(route) if slow else route.continue_())
    given_up: list[str] = []
    page.on("requestfailed", lambda asked: given_up.append(asked.post_data or ""))
    for count in (2, 3):
        with lines[-1].expect_event("framereceived", lambda frame, count=count: f'"calls":{count}' in frame):
            send(server, project, count)
    slow.clear()
    assert held
    for route in held:
        route.continue_()
    counted(page, "1–3 of 3 calls")
    assert given_up == []


def test_the_table_searches_as_one_types_and_filters_alone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    calls(page).get_by_role("searchbox").press_sequentially("reVIEW")
    counted(page, "1–10 of 10 calls")
    assert set(names(page)) == {"Reviewer"}
    assert "search=reVIEW" in page.url
    calls(page).get_by_role("searchbox").fill("")
    calls(page).get_by_label("Source").select_option("chat")
    counted(page, "1–20 of 30 calls")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def test_it_asks_when_one_pauses(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.post_data or ""))
    calls(page).get_by_role("searchbox").evaluate(
        """(box) => { for (const letter of 'Translator') {
          box.value += letter;
          box.dispatchEvent(new Event('input', {bubbles: true}));
        } }"""
    )
    counted(page, "1–10 of 10 calls")
    assert [one.count('"search":"Translator"') for one in asked if '"search":"' in one] == [1]


def test_a_long_name_leaves_room_for_what_became_of_the_call(server: Server, visit: Open) -> None:
    project = server.project()
    labels = {"usage_graph.name": "<b>pasted whole</b> " * 9, "error.type": "timeout"}
    _send(server, project, request([call(1, labels)]).SerializeToString())
    page = visit(server, project=project, window="7d")
    counted(page, "1–1 of 1 calls")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        cell, mark = calls(page).locator("tbody th"), calls(page).locator(".error-mark")
        expect(mark).to_have_text("timeout")
        right = "(place) => place.getBoundingClientRect().right"
        assert mark.evaluate(right) <= cell.evaluate(right)
        assert mark.evaluate("(place) => place.scrollWidth <= place.clientWidth")
    assert names(page) == [("<b>pasted whole</b> " * 9).strip()]


def test_an_answer_that_was_overtaken_is_dropped(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    held: list[Route] = []

    def late(route: Route) -> None:
        if '"search":"Night"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/graphql", late)
    box = calls(page).get_by_role("searchbox")
    box.fill("Night")
    page.wait_for_timeout(500)
    assert held
    box.fill("Question 22")
    counted(page, "1–1 of 1 calls")
    for route in held:
        with suppress(Error):  # the page has given it up
            route.continue_()
    page.wait_for_timeout(500)
    assert names(page) == ["Question 22"]


def test_pages_do_not_shift_while_calls_arrive(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, *range(1, 46))
    page = visit(server, project=project, window="7d")
    counted(page, "1–20 of 45 calls")
    first = names(page)
    calls(page).get_by_role("button", name="Next").click()
    counted(page, "21–40 of 45 calls")
    second = names(page)
    send(server, project, 100, 102, 104, now=True)
    expect(card(page, "API calls").locator(".figure")).to_have_text("48")
    assert names(page) == second
    calls(page).get_by_role("button", name="Next").click()
    counted(page, "41–45 of 45 calls")
    calls(page).get_by_role("button", name="Previous").click()
    counted(page, "21–40 of 45 calls")
    assert names(page) == second
    calls(page).get_by_role("button", name="First").click()
    counted(page, "1–20 of 48 calls")
    assert names(page) != first


def test_a_search_without_calls_says_so_and_leads_back(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    calls(page).get_by_label("Source").select_option("chat")
    counted(page, "1–20 of 30 calls")
    calls(page).get_by_role("searchbox").fill("Reviewer")
    expect(calls(page).get_by_text("No calls with “Reviewer” of chat in this time.")).to_be_visible()
    expect(calls(page).locator(".pager button")).to_have_count(0)
    calls(page).get_by_role("button", name="Show all calls").click()
    counted(page, "1–20 of 60 calls")
    expect(calls(page).get_by_role("searchbox")).to_have_value("")
    expect(calls(page).get_by_label("Source")).to_have_value("")
