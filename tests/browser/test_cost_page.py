"""What docs/usage_pages.md says of cost, sources and calls stands on the page, by the statement's number: here cards,
the chart, shares and the ranking. All numbers are what the public API answers, and what SQL finds in the records."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, Cell, column, figure, read
from tests.browser.calls import post
from tests.browser.demo import Demo, Span
from tests.browser.drawn import attributes, curves, heights, scale, turns
from tests.browser.page import calls, card, choose_source, counted, panel
from tests.browser.shown import day, minute, money, percent, plain, short, usd
from tests.otlp import call

ITEM = "coalesce(conversation, agent, name)"
"""What a call is of: a conversation, else an agent, else what it is called."""


def api(demo: Demo) -> dict[str, Any]:
    usage: dict[str, Any] = demo.page("UsagePage")["usage"]
    return usage


def by_source(board: Board) -> tuple[Locator, list[list[Cell]]]:
    found = panel(board.show(), "Cost by source")
    return found.locator(".ring svg"), read(found.locator("tbody tr"))


def days(demo: Demo) -> list[str]:
    """The cost of each day of the span, as it is shown exactly."""
    first, last = (end.astimezone(demo.zone).date() for end in demo.span)
    points = {start.date(): value for start, value in demo.points("cost").items()}
    return [usd(points.get(first + timedelta(days=number), 0)) for number in range((last - first).days + 1)]


def send(demo: Demo, project: str, *marks: Mapping[str, str | int]) -> None:
    """A call with each of these ``marks``, to a project of their own."""
    spans = [call(10 * number, more) for number, more in enumerate(marks)]
    post(demo.server, project, spans)


def test_01_what_it_costs(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Total cost")
    assert found.exact == usd(demo.total("cost")) == usd(api(demo)["totals"]["cost"])
    without = demo.total("calls", "cost_nano IS NULL")
    assert without == api(demo)["totals"]["unpricedCalls"] > 0
    expect(card(board.page, "Total cost").locator(".aside")).to_have_text(f"{without} calls without a price")


def test_02_where_the_cost_comes_from(board: Board, demo: Demo) -> None:
    _, rows = by_source(board)
    shown = [(row[0].seen, row[1].exact) for row in rows]
    assert shown == [(name, usd(value)) for name, value in demo.names("source", "cost").items()]
    assert shown == [(group["key"], usd(group["totals"]["cost"])) for group in api(demo)["breakdown"]["groups"]]


def test_03_every_call_of_conversations_agents_and_memory(board: Board, demo: Demo) -> None:
    page = board.show()
    counted(page, f"1–20 of {plain(demo.total('calls'))} calls")
    for source in ("chat", "agent", "memory"):
        with board.asking("RecordTable"):
            choose_source(page, source)
        counted(page, f"1–20 of {plain(demo.total('calls', 'source = $3', source))} calls")
        assert {row[0].seen for row in read(calls(page).locator("tbody tr"))} == {source}
    answer = demo.page("UsagePage")["table"]["records"]
    assert answer["totalCount"] == demo.total("calls")


def test_04_24_hours_7_days_or_30_days(board: Board, demo: Demo) -> None:
    page = board.show()
    for label, length in (("24 hours", 1), ("7 days", 7), ("30 days", 30)):
        with board.asking("Overview") as spans:
            page.get_by_label(label).check()
        cost, number = (figure(page, title).exact for title in ("Total cost", "API calls"))
        [span] = spans
        ends = [end.astimezone(demo.zone).replace(tzinfo=None) for end in span]
        assert ends[1] - ends[0] == timedelta(days=length)
        assert abs(span.end - datetime.now(demo.zone)) < timedelta(minutes=1)
        expect(page.locator(".range")).to_have_text(" – ".join(map(minute, ends)))
        assert cost == usd(demo.total("cost", span=span))
        assert number == plain(demo.usage("totals { calls }", span)["totals"]["calls"])


def test_05_the_chosen_period_is_remembered(board: Board, demo: Demo) -> None:
    page = board.show()
    page.get_by_label("30 days").check()
    expect(page).to_have_url(re.compile("window=30d"))
    other = page.context.new_page()
    with board.asking("Overview", other) as spans:
        other.goto(demo.server.http)
    expect(other.get_by_label("30 days")).to_be_checked()
    [month] = spans
    start, end = (end.astimezone(demo.zone).replace(tzinfo=None) for end in month)
    assert end - start == timedelta(days=30)
    shown = figure(other, "API calls").exact
    assert shown == plain(demo.total("calls", span=month))
    assert shown == plain(demo.usage("totals { calls }", month)["totals"]["calls"])
    other.close()


def test_06_cards(board: Board, demo: Demo) -> None:
    page = board.show()
    titles = page.locator(".card h3").all_inner_texts()
    for title in ("Total cost", "Input tokens", "Output tokens", "API calls", "Avg / call"):
        assert title in titles
        assert figure(page, title).seen
    assert figure(page, "API calls").exact == plain(api(demo)["totals"]["calls"]) == plain(demo.total("calls"))


def test_07_the_cost_in_usd(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Total cost")
    assert found.exact == f"${plain(demo.total('cost'))}" == f"${plain(api(demo)['totals']['cost'])}"
    assert found.seen == money(demo.total("cost"))


def test_08_tokens_sent(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Input tokens")
    assert found.exact == plain(demo.total("input")) == plain(api(demo)["totals"]["inputTokens"])
    assert found.seen == short(demo.total("input"))


def test_09_tokens_generated(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Output tokens")
    assert found.exact == plain(demo.total("output")) == plain(api(demo)["totals"]["outputTokens"])
    assert found.seen == short(demo.total("output"))


def test_10_the_number_of_calls(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "API calls")
    assert found.exact == plain(demo.total("calls")) == plain(api(demo)["totals"]["calls"])
    assert found.seen == short(demo.total("calls"))


def test_11_the_mean_cost_of_a_call(board: Board, demo: Demo) -> None:
    found = figure(board.show(), "Avg / call")
    assert found.exact == usd(demo.total("average")) == usd(api(demo)["totals"]["avgCost"])
    assert found.seen == money(demo.total("average"))


def test_12_large_numbers_in_short(board: Board, demo: Demo) -> None:
    send(demo, "large", {"gen_ai.usage.input_tokens": 1_500_000, "gen_ai.usage.output_tokens": 45_000})
    page = board.show(window="24h", project="large")
    for title, column_, shown in (
        ("Input tokens", "input_tokens", "1.5M"),
        ("Output tokens", "output_tokens", "45.0K"),
    ):
        found = figure(page, title)
        [row] = demo.of_project("large", f"sum({column_}) AS sum")
        assert found[:2] == (shown, plain(row["sum"]))
    page.get_by_role("button", name="Exact numbers").click()
    for title, whole in (("Input tokens", "1,500,000"), ("Output tokens", "45,000")):
        expect(card(page, title).locator(".figure")).to_have_text(whole)
    answer = demo.server.query('{ usage(window: {last: "PT24H"}) { totals { inputTokens } } }', project="large")
    assert answer["usage"]["totals"]["inputTokens"] == 1_500_000


def test_13_cost_over_time(board: Board, demo: Demo) -> None:
    page = board.show()
    assert column(board.table(), 1) == days(demo)
    assert days(demo) == [usd(point["totals"]["cost"]) for point in api(demo)["series"]["points"]]
    chart = page.locator(".chart")
    read_off = scale(chart)
    # A bar of one day has a piece of each source, one upon the other: together they are as high as the day's cost.
    tops: dict[str, float] = {}
    for place, top in zip(*(attributes(chart.locator("g.fill > rect"), name) for name in "xy"), strict=True):
        tops[place] = max(tops.get(place, 0), read_off(float(top)))
    values = [float(value.lstrip("$")) for value in days(demo)]
    shown = [tops[place] for place in sorted(tops, key=float)]
    assert shown == pytest.approx([value for value in values if value], abs=max(values) / 250)
    page.get_by_label("Lines").check()
    [whole] = curves(chart, whole=True)
    assert list(map(read_off, heights(whole))) == pytest.approx(values, abs=max(values) / 250)


def test_14_a_point_a_day_or_an_hour(board: Board, demo: Demo) -> None:
    page = board.show()
    second = datetime.combine(demo.span.start.astimezone(demo.zone) + timedelta(days=1), datetime.min.time())
    assert board.table()[1][0].seen == day(second)
    with board.asking("Overview"):
        page.get_by_label("Hourly").check()
    rows = board.table()
    hours = demo.hours("cost")
    assert [row[0].seen.split("–")[0] for row in rows] == [minute(hour.astimezone(demo.zone)) for hour in hours]
    assert column(rows, 1) == list(map(usd, hours.values()))
    points = demo.usage("series(bucket: HOUR) { points { totals { cost } } }")["series"]["points"]
    assert column(rows, 1) == [usd(point["totals"]["cost"]) for point in points]
    with board.asking("Overview"):
        page.get_by_label("Daily").check()
    assert column(board.table(), 1) == days(demo)


def test_15_hours_suit_the_24_hours(board: Board, demo: Demo) -> None:
    page = board.show(window="24h", bucket="auto")
    assert re.fullmatch(r".* \d\d:00–\d\d:00", board.table()[1][0].seen)
    span = Span(demo.span.end - timedelta(hours=24), demo.span.end)
    page = board.show(span=span, bucket="auto")
    rows, hours = board.table(), demo.hours("cost", span=span)
    assert len(rows) == 25
    assert [row[0].seen.split("–")[0] for row in rows] == [minute(hour.astimezone(demo.zone)) for hour in hours]
    assert column(rows, 1) == list(map(usd, hours.values()))
    answer = demo.usage("series(bucket: AUTO) { bucket points { totals { cost } } }", span)["series"]
    assert answer["bucket"] == "HOUR"
    assert column(rows, 1) == [usd(point["totals"]["cost"]) for point in answer["points"]]
    expect(page.get_by_label("Auto")).to_be_checked()


def test_16_days_are_those_of_the_viewers_zone(board: Board, demo: Demo) -> None:
    page = board.show()
    expect(page.get_by_label("Time zone").locator("option:checked")).to_have_text("Europe/Berlin (here)")
    assert column(board.table(), 1) == days(demo)
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        with board.asking("Overview"):
            page.get_by_label("Time zone").select_option(zone)
        points = demo.points("cost", zone=zone)
        shown = {row[0].seen.removesuffix(" (partial)"): row[1].exact for row in board.table()}
        assert shown == dict.fromkeys(shown, "$0") | {day(start): usd(value) for start, value in points.items()}
        answer = demo.usage("series(bucket: DAY) { points { totals { cost } } }", zone=zone)["series"]["points"]
        assert list(shown.values()) == [usd(point["totals"]["cost"]) for point in answer]


def test_17_a_ring_of_cost_by_source(board: Board, demo: Demo) -> None:
    ring, rows = by_source(board)
    costs = demo.names("source", "cost")
    shares = [float(value / demo.total("cost")) for value in costs.values()]
    assert turns(ring) == pytest.approx(shares, abs=0.01)
    assert column(rows, 2) == [percent(share) for share in shares]
    assert column(rows, 2) == [percent(group["share"]) for group in api(demo)["breakdown"]["groups"]]
    assert ring.locator("title").all_text_contents() == [f"{name}: {usd(value)}" for name, value in costs.items()]


def test_18_sources_are_chat_agent_memory_and_any_others(board: Board, demo: Demo) -> None:
    _, rows = by_source(board)
    assert {row[0].seen for row in rows} == set(demo.groups("source", "cost")) == {"chat", "agent", "memory"}
    assert [row[0].seen for row in rows] == [group["key"] for group in api(demo)["breakdown"]["groups"]]
    send(demo, "others", *({"usage_graph.source": source} for source in ("chat", "voice", "nightly batch")))
    page = board.show(window="24h", project="others", metric="calls")
    names = {row[0].seen for row in read(panel(page, "Calls by source").locator("tbody tr"))}
    assert names == {row["source"] for row in demo.of_project("others", "DISTINCT source")}
    assert len(names) == 3


def test_19_whether_people_or_automatic_work_cost_most(board: Board, demo: Demo) -> None:
    _, rows = by_source(board)
    shown = {row[0].seen: row[1].exact for row in rows}
    people, work = (demo.total("cost", f"source {which} 'chat'") for which in ("=", "<>"))
    automatic = sum(float(shown[source].lstrip("$")) for source in ("agent", "memory"))
    assert shown["chat"] == usd(people)
    assert automatic == pytest.approx(float(work))
    answered = {group["key"]: float(group["totals"]["cost"]) for group in api(demo)["breakdown"]["groups"]}
    assert (answered["chat"] > automatic) == (people > work)


def ranking(demo: Demo, measure: str) -> list[tuple[str, str]]:
    """The key of each consumer, and what it used; the first ten."""
    form = usd if measure == "cost" else plain
    return [(key, form(value)) for key, value in demo.groups(ITEM, measure).items() if key is not None][:10]


def consumers(page: Page) -> list[tuple[str, str]]:
    """The same as the page has it: where each name leads, and the amount."""
    rows = panel(page, "Top consumers").locator("tbody tr")
    links = attributes(rows.locator("th a"), "href")
    keys = [dict(httpx.QueryParams(link)) for link in links]
    found = [next(key[kind] for kind in ("conversation", "agent", "name") if kind in key) for key in keys]
    return list(zip(found, column(read(rows), 1), strict=True))


def test_20_a_ranking_by_tokens_or_cost(board: Board, demo: Demo) -> None:
    page = board.show()
    assert consumers(page) == ranking(demo, "cost")
    assert consumers(page) == [(one["key"], usd(one["totals"]["cost"])) for one in api(demo)["topConsumers"]]
    with board.asking("Overview"):
        panel(page, "Top consumers").get_by_label("By").select_option("Tokens")
    assert consumers(page) == ranking(demo, "tokens")
    names = read(panel(page, "Top consumers").locator("tbody th a"))
    answer = demo.usage("topConsumers(metric: TOKENS) { key label totals { totalTokens } }")["topConsumers"]
    assert [row[0].seen for row in names] == [one["label"] for one in answer]
    assert consumers(page) == [(one["key"], plain(one["totals"]["totalTokens"])) for one in answer]


def test_21_costly_agents_and_long_conversations_are_looked_up(board: Board, demo: Demo) -> None:
    for kind in ("agent", "conversation"):
        page = board.show(kind=kind, metric="tokens")
        key, tokens = next((key, value) for key, value in demo.groups(kind, "tokens").items() if key is not None)
        answer = demo.usage(f"topConsumers(by: {kind.upper()}, metric: TOKENS, first: 1) {{ key }}")["topConsumers"]
        assert answer[0]["key"] == key
        with board.asking("Overview"):
            panel(page, "Top consumers").locator("tbody th a").first.click()
        assert dict(httpx.QueryParams(page.url.split("?")[1]))[kind] == key
        assert figure(page, "Total tokens").exact == plain(tokens)
        number = demo.total("calls", f"{kind} = $3", key)
        counted(page, f"1–{min(number, 20)} of {plain(number)} calls")
