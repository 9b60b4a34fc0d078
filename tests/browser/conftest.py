"""A browser for each module, and pages that are watched: none may reach elsewhere or complain."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.browser.board import Board
from tests.browser.calls import send
from tests.browser.chromium import AXE, chromium
from tests.browser.demo import Demo, playing
from tests.serving import Server
from usage_graph.store.embedded import Embedded

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(server: Server) -> Iterator[Browser]:
    # For a module, not longer: Playwright runs a loop in this thread, which tests that are asynchronous need, too. And
    # so does ``server`` where it is made: it has to be there before, even if the first test looks at another.
    del server
    with chromium() as running:
        yield running


class Watch:
    """Notes what pages do that they should not; ``expected`` are parts of complaints that a test provokes."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.expected: list[str] = []

    def over(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        self.hosts.add(urlsplit(request.url).netloc)

    @property
    def unexpected(self) -> list[str]:
        return [said for said in self.complaints if not any(part in said for part in self.expected)]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def profile(browser: Browser) -> BrowserContext:
    """A visitor in Berlin who has never been here."""
    return browser.new_context(
        viewport={"width": 1280, "height": 900},
        timezone_id="Europe/Berlin",
        locale="en-GB",
        color_scheme="light",
        # What fades in has another contrast until it is there.
        reduced_motion="reduce",
    )


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    visitor = profile(browser)
    visitor.add_init_script(path=AXE)
    visitor.set_default_timeout(20_000)
    yield visitor
    visitor.close()


@pytest.fixture
def visit(context: BrowserContext, watch: Watch) -> Iterator[Open]:
    """Opens the page of a server in a state, and in the end asserts that no page did what it should not."""
    servers: set[str] = set()

    def open_page(server: Server, **state: str) -> Page:
        servers.add(urlsplit(server.http).netloc)
        page = context.new_page()
        watch.over(page)
        page.goto(f"{server.http}/?{urlencode(state)}")
        return page

    yield open_page
    assert watch.unexpected == []
    assert watch.hosts <= servers


@pytest.fixture(scope="module")
def seeded(server: Server) -> str:
    project = server.project()
    send(server, project, *range(1, 61))
    return project


@pytest.fixture(scope="session")
def demo(postgres: Embedded, template: str) -> Iterator[Demo]:
    with playing(postgres, template) as running:
        yield running


@pytest.fixture(scope="module")
def board(browser: Browser, demo: Demo) -> Iterator[Board]:
    """A page of the demo's month, for a module; in the end it has done nothing that it should not."""
    watch = Watch()
    visitor = profile(browser)
    visitor.set_default_timeout(20_000)
    page = visitor.new_page()
    watch.over(page)
    yield Board(demo, page)
    visitor.close()
    assert watch.unexpected == []
    assert watch.hosts == {urlsplit(demo.server.http).netloc}
