"""Days and hours are those of the chosen zone: the screen says of them what the API says, and what was sent."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.sync_api import Page, expect

from tests.browser.calls import post
from tests.browser.conftest import Open
from tests.browser.page import card, exact
from tests.otlp import call
from tests.serving import Server

BUCKETS = """query ($window: WindowInput!, $timezone: TimeZone!, $bucket: Bucket!) {
  usage(window: $window, timezone: $timezone) {
    totals { calls cost }
    series(bucket: $bucket) { points { start totals { calls totalTokens } } }
  }
}"""


class Day(NamedTuple):
    """A day of a zone, and how many hours it has."""

    zone: str
    date: str
    hours: int

    @property
    def start(self) -> datetime:
        return datetime.fromisoformat(self.date).replace(tzinfo=ZoneInfo(self.zone))

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=1)

    @property
    def window(self) -> str:
        return f"{self.start.isoformat()}/{self.end.isoformat()}"


DAYS = (
    Day("Asia/Kathmandu", "2026-06-15", 24),
    Day("America/New_York", "2026-03-08", 23),
    Day("America/New_York", "2026-11-01", 25),
    # Half an hour is left out, and comes twice: the day has an hour of half the length, and one of half as much again.
    Day("Australia/Lord_Howe", "2026-10-04", 24),
    Day("Australia/Lord_Howe", "2026-04-05", 25),
    Day("Europe/Berlin", "2026-03-29", 23),
)


@pytest.fixture(scope="module")
def every_half_hour(server: Server) -> str:
    """Calls each half hour of these days and those around them, as many tokens as there were calls before."""
    project = server.project()
    spans: list[Span] = []
    for day in DAYS:
        first = day.start.astimezone(UTC) - timedelta(days=1)
        for half in range(2 * 24 * 3):
            at = first + timedelta(minutes=30 * half + 7)
            number = len(spans)
            spans.append(
                call(number, {"gen_ai.usage.input_tokens": 1000 + number}, start_ns=int(at.timestamp()) * 10**9)
            )
    post(server, project, spans)
    return project


def table(page: Page) -> list[tuple[str, str]]:
    """The name of each point of the chart, and its amount."""
    page.get_by_text("As a table").click()
    rows = page.locator(".as-table tbody tr")
    expect(rows.first).to_be_visible()
    cells = rows.evaluate_all("all => all.map((row) => [row.cells[0].textContent, row.cells[1].textContent])")
    return [(name, amount) for name, amount in cells]


def asked(server: Server, project: str, *, window: str, zone: str, bucket: str) -> dict[str, Any]:
    start, _, end = window.partition("/")
    variables = {"window": {"between": {"from": start, "to": end}}, "timezone": zone, "bucket": bucket}
    usage: dict[str, Any] = server.query(BUCKETS, variables, project=project)["usage"]
    return usage


@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"{day.zone} {day.date}")
def test_the_hours_of_a_day(server: Server, every_half_hour: str, visit: Open, day: Day) -> None:
    page = visit(
        server, project=every_half_hour, timezone=day.zone, window=day.window, bucket="hour", metric="calls", by="model"
    )
    lasts = (day.end.astimezone(UTC) - day.start.astimezone(UTC)) // timedelta(minutes=30)
    expect(card(page, "API calls").locator(".figure")).to_have_text(str(lasts))
    usage = asked(server, every_half_hour, window=day.window, zone=day.zone, bucket="HOUR")
    assert exact(card(page, "Total cost")) == f"${usage['totals']['cost']}"
    points = usage["series"]["points"]
    shown = table(page)
    assert [amount for _, amount in shown] == [str(point["totals"]["calls"]) for point in points]
    assert len(shown) == day.hours
    assert sum(int(amount) for _, amount in shown) == lasts
    # Each is named by what the clocks there show when it begins.
    clocks = [datetime.fromisoformat(point["start"]).astimezone(ZoneInfo(day.zone)) for point in points]
    for (name, _), clock in zip(shown, clocks, strict=True):
        assert f"{clock.day} {clock:%b %Y %H:%M}" in name


@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"{day.zone} {day.date}")
def test_a_day_is_chosen_by_the_clocks_of_its_zone(server: Server, every_half_hour: str, visit: Open, day: Day) -> None:
    """From and to as somebody there reads them; the page is opened by somebody in Berlin."""
    page = visit(server, project=every_half_hour, timezone=day.zone, window="7d", bucket="hour", metric="calls")
    page.get_by_label("Custom").check()
    page.get_by_label("From", exact=True).fill(f"{day.start:%Y-%m-%dT%H:%M}")
    page.get_by_label("to", exact=True).fill(f"{day.end:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Show", exact=True).click()
    lasts = (day.end.astimezone(UTC) - day.start.astimezone(UTC)) // timedelta(minutes=30)
    expect(card(page, "API calls").locator(".figure")).to_have_text(str(lasts))
    moments = [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") for moment in (day.start, day.end)]
    assert f"window={'/'.join(moments)}" in page.url
    page.reload()
    expect(page.get_by_label("From", exact=True)).to_have_value(f"{day.start:%Y-%m-%dT%H:%M}")
    expect(page.get_by_label("to", exact=True)).to_have_value(f"{day.end:%Y-%m-%dT%H:%M}")


def test_another_zone_makes_other_days_of_the_same_calls(server: Server, every_half_hour: str, visit: Open) -> None:
    kathmandu = DAYS[0]
    window = f"{kathmandu.start.isoformat()}/{(kathmandu.start + timedelta(days=2)).isoformat()}"
    page = visit(server, project=every_half_hour, timezone=kathmandu.zone, window=window, bucket="day", metric="tokens")
    page.get_by_text("As a table").click()
    for zone, days in ((kathmandu.zone, 2), ("America/New_York", 3), ("UTC", 3)):
        page.get_by_label("Time zone").select_option(zone)
        usage = asked(server, every_half_hour, window=window, zone=zone, bucket="DAY")
        tokens = [f"{point['totals']['totalTokens']:,}" for point in usage["series"]["points"]]
        assert len(tokens) == days
        expect(page.locator(".as-table tbody tr td:nth-child(2)")).to_have_text(tokens)
        expect(card(page, "API calls").locator(".figure")).to_have_text(str(usage["totals"]["calls"]))
