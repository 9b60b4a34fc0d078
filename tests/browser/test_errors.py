"""What goes wrong says what to do, offers to do it, and moves nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.calls import send
from tests.browser.conftest import Open, Watch
from tests.browser.page import accessible, calls, card, counted, listen, panel
from tests.documents import ROOT
from tests.serving import Server, eventually
from usage_graph.store.embedded import Embedded

OPERATOR = "3c363836cf4e16666669a25da280a186"
MAKE_KEY = """mutation { createKey(input: {scope: READ}) { secret key { id } } }"""
REVOKE = """mutation ($id: ID!) { revokeKey(input: {id: $id}) { userErrors { message } } }"""


OVERVIEW = (ROOT / "schema" / "page" / "Overview.graphql").read_text()
VARIABLES = {
    "window": {"last": "P30D"},
    "timezone": "UTC",
    "bucket": "AUTO",
    "by": "SOURCE",
    "metric": "COST",
    "kind": "ITEM",
}


def tops(page: Page) -> list[float]:
    """Where the parts of the page begin."""
    found: list[float] = page.locator("main > *:not(.problem), main .panel").evaluate_all(
        "(parts) => parts.map((part) => part.getBoundingClientRect().top + scrollY)"
    )
    return found


FAILURES = {
    "500": (500, "no", {}, "The server has a problem (status 500). It is asked again."),
    "internal": (
        200,
        '{"data": null, "errors": [{"message": "Internal error, id 5f.", "extensions": {"code": "INTERNAL"}}]}',
        {},
        "Internal error, id 5f. Tell whoever runs the server, if it stays so.",
    ),
    "timeout": (
        200,
        '{"data": null, "errors": [{"message": "It took long.", "extensions": {"code": "TIMEOUT"}}]}',
        {},
        "It took long. Choose a shorter time above, or try again.",
    ),
    "proxy": (
        429,
        "slow down",
        {"retry-after": "77"},
        "Too much was asked in a short time. It is asked again by itself.",
    ),
    "sign in": (200, "<html>", {}, "Something else than the server answers here (status 200)"),
}


@pytest.mark.parametrize("failure", list(FAILURES))
def test_a_failure_says_what_to_do_and_moves_nothing(
    server: Server, seeded: str, visit: Open, watch: Watch, failure: str
) -> None:
    status, body, headers, said = FAILURES[failure]
    watch.expected = ["500", "429"]
    page = visit(server, project=seeded, window="7d", by="model")
    counted(page, "1–20 of 60 calls")
    expect(panel(page, "Latency").locator("tbody tr")).to_have_count(3)
    expect(page.locator(".legend button").first).to_be_visible()
    before = tops(page)
    page.route("**/graphql", lambda route: route.fulfill(status=status, body=body, headers=headers))
    calls(page).get_by_role("button", name="Cost").click()
    problem = calls(page).get_by_role("alert")
    expect(problem).to_contain_text(said)
    assert tops(page) == before
    # Screen readers would wait for what does not come.
    expect(calls(page)).to_have_attribute("aria-busy", "false")
    page.get_by_label("30 days").check()
    expect(page.locator("main > .problem")).to_contain_text(said)
    assert tops(page) == before
    accessible(page)
    page.unroute("**/graphql")
    problem.get_by_role("button", name="Try again").press("Enter")
    # All that failed is asked again, once.
    expect(page.get_by_role("alert")).to_have_count(0)
    counted(page, "1–20 of 60 calls")
    expect(calls(page).locator("[aria-sort]")).to_have_text("Cost")


def test_one_who_is_told_to_wait_waits(tmp_path: Path, visit: Open, watch: Watch) -> None:
    watch.expected = ["429"]
    with Server(data_dir=tmp_path, settings={"USAGE_GRAPH_RATE_LIMIT": "30000"}) as server:
        send(server, "p", 1)
        page = visit(server, project="p", window="7d")
        counted(page, "1–1 of 1 calls")
        ask = {"query": OVERVIEW, "variables": VARIABLES}
        while httpx.post(f"{server.http}/graphql", json=ask).status_code == 200:
            pass
        page.get_by_label("30 days").check()
        expect(page.locator("main > .problem")).to_contain_text("It is asked again by itself.")
        expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)
        counted(page, "1–1 of 1 calls")


def test_calls_that_come_do_not_shorten_the_wait(server: Server, visit: Open, watch: Watch) -> None:
    watch.expected = ["429"]
    project = server.project()
    send(server, project, 1)
    page = visit(server)
    lines = listen(page, server, project)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.post_data or "")
        route.fulfill(status=429, headers={"retry-after": "77"})

    page.route("**/graphql", refuse)
    for count in (2, 3):
        with lines[-1].expect_event("framereceived", lambda frame, count=count: f'"calls":{count}' in frame):
            send(server, project, count)
        expect(calls(page).get_by_role("alert")).to_be_visible()
    assert sorted(set(asked)) == sorted(asked)


def test_a_key_that_is_revoked_meanwhile(tmp_path: Path, visit: Open, watch: Watch) -> None:
    watch.expected = ["401"]
    with Server(data_dir=tmp_path, settings={"USAGE_GRAPH_API_KEY": OPERATOR}) as server:
        made = server.query(MAKE_KEY)["createKey"]
        headers = {"authorization": f"Bearer {made['secret']}"}
        # A new key is good after a moment.
        ask = {"query": "{__typename}"}
        eventually(lambda: httpx.post(f"{server.http}/graphql", json=ask, headers=headers).status_code != 401)
        page = visit(server, record="gone")
        field = page.get_by_label("Key", exact=True)
        expect(field).to_be_focused()
        field.fill("no such key")
        field.press("Enter")
        expect(page.get_by_role("alert")).not_to_be_empty()
        expect(field).to_have_value("no such key")
        field.fill(made["secret"])
        field.press("Enter")
        expect(page.locator(".live")).to_have_text("live")
        expect(field).to_have_count(0)
        # What hides the page makes way for the key.
        details = page.get_by_role("dialog", name="Details of a call")
        expect(details).to_contain_text("This call is not there")
        assert server.query(REVOKE, {"id": made["key"]["id"]})["revokeKey"]["userErrors"] == []
        # Nobody touches the page: the server ends what lasts, and the page asks why.
        expect(field).to_be_focused()
        expect(page.get_by_role("alert")).not_to_be_empty()
        expect(page.locator(".live")).to_have_text("not live")
        expect(details).to_have_count(0)
        field.fill(OPERATOR)
        field.press("Enter")
        expect(page.locator(".live")).to_have_text("live")
        expect(field).to_have_count(0)
        expect(details).to_contain_text("This call is not there")


def test_points_that_are_too_many_are_further_apart_and_that_is_said(server: Server, seeded: str, visit: Open) -> None:
    now = datetime.now(UTC)
    page = visit(server, project=seeded, window=f"{now - timedelta(days=365):%FT%TZ}/{now:%FT%TZ}", bucket="hour")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    said = panel(page, "Cost over time").get_by_text("Hourly would be more points than a chart holds")
    expect(said).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    # What is asked later is so from the beginning.
    overview = "**/graphql"
    with page.expect_request(overview) as asked:
        panel(page, "Cost over time").get_by_label("Model").check()
    assert (asked.value.post_data_json or {})["variables"]["bucket"] == "AUTO"
    expect(panel(page, "Cost over time")).to_have_attribute("aria-busy", "false")
    page.get_by_label("7 days").check()
    expect(said).to_have_count(0)


def test_a_database_that_was_away_is_found_again(tmp_path: Path, visit: Open) -> None:
    with (
        Embedded(data_dir=tmp_path, conf={"fsync": "off"}) as postgres,
        Server(database_url=postgres.dsn) as server,
    ):
        send(server, "away", 1)
        page = visit(server, project="away", window="7d")
        counted(page, "1–1 of 1 calls")
        expect(page.locator(".live")).to_have_text("live")
        postgres.stop()
        page.get_by_label("30 days").check()
        problem = page.locator("main > .problem")
        expect(problem).to_be_visible(timeout=60_000)
        expect(problem).to_contain_text("It is asked again by itself.")
        postgres.start()
        # Nobody touches the page, and nothing comes.
        expect(page.get_by_role("alert")).to_have_count(0, timeout=60_000)
        expect(card(page, "API calls").locator(".figure")).to_have_text("1")
        expect(page.get_by_label("30 days")).to_be_checked()


def test_a_page_that_is_not_there_leads_to_the_first(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", page="2", cursor=">nonsense")
    calls(page).get_by_role("button", name="Go to the first page").click()
    counted(page, "1–20 of 60 calls")
    expect(calls(page).get_by_role("alert")).to_have_count(0)


def test_a_zone_that_the_server_does_not_know_leads_to_the_browsers(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", timezone="+05:45")
    page.locator("main > .problem").get_by_role("button", name="Use the time zone of this browser").click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    counted(page, "1–20 of 60 calls")
