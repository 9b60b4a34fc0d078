"""The door: what is wrong with a key, and a way to another one or to another project."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.calls import send
from tests.browser.conftest import Open, Watch
from tests.browser.page import calls, card
from tests.serving import Server, eventually

OPERATOR = "3c363836cf4e16666669a25da280a186"
MAKE_KEY = """mutation ($scope: KeyScope!) {
  createKey(input: {scope: $scope}) { secret userErrors { message } }
}"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"USAGE_GRAPH_API_KEY": OPERATOR}
    with Server(data_dir=tmp_path_factory.mktemp("locked"), settings=settings) as running:
        send(running, "default", 2, 4, 6, key=OPERATOR)
        yield running


def made(server: Server, scope: str) -> str:
    """A key that the server knows by now."""
    secret: str = server.query(MAKE_KEY, {"scope": scope})["createKey"]["secret"]
    headers = {"authorization": f"Bearer {secret}"}
    ask = {"query": "{__typename}"}
    eventually(lambda: httpx.post(f"{server.http}/graphql", json=ask, headers=headers).status_code != 401)
    return secret


def test_the_door_says_what_is_wrong_with_a_key(locked: Server, visit: Open, watch: Watch) -> None:
    watch.expected = ["401", "403"]
    page = visit(locked, window="7d")
    field, door = page.get_by_label("Key", exact=True), page.locator(".door")
    expect(door.get_by_role("heading")).to_have_text("This server wants a key")
    expect(door.get_by_role("alert")).to_have_count(0)
    field.fill("no such key")
    field.press("Enter")
    expect(door.get_by_role("heading")).to_have_text("The server does not know this key")
    field.fill(made(locked, "INGEST"))
    field.press("Enter")
    expect(door.get_by_role("heading")).to_have_text("This key does not open this page")
    expect(door.get_by_role("alert")).to_contain_text("scope ingest")
    field.fill(made(locked, "READ"))
    page.get_by_label("Project").fill("another")
    field.press("Enter")
    expect(door.get_by_role("alert")).to_contain_text("project")
    expect(door.get_by_role("heading")).to_have_text("This key does not open this page")


def test_another_key_is_entered_without_being_refused_first(locked: Server, visit: Open, watch: Watch) -> None:
    watch.expected = ["401"]
    page = visit(locked, window="7d")
    page.get_by_label("Key", exact=True).fill(OPERATOR)
    page.get_by_role("button", name="Open", exact=True).click()
    expect(calls(page).locator("tbody button.link").first).to_be_visible()
    page.get_by_role("button", name="Key and project").press("Enter")
    expect(page.get_by_role("heading", name="Another key or project")).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    page.get_by_label("Project").fill("nobody")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(card(page, "API calls").locator(".figure")).to_have_text("0")
    expect(page.locator(".door")).to_have_count(0)
    assert "project=nobody" in page.url
    # What is to be copied sends there.
    first = page.locator(".empty pre")
    expect(first).to_contain_text("-H 'authorization: Bearer KEY'")
    expect(first).to_contain_text("-H 'x-usage-graph-project: nobody'")
