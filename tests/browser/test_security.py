"""Names are text, whatever is in them: nothing that a call says runs, loads, leads elsewhere, or breaks the page."""

import time

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.calls import post
from tests.browser.conftest import Open, Watch
from tests.browser.page import calls, card, counted, panel
from tests.otlp import call
from tests.serving import Server

HOUR = 3600 * 10**9
LONGEST = 256
NAMES = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'; alert(1); //",
    "javascript:alert(1)",
    "&lt;b&gt; &amp; 50%25 #top ?a=b",
    "\U0001f98a \U0001f468\u200d\U0001f469\u200d\U0001f467 crew",
    "\u202egnp.exe",
    "\u05e9\u05dc\u05d5\u05dd \u200f\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "a" * LONGEST,
    "W " * 127 + "W",
    "__proto__",
    "constructor",
    "${7*7}{{7*7}}",
    # Texts are cut where they are taken in.
    "x" * 10_000,
)
SHOWN = [name[:LONGEST] for name in NAMES]
FIELDS = (
    *("usage_graph.source", "usage_graph.name", "usage_graph.agent", "usage_graph.conversation", "usage_graph.user"),
    *("usage_graph.channel", "gen_ai.request.model", "gen_ai.provider.name"),
)
ERROR = "error.type"


@pytest.fixture(scope="module")
def hostile(server: Server) -> str:
    """Each name as everything that a call can be named by; every other call failed, for a reason of that name."""
    project, latest = server.project(), time.time_ns() - 60 * 10**9
    spans = []
    for number, name in enumerate(NAMES):
        for again in range(2):
            labels = dict.fromkeys(FIELDS, name) | ({ERROR: name} if again else {})
            spans.append(call(2 * number + again, labels, start_ns=latest - number * HOUR))
    post(server, project, spans)
    return project


def holds(page: Page) -> None:
    """Nothing ran, no element is there that the page has not, and nothing is wider than the screen."""
    assert page.evaluate("document.querySelectorAll('img, iframe, object, body script').length") == 0
    assert page.evaluate("[...document.querySelectorAll('[href]')].every(({href}) => href.startsWith(location.origin))")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("by", "width"), [("source", 390), ("agent", 390), ("model", 1280)])
def test_names_are_shown_as_they_are(
    server: Server, hostile: str, context: BrowserContext, visit: Open, by: str, width: int
) -> None:
    context.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page = visit(server, project=hostile, window="7d", by=by, metric="tokens", chart="lines", kind="item")
    page.set_viewport_size({"width": width, "height": 900})
    counted(page, f"1–20 of {2 * len(NAMES)} calls")
    links = calls(page).locator("tbody button.link")
    shown = set(links.all_text_contents())
    assert shown >= set(SHOWN[:9])
    assert set(page.locator(".legend button").all_text_contents()) <= {*SHOWN, "all others"}
    holds(page)
    page.get_by_text("As a table").click()
    expect(page.locator(".as-table tbody tr").first).to_be_visible()
    holds(page)
    for name in (NAMES[0], NAMES[8]):
        links.filter(has_text=name).first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("Model asked for")).to_be_visible()
        expect(dialog.locator("dd", has_text=name).first).to_be_visible()
        assert dialog.evaluate("place => place.scrollWidth <= place.clientWidth")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


@pytest.mark.parametrize("name", SHOWN, ids=range(len(SHOWN)))
def test_a_name_leads_to_its_calls_by_any_address(server: Server, hostile: str, visit: Open, name: str) -> None:
    """As everything that the page can be narrowed by at once; then without, and back."""
    named = dict.fromkeys(("agent", "model", "name", "conversation", "user", "channel", "source"), name)
    page = visit(server, project=hostile, window="7d", **named, **{"from": name, "search": name[:200]})
    expect(card(page, "API calls").locator(".figure")).to_have_text("2")
    counted(page, "1–2 of 2 calls")
    holds(page)
    page.reload()
    counted(page, "1–2 of 2 calls")
    expect(calls(page).get_by_role("searchbox")).to_have_value(name[:200])
    page.get_by_role("button", name="Show all", exact=True).click()
    expect(card(page, "API calls").locator(".figure")).to_have_text(str(2 * len(NAMES)))
    page.go_back()
    expect(card(page, "API calls").locator(".figure")).to_have_text("2")


def test_a_consumer_of_any_name_is_a_link_to_this_page(server: Server, hostile: str, visit: Open) -> None:
    page = visit(server, project=hostile, window="7d", kind="agent", metric="calls")
    ranking = panel(page, "Top consumers").locator("tbody th a")
    expect(ranking).to_have_count(10)
    name = ranking.first.text_content()
    assert name in SHOWN
    ranking.first.click()
    expect(page.get_by_role("button", name=f"Remove agent: {name}")).to_be_visible()
    expect(card(page, "API calls").locator(".figure")).to_have_text("2")
    holds(page)


def test_text_cannot_become_a_script(server: Server, hostile: str, visit: Open, watch: Watch) -> None:
    """The policy is in force: what would make code or HTML of text is refused."""
    watch.expected = ["Trusted"]
    page = visit(server, project=hostile, window="7d")
    counted(page, f"1–20 of {2 * len(NAMES)} calls")
    for attempt in ("document.createElement('script').text = 'window.ran = true'", "document.body.innerHTML = '<b>'"):
        assert (
            page.evaluate(f"(() => {{ try {{ {attempt} }} catch (error) {{ return error.name }} }})()") == "TypeError"
        )
    assert page.evaluate("window.ran === undefined && document.querySelector('body > b') === null")
    assert len(watch.complaints) == 2
