"""docs/instrumentation.md is true: the attributes that it says are read are, what it shows is well-formed, and what can
run with the packages at hand runs, as an application would, into a server."""

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.documents import ROOT, section, snippets
from tests.serving import Server
from tests.test_docs import anchors
from usage_graph.config import SETTINGS
from usage_graph.processor.events import EVENT_WANTED
from usage_graph.processor.semconv import WANTED, WANTED_RESOURCE

# An example beside others, not a module of a package.
fake_llm_api = runpy.run_path(str(ROOT / "otel" / "examples" / "fake_llm_api.py"))["fake_llm_api"]

PAGE = (ROOT / "docs" / "instrumentation.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```", "", PAGE, flags=re.M | re.S)

RECORDS = """query { usage(window: {last: "P1D"}) { records { nodes {
    service agent conversation user channel provider requestModel responseModel operation costStatus
    inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens } } } }"""

LABELS = {
    "service": "support",
    "agent": "helper",
    "conversation": "chat-42",
    "user": "user-7",
    "channel": "web",
    "operation": "chat",
    "costStatus": "COMPUTED",
}
OPENAI = {
    **LABELS,
    "provider": "openai",
    "requestModel": "gpt-5-mini",
    "responseModel": "gpt-5-mini-2025-08-07",
    "inputTokens": 1207,
    "outputTokens": 311,
    "cacheReadTokens": 1024,
    "cacheWriteTokens": None,
    "reasoningTokens": 192,
}
ANTHROPIC = {
    **LABELS,
    "provider": "anthropic",
    "requestModel": "claude-haiku-4-5",
    "responseModel": "claude-haiku-4-5-20251001",
    "inputTokens": 2370,
    "outputTokens": 106,
    "cacheReadTokens": 2048,
    "cacheWriteTokens": 300,
    "reasoningTokens": None,
}
RUNNABLE = {"OpenAI": OPENAI, "Anthropic": ANTHROPIC, "Anything else": OPENAI}
"""Heading -> the record that the first Python under it makes."""


def test_every_attribute_that_is_named_is_read() -> None:
    named = set(re.findall(r"`([a-z][\w]*(?:\.[A-Za-z]\w*)+)`", PROSE))
    files = {name for name in named if Path(name).suffix in {".json", ".toml", ".ts", ".yaml"}}
    calls = {"messages.stream", "mlflow.openai.autolog"}
    events = {"gen_ai.content.completion.chunk"}
    attributes = named - files - calls - events
    assert {"usage_graph.user", "user.id", "cursor.event.id", "openinference.project.name"} <= attributes
    assert attributes <= WANTED | WANTED_RESOURCE | EVENT_WANTED


@pytest.mark.parametrize("prefix", ["traceloop.association.properties", "langsmith.metadata"])
@pytest.mark.parametrize("name", ["user_id", "session_id", "thread_id", "conversation_id", "chat_id", "channel"])
def test_metadata_is_read_under_the_prefixes_of_the_user(prefix: str, name: str) -> None:
    assert f"{prefix}.{name}" in WANTED
    first, *rest = name.split("_")
    for vercel in ("ai.telemetry.metadata", "ai.settings.context"):
        assert f"{vercel}.{first}{''.join(map(str.title, rest))}" in WANTED


@pytest.mark.parametrize(
    "label", ["user", "conversation", "agent", "channel", "name", "source", "credits", "cost", "project"]
)
def test_each_label_has_a_key_of_our_own(label: str) -> None:
    key = f"usage_graph.{label}"
    assert key in WANTED | WANTED_RESOURCE
    assert f"`{key}`" in section(PAGE, "Who used it, and for what")


def test_settings_exist_and_those_for_sources_are_explained() -> None:
    named = set(re.findall(r"\bUSAGE_GRAPH_\w+", PAGE))
    assert named >= {"USAGE_GRAPH_METRIC_SOURCES", "USAGE_GRAPH_MERGE_BY_FINGERPRINT"}
    assert named <= {setting.variable for setting in SETTINGS}


def test_links_lead_somewhere() -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", PROSE):
        page = (ROOT / "docs" / target).read_text(encoding="utf-8") if target else PAGE
        assert anchor in {"", *anchors(page)}, (target, anchor)


def test_every_source_of_the_table_has_its_lines() -> None:
    rows = re.findall(r"^\| \[.+?\]\(#(.+?)\) \| (.+?) \| (.+?) \|$", section(PAGE, "At a glance"), re.M)
    assert len(rows) > 15
    assert {anchor for anchor, _, _ in rows} <= anchors(PAGE)
    for _, _, checked in rows:
        assert re.match(r"(run|run in the tests|capture)(: |$|, )|documentation$", checked), checked


def test_what_is_said_to_run_in_the_tests_does() -> None:
    dev = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = section(PAGE, "At a glance")
    for heading in RUNNABLE:
        anchor = heading.lower().replace(" ", "-")
        (checked,) = re.findall(rf"^\| \[.*?\]\(#{anchor}\) \| spans \| (.*) \|$", table, re.M)
        said = re.match(r"run in the tests(?:: ([^;]*))?", checked)
        assert said is not None, heading
        for package in filter(None, (said[1] or "").split(", ")):
            assert f'"{package.replace(" ", "==")}"' in dev


@pytest.mark.parametrize("number", range(len(snippets(PAGE, "python"))))
def test_python_is_python(number: int) -> None:
    compile(snippets(PAGE, "python")[number], f"snippet {number}", "exec")


def test_configuration_is_well_formed() -> None:
    (codex,) = map(tomllib.loads, snippets(PAGE, "toml"))
    assert codex["otel"]["exporter"]["otlp-http"]["endpoint"].endswith("/v1/logs")
    for settings in snippets(PAGE, "json"):
        assert json.loads(settings)
    for script in snippets(PAGE, "sh"):
        done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, timeout=10, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("heading", RUNNABLE)
def test_the_lines_put_their_call_on_the_usage_page(heading: str, server: Server) -> None:
    project = server.project()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OPENAI_", "ANTHROPIC_", "USAGE_GRAPH_"))
    }
    with fake_llm_api() as api:
        own = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": server.otlp_http,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-usage-graph-project={project}",
            "OPENAI_BASE_URL": f"{api}/v1",
            "OPENAI_API_KEY": "none needed",
            "ANTHROPIC_BASE_URL": api,
            "ANTHROPIC_API_KEY": "none needed",
        }
        done = subprocess.run(
            [sys.executable, "-c", snippets(section(PAGE, heading), "python")[0]],
            env={**inherited, **own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: list[dict[str, Any]] = server.query(RECORDS, project=project)["usage"]["records"]["nodes"]
    assert found == [RUNNABLE[heading]]
