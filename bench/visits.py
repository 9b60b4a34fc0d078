"""Visits of the usage page in a real browser: how long after navigation the first numbers are on the screen.

What a person waits for: files, questions, answers and drawing, together. A new profile of the browser has nothing of
the page; one that was here before asks for its HTML alone.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext

from bench.children import Child, server
from bench.database import Database
from tests.browser.chromium import chromium
from usage_graph.config import Settings
from usage_graph.demo import stage, terms

VISITS = 7
WINDOWS = ("7d", "30d")
"""What a first visit shows, and the longest time that is one click away."""
_SIZE: Any = {"width": 1360, "height": 1000}
_SENDING_SECONDS = 120

# A frame after the document has them, they are on the screen. One card is looked for: all come of one answer.
_NOTE_THE_FIRST_NUMBERS = """
addEventListener("DOMContentLoaded", () => {
  const seen = () => {
    if (!document.querySelector(".card .figure .number:not(.unknown)")) return;
    watcher.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.firstNumbers = performance.now())));
  };
  const watcher = new MutationObserver(seen);
  watcher.observe(document, { childList: true, subtree: true });
  seen();
});
"""
_TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const [asked] = files.filter(({ name }) => name.endsWith("/graphql")).sort((a, b) => a.startTime - b.startTime);
  const loaded = files.filter(({ name }) => name.includes("/assets/") && !name.endsWith(".svg"));
  return {
    loaded: Math.max(...loaded.map(({ responseEnd }) => responseEnd)),
    asked: asked.startTime,
    answered: asked.responseEnd,
    shown: window.firstNumbers,
    bytes: [page, ...loaded].reduce((sum, { transferSize }) => sum + transferSize, 0),
  };
}"""


class Visit(NamedTuple):
    """Milliseconds from navigation until the page's files are there, it asks, it is answered, its numbers are shown;
    and the bytes of its files that came over the network, headers included."""

    loaded: float
    asked: float
    answered: float
    shown: float
    bytes: int


class Visits(NamedTuple):
    """Of one database: ``cold`` with a new profile each, ``warm`` again and again with one. By window."""

    records: int
    cold: dict[str, list[Visit]]
    warm: dict[str, list[Visit]]


def measure(
    database: Database, names: Sequence[str], told: Callable[[str], None], *, visits: int = VISITS
) -> dict[str, Visits]:
    """Of each of the databases; the first visit of each kind is not counted."""
    # Before the browser is there, whose driver runs a loop in this thread.
    found = {name: Visits(database.count(name), {}, {}) for name in names}
    with chromium() as browser:
        for name in names:
            told(f"page: {name}")
            with server(database.dsn(name)) as child:
                _measure(browser, child, found[name], visits + 1)
    return found


def _measure(browser: Browser, child: Child, into: Visits, visits: int) -> None:
    for window in WINDOWS:
        into.cold[window] = [_cold(browser, child, window) for _ in range(visits)][1:]
        with _profile(browser) as visitor:
            into.warm[window] = [_visit(visitor, child, window) for _ in range(visits)][1:]


def _profile(browser: Browser) -> BrowserContext:
    visitor = browser.new_context(viewport=_SIZE, timezone_id="Europe/Berlin", locale="en-GB")
    visitor.add_init_script(_NOTE_THE_FIRST_NUMBERS)
    return visitor


def _cold(browser: Browser, child: Child, window: str) -> Visit:
    with _profile(browser) as visitor:
        return _visit(visitor, child, window)


def _visit(visitor: BrowserContext, child: Child, window: str) -> Visit:
    page = visitor.new_page()
    page.goto(f"http://127.0.0.1:{child.port}/?window={window}")
    # To the end: what a visit still asks would be in the way of the next one.
    for place in (".card .figure .number", ".records tbody tr", "#health tbody tr", ".live.on"):
        page.locator(place).first.wait_for()
    visit = Visit(**page.evaluate(_TIMES))
    page.close()
    return visit


def send_demo(database: Database, name: str, end: datetime) -> str:
    """The demo's month up to ``end`` in a database of that name, sent as the demo does, with its rules of credits."""
    database.create(name)
    asyncio.run(terms.agree(replace(Settings(), database_url=database.dsn(name))))
    with server(database.dsn(name)) as child:
        address = f"http://127.0.0.1:{child.port}"
        subprocess.run(
            [sys.executable, "-m", "usage_graph.demo", "--http", address, "--seed", "1", "--now", end.isoformat()],
            env=stage.sender_environment(os.environ),
            stdout=subprocess.DEVNULL,
            timeout=_SENDING_SECONDS,
            check=True,
        )
    return name
