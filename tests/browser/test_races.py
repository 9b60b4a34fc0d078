"""What happens at the same time does not mix: answers that overtake each other, calls that come as one turns pages."""

import re
from contextlib import suppress

from playwright.sync_api import Error, Locator, Page, Request, Route, expect

from tests.browser.calls import send
from tests.browser.conftest import Open
from tests.browser.page import calls, card, counted, names, panel
from tests.serving import Server


def settled(place: Locator, text: str) -> None:
    expect(place.locator(".pager [role=status]")).to_have_text(text)


def searched(page: Page, place: Locator, text: str) -> None:
    """Types it, and returns when it is asked for."""

    def is_it(request: Request) -> bool:
        return f'"search":"{text}"' in (request.post_data or "")

    with page.expect_request(is_it):
        place.get_by_role("searchbox").fill(text)


def answered_since(page: Page) -> None:
    """Returns when a question of neither table is answered: what was under way before is there by then."""
    for agent in ("Rev", "Tra"):
        page.get_by_label("Only calls of this agent").fill(agent)
        expect(page.locator("datalist option")).to_have_count(1)


def test_of_many_searches_the_last_is_shown_in_both_tables(server: Server, seeded: str, visit: Open) -> None:
    """Answers to the first ones come last, in the wrong order, and some not at all."""
    page = visit(server, project=seeded, window="7d")
    records, talks = calls(page), panel(page, "Conversations")
    counted(page, "1–20 of 60 calls")
    settled(talks, "1–4 of 4 conversations")
    held: list[Route] = []

    def late(route: Route) -> None:
        asked = route.request.post_data or ""
        if any(f'"search":"{text}"' in asked for text in ("N", "Night", "Trans", "u", "user", "user-2")):
            held.append(route)
        else:
            route.continue_()

    page.route("**/graphql", late)
    for one, other in (("N", "u"), ("Night", "user"), ("Trans", "user-2")):
        searched(page, records, one)
        searched(page, talks, other)
    assert len(held) >= 5
    searched(page, records, "Question 22")
    searched(page, talks, "user-0")
    counted(page, "1–1 of 1 calls")
    settled(talks, "1–2 of 2 conversations")
    shown = talks.locator("tbody th").all_inner_texts()
    for route in reversed(held):
        with suppress(Error):  # the page has given it up
            route.continue_()
    answered_since(page)
    counted(page, "1–1 of 1 calls")
    settled(talks, "1–2 of 2 conversations")
    assert names(page) == ["Question 22"]
    assert talks.locator("tbody th").all_inner_texts() == shown
    assert "search=Question+22" in page.url
    assert "talk=user-0" in page.url


def test_a_search_that_is_taken_back_is_not_shown(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    held: list[Route] = []
    page.route(
        "**/graphql",
        lambda route: held.append(route) if "Reviewer" in str(route.request.post_data) else route.continue_(),
    )
    searched(page, calls(page), "Reviewer")
    calls(page).get_by_role("searchbox").fill("")
    expect(page).not_to_have_url(re.compile("search="))
    for route in held:
        with suppress(Error):
            route.continue_()
    answered_since(page)
    counted(page, "1–20 of 60 calls")


def test_every_call_is_on_one_page_whatever_comes_meanwhile(server: Server, visit: Open) -> None:
    """Forwards to the end and back, while new ones come at every step: none is left out, none is there twice."""
    project = server.project()
    send(server, project, *range(1, 86))
    page = visit(server, project=project, window="7d")
    counted(page, "1–20 of 85 calls")
    pages = [names(page)]
    records = calls(page)
    for number in range(2, 6):
        records.get_by_role("button", name="Next").click()
        expect(records.locator(".pager [role=status]")).to_contain_text(f"{20 * number - 19}–")
        pages.append(names(page))
        send(server, project, 100 + 2 * number, now=True)
        expect(card(page, "API calls").locator(".figure")).to_have_text(str(84 + number))
        assert names(page) == pages[-1]
    assert [len(shown) for shown in pages] == [20, 20, 20, 20, 5]
    questions = [name for shown in pages for name in shown if name.startswith("Question ")]
    assert sorted(questions) == sorted(f"Question {number}" for number in range(2, 86, 2))
    for number in range(4, 1, -1):
        send(server, project, 200 + 2 * number, now=True)
        records.get_by_role("button", name="Previous").click()
        expect(records.locator(".pager [role=status]")).to_contain_text(f"{20 * number - 19}–")
        assert names(page) == pages[number - 1]
    records.get_by_role("button", name="Previous").click()
    counted(page, "1–20 of 92 calls")
    assert names(page)[:3] == ["Question 204", "Question 206", "Question 208"]
