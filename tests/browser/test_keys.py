"""What a key opens on the page, and nothing else: one of a project, of an agent, of everything, or only to send."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Watch
from tests.browser.page import calls, card, counted, names, panel
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server, eventually

OPERATOR = "0b5a2c7c55d94cf0a1b7f1a4d35b8a27"
MINE, THEIRS = "mein Büro", "their secret project"


class Guarded(NamedTuple):
    """A server that wants keys, and how to make them beside it."""

    server: Server
    data_dir: Path

    def _keys(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "usage_graph.cli", "keys", *arguments, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def key(self, *arguments: str) -> str:
        """One that the server knows already."""
        secret = self._keys("create", *arguments).strip()
        eventually(lambda: self.status(secret) != 401)
        return secret

    def status(self, secret: str) -> int:
        return httpx.post(
            f"{self.server.http}/graphql",
            json={"query": "{ __typename }"},
            headers={"authorization": f"Bearer {secret}"},
        ).status_code

    def send(self, project: str, *agents: str, first: int = 0) -> None:
        labels = ({"usage_graph.agent": agent, "usage_graph.name": f"{agent} of {project}"} for agent in agents)
        spans = [call(first + number, label) for number, label in enumerate(labels)]
        headers = {**PROTOBUF, "authorization": f"Bearer {OPERATOR}", "x-usage-graph-project": project}
        answer = httpx.post(
            f"{self.server.http}/v1/traces",
            content=request(spans).SerializeToString(),
            headers=httpx.Headers(headers, encoding="utf-8"),
        )
        assert answer.status_code == 200


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    data_dir = tmp_path_factory.mktemp("guarded")
    with Server(data_dir=data_dir, settings={"USAGE_GRAPH_API_KEY": OPERATOR}) as server:
        found = Guarded(server, data_dir)
        found.send(MINE, "Reviewer", "Reviewer", "Translator")
        found.send(THEIRS, *["Informer"] * 7, first=100)
        yield found


def enter(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Open").click()


def test_a_key_opens_its_project_and_no_other(guarded: Guarded, visit: Open, watch: Watch) -> None:
    watch.expected = ["401", "403"]
    key = guarded.key("--project", MINE, "--scope", "read")
    page = visit(guarded.server)
    enter(page, key)
    counted(page, "1–3 of 3 calls")
    expect(page.locator(".live.on")).to_be_visible()
    # By name it is the same one.
    page.goto(f"{guarded.server.http}/?project={MINE}")
    counted(page, "1–3 of 3 calls")
    expect(page.locator(".live.on")).to_be_visible()
    # The other is not opened by its name, nor does a call of it by its id.
    page.goto(f"{guarded.server.http}/?project={THEIRS}")
    expect(page.locator(".door [role=alert]")).to_contain_text("not good for the project")
    assert "Informer" not in page.content()
    foreign = guarded.server.query(
        '{ usage(window: {last: "P1D"}, timezone: "UTC") { records(first: 1) { nodes { id } } } }', project=THEIRS
    )["usage"]["records"]["nodes"][0]["id"]
    page.goto(f"{guarded.server.http}/?project={MINE}&record={foreign}")
    expect(page.get_by_role("dialog")).to_contain_text("not there")
    assert "Informer" not in page.content()


def test_an_operator_looks_at_any_project(guarded: Guarded, visit: Open, watch: Watch) -> None:
    watch.expected = ["401"]
    page = visit(guarded.server, project=THEIRS)
    enter(page, OPERATOR)
    counted(page, "1–7 of 7 calls")
    assert set(names(page)) == {f"Informer of {THEIRS}"}
    page.goto(f"{guarded.server.http}/?project={MINE}")
    counted(page, "1–3 of 3 calls")
    assert "Informer" not in page.content()


def test_a_key_of_an_agent_shows_that_agent_alone(guarded: Guarded, visit: Open, watch: Watch) -> None:
    watch.expected = ["401"]
    key = guarded.key("--project", MINE, "--scope", "read", "--agent", "Reviewer")
    page = visit(guarded.server, by="agent")
    enter(page, key)
    counted(page, "1–2 of 2 calls")
    expect(card(page, "API calls").locator(".figure")).to_have_text("2")
    expect(page.locator(".legend button")).to_have_text(["Reviewer"])
    expect(panel(page, "Latency").locator("tbody tr").first.locator("td").first).to_have_text("2")
    # What it is not told is said in its place, and is no reason to want another key.
    expect(panel(page, "What was sent")).to_contain_text("bound to a user or an agent")
    expect(page.locator(".door")).to_have_count(0)
    page.get_by_label("Only calls of this agent").press_sequentially("Translator")
    page.get_by_label("Only calls of this agent").press("Enter")
    expect(card(page, "API calls").locator(".figure")).to_have_text("0")
    page.get_by_role("button", name="Remove agent: Translator").click()
    # Live, also for it: of its own agent.
    expect(page.locator(".live.on")).to_be_visible()
    guarded.send(MINE, "Translator", "Reviewer", first=20)
    expect(card(page, "API calls").locator(".figure")).to_have_text("3")
    assert "Translator" not in page.content()
    expect(page.locator(".door")).to_have_count(0)


def test_a_key_that_only_sends_opens_nothing(guarded: Guarded, visit: Open, watch: Watch) -> None:
    watch.expected = ["401", "403"]
    page = visit(guarded.server)
    enter(page, guarded.key("--project", MINE, "--scope", "ingest"))
    expect(page.locator(".door [role=alert]")).to_contain_text(re.compile("scope|read", re.I))
    expect(calls(page)).to_have_count(0)
    enter(page, "\u043a\u043b\u044e\u0447 mit Umlaut \u00e4")
    expect(page.locator(".door").get_by_role("heading")).to_have_text("The server does not know this key")
