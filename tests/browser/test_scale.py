"""Ten thousand agents, and everything is still to be read and used: what is shown is a few of them, and the rest."""

import time
from decimal import Decimal

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.sync_api import Request, expect

from tests.browser.conftest import Open
from tests.browser.page import calls, card, counted, names, panel
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

AGENTS, AT_ONCE = 10_000, 2_500
MINUTE = 60 * 10**9
SHARES = """{ usage(window: {last: "P7D"}, timezone: "Europe/Berlin") {
  totals { calls cost }
  breakdown(by: AGENT, first: 8) { groups { key } other { share totals { cost } } }
} }"""


@pytest.fixture(scope="module")
def crowded(server: Server) -> str:
    """One call of each agent, each a conversation, a user, a model and a name of its own; the last cost most."""
    project, latest = server.project(), time.time_ns() - MINUTE
    for first in range(0, AGENTS, AT_ONCE):
        spans: list[Span] = []
        for number in range(first, first + AT_ONCE):
            own = f"{number:05}"
            labels: dict[str, str | int | float] = {
                "usage_graph.agent": f"Agent {own}",
                "usage_graph.name": f"Task {own}",
                "usage_graph.conversation": f"talk-{own}",
                "usage_graph.user": f"user-{own}",
                "usage_graph.source": f"source {number % 300}",
                "usage_graph.cost": 0.001 + number / 100_000,
                "gen_ai.request.model": f"model-{number % 2_000:04}",
            }
            spans.append(call(number, labels, start_ns=latest - number % 600 * 10 * MINUTE))
        answer = httpx.post(
            f"{server.http}/v1/traces",
            content=request(spans).SerializeToString(),
            headers={**PROTOBUF, "x-usage-graph-project": project},
            timeout=60,
        )
        assert answer.status_code == 200
    return project


def weight(server: Server, visit: Open, project: str) -> tuple[int, int]:
    """Elements of the document, and bytes of answers."""
    asked: list[Request] = []
    page = visit(server, project="nobody", window="24h")
    expect(page.locator(".live.on")).to_be_visible()
    page.on("request", lambda one: asked.append(one) if one.method == "POST" else None)
    page.goto(f"{server.http}/?window=7d&by=agent&project={project}")
    expect(panel(page, "Latency").locator("tbody tr").nth(2)).to_be_visible()
    expect(page.locator(".live.on")).to_be_visible()
    expect(calls(page).locator(".pager [role=status]")).to_contain_text("1–20")
    elements: int = page.evaluate("document.querySelectorAll('*').length")
    received = 0
    for one in asked:
        answer = one.response()
        assert answer is not None
        answer.finished()
        received += one.sizes()["responseBodySize"]
    page.close()
    return elements, received


def test_few_are_named_and_the_rest_is_counted(server: Server, crowded: str, visit: Open) -> None:
    page = visit(server, project=crowded, window="7d", by="agent", chart="lines", kind="agent")
    expect(card(page, "API calls").locator(".figure")).to_contain_text("10.0K")
    usage = server.query(SHARES, project=crowded)["usage"]
    largest = [group["key"] for group in usage["breakdown"]["groups"]]
    assert largest == [f"Agent {number:05}" for number in range(AGENTS - 1, AGENTS - 9, -1)]
    expect(page.locator(".legend button")).to_have_text([*largest, "all others"])
    expect(panel(page, "Cost by agent").locator("tbody th")).to_have_text([*largest, "all others"])
    # Almost all of it: it is not lost for being many.
    assert usage["breakdown"]["other"]["share"] > 0.99
    last = panel(page, "Cost by agent").locator("tbody tr").last
    expect(last.locator("td").last).to_have_text("99.8%")
    assert Decimal(usage["breakdown"]["other"]["totals"]["cost"]) < Decimal(usage["totals"]["cost"])
    expect(panel(page, "Top consumers").locator("tbody th a")).to_have_text(
        [f"Agent {number:05}" for number in range(AGENTS - 1, AGENTS - 11, -1)]
    )
    expect(panel(page, "Cost of each agent").locator("li")).to_have_count(9)
    counted(page, "1–20 of 10,000 calls")
    expect(panel(page, "Conversations").locator(".pager [role=status]")).to_have_text("1–20 of 10,000 conversations")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_is_no_heavier_for_it(server: Server, crowded: str, seeded: str, visit: Open) -> None:
    """What is in the document, and what is sent for it, is bounded by what can be looked at."""
    few, many = weight(server, visit, seeded), weight(server, visit, crowded)
    assert many[0] < 2.5 * few[0] < 10_000
    assert many[1] < 2.5 * few[1] < 500_000


def test_any_of_them_is_found_by_its_first_letters(server: Server, crowded: str, visit: Open) -> None:
    page = visit(server, project=crowded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_contain_text("10.0K")
    field = page.get_by_label("Only calls of this agent")
    field.focus()
    offered = page.locator("datalist option")
    expect(offered.first).to_be_attached()
    assert offered.count() <= 100
    field.press_sequentially("Agent 0421")
    expect(offered).to_have_count(10)
    assert {option.get_attribute("value") for option in offered.all()} == {f"Agent 0421{last}" for last in range(10)}
    field.press_sequentially("7")
    field.press("Enter")
    expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    assert names(page) == ["Task 04217"]


def test_the_source_of_calls_is_chosen_among_many(server: Server, crowded: str, visit: Open) -> None:
    page = visit(server, project=crowded, window="7d", **{"from": "source 299"})
    counted(page, "1–20 of 33 calls")
    source = calls(page).get_by_role("combobox", name="Source")
    source.select_option("")
    counted(page, "1–20 of 10,000 calls")
    # The twenty with the most calls, not those few that the page happens to show.
    expect(source.locator("option")).to_have_count(21)
    source.select_option("source 15")
    counted(page, "1–20 of 34 calls")


def test_far_into_the_table(server: Server, crowded: str, visit: Open) -> None:
    page = visit(server, project=crowded, window="7d")
    counted(page, "1–20 of 10,000 calls")
    seen = set(names(page))
    for number in range(2, 7):
        calls(page).get_by_role("button", name="Next").click()
        counted(page, f"{20 * number - 19}–{20 * number} of 10,000 calls")
        shown = set(names(page))
        assert len(shown) == 20
        assert not shown & seen
        seen |= shown
    calls(page).get_by_role("searchbox").fill("task 09999")
    counted(page, "1–1 of 1 calls")
    assert names(page) == ["Task 09999"]
    panel(page, "Conversations").get_by_role("searchbox").fill("user-00077")
    expect(panel(page, "Conversations").locator(".pager [role=status]")).to_have_text("1–1 of 1 conversations")
