"""The chart beside what was before: the previous period as a second line, point by point."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.calls import post
from tests.browser.conftest import Open
from tests.browser.page import accessible
from tests.otlp import call
from tests.serving import Server

SERIES = """query ($from: DateTime!, $to: DateTime!, $bucket: Bucket!, $filter: UsageFilter) {
  usage(window: {between: {from: $from, to: $to}}, timezone: "Europe/Berlin", filter: $filter) {
    series(bucket: $bucket) { points { start totals { calls } } }
  }
}"""
CLOCKS_CHANGE = ("2025-10-25T00:00:00+02:00", "2025-10-27T00:00:00+01:00")
THE_DAYS_BEFORE = ("2025-10-23T00:00:00+02:00", "2025-10-25T00:00:00+02:00")
TUESDAY_TO_FRIDAY = ("2026-03-10T12:00:00+01:00", "2026-03-13T12:00:00+01:00")


@pytest.fixture(scope="module")
def compared(server: Server) -> str:
    """Calls of two agents and of none, one in each hour from 23 to 27 October 2025 but for some, and some of March."""
    project = server.project()
    first = datetime.fromisoformat("2025-10-23T00:30:00+02:00")
    hours = [first + timedelta(hours=hour) for hour in range(97) if hour % 7]
    # Three days and the three before them: as many calls on the second day of both, and fewer of Anna's.
    march = [
        datetime.fromisoformat(f"2026-03-{day}:00:00+01:00") for day in ("08T13", "08T14", "11T13", "11T14", "12T08")
    ]
    spans = [
        call(number, {"usage_graph.agent": ("Anna", "Bert")[number % 2]} if number % 3 else {}, start_ns=_ns(at))
        for number, at in enumerate([*hours, *march])
    ]
    post(server, project, spans)
    return project


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 10**9


def _chart(server: Server, visit: Open, project: str, window: tuple[str, str], **state: str) -> Page:
    chosen = {"metric": "calls", "bucket": "hour", "by": "agent", "compare": "preceding", **state}
    return visit(server, project=project, window="/".join(window), **chosen)


def _calls(server: Server, project: str, window: tuple[str, str], bucket: str, **more: Any) -> list[str]:
    points = server.query(SERIES, {"from": window[0], "to": window[1], "bucket": bucket, **more}, project=project)[
        "usage"
    ]["series"]["points"]
    return [str(point["totals"]["calls"]) for point in points]


def test_it_is_chosen_and_remembered(server: Server, compared: str, visit: Open) -> None:
    page = _chart(server, visit, compared, TUESDAY_TO_FRIDAY, compare="none", bucket="day")
    expect(page.locator(".legend button")).not_to_have_count(0)
    assert page.locator(".chart g.before").count() == 0
    page.get_by_label("Previous period").check()
    expect(page.locator(".chart g.before path").last).to_be_visible()
    expect(page.locator(".legend")).to_contain_text("Previous period")
    assert "compare=preceding" in page.url
    page.close()
    again = visit(server, project=compared)
    expect(again.get_by_label("Previous period")).to_be_checked()
    again.get_by_label("Previous period").uncheck()
    expect(again.get_by_text("in the previous period")).to_have_count(0)


def test_days_stand_beside_days(server: Server, compared: str, visit: Open) -> None:
    page = _chart(server, visit, compared, TUESDAY_TO_FRIDAY, bucket="day")
    before = ("2026-03-07T12:00:00+01:00", TUESDAY_TO_FRIDAY[0])
    then, now = (_calls(server, compared, window, "DAY") for window in (before, TUESDAY_TO_FRIDAY))
    assert (then, now) == (["0", "2", "0", "0"], ["0", "2", "1", "0"])
    expect(page.locator(".chart g.before circle")).to_have_count(4)
    # As many calls are as high, on the line and in the stack of bars.
    line = float(page.locator(".chart g.before circle").nth(1).get_attribute("cy") or "nan")
    bars = [float(bar.get_attribute("y") or "nan") for bar in page.locator(".chart .fill rect").all()]
    assert min(bars) == pytest.approx(line)
    page.get_by_text("As a table").click()
    expect(page.locator(".as-table tbody tr td:nth-last-child(2)")).to_have_text(then)
    expect(page.locator(".as-table tbody tr td:last-child")).to_have_text(
        ["Sat, 7 Mar 2026 (partial)", "Sun, 8 Mar 2026", "Mon, 9 Mar 2026", "Tue, 10 Mar 2026 (partial)"]
    )
    expect(page.get_by_text("Previous period: 7 Mar 2026 12:00 – 10 Mar 2026 12:00, 2 in all.")).to_be_visible()


def test_pointing_at_the_chart_tells_both(server: Server, compared: str, visit: Open) -> None:
    page = _chart(server, visit, compared, TUESDAY_TO_FRIDAY, bucket="day")
    expect(page.locator(".chart g.before")).to_be_visible()
    page.get_by_role("group", name=re.compile("Calls over time")).focus()
    page.keyboard.press("Home")
    expect(page.locator(".reading .before em")).to_have_text("partial")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".reading strong")).to_have_text("Wed, 11 Mar 2026")
    expect(page.locator(".reading .before dt")).to_have_text("Previous period, Sun, 8 Mar 2026")
    expect(page.locator(".reading .before dd")).to_have_text("2")


def test_hours_stay_beside_those_of_the_clock(server: Server, compared: str, visit: Open) -> None:
    """49 hours beside 48: the second of the hours that come twice has no counterpart, and all others have theirs."""
    page = _chart(server, visit, compared, CLOCKS_CHANGE)
    then = _calls(server, compared, THE_DAYS_BEFORE, "HOUR")
    assert len(then) == 48
    page.get_by_text("As a table").click()
    rows = page.locator(".as-table tbody tr")
    expect(rows).to_have_count(49)
    expect(page.get_by_text("Previous period: 23 Oct 2025 00:00 – 25 Oct 2025 00:00")).to_be_visible()
    shown = page.locator(".as-table tbody").evaluate(
        "body => [...body.rows].map(({cells}) => [0, -2, -1].map(at => [...cells].at(at).innerText))"
    )
    assert [value for _, value, _ in shown] == [*then[:27], "–", *then[27:]]
    assert shown[26][0] == "26 Oct 2025 02:00–03:00 (UTC+2)"
    assert shown[27] == ["26 Oct 2025 02:00–03:00 (UTC+1)", "–", "no counterpart"]
    for time, _, its_time in (*shown[:26], *shown[28:]):
        assert time.split()[-1] == its_time.split()[-1]
    # The line has a gap there, as it has no value.
    assert (page.locator(".chart g.before path").last.get_attribute("d") or "").count("M") == 2


def test_an_hour_without_a_counterpart_is_told(server: Server, compared: str, visit: Open) -> None:
    """47 hours of the days after the change beside 49: what the line leaves out is said."""
    window = ("2025-10-27T00:00:00+01:00", "2025-10-29T00:00:00+01:00")
    page = _chart(server, visit, compared, window)
    expect(page.get_by_text("One of its points has no counterpart here.")).to_be_visible()
    total = sum(map(int, _calls(server, compared, CLOCKS_CHANGE, "HOUR")))
    expect(page.get_by_text(f"25 Oct 2025 00:00 – 27 Oct 2025 00:00, {total} in all.")).to_be_visible()


def test_names_that_are_chosen_are_compared_with_themselves(server: Server, compared: str, visit: Open) -> None:
    page = _chart(server, visit, compared, CLOCKS_CHANGE, bucket="day")
    everyone = sum(map(int, _calls(server, compared, THE_DAYS_BEFORE, "DAY")))
    note = page.locator(".note[role=status]")
    expect(note).to_contain_text(f", {everyone} in all.")
    page.locator(".legend button", has_text="Anna").click()
    annas = _calls(server, compared, THE_DAYS_BEFORE, "DAY", filter={"agent": {"eq": "Anna"}})
    expect(note).to_contain_text(
        f"of the names that are chosen: 23 Oct 2025 00:00 – 25 Oct 2025 00:00, {sum(map(int, annas))} in all."
    )
    page.locator(".legend button", has_text="no agent").click()
    no_berts = _calls(server, compared, THE_DAYS_BEFORE, "DAY", filter={"not": {"agent": {"eq": "Bert"}}})
    expect(note).to_contain_text(f", {sum(map(int, no_berts))} in all.")
    page.get_by_text("As a table").click()
    expect(page.locator(".as-table tbody tr td:nth-last-child(2)")).to_have_text(no_berts)


def test_where_there_was_nothing_it_says_so(server: Server, compared: str, visit: Open) -> None:
    page = _chart(server, visit, compared, THE_DAYS_BEFORE, bucket="day")
    expect(page.get_by_text("No calls in the previous period, 21 Oct 2025 00:00 – 23 Oct 2025 00:00.")).to_be_visible()
    expect(page.locator(".chart .fill rect").first).to_be_visible()
    assert page.locator(".chart g.before").count() == 0
    expect(page.locator(".legend")).not_to_contain_text("Previous period")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_keeps_nobody_out(server: Server, compared: str, visit: Open, scheme: str) -> None:
    page = _chart(server, visit, compared, TUESDAY_TO_FRIDAY, bucket="day", chart="lines", shares="bars")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 390, "height": 900})
    expect(page.locator(".chart g.before")).to_be_visible()
    page.get_by_text("As a table").click()
    page.locator(".chart").focus()
    page.keyboard.press("Home")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
