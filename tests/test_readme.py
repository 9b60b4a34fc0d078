"""The README is true to the letter: its snippets run, its links lead somewhere, its commands exist."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx

from tests.serving import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def environment(server: Server) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "USAGE_GRAPH_"))}
    return {**kept, "OTEL_EXPORTER_OTLP_ENDPOINT": server.otlp_http, "USAGE_GRAPH_PORT": str(server.http_port)}


def test_the_application_snippet_reports_its_call(server: Server) -> None:
    (snippet,) = snippets("python")
    subprocess.run([sys.executable, "-c", snippet], env=environment(server), check=True, timeout=60)
    data = server.query(
        """{ usage(window: {last: "PT1H"}, filter: {conversation: {eq: "chat-42"}}) { records(first: 1) { nodes {
            source name user channel service inputTokens outputTokens cost } } } }"""
    )
    (record,) = data["usage"]["records"]["nodes"]
    assert record.pop("cost") is not None
    assert record == {
        "source": "chat",
        "name": "Refund question",
        "user": "user-7",
        "channel": "web",
        "service": "billing-assistant",
        "inputTokens": 1207,
        "outputTokens": 311,
    }


def test_the_queries_are_answered(server: Server) -> None:
    documents = snippets("graphql")
    assert documents
    for document in documents:
        assert server.query(document)["usage"]["totals"]


def test_the_curl_command_is_answered(server: Server) -> None:
    (command,) = [snippet for snippet in snippets("sh") if snippet.startswith("curl")]
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["curl", "-s"]
    url = words[2].replace("127.0.0.1:8000", f"127.0.0.1:{server.http_port}")
    name, _, value = words[words.index("-H") + 1].partition(": ")
    body = words[words.index("-d") + 1]
    answer = httpx.post(url, content=body, headers={name: value}).json()
    assert answer["data"]["usage"]["totals"]["calls"] >= 0


def test_the_report_command_prints_what_the_readme_shows(server: Server) -> None:
    (command,) = [snippet for snippet in snippets("sh") if snippet.startswith(".venv/bin/usage-graph report")]
    arguments = shlex.split(command)[1:]
    printed = subprocess.run(
        [sys.executable, "-m", "usage_graph.cli", *arguments],
        env=environment(server),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    (shown,) = snippets("console")
    for title in ("Total cost", "Input tokens", "Output tokens", "Avg / call"):
        assert title in shown
        assert title in printed
    assert "Europe/Berlin" in printed


def test_commands_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {"help", "demo", "run", "test", "check", "bench", "schema"} <= targets
    documented = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^|`)make (\w+)", documented, re.M)) <= targets
    usage = subprocess.run(
        [sys.executable, "-m", "usage_graph.cli", "--help"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    for command in set(re.findall(r"usage-graph (serve|migrate|report|doctor|schema|demo)\b", README)):
        assert command in usage


def test_the_page_and_the_two_commands_come_first() -> None:
    opening, commands = README.split("\n## ")[:2]
    pictures = re.findall(r'(?:srcset|src)="([^"]+)"', opening)
    assert pictures == ["docs/page-dark.png", "docs/page-light.png"]
    assert all((ROOT / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert re.findall(r"^make (\w+)", commands, re.M) == ["demo", "run"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_changelog_has_the_version() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_operations_of_the_schema_folder_run(server: Server) -> None:
    for path in sorted((ROOT / "schema" / "operations").glob("*.graphql")):
        data = server.query(path.read_text(encoding="utf-8"))
        assert json.dumps(data)
