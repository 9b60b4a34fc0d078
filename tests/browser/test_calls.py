"""The table of calls: search, filter, pages, and the details of one."""

from contextlib import suppress

from playwright.sync_api import Error, Route, expect

from tests.browser.calls import send
from tests.browser.conftest import Open
from tests.browser.page import calls, card, counted, names
from tests.serving import Server


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


def test_details_of_a_call(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    calls(page).locator("tbody button.link").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Model asked for")).to_be_visible()
    assert "record=" in page.url
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert "record=" not in page.url
