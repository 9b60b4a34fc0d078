"""What docs/usage_pages.md says of cost, sources and calls stands on the page, by the statement's number: here the
table of calls, and what one finds with all of it."""

from datetime import datetime, timedelta
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, Cell, column, figure, read, settle
from tests.browser.demo import Demo, Span
from tests.browser.drawn import attributes, paints, scale
from tests.browser.page import calls, card, choose_source, counted, panel
from tests.browser.shown import ago, change, day, duration, fixed, minute, money, plain, second, short, usd

SOURCE, NAME, MODEL, INPUT, OUTPUT, TOKENS, COST, DURATION, TIME = range(9)
"""The columns of the table."""
LABEL = "coalesce(name, agent, 'unnamed call')"


def found(demo: Demo, where: str = "true", *values: object, offset: int = 0, span: Span | None = None) -> list[Any]:
    """A page of the records, newest first."""
    newest = f"ORDER BY started_at DESC, id DESC LIMIT 20 OFFSET {offset}"
    return demo.select(f"*, {LABEL} AS label, cost_nano / 1e9 AS cost", where, *values, then=newest, span=span)


def answered(demo: Demo) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = demo.page("UsagePage")["table"]["records"]["nodes"]
    return nodes


def table(page: Page) -> list[list[Cell]]:
    return read(calls(page).locator("tbody tr"))


def names(page: Page) -> list[str]:
    return calls(page).locator("tbody th button").all_inner_texts()


def known(value: int | None) -> str:
    return "unknown" if value is None else plain(value)


def priced(value: Any) -> str:
    return "no price is known" if value is None else usd(value)


def test_22_the_calls_one_a_row(board: Board, demo: Demo) -> None:
    page = board.show()
    assert len(table(page)) == len(answered(demo)) == len(found(demo)) == 20
    for place in (0, 19):
        calls(page).locator("tbody th button").nth(place).click()
        facts = page.get_by_role("dialog").locator("dl > div")
        for name, column_ in (("Trace", "trace_id"), ("Span", "span_id")):
            expected = found(demo)[place][column_].hex()
            expect(facts.filter(has=page.get_by_text(name, exact=True)).locator("dd")).to_have_text(expected)
        identity = dict(httpx.QueryParams(page.url.split("?")[1]))["record"]
        assert identity == answered(demo)[place]["id"]
        page.keyboard.press("Escape")


def test_23_its_source(board: Board, demo: Demo) -> None:
    page = board.show(order="cost")
    badges = calls(page).locator("tbody .badge")
    assert [row[SOURCE].seen for row in table(page)] == badges.all_inner_texts()
    dearest = "ORDER BY cost_nano DESC NULLS LAST, started_at DESC, id DESC LIMIT 20"
    ranked = demo.select("source", then=dearest)
    assert badges.all_inner_texts() == [row["source"] for row in ranked]
    page = board.show()
    assert badges.all_inner_texts() == [row["source"] for row in found(demo)]
    assert badges.all_inner_texts() == [node["source"] for node in answered(demo)]
    colours = dict(zip(badges.all_inner_texts(), paints(badges, "borderLeftColor"), strict=True))
    rows = panel(page, "Cost by source").locator("tbody tr")
    swatches = paints(rows.locator(".swatch"), "backgroundColor")
    everywhere = dict(zip([row[0].seen for row in read(rows)], swatches, strict=True))
    assert len(set(swatches)) == len(swatches) == 3
    assert colours.items() <= everywhere.items()


def test_24_the_conversations_title_or_the_agents_name(board: Board, demo: Demo) -> None:
    page = board.show()
    assert names(page) == [row["label"] for row in found(demo)]
    assert names(page) == [node["name"] or node["agent"] for node in answered(demo)]
    with board.asking("RecordTable"):
        choose_source(page, "chat")
    titles = [row["label"] for row in found(demo, "source = 'chat'")]
    assert names(page) == titles
    assert set(titles) <= {row["name"] for row in demo.select("name", "conversation IS NOT NULL")}


def test_25_input_tokens(board: Board, demo: Demo) -> None:
    rows = table(board.show())
    assert column(rows, INPUT) == [known(row["input_tokens"]) for row in found(demo)]
    assert column(rows, INPUT) == [known(node["inputTokens"]) for node in answered(demo)]
    assert [row[INPUT].seen for row in rows if row[INPUT].seen != "–"] == [
        short(row["input_tokens"]) for row in found(demo) if row["input_tokens"] is not None
    ]


def test_26_output_tokens(board: Board, demo: Demo) -> None:
    rows = table(board.show())
    assert column(rows, OUTPUT) == [known(row["output_tokens"]) for row in found(demo)]
    assert column(rows, OUTPUT) == [known(node["outputTokens"]) for node in answered(demo)]


def test_27_the_cost_of_the_call(board: Board, demo: Demo) -> None:
    rows = table(board.show())
    costs = [row["cost"] for row in found(demo)]
    assert column(rows, COST) == list(map(priced, costs))
    assert column(rows, COST) == [priced(node["cost"]) for node in answered(demo)]
    assert [row[COST].seen for row in rows] == ["–" if cost is None else money(cost) for cost in costs]
    unpriced = table(board.show(model="house-extract-32b"))
    assert {row[COST].exact for row in unpriced} == {"no price is known"}
    assert demo.total("cost", "request_model = 'house-extract-32b'") is None


def test_28_how_long_the_call_took(board: Board, demo: Demo) -> None:
    rows = table(board.show())
    durations = [row["duration_us"] / 1000 for row in found(demo)]
    assert column(rows, DURATION) == [f"{plain(fixed(time, 3).replace(',', ''))} ms" for time in durations]
    assert [row[DURATION].seen for row in rows] == list(map(duration, durations))
    assert durations == [node["durationMs"] for node in answered(demo)]


def test_29_when_it_was_made(board: Board, demo: Demo) -> None:
    page = board.show()
    starts = [row["started_at"] for row in found(demo)]
    assert column(table(page), TIME) == [second(start.astimezone(demo.zone)) for start in starts]
    assert [datetime.fromisoformat(node["startedAt"]) for node in answered(demo)] == starts
    # What is long ago can be told of without a race, of the rest all within the page's step of time are right.
    month = Span(demo.now - timedelta(days=30), demo.now)
    page = board.show(span=month)
    shown = [row[TIME].seen for row in table(page)]
    now = datetime.now(demo.zone)
    for seen, row in zip(shown, found(demo, span=month), strict=True):
        passed = (now - row["started_at"]).total_seconds()
        assert seen in {ago(passed - late) for late in range(20)}


def test_30_the_tables_own_filters(board: Board, demo: Demo) -> None:
    page = board.show()
    cost = figure(page, "Total cost")
    with board.asking("RecordTable"):
        choose_source(page, "memory")
    counted(page, f"1–20 of {plain(demo.total('calls', 'source = $3', 'memory'))} calls")
    answer = demo.server.query(
        'query ($window: WindowInput!) { usage(window: $window, filter: {source: {eq: "memory"}}) '
        "{ records { totalCount } } }",
        {"window": {"between": demo.span.between}},
    )
    assert answer["usage"]["records"]["totalCount"] == demo.total("calls", "source = 'memory'")
    assert figure(page, "Total cost") == cost
    assert cost.exact == usd(demo.total("cost"))
    assert len(read(panel(page, "Cost by source").locator("tbody tr"))) == 3


def test_31_a_filter_of_sources(board: Board, demo: Demo) -> None:
    page = board.show()
    sources = [str(source) for source in demo.groups("source", "calls")]
    # Those with the most calls come first.
    choices = calls(page).get_by_role("combobox", name="Source").locator("option")
    assert choices.all_inner_texts() == ["All", *sources]
    for source in sources:
        with board.asking("RecordTable"):
            choose_source(page, source)
        counted(page, f"1–20 of {plain(demo.total('calls', 'source = $3', source))} calls")
        assert names(page) == [row["label"] for row in found(demo, "source = $3", source)]
        assert {row[SOURCE].seen for row in table(page)} == {source}


def test_32_part_of_a_name_as_one_types(board: Board, demo: Demo) -> None:
    page = board.show()
    field = calls(page).get_by_role("searchbox")
    typed = ""
    for more, name in (("INV", "invoice"), ("oice", "invoice")):
        typed += more
        field.press_sequentially(more)
        number = demo.total("calls", "name ILIKE $3 OR agent ILIKE $3", f"%{typed}%")
        counted(page, f"1–{min(number, 20)} of {plain(number)} calls")
        settle(page)
        assert names(page) == [row["label"] for row in found(demo, f"{LABEL} ILIKE $3", f"%{typed}%")]
        assert all(name in label for label in names(page))
    answer = demo.page("UsagePage", typed)["table"]["records"]
    assert answer["totalCount"] == demo.total("calls", "name ILIKE $3", f"%{typed}%")
    assert [node["name"] for node in answer["nodes"]] == names(page)


def test_33_20_rows_a_page(board: Board, demo: Demo) -> None:
    page = board.show()
    whole = demo.total("calls")
    assert len(table(page)) == len(answered(demo)) == 20
    counted(page, f"1–20 of {plain(whole)} calls")
    assert demo.page("UsagePage")["table"]["records"]["totalCount"] == whole


def pager(page: Page) -> Locator:
    return calls(page).locator(".pager button")


def test_34_buttons_where_there_are_more_pages(board: Board, demo: Demo) -> None:
    page = board.show()
    assert demo.page("UsagePage")["table"]["records"]["pageInfo"]["hasNextPage"]
    expect(pager(page)).to_have_text(["First", "Previous", "Next"])
    assert [button.is_enabled() for button in pager(page).all()] == [False, False, True]
    few = demo.total("calls", "agent = 'Concierge'")
    assert 0 < few <= 20
    page = board.show(agent="Concierge")
    counted(page, f"1–{few} of {few} calls")
    expect(pager(page)).to_have_count(0)


def test_35_the_next_page(board: Board, demo: Demo) -> None:
    page = board.show()
    first = names(page)
    after = demo.page("UsagePage")["table"]["records"]["pageInfo"]["endCursor"]
    with board.asking("RecordTable"):
        pager(page).last.click()
    counted(page, f"21–40 of {plain(demo.total('calls'))} calls")
    rows = found(demo, offset=20)
    assert names(page) == [row["label"] for row in rows]
    assert column(table(page), TIME) == [second(row["started_at"].astimezone(demo.zone)) for row in rows]
    answer = demo.usage(f'records(first: 20, after: "{after}") {{ nodes {{ startedAt inputTokens }} }}')["records"]
    assert [datetime.fromisoformat(node["startedAt"]) for node in answer["nodes"]] == [
        row["started_at"] for row in rows
    ]
    assert [known(node["inputTokens"]) for node in answer["nodes"]] == column(table(page), INPUT)
    with board.asking("RecordTable"):
        pager(page).nth(1).click()
    assert names(page) == first


def test_36_looking_for_sudden_cost(board: Board, demo: Demo) -> None:
    page = board.show(by="agent")
    changed = card(page, "Total cost").locator(".change > span").first
    before, now = demo.total("cost", span=demo.span.before), demo.total("cost")
    assert changed.inner_text().split()[0] == change(float(now / before))
    ends = " to ".join(minute(end.astimezone(demo.zone)) for end in demo.span.before)
    expect(changed).to_have_attribute("title", f"{usd(before)} from {ends}")
    previous = demo.page("UsagePage")["usage"]["previous"]
    assert plain(previous["delta"]["cost"]) == plain(now - before)
    # The demo's agent on the wrong model: the highest bar is of the day that cost most, and most of it is the agent's.
    start, most = max(demo.points("cost").items(), key=lambda point: point[1] or 0)
    chart = page.locator(".chart")
    places = [attributes(chart.locator("g.fill > rect"), name) for name in ("x", "y", "width")]
    read_off = scale(chart)
    left, top, width = min(zip(*(map(float, place) for place in places), strict=True), key=lambda bar: bar[1])
    assert abs(read_off(top) - float(most)) < float(most) / 250
    chart.hover(position={"x": left + width / 2, "y": 150})
    reading = chart.locator(".reading")
    expect(reading.locator("strong")).to_have_text(day(start))
    expect(reading.locator(".total dd")).to_have_text(usd(most))
    agents = demo.points("cost", where="agent = 'Market scan'")
    expect(reading.locator("div", has_text="Market scan").locator("dd")).to_have_text(usd(agents[start]))


def test_37_agents_limits_and_schedules(board: Board, demo: Demo) -> None:
    page = board.show(kind="agent")
    dearest, cost = next((key, value) for key, value in demo.groups("agent", "cost").items() if key is not None)
    [consumer] = demo.usage("topConsumers(by: AGENT, first: 1) { dimension key totals { cost } }")["topConsumers"]
    assert (consumer["dimension"], consumer["key"]) == ("AGENT", dearest)
    link = panel(page, "Top consumers").locator("tbody th a").first
    expect(link).to_have_text(dearest)
    # Limits and schedules are the application's own: what it is to do next to, the agent's calls by the hour, is here.
    with board.asking("Overview"):
        link.click()
    with board.asking("Overview"):
        page.get_by_label("Hourly").check()
    assert figure(page, "Total cost").exact == usd(cost) == usd(consumer["totals"]["cost"])
    assert column(board.table(), 1) == list(map(usd, demo.hours("cost", "agent = $3", dearest).values()))
