"""What a choice asks anew: only what depends on it."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.calls import send
from tests.browser.conftest import Open
from tests.browser.page import card, panel
from tests.serving import Server

PARTS = ("cards", "chart", "shares", "consumers")
RANKING = """query { usage(window: {last: "P7D"}) {
  topConsumers(by: USER, metric: TOKENS) { key totals { totalTokens } }
} }"""


class Asked:
    """What a page asks of the first screen; answers can be held back."""

    def __init__(self, page: Page) -> None:
        self.variables: list[dict[str, Any]] = []
        self.held: list[Route] = []
        self.hold = False
        page.route("**/graphql", self._asked)

    def _asked(self, route: Route) -> None:
        question = route.request.post_data_json or {}
        if "query Overview" not in question.get("query", ""):
            route.continue_()
            return
        self.variables.append(question["variables"])
        if self.hold:
            self.held.append(route)
        else:
            route.continue_()

    def parts(self) -> list[str]:
        """Those of the last question."""
        return [part for part in PARTS if self.variables[-1][part]]


def _open(server: Server, project: str, visit: Open, **state: str) -> tuple[Page, Asked]:
    page = visit(server, project=project, window="7d", **state)
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    expect(page.locator(".live.on")).to_be_visible()
    return page, Asked(page)


def test_the_first_screen_is_one_question(server: Server, seeded: str, visit: Open) -> None:
    page, asked = _open(server, seeded, visit)
    page.reload()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    expect(panel(page, "Top consumers").locator("tbody tr").first).to_be_visible()
    assert [variables["window"] for variables in asked.variables] == [{"last": "P7D"}]
    assert asked.parts() == list(PARTS)


@pytest.mark.parametrize(
    ("label", "parts"),
    [("Tokens", ["chart", "shares", "consumers"]), ("Model", ["chart"]), ("Daily", ["chart"])],
)
def test_a_choice_asks_what_depends_on_it(
    server: Server, seeded: str, visit: Open, label: str, parts: list[str]
) -> None:
    page, asked = _open(server, seeded, visit)
    panel(page, "Cost over time").get_by_label(label).check()
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    assert asked.parts() == parts
    assert len(asked.variables) == 1
    # Of the same time as what stays.
    assert list(asked.variables[0]["window"]) == ["between"]


def test_what_is_drawn_at_once_asks_nothing(server: Server, seeded: str, visit: Open) -> None:
    page, asked = _open(server, seeded, visit)
    panel(page, "Cost over time").get_by_label("Lines").check()
    page.get_by_role("region", name="Shares").get_by_label("Bars").check()
    page.locator(".legend button").first.click()
    panel(page, "Cost over time").get_by_label("Tokens").check()
    expect(panel(page, "Tokens over time")).to_be_visible()
    assert len(asked.variables) == 1


def test_only_what_is_asked_waits_and_nothing_is_named_before_it_is_there(
    server: Server, seeded: str, visit: Open
) -> None:
    page, asked = _open(server, seeded, visit)
    asked.hold = True
    panel(page, "Top consumers").get_by_role("combobox", name="By", exact=True).select_option("tokens")
    expect(panel(page, "Cost over time")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".cards")).to_have_attribute("aria-busy", "false")
    expect(panel(page, "Cost by source").locator("caption")).to_have_text("Cost by source")
    before = panel(page, "Cost by source").locator("tbody").inner_text()
    assert "$" in before
    asked.held[0].continue_()
    expect(panel(page, "Tokens over time")).to_have_attribute("aria-busy", "false")
    expect(panel(page, "Tokens by source").locator("tbody")).not_to_contain_text("$")
    assert len(asked.variables) == 1


def test_choices_that_come_before_the_answer_are_put_together(server: Server, seeded: str, visit: Open) -> None:
    page, asked = _open(server, seeded, visit)
    asked.hold = True
    consumers = panel(page, "Top consumers")
    consumers.get_by_role("combobox", name="By", exact=True).select_option("tokens")
    expect(panel(page, "Cost over time")).to_have_attribute("aria-busy", "true")
    asked.hold = False
    consumers.get_by_role("combobox", name="What", exact=True).select_option("user")
    expect(panel(page, "Tokens over time")).to_have_attribute("aria-busy", "false")
    assert asked.parts() == ["chart", "shares", "consumers"]
    ranking = server.query(RANKING, project=seeded)["usage"]["topConsumers"]
    expect(consumers.locator("tbody th a")).to_have_text([consumer["key"] for consumer in ranking])
    consumers.get_by_role("combobox", name="What", exact=True).select_option("agent")
    expect(consumers.get_by_role("link", name="Reviewer")).to_be_visible()
    assert asked.parts() == ["consumers"]


def test_new_calls_ask_for_all_of_it(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, *range(1, 61))
    page, asked = _open(server, project, visit, metric="calls")
    panel(page, "Calls over time").get_by_label("Agent").check()
    expect(panel(page, "Calls of each agent")).to_be_visible()
    assert asked.parts() == ["chart"]
    send(server, project, 61, now=True)
    expect(card(page, "API calls").locator(".figure")).to_have_text("61")
    assert asked.parts() == list(PARTS)
    assert asked.variables[-1]["window"] == {"last": "P7D"}
    expect(panel(page, "Calls by source").locator("tbody tr", has_text="agent").locator("td").first).to_have_text("31")
