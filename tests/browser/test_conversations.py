"""The table of conversations: order, search, pages, what a row leads to, and the details of one."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.calls import post
from tests.browser.conftest import Open
from tests.browser.page import accessible, calls, card, counted, panel, rows
from tests.otlp import Value, call
from tests.serving import Server

HOUR = 3600 * 10**9
CONVERSATIONS = 45

LISTED = """query ($search: String, $orderBy: ConversationOrder) { usage(window: {last: "P7D"}) {
  conversations(first: 100, search: $search, orderBy: $orderBy) { nodes {
    conversation title agent user channel turns startedAt lastActiveAt models
    totals { calls failedCalls totalTokens credits cost }
  } }
} }"""


@pytest.fixture(scope="module")
def talked(server: Server) -> str:
    """Conversations of four agents on two channels, with different turns, times and models; of one a call failed."""
    project = server.project()
    now, spans = time.time_ns(), []
    for number in range(CONVERSATIONS):
        for turn in range(number % 4 + 1):
            labels: dict[str, Value] = {
                "usage_graph.source": "chat",
                "usage_graph.conversation": f"talk-{number:02}",
                "usage_graph.user": f"s3fn3ObixB{number % 7}",
                "usage_graph.agent": ("Ada", "Bob", "Cleo", "Dan")[number % 4],
                "usage_graph.channel": "web" if number % 2 else "phone",
                "usage_graph.turn": f"{number}-{turn}",
                "gen_ai.usage.input_tokens": 1000 * (number * 7 % CONVERSATIONS + 1),
                "gen_ai.request.model": "gpt-5" if turn else "gpt-5-mini",
            }
            if number % 3:
                labels["usage_graph.name"] = f"Topic {number * 11 % CONVERSATIONS:02}"
            if (number, turn) == (7, 3):
                labels["error.type"] = "timeout"
            spans.append(call(number * 10 + turn, labels, start_ns=now - (number + 1) * HOUR + turn * 60 * 10**9))
    post(server, project, spans)
    return project


def talks(page: Page) -> Locator:
    return panel(page, "Conversations")


def told(page: Page, text: str) -> None:
    expect(talks(page).locator(".pager [role=status]")).to_have_text(text)


def titles(page: Page) -> list[str]:
    return talks(page).locator("tbody button.link").all_inner_texts()


def title_of(node: dict[str, str | None]) -> str | None:
    return node["title"] or f"Conversation with user {node['user']}"


def test_a_row_tells_what_the_api_says(server: Server, talked: str, visit: Open) -> None:
    page = visit(server, project=talked, window="7d")
    told(page, f"1–20 of {CONVERSATIONS} conversations")
    nodes = server.query(LISTED, project=talked)["usage"]["conversations"]["nodes"]
    assert titles(page) == [title_of(node) for node in nodes[:20]]
    assert any(title.startswith("Conversation with user s3fn3ObixB") for title in titles(page))
    for cells, node in zip(rows(talks(page)), nodes[:20], strict=True):
        _, agent, user, channel, turns, count, credits_, tokens, cost, active = cells
        assert (agent, user, channel, turns) == (node["agent"], node["user"], node["channel"], str(node["turns"]))
        assert count.split()[0] == str(node["totals"]["calls"])
        assert credits_ == node["totals"]["credits"]
        assert tokens == f"{node['totals']['totalTokens'] / 1000:.1f}K = {node['totals']['totalTokens']:,}"
        assert cost.endswith(f" = ${node['totals']['cost']}")
        assert re.match(r"\d+[mhd] ago = ", active)


# What it is ordered by already is turned around, as at the end.
COLUMNS = [
    ("Conversation", "TITLE", "ASC"),
    ("Agent", "AGENT", "ASC"),
    ("User", "USER", "ASC"),
    ("Channel", "CHANNEL", "ASC"),
    ("Turns", "TURNS", "DESC"),
    ("Calls", "CALLS", "DESC"),
    ("Credits", "CREDITS", "DESC"),
    ("Tokens", "TOKENS", "DESC"),
    ("Last active", "LAST_ACTIVE_AT", "DESC"),
    ("Cost", "COST", "DESC"),
    ("Cost", "COST", "ASC"),
]


def test_headings_order_it_and_pages_follow(server: Server, talked: str, visit: Open) -> None:
    page = visit(server, project=talked, window="7d")
    told(page, f"1–20 of {CONVERSATIONS} conversations")
    for name, field, direction in COLUMNS:
        heading = talks(page).get_by_role("columnheader", name=name, exact=True)
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", "ascending" if direction == "ASC" else "descending")
        expect(talks(page)).to_have_attribute("aria-busy", "false")
        by = {"field": field, "direction": direction}
        nodes = server.query(LISTED, {"orderBy": by}, project=talked)["usage"]["conversations"]["nodes"]
        assert titles(page) == [title_of(node) for node in nodes[:20]], by
    expect(talks(page).locator("[aria-sort]")).to_have_count(1)
    assert "talkOrder=cost-up" in page.url
    seen = titles(page)
    for count in ("21–40", "41–45"):
        talks(page).get_by_role("button", name="Next").click()
        told(page, f"{count} of {CONVERSATIONS} conversations")
        seen += titles(page)
    assert seen == [title_of(node) for node in nodes]
    page.reload()
    told(page, f"41–45 of {CONVERSATIONS} conversations")
    assert titles(page) == seen[40:]
    page.go_back()
    told(page, f"21–40 of {CONVERSATIONS} conversations")
    assert titles(page) == seen[20:40]


def test_pages_of_one_table_are_none_of_the_others(server: Server, talked: str, visit: Open) -> None:
    page = visit(server, project=talked, window="7d")
    talks(page).get_by_role("button", name="Next").click()
    told(page, f"21–40 of {CONVERSATIONS} conversations")
    calls(page).get_by_role("button", name="Tokens").click()
    expect(calls(page).locator("[aria-sort]")).to_have_text("Tokens")
    told(page, f"21–40 of {CONVERSATIONS} conversations")


@pytest.mark.parametrize("text", ["tOPIC 1", "cleo", "S3FN3OBIXB5", "talk-07"], ids=["title", "agent", "user", "id"])
def test_it_searches_as_one_types(server: Server, talked: str, visit: Open, text: str) -> None:
    page = visit(server, project=talked, window="7d")
    told(page, f"1–20 of {CONVERSATIONS} conversations")
    talks(page).get_by_role("searchbox").press_sequentially(text)
    nodes = server.query(LISTED, {"search": text}, project=talked)["usage"]["conversations"]["nodes"]
    assert 0 < len(nodes) < 20
    told(page, f"1–{len(nodes)} of {len(nodes)} conversations")
    assert titles(page) == [title_of(node) for node in nodes]
    # What fits on one page has no buttons to others.
    expect(talks(page).locator(".pager button")).to_have_count(0)
    counted(page, "1–20 of 111 calls")
    page.go_back()
    told(page, f"1–20 of {CONVERSATIONS} conversations")
    expect(talks(page).get_by_role("searchbox")).to_have_value("")


def test_a_search_that_was_overtaken_is_dropped(server: Server, talked: str, visit: Open) -> None:
    page = visit(server, project=talked, window="7d")
    told(page, f"1–20 of {CONVERSATIONS} conversations")
    given_up: list[str] = []
    page.route("**/graphql", lambda route: None if _searches(route.request, "Cle") else route.continue_())
    page.on("requestfailed", lambda request: given_up.append(request.post_data or ""))
    box = talks(page).get_by_role("searchbox")
    with page.expect_request(lambda request: _searches(request, "Cle")):
        box.fill("Cle")
    with page.expect_event("requestfailed"):
        box.fill("talk-07")
    told(page, "1–1 of 1 conversations")
    assert '"search":"Cle"' in given_up[0]
    expect(box).to_have_value("talk-07")


def _searches(request: Request, text: str) -> bool:
    return f'"search":"{text}"' in (request.post_data or "")


def test_letters_that_are_typed_meanwhile_stay(server: Server, talked: str, visit: Open) -> None:
    """The search that was sent comes back by the address while one types on."""
    page = visit(server, project=talked, window="7d")
    told(page, f"1–20 of {CONVERSATIONS} conversations")
    box = talks(page).get_by_role("searchbox")
    # In the same moment as the search is sent, before the page is drawn again.
    box.evaluate(
        """(box) => { const push = history.pushState.bind(history);
        history.pushState = (...all) => { push(...all); box.value = 'talk-07';
          box.dispatchEvent(new Event('input', {bubbles: true})); }; }"""
    )
    box.fill("talk-0")
    told(page, "1–1 of 1 conversations")
    expect(box).to_have_value("talk-07")


def test_a_row_leads_to_its_calls(server: Server, talked: str, visit: Open) -> None:
    page = visit(server, project=talked, window="7d", talk="talk-07")
    told(page, "1–1 of 1 conversations")
    page.keyboard.press("End")
    talks(page).get_by_role("link", name="4 calls: show them").click()
    counted(page, "1–4 of 4 calls")
    expect(calls(page)).to_be_in_viewport()
    assert "conversation=talk-07" in page.url
    expect(card(page, "API calls").locator(".figure")).to_have_text("4")
    page.go_back()
    counted(page, "1–20 of 111 calls")


def test_details_of_a_conversation(server: Server, talked: str, visit: Open) -> None:
    page = visit(server, project=talked, window="7d", talk="talk-07")
    told(page, "1–1 of 1 conversations")
    talks(page).get_by_role("button", name="Topic 32").press("Enter")
    dialog = page.get_by_role("dialog", name="Details of a conversation")
    [node] = server.query(LISTED, {"search": "talk-07"}, project=talked)["usage"]["conversations"]["nodes"]
    expect(dialog.get_by_role("heading", name="Topic 32")).to_be_visible()
    facts = dict(zip(dialog.locator("dt").all_inner_texts(), dialog.locator("dd").all_inner_texts(), strict=True))
    assert facts["With user"] == "s3fn3ObixB0"
    assert (facts["Agent"], facts["Channel"], facts["Conversation"]) == ("Dan", "web", "talk-07")
    assert facts["Models"] == ", ".join(node["models"]) == "gpt-5, gpt-5-mini"
    assert (facts["Turns"], facts["Calls"], facts["Failed calls"]) == ("4", "4", "1")
    assert facts["Cost"] == f"${node['totals']['cost']}"
    for name, instant in (("Started", node["startedAt"]), ("Last active", node["lastActiveAt"])):
        shown = page.evaluate("(text) => Date.parse(text.replace(/ [A-Z+0-9:]*$/, ''))", facts[name])
        assert shown == page.evaluate("(text) => Math.floor(Date.parse(text) / 1000) * 1000", instant)
    accessible(page)
    page.go_back()
    expect(dialog).to_have_count(0)
    page.go_forward()
    expect(dialog.get_by_role("heading", name="Topic 32")).to_be_visible()
    dialog.get_by_role("link", name="Show its calls").click()
    expect(dialog).to_have_count(0)
    counted(page, "1–4 of 4 calls")
    expect(calls(page).locator(".error-mark")).to_have_text("timeout")
