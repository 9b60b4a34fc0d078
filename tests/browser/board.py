"""The usage page of the demo's month, which the tests of a module share, and reading what stands on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.demo import Demo, Span
from tests.browser.page import card

# All that the page remembers from visit to visit is said anew.
_USUAL = {
    "timezone": "",
    "project": "",
    "bucket": "day",
    "metric": "cost",
    "by": "source",
    "chart": "bars",
    "kind": "item",
}
_READ = """rows => rows.map(row => [...(row.cells ?? [row])].map(cell => {
  const seen = cell.cloneNode(true);
  seen.querySelectorAll(".unseen").forEach(hidden => hidden.remove());
  const spoken = cell.cloneNode(true);
  spoken.querySelectorAll("[aria-hidden]").forEach(silent => silent.remove());
  const exact = cell.querySelector(".number[title], time[title]");
  const texts = [seen, spoken].map(({ textContent }) => textContent.replace(/\\s+/g, " ").trim());
  return [texts[0], exact?.title || texts[0], texts[1]];
}))"""


class Cell(NamedTuple):
    """What is seen; what a pointer shows in its place; what a screen reader says."""

    seen: str
    exact: str
    spoken: str


def read(rows: Locator) -> list[list[Cell]]:
    """The cells of each row of a table; of anything else, itself."""
    return [[Cell(*cell) for cell in row] for row in rows.evaluate_all(_READ)]


def column(rows: list[list[Cell]], place: int) -> list[str]:
    """The exact values of a column."""
    return [row[place].exact for row in rows]


def figure(page: Page, title: str) -> Cell:
    """What a card shows; a screen reader says what is exact."""
    cell = read(card(page, title).locator(".figure"))[0][0]
    assert cell.spoken == cell.exact
    return cell


def address_of(span: Span) -> str:
    return "/".join(end.isoformat().replace("+00:00", "Z") for end in span)


def settle(page: Page) -> None:
    """Waits until all that is asked for is there."""
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


class Board:
    """One page, which goes from state to state."""

    def __init__(self, demo: Demo, page: Page) -> None:
        self._demo = demo
        self.page = page
        self._shown: dict[str, str] = {}
        self._address = ""

    def show(self, *, span: Span | None = None, **state: str) -> Page:
        """The page in this state, which it has anyway if nothing has changed it since. Mostly of the demo's span."""
        wanted = {**_USUAL, "window": address_of(span or self._demo.span), **state}
        if wanted != self._shown or self.page.url != self._address:
            self.page.goto(f"{self._demo.server.http}/?{urlencode(wanted)}")
            settle(self.page)
            self._shown, self._address = wanted, self.page.url
        return self.page

    @contextmanager
    def asking(self, operation: str, page: Page | None = None) -> Iterator[list[Span]]:
        """Waits, in the end, until a page shows the answer to what it then asks, and tells which time that is of."""
        page = page or self.page

        def is_it(response: Response) -> bool:
            asked: str = json.loads(response.request.post_data or "{}").get("query", "")
            return f"query {operation}(" in asked

        spans: list[Span] = []
        with page.expect_response(is_it) as answer:
            yield spans
        usage = answer.value.json()["data"]["usage"]
        if "range" in usage:
            spans.append(Span.of(usage["range"]))
        settle(page)

    def table(self) -> list[list[Cell]]:
        """The rows of the chart as a table: the time, all, and each name."""
        return read(self._as_table().locator("tbody tr"))

    def heads(self) -> list[str]:
        """The names above the columns of that table, from the third on."""
        return self._as_table().locator("thead th").all_inner_texts()[2:]

    def _as_table(self) -> Locator:
        details = self.page.locator(".as-table")
        if details.get_attribute("open") is None:
            details.locator("summary").click()
        expect(details.locator("tbody tr").first).to_be_visible()
        return details
