"""What docs/usage_pages.md says of credits, tokens and agents stands on the page, by the statement's number: here the
log of conversations, each agent's chart, and the controls."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board, Cell, address_of, column, figure, read, settle
from tests.browser.demo import ZONE, Demo, Span
from tests.browser.drawn import attributes, heights, paints
from tests.browser.page import panel
from tests.browser.shown import duration, fixed, plain

LOG = """
SELECT c.conversation, sum(c.credits_nano) / 1e9 AS credits, max(c.started_at) AS last_at,
    (k.title).said AS title, (k.agent).said AS agent, (k.channel).said AS channel, (k.user_id).said AS user_id,
    (
        SELECT count(DISTINCT r.trace_id) FROM usage_record AS r
        WHERE r.project = 'default' AND r.conversation = c.conversation AND r.started_at < $2
    ) AS turns
FROM calls AS c INNER JOIN usage_conversation AS k USING (project, conversation)
WHERE concat_ws(' ', (k.title).said, (k.agent).said, (k.user_id).said) ILIKE '%' || $3 || '%'
GROUP BY c.conversation, k.title, k.agent, k.channel, k.user_id
ORDER BY last_at DESC
"""
CONVERSATION, AGENT, USER, CHANNEL, TURNS, CALLS, CREDITS, TOKENS, COST, ACTIVE = range(10)
"""The columns of the table."""


def found(demo: Demo, search: str = "") -> list[Any]:
    """The conversations of the span, newest first."""
    return demo.rows(LOG, search)


def answered(demo: Demo, search: str | None = None) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = demo.page("CreditsPage", search)["usage"]["conversations"]["nodes"]
    return nodes


def log(page: Page) -> list[list[Cell]]:
    return read(panel(page, "Conversations").locator("tbody tr"))


def counted(page: Page, text: str) -> None:
    expect(panel(page, "Conversations").locator(".pager [role=status]")).to_have_text(text)


def each(board: Board) -> Any:
    """The small chart of each agent."""
    return panel(board.show(metric="credits", by="agent"), "Credits of each agent").locator("li")


def test_21_the_conversations_one_a_row(board: Board, demo: Demo) -> None:
    page = board.show()
    links = panel(page, "Conversations").locator(f"tbody td:nth-child({CALLS + 1}) a")
    shown = [dict(httpx.QueryParams(link))["conversation"] for link in attributes(links, "href")]
    assert shown == [row["conversation"] for row in found(demo)][:20]
    assert shown == [node["conversation"] for node in answered(demo)]
    counted(page, f"1–20 of {len(found(demo))} conversations")


def test_22_a_rows_agent(board: Board, demo: Demo) -> None:
    shown = column(log(board.show()), AGENT)
    assert shown == [row["agent"] or "none" for row in found(demo)][:20]
    assert shown == [node["agent"] or "none" for node in answered(demo)]
    assert "Concierge" in shown


def test_23_a_rows_channel(board: Board, demo: Demo) -> None:
    shown = column(log(board.show()), CHANNEL)
    assert shown == [row["channel"] for row in found(demo)][:20] == [node["channel"] for node in answered(demo)]
    assert len(set(shown)) > 1


def test_24_a_rows_credits(board: Board, demo: Demo) -> None:
    shown = column(log(board.show()), CREDITS)
    assert shown == [plain(row["credits"]) for row in found(demo)][:20]
    assert shown == [plain(node["totals"]["credits"]) for node in answered(demo)]


def test_25_a_rows_length_in_turns(board: Board, demo: Demo) -> None:
    shown = column(log(board.show()), TURNS)
    assert shown == [plain(row["turns"]) for row in found(demo)][:20]
    assert shown == [plain(node["turns"]) for node in answered(demo)]
    assert len(set(shown)) > 1


def test_26_a_rows_title_or_whom_it_was_with(board: Board, demo: Demo) -> None:
    shown = column(log(board.show()), CONVERSATION)
    assert shown == [row["title"] or f"Conversation with user {row['user_id']}" for row in found(demo)][:20]
    assert shown == [node["title"] or f"Conversation with user {node['user']}" for node in answered(demo)]
    # As the page that was taken apart has it in its example.
    [guest] = [row for row in log(board.page) if row[CONVERSATION].seen == "Conversation with user s3fn3ObixB"]
    assert guest[TURNS].seen == "5"


def test_27_a_chart_for_each_agent(board: Board, demo: Demo) -> None:
    charts = each(board)
    groups = demo.page("CreditsPage")["usage"]["byAgent"]["groups"]
    names = [row[0].seen for row in read(charts.locator(".name"))]
    assert names[: len(groups)] == [group["key"] or "no agent" for group in groups]
    assert column(read(charts.locator("p:not(.mean)")), 0) == [
        plain(value) for value in demo.names("agent", "credits").values()
    ]
    colours = paints(charts.locator(".swatch"), "backgroundColor")
    assert paints(charts.locator("svg"), "stroke") == colours


def mean_of(demo: Demo, agent: str) -> float:
    """How long a call of an agent took, in milliseconds."""
    where = "coalesce(agent, 'no agent') = $3"
    [row] = demo.select("avg(duration_us) / 1000 AS mean", where, agent)
    return float(row["mean"])


def milliseconds(value: float) -> str:
    return f"{plain(fixed(value, 3).replace(',', ''))} ms"


def test_28_each_agents_performance_and_tokens(board: Board, demo: Demo) -> None:
    answer = demo.page("CreditsPage")["usage"]["byAgent"]["groups"]
    groups = {group["key"] or "no agent": group["totals"] for group in answer}
    charts = panel(board.show(metric="tokens", by="agent"), "Tokens of each agent").locator("li")
    names = [row[0].seen for row in read(charts.locator(".name"))]
    shown = dict(zip(names, column(read(charts.locator("p:not(.mean)")), 0), strict=True))
    means = dict(zip(names, (row[0] for row in read(charts.locator(".mean"))), strict=True))
    durations = {agent: mean_of(demo, agent) for agent in demo.names("agent", "tokens") if agent != "all others"}
    assert {agent: means[agent][:2] for agent in durations} == {
        agent: (f"Mean duration {duration(mean)}", milliseconds(mean)) for agent, mean in durations.items()
    }
    for agent in groups.keys() & durations.keys():
        assert means[agent].exact == milliseconds(groups[agent]["avgDurationMs"])
    assert len(groups.keys() & durations.keys()) >= 5
    for agent in ("PR reviewer", "Contract check"):
        assert shown[agent] == plain(demo.total("tokens", "agent = $3", agent)) == plain(groups[agent]["totalTokens"])
        page = board.show(agent=agent)
        mean = read(panel(page, "Latency").locator("tbody tr").first)[0][2].exact
        assert mean == means[agent].exact
        assert figure(page, "Total tokens").exact == shown[agent]


def test_29_the_charts_can_be_compared(board: Board, demo: Demo) -> None:
    drawn = [heights(path) for path in attributes(each(board).locator("svg path"), "d")]
    answer = demo.page("CreditsPage")["usage"]["byAgent"]
    assert {len(line) for line in drawn} == {len(answer["points"])}
    height = float(attributes(each(board).locator("svg"), "viewBox")[0].split()[3])
    peak = max(float(point["totals"]["credits"]) for group in answer["groups"] for point in group["points"])
    # One scale for all: the highest point of all is at the top, nothing at the bottom.
    edge = min(min(line) for line in drawn)
    for line, group in zip(drawn, answer["groups"], strict=False):
        days = demo.points("credits", where="agent IS NOT DISTINCT FROM $3", values=(group["key"],))
        values = [float(point["totals"]["credits"]) for point in group["points"]]
        assert [value for value in values if value] == pytest.approx([float(day) for day in days.values() if day])
        assert [(height - edge - y) / (height - 2 * edge) for y in line] == pytest.approx(
            [value / peak for value in values], abs=0.01
        )


def test_30_the_last_24_hours_or_any_other_time(board: Board, demo: Demo) -> None:
    page = board.show()
    with board.asking("Overview") as spans:
        page.get_by_label("24 hours").check()
    assert spans[0].end - spans[0].start == timedelta(hours=24)
    assert abs(spans[0].end - datetime.now(demo.zone)) < timedelta(minutes=1)
    assert figure(page, "Credits").exact == plain(demo.total("credits", span=spans[0]))
    page.get_by_label("Custom").check()
    start = (demo.span.start + timedelta(days=2)).astimezone(demo.zone).replace(hour=6, minute=30, second=0)
    own = Span(start, start.replace(hour=21))
    for label, end in zip(("From", "to"), own, strict=True):
        page.get_by_label(label, exact=True).fill(f"{end:%Y-%m-%dT%H:%M}")
    with board.asking("Overview") as spans:
        page.get_by_role("button", name="Show", exact=True).click()
    assert spans == [own]
    answer = demo.usage("totals { credits }", own)["totals"]["credits"]
    assert figure(page, "Credits").exact == plain(demo.total("credits", span=own)) == plain(answer)


def test_31_the_log_is_searched_by_agent_or_user(board: Board, demo: Demo) -> None:
    page = board.show()
    field = panel(page, "Conversations").get_by_role("searchbox")
    for typed, place, whole in (("conCIER", AGENT, "Concierge"), ("ada.", USER, "ada.k")):
        field.press_sequentially(typed)
        expected = found(demo, typed)
        shown = min(len(expected), 20)
        counted(page, f"1–{shown} of {len(expected)} conversations")
        settle(page)
        assert set(column(log(page), place)) == {whole}
        titles = [row["title"] or f"Conversation with user {row['user_id']}" for row in expected][:20]
        assert column(log(page), CONVERSATION) == titles
        assert [node["user"] for node in answered(demo, typed)] == [row["user_id"] for row in expected][:20]
        field.fill("")
        counted(page, f"1–20 of {len(found(demo))} conversations")


def test_32_the_longest_time_is_shown_as_well(board: Board, demo: Demo) -> None:
    month = Span(demo.now - timedelta(days=30), demo.now)
    page = board.show(span=month, metric="credits", by="agent")
    assert address_of(month).split("/")[1] == demo.usage("range { to }", month)["range"]["to"]
    answer = demo.usage("totals { credits calls totalTokens }", month)["totals"]
    for title, measure, field in (
        ("Credits", "credits", "credits"),
        ("API calls", "calls", "calls"),
        ("Total tokens", "tokens", "totalTokens"),
    ):
        assert figure(page, title).exact == plain(demo.total(measure, span=month)) == plain(answer[field])
    points = demo.points("credits", zone=ZONE, span=month)
    assert [cell for cell in column(board.table(), 1) if cell != "0"] == [plain(value) for value in points.values()]
