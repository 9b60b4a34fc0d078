"""What docs/usage_pages.md says of credits, tokens and agents stands on the page, by the statement's number: here
cards, charts and shares. All numbers are what the public API answers, and what SQL finds in the records."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.board import Board, Cell, column, figure, read
from tests.browser.demo import Demo
from tests.browser.drawn import attributes, curves, heights, paints, scale, turns
from tests.browser.page import calls, card, panel
from tests.browser.shown import change, day, minute, percent, plain, short

RULE = """CASE
    WHEN coalesce(response_model, request_model) LIKE 'claude-opus-%' THEN 0.1
    WHEN coalesce(response_model, request_model) LIKE 'text-embedding-%' THEN 0
    ELSE 0.05
END * (coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) / 1000"""
"""What the demo's rules say of a call that does not say its credits itself."""
LEDGER = """
SELECT sum(greatest(least(credits_nano, drawn - 1800 * 1e9), 0)) / 1e9 AS beyond
FROM (
    SELECT *, sum(credits_nano) OVER (
        PARTITION BY date_trunc('week', started_at, 'UTC') ORDER BY started_at, id
    ) AS drawn
    FROM usage_record
    WHERE project = 'default'
) AS ledger
WHERE started_at >= $1 AND started_at < $2
"""
"""What is beyond the demo's plan, which includes 1,800 credits in a week of UTC."""


def api(demo: Demo) -> dict[str, Any]:
    usage: dict[str, Any] = demo.page("CreditsPage")["usage"]
    return usage


def shares(board: Board, dimension: str, metric: str) -> tuple[Locator, list[list[Cell]]]:
    """The ring of a dimension, and the rows of its legend."""
    found = panel(board.show(metric=metric, by=dimension), f"{metric.title()} by {dimension}")
    return found.locator(".ring svg"), read(found.locator("tbody tr"))


def lines(board: Board) -> Locator:
    return board.show(metric="credits", by="agent", chart="lines").locator(".chart")


def days(demo: Demo) -> list[datetime]:
    """The days of the span, by the clock of the zone."""
    first, last = (datetime.combine(end.astimezone(demo.zone), time()) for end in demo.span)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_01_credits_and_tokens_by_agent(board: Board, demo: Demo) -> None:
    groups = api(demo)["agents"]["groups"][:8]
    for metric, field in (("credits", "credits"), ("tokens", "totalTokens")):
        _, rows = shares(board, "agent", metric)
        found = dict(zip(column(rows, 0), column(rows, 1), strict=True))
        assert found == {name: plain(value) for name, value in demo.names("agent", metric).items()}
        known = {group["key"]: plain(group["totals"][field]) for group in groups if group["key"] in found}
        assert len(known) >= 5
        assert known.items() <= found.items()


def test_02_credits_by_user(board: Board, demo: Demo) -> None:
    groups = api(demo)["users"]["groups"][:8]
    whole = float(demo.total("credits"))
    place = panel(board.show(metric="credits"), "Credits by user")
    ring, rows = place.locator(".ring svg"), read(place.locator("tbody tr"))
    found = demo.names("user", "credits")
    assert [(row[0].seen, row[1].exact) for row in rows] == [(name, plain(value)) for name, value in found.items()]
    assert column(rows, 2) == [percent(float(value) / whole) for value in found.values()]
    assert [(group["key"] or "no user", plain(group["totals"]["credits"])) for group in groups] == [
        (row[0].seen, row[1].exact) for row in rows
    ][: len(groups)]
    assert turns(ring) == pytest.approx([float(value) / whole for value in found.values()], abs=0.01)
    rows = read(panel(board.show(kind="user", metric="credits"), "Top consumers").locator("tbody tr"))
    users = {user: plain(value) for user, value in demo.groups("user", "credits").items() if user is not None}
    assert {row[0].seen: row[1].exact for row in rows} == dict(list(users.items())[:10])
    answered = [group for group in api(demo)["users"]["groups"] if group["key"] is not None][: len(rows)]
    assert [plain(group["totals"]["credits"]) for group in answered] == column(rows, 1)[: len(answered)]


def test_03_metrics_charts_and_logs_on_one_page(board: Board, demo: Demo) -> None:
    page = board.show(metric="credits", by="agent", chart="lines")
    titles = ["Credits over time", "Credits by agent", "Top consumers", "Conversations", "Calls"]
    for title in titles:
        expect(panel(page, title)).to_be_visible()
    ends = [minute(end.astimezone(demo.zone)) for end in demo.span]
    expect(page.locator(".range")).to_have_text(" – ".join(ends))
    assert api(demo)["range"]["from"] == demo.span.between["from"].replace("+00:00", "Z")
    drawn = sum(Decimal(row[1].exact) for row in board.table())
    assert plain(drawn) == figure(page, "Credits").exact == plain(demo.total("credits"))


def test_04_credits_used(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Credits")
    assert found.exact == plain(demo.total("credits")) == plain(api(demo)["totals"]["credits"])
    assert found.seen == short(demo.total("credits"))


def test_05_credits_beyond_the_plan(board: Board, demo: Demo) -> None:
    [row] = demo.rows(LEDGER)
    found = figure(board.show(), "Additional credits")
    assert found.exact == plain(row["beyond"]) == plain(api(demo)["credits"]["additional"]) != "0"
    cost = read(card(board.page, "Additional credits").locator(".aside"))[0][0]
    assert cost.exact == f"${plain(row['beyond'] * Decimal('0.02'))}"


def test_06_tokens_processed(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Total tokens")
    assert found.exact == plain(demo.total("tokens")) == plain(api(demo)["totals"]["totalTokens"])
    assert found.seen == short(demo.total("tokens"))


def test_07_credits_by_size_model_and_tokens(board: Board, demo: Demo) -> None:
    computed = f"CASE WHEN credits_reported THEN credits_nano / 1e9 ELSE {RULE} END"
    [whole] = demo.select(f"sum({computed}) AS credits")
    assert figure(board.show(), "Credits").exact == plain(whole["credits"]) == plain(api(demo)["credits"]["consumed"])
    for model, rate in (("claude-opus-4-8", "0.1"), ("gemini-2.5-pro", "0.05"), ("text-embedding-3-small", "0")):
        page = board.show(model=model)
        calls(page).locator("tbody tr:not(.failed) button.link").first.click()
        facts = page.get_by_role("dialog").locator("dl > div")
        told = {
            name: facts.filter(has=page.get_by_text(name, exact=True)).locator("dd") for name in ("Total", "Credits")
        }
        tokens = Decimal(told["Total"].inner_text().replace(",", ""))
        assert told["Credits"].inner_text() == plain(tokens * Decimal(rate) / 1000)


def test_08_credits_over_time(board: Board, demo: Demo) -> None:
    expect(lines(board)).to_be_visible()
    points = demo.points("credits")
    expected = [plain(points.get(day, 0)) for day in days(demo)]
    assert column(board.table(), 1) == expected
    assert [plain(point["totals"]["credits"]) for point in api(demo)["byAgent"]["points"]] == expected


def test_09_a_line_of_all_agents(board: Board, demo: Demo) -> None:
    chart = lines(board)
    points = demo.points("credits")
    [whole] = curves(chart, whole=True)
    expected = [float(points.get(day, 0)) for day in days(demo)]
    assert list(map(scale(chart), heights(whole))) == pytest.approx(expected, abs=max(expected) / 250)
    answered = [float(point["totals"]["credits"]) for point in api(demo)["byAgent"]["points"]]
    assert answered == pytest.approx(expected)


def test_10_lines_of_single_agents(board: Board, demo: Demo) -> None:
    chart = lines(board)
    read_off = scale(chart)
    top = max(map(float, demo.points("credits").values()))
    drawn = [list(map(read_off, heights(path))) for path in curves(chart)]
    assert len(drawn) == len(board.heads())
    groups = api(demo)["byAgent"]["groups"]
    assert [name for name in board.heads() if name != "all others"] == [group["key"] or "no agent" for group in groups]
    for line, group in zip(drawn, groups, strict=False):
        answered = [float(point["totals"]["credits"]) for point in group["points"]]
        found = demo.points("credits", where="agent IS NOT DISTINCT FROM $3", values=(group["key"],))
        assert answered == pytest.approx([float(found.get(day, 0)) for day in days(demo)])
        assert line == pytest.approx(answered, abs=top / 250)


def point_at(board: Board, place: int) -> Locator:
    """What is told where the pointer is at a point of the chart."""
    chart = lines(board)
    middle = float(attributes(chart.locator("g.line").first.locator("circle"), "cx")[place])
    chart.hover(position={"x": middle, "y": 120})
    return chart.locator(".reading")


def test_11_pointing_tells_the_exact_number(board: Board, demo: Demo) -> None:
    reading = point_at(board, 5)
    expect(reading.locator(".total dd")).to_have_text(plain(demo.points("credits")[days(demo)[5]]))
    told = dict(zip(reading.locator("dt").all_inner_texts(), reading.locator("dd").all_inner_texts(), strict=True))
    for group in api(demo)["byAgent"]["groups"]:
        found = demo.points("credits", where="agent IS NOT DISTINCT FROM $3", values=(group["key"],))
        value = found.get(days(demo)[5])
        name = group["key"] or "no agent"
        assert told.get(name) == (None if value is None else plain(value))
        assert plain(value or 0) == plain(group["points"][5]["totals"]["credits"])


def test_12_and_its_time(board: Board, demo: Demo) -> None:
    for place in (0, 7):
        reading = point_at(board, place)
        expect(reading.locator("strong")).to_have_text(day(days(demo)[place]))
        expect(reading.locator("em")).to_have_count(1 if place == 0 else 0)
        start = datetime.fromisoformat(api(demo)["byAgent"]["points"][place]["start"]).astimezone(demo.zone)
        assert start.date() == days(demo)[place].date()


def test_13_tokens_over_time_by_model(board: Board, demo: Demo) -> None:
    board.show(metric="tokens", by="model")
    rows, names = board.table(), board.heads()
    groups = api(demo)["byModel"]["groups"]
    assert names[: len(groups)] == [group["key"] for group in groups] == list(demo.names("model", "tokens"))[:-1]
    for place, group in enumerate(groups):
        model = "coalesce(response_model, request_model) = $3"
        points = demo.points("tokens", where=model, values=(group["key"],))
        expected = [plain(points.get(day, 0)) for day in days(demo)]
        assert column(rows, place + 2) == expected
        assert [plain(point["totals"]["totalTokens"]) for point in group["points"]] == expected


def test_14_many_tokens_against_the_time_before(board: Board, demo: Demo) -> None:
    changed = card(board.show(), "Total tokens").locator(".change > span").first
    before, now = demo.total("tokens", span=demo.span.before), demo.total("tokens")
    expected = change(float(now / before))
    assert changed.inner_text().split()[0] == expected == change(api(demo)["previous"]["ratio"]["totalTokens"])
    ends = " to ".join(minute(end.astimezone(demo.zone)) for end in demo.span.before)
    expect(changed).to_have_attribute("title", f"{plain(before)} from {ends}")
    [colour], [usual] = paints(changed, "color"), paints(board.page.locator(".card h3").first, "color")
    assert (colour != usual) == (expected != "±0%")


def test_15_what_part_each_agent_used(board: Board, demo: Demo) -> None:
    _, rows = shares(board, "agent", "credits")
    whole = float(demo.total("credits"))
    assert column(rows, 2) == [percent(float(value) / whole) for value in demo.names("agent", "credits").values()]
    assert column(rows, 2)[:8] == [percent(group["share"]) for group in api(demo)["agents"]["groups"][:8]]


def test_16_the_agent_that_used_most_has_the_largest_part(board: Board, demo: Demo) -> None:
    ring, rows = shares(board, "agent", "credits")
    drawn = turns(ring)
    expected = demo.names("agent", "credits")
    whole = float(sum(expected.values()))
    # There is a little room between the pieces.
    assert drawn == pytest.approx([float(value) / whole for value in expected.values()], abs=0.01)
    assert drawn[0] == max(drawn)
    assert rows[0][0].seen == next(iter(expected)) == (api(demo)["agents"]["groups"][0]["key"] or "no agent")


def test_17_the_most_active_agents_at_a_glance(board: Board, demo: Demo) -> None:
    rows = read(panel(board.show(metric="tokens", kind="agent"), "Top consumers").locator("tbody tr"))
    ranked = [(agent, plain(value)) for agent, value in demo.groups("agent", "tokens").items() if agent is not None]
    names = panel(board.page, "Top consumers").locator("tbody th a").all_inner_texts()
    found = list(zip(names, column(rows, 1), strict=True))
    assert found == ranked[:10]
    answered = {group["key"]: plain(group["totals"]["totalTokens"]) for group in api(demo)["agents"]["groups"]}
    assert all(answered.get(agent, value) == value for agent, value in found)


def test_18_a_ring_of_use_by_agent(board: Board, demo: Demo) -> None:
    ring, rows = shares(board, "agent", "credits")
    expected = [f"{name}: {plain(value)}" for name, value in demo.names("agent", "credits").items()]
    assert ring.locator("title").all_text_contents() == expected
    assert [f"{row[0].seen}: {row[1].exact}" for row in rows] == expected
    assert column(rows, 1)[:8] == [plain(group["totals"]["credits"]) for group in api(demo)["agents"]["groups"][:8]]


def test_19_a_colour_for_each_agent(board: Board, demo: Demo) -> None:
    ring, rows = shares(board, "agent", "credits")
    names = [row[0].seen for row in rows]
    assert names[:8] == [group["key"] or "no agent" for group in api(demo)["agents"]["groups"][:8]]
    assert names == list(demo.names("agent", "credits"))
    colours = paints(ring.locator("path"), "fill")
    assert len(set(colours)) == len(colours) == len(names)
    page = board.page
    for places in (page.locator(".legend button"), panel(page, "Credits of each agent").locator("li")):
        swatches = paints(places.locator(".swatch"), "backgroundColor")
        texts = [text.split("\n")[0] for text in places.all_inner_texts()]
        assert dict(zip(texts, swatches, strict=True)) == dict(zip(names, colours, strict=True))


def test_20_a_legend_with_the_agents_names(board: Board, demo: Demo) -> None:
    names = list(demo.names("agent", "credits"))
    ring, rows = shares(board, "agent", "credits")
    assert [row[0].seen for row in rows] == names
    assert names[:8] == [group["label"] or "no agent" for group in api(demo)["agents"]["groups"][:8]]
    legend = panel(board.page, "Credits by agent").locator("tbody .swatch")
    assert paints(legend, "backgroundColor") == paints(ring.locator("path"), "fill")
    expect(board.page.locator(".legend button")).to_have_text(names)
