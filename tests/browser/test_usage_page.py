"""The usage page in a real browser, on a real server: what it shows is what the API says."""

import json
import re
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Error, Locator, Page, Route, expect

from tests.browser.conftest import Open, Watch
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

HOUR = 3600 * 10**9
AGENTS = ("Night watch", "Translator", "Reviewer")
KEY = "3c363836cf4e16666669a25da280a186"

TOTALS = """query ($filter: UsageFilter) { usage(window: {last: "P7D"}, timezone: "Europe/Berlin", filter: $filter) {
  totals { cost inputTokens outputTokens calls avgCost }
  breakdown(by: SOURCE) { groups { key share totals { cost } } }
  series(bucket: DAY, by: SOURCE) { points { start partial totals { cost } } }
} }"""


def send(server: Server, project: str, *numbers: int, now: bool = False) -> None:
    """One call for each number: of one of three agents or of a chat; every fifth an hour older, or all of them new."""
    latest = time.time_ns() if now else time.time_ns() - 60 * 10**9
    spans = []
    for number in numbers:
        chat = number % 2 == 0
        labels: dict[str, str | int] = {
            "usage_graph.source": "chat" if chat else "agent",
            "usage_graph.name": f"Question {number}" if chat else AGENTS[number % 3],
            "gen_ai.usage.input_tokens": 1500 + 100 * number,
            "gen_ai.usage.output_tokens": 40 + number,
            "gen_ai.request.model": "gpt-5-mini" if number % 3 else "gpt-5",
            "gen_ai.provider.name": "openai",
        }
        if chat:
            labels |= {"usage_graph.conversation": f"chat-{number % 8}", "usage_graph.user": f"user-{number % 4}"}
        else:
            labels |= {"usage_graph.agent": AGENTS[number % 3]}
        spans.append(call(number, labels, start_ns=latest - (0 if now else number // 5 * HOUR)))
    answer = httpx.post(
        f"{server.http}/v1/traces",
        content=request(spans).SerializeToString(),
        headers={**PROTOBUF, "x-usage-graph-project": project},
    )
    assert answer.status_code == 200


@pytest.fixture(scope="module")
def seeded(server: Server) -> str:
    project = server.project()
    send(server, project, *range(1, 61))
    return project


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def exact(place: Locator) -> str:
    """What screen readers say, and a pointer shows."""
    return place.locator(".figure .exact").get_attribute("title") or ""


def calls(page: Page) -> Locator:
    return panel(page, "Calls")


def names(page: Page) -> list[str]:
    return calls(page).locator("tbody button.link").all_inner_texts()


def accessible(page: Page) -> None:
    page.wait_for_timeout(250)  # what fades in has another contrast until it is there
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


def counted(page: Page, text: str) -> None:
    expect(calls(page).locator(".pager [role=status]")).to_have_text(text)


def test_the_cards_show_what_the_api_says(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    totals = server.query(TOTALS, project=seeded)["usage"]["totals"]
    assert exact(card(page, "Total cost")) == f"${totals['cost']}"
    assert exact(card(page, "Avg / call")) == f"${totals['avgCost']}"
    assert exact(card(page, "Input tokens")) == f"{totals['inputTokens']:,}" == "273,000"
    assert exact(card(page, "Output tokens")) == f"{totals['outputTokens']:,}"
    expect(card(page, "Input tokens").locator(".figure [aria-hidden]")).to_have_text("273.0K")


def test_pointing_at_the_chart_tells_exact_costs(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="day")
    chart = page.get_by_role("group", name=re.compile("Cost over time"))
    usage = server.query(TOTALS, project=seeded)["usage"]
    expect(page.locator(".legend button")).to_have_text([group["key"] for group in usage["breakdown"]["groups"]])
    points = usage["series"]["points"]
    chart.focus()
    page.keyboard.press("End")
    expect(page.locator(".reading .total dd")).to_have_text(f"${points[-1]['totals']['cost']}")
    assert points[-1]["partial"]
    expect(page.locator(".reading em")).to_have_text("partial")
    page.keyboard.press("Escape")
    expect(page.locator(".reading")).to_have_count(0)


def test_shares_have_the_colours_of_the_chart(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    rows = panel(page, "Cost by source").locator("tbody tr")
    groups = server.query(TOTALS, project=seeded)["usage"]["breakdown"]["groups"]
    expect(rows).to_have_count(len(groups))
    for row, group in zip(rows.all(), groups, strict=True):
        assert row.locator("th").inner_text() == group["key"]
        assert row.locator("td").last.inner_text() == f"{group['share'] * 100:.1f}%"
        colour = row.locator(".swatch").evaluate("place => getComputedStyle(place).backgroundColor")
        for place in (
            page.locator(".legend button", has_text=group["key"]).locator(".swatch"),
            panel(page, "Cost of each source").locator("li", has_text=group["key"]).locator(".swatch"),
        ):
            assert place.evaluate("place => getComputedStyle(place).backgroundColor") == colour
        badge = calls(page).locator("tbody .badge", has_text=group["key"]).first
        assert badge.evaluate("place => getComputedStyle(place).borderLeftColor") == colour


def test_a_consumer_leads_to_its_own_calls_and_back_leads_back(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    panel(page, "Top consumers").get_by_role("link", name="Reviewer").click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("10")
    assert "agent=Reviewer" in page.url
    expect(page.get_by_role("button", name="Remove agent: Reviewer")).to_be_visible()
    page.reload()
    expect(card(page, "API calls").locator(".figure")).to_have_text("10")
    page.go_back()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def test_the_table_searches_as_one_types_and_filters_alone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    counted(page, "1–20 of 60 calls")
    calls(page).get_by_role("searchbox").press_sequentially("reVIEW")
    counted(page, "1–10 of 10 calls")
    assert set(names(page)) == {"Reviewer"}
    assert "search=reVIEW" in page.url
    calls(page).get_by_role("searchbox").fill("")
    calls(page).get_by_label("chat", exact=True).check()
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


def test_two_windows_show_new_calls_by_themselves(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, 1)
    pages = [visit(server, project=project, window="24h"), visit(server, project=project, window="7d")]
    for page in pages:
        expect(page.locator(".live")).to_have_text("live")
        expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    send(server, project, 2)
    for page in pages:
        expect(card(page, "API calls").locator(".figure")).to_have_text("2")
        counted(page, "1–2 of 2 calls")


def test_an_empty_page_shows_how_to_send_the_first_call(server: Server, visit: Open) -> None:
    project = server.project()
    page = visit(server, project=project)
    expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_be_visible()
    shown = page.locator(".empty pre").inner_text()
    url, body = re.search(r"curl -s (\S+)", shown), re.search(r"-d '(.*)'$", shown, re.S)
    assert url
    assert body
    assert url[1] == f"{server.http}/v1/traces"
    sent = httpx.post(url[1], json=json.loads(body[1]), headers={"x-usage-graph-project": project})
    assert sent.status_code == 200
    expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_have_count(0)
    assert names(page) == ["First call"]


def test_the_time_that_was_chosen_is_remembered(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded)
    page.get_by_label("30 days").check()
    expect(page).to_have_url(re.compile("window=30d"))
    page.close()
    expect(visit(server).get_by_label("30 days")).to_be_checked()


def test_days_are_those_of_the_zone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="day")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    with page.expect_request("**/graphql") as asked:
        page.get_by_label("Time zone").select_option("Asia/Tokyo")
    assert '"timezone":"Asia/Tokyo"' in (asked.value.post_data or "")
    assert "timezone=Asia/Tokyo" in page.url


def test_details_of_a_call(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    calls(page).locator("tbody button.link").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Model asked for")).to_be_visible()
    assert "record=" in page.url
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert "record=" not in page.url


def test_a_key_is_asked_for_and_stays_in_the_tab(tmp_path: Path, visit: Open, watch: Watch) -> None:
    watch.expected = ["401"]
    with Server(data_dir=tmp_path, settings={"USAGE_GRAPH_API_KEY": KEY}) as server:
        page = visit(server)
        expect(page.get_by_role("heading", name="This server wants a key")).to_be_visible()
        page.get_by_label("Key", exact=True).fill("no such key at all")
        page.get_by_role("button", name="Open").click()
        expect(page.locator(".door .problem")).to_be_visible()
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_be_visible()
        expect(page.locator(".live")).to_have_text("live")
        assert KEY not in page.url
        page.reload()
        expect(page.get_by_role("heading", name="No calls yet: send the first one")).to_be_visible()
        assert KEY not in json.dumps(page.evaluate("({...localStorage})"))
        assert page.context.cookies() == []
        assert KEY not in server.log


def test_a_server_that_was_away_is_found_again(tmp_path: Path, visit: Open, watch: Watch) -> None:
    watch.expected = ["ERR_CONNECTION", "WebSocket", "503"]
    server = Server(data_dir=tmp_path).start()
    try:
        page = visit(server, project="away", window="24h")
        expect(page.locator(".live")).to_have_text("live")
        server.stop()
        expect(page.locator(".live")).to_have_text("not live")
        page.get_by_label("7 days").check()
        expect(page.get_by_text("The server does not answer.").first).to_be_visible()
        server.start()
        send(server, "away", 1)
        expect(card(page, "API calls").locator(".figure")).to_have_text("1", timeout=30_000)
        expect(page.get_by_text("The server does not answer.")).to_have_count(0)
        expect(page.locator(".live")).to_have_text("live", timeout=30_000)
    finally:
        server.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 2200])
def test_nothing_keeps_anyone_out(
    server: Server, seeded: str, context: BrowserContext, visit: Open, scheme: str, width: int
) -> None:
    """axe finds nothing, and nothing is wider than the screen; on the full page, its details, and the empty one."""
    for state in ({"project": seeded, "window": "7d", "chart": "lines", "by": "agent"}, {"project": "nobody"}):
        page = visit(server, **state)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        expect(panel(page, "Latency").locator("tbody tr").first).to_be_visible()
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if state["project"] == seeded:
            calls(page).locator("tbody button.link").first.click()
            expect(page.get_by_role("dialog").get_by_text("Model asked for")).to_be_visible()
            accessible(page)
        page.close()


def test_the_fields_of_a_time_of_ones_own_say_what_is_shown(server: Server, visit: Open) -> None:
    page = visit(
        server, project=server.project(), window="2026-10-25T00:00:00+02:00/2026-10-26T00:00:00+01:00", bucket="hour"
    )
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-10-25T00:00")
    expect(page.get_by_label("to", exact=True)).to_have_value("2026-10-26T00:00")
    expect(page.get_by_label("Custom")).to_be_checked()


def test_a_time_of_ones_own(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    page.get_by_label("Custom").check()
    page.get_by_label("From", exact=True).fill("2020-01-01T00:00")
    page.get_by_label("to", exact=True).fill("2020-01-02T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("0")
    assert "window=2019-12-31T23:00:00.000Z/2020-01-01T23:00:00.000Z" in page.url
    expect(page.get_by_text("The last call of all was")).to_be_visible()
    page.get_by_label("to", exact=True).fill("2019-01-01T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("It has to end after it begins.")


def test_a_field_narrows_the_page(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")
    page.get_by_label("Narrow by").select_option("model")
    field = page.get_by_label("Only calls of this model")
    field.press_sequentially("gpt-5-")
    expect(page.locator("datalist option")).to_have_count(1)
    field.fill("gpt-5")
    field.press("Enter")
    expect(card(page, "API calls").locator(".figure")).to_have_text("20")
    page.get_by_role("button", name="Remove model: gpt-5").click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("60")


def test_names_that_are_chosen_are_compared_alone(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", by="agent", chart="lines")
    expect(page.locator("svg g.line")).to_have_count(4)
    for name in ("Reviewer", "Translator"):
        page.locator(".legend button", has_text=name).click()
    expect(page.locator("svg g.line")).to_have_count(2)
    assert page.url.count("only=") == 2


def test_the_chart_is_a_table_too(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", bucket="day")
    page.get_by_text("As a table").click()
    points = server.query(TOTALS, project=seeded)["usage"]["series"]["points"]
    cells = page.locator(".as-table tbody tr td:nth-child(2)")
    expect(cells).to_have_text([f"${point['totals']['cost']}" for point in points])


def test_a_day_of_25_hours_has_25_of_them(server: Server, visit: Open) -> None:
    project = server.project()
    twice_half_past_two = [1761438600 * 10**9, 1761442200 * 10**9]
    for number, start in enumerate(twice_half_past_two):
        spans = request([call(number, start_ns=start)]).SerializeToString()
        httpx.post(f"{server.http}/v1/traces", content=spans, headers={**PROTOBUF, "x-usage-graph-project": project})
    day = "2025-10-26T00:00:00+02:00/2025-10-27T00:00:00+01:00"
    page = visit(server, project=project, window=day, bucket="hour", metric="calls")
    page.get_by_text("As a table").click()
    rows = page.locator(".as-table tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.nth(2)).to_contain_text("26 Oct 2025 02:00–02:00")
    assert [row.locator("td").first.inner_text() for row in rows.all()[1:5]] == ["0", "1", "1", "0"]
