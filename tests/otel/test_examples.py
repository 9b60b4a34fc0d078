"""The examples run as an application would, in processes of their own: first into a bare OTLP endpoint, which shows
what is on the wire, then into usage-graph, which shows what arrives."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.otel.sink import HttpSink, ReceivedSpan
from tests.serving import Server

EXAMPLES = Path(__file__).parents[2] / "otel" / "examples"

RECORDS = """
query Records { usage(window: { last: "P1D" }) {
  totals { calls failedCalls inputTokens outputTokens unpricedCalls unmeasuredCalls }
  records(first: 100) { nodes {
    service source name agent conversation user channel provider requestModel responseModel operation
    inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens
  } }
} }
"""


Call = dict[str, Any]
"""One LLM call, by the names of ``UsageRecord``'s fields."""

ATTRIBUTES = {
    "service": "service.name",
    "source": "usage_graph.source",
    "name": "usage_graph.name",
    "agent": "usage_graph.agent",
    "conversation": "usage_graph.conversation",
    "user": "usage_graph.user",
    "channel": "usage_graph.channel",
    "provider": "gen_ai.provider.name",
    "requestModel": "gen_ai.request.model",
    "responseModel": "gen_ai.response.model",
    "operation": "gen_ai.operation.name",
    "inputTokens": "gen_ai.usage.input_tokens",
    "outputTokens": "gen_ai.usage.output_tokens",
    "cacheReadTokens": "gen_ai.usage.cache_read.input_tokens",
    "cacheWriteTokens": "gen_ai.usage.cache_write.input_tokens",
    "reasoningTokens": "gen_ai.usage.reasoning.output_tokens",
}

GPT = ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", "chat", 1207, 311, 1024, None, 192)
CLAUDE = ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", "chat", 2370, 106, 2048, 300, None)


def call(*values: str | int | None) -> Call:
    return dict(zip(ATTRIBUTES, values, strict=True))


CALLS = {
    "openai_app.py": [
        call("openai-example", "agent", "Nightly report", "reporter", "report-2026-01-31", None, None, *GPT),
        call("openai-example", "chat", "Support", None, "chat-42", "user-7", "web", *GPT),
    ],
    "anthropic_app.py": [
        call("anthropic-example", source, name, None, conversation, "user-8", "slack", *CLAUDE)
        for source, name in (("chat", None), ("memory", "Memory extraction"))
        for conversation in ("chat-1", "chat-2")
    ],
}


def run(example: str, otlp_url: str, settings: Mapping[str, str]) -> str:
    """Runs ``example`` as a user would, telemetry going to ``otlp_url``; returns what it prints."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OPENAI_", "ANTHROPIC_", "USAGE_GRAPH_"))
    }
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example)],
        env={**inherited, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_url, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def from_span(span: ReceivedSpan) -> Call:
    sent = {**span.resource, **span.attributes}
    return {field: sent.get(key) for field, key in ATTRIBUTES.items()}


def assert_same_calls(found: list[Call], expected: list[Call]) -> None:
    assert sorted(found, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize("example", CALLS)
def test_an_example_puts_its_calls_on_the_wire(example: str) -> None:
    with HttpSink() as sink:
        printed = run(example, sink.url, {})
    assert printed.count("It was Tuesday.") == len(CALLS[example])
    assert_same_calls([from_span(span) for span in sink.spans], CALLS[example])


@pytest.mark.parametrize("example", CALLS)
def test_an_example_puts_its_calls_on_the_usage_page(example: str, server: Server) -> None:
    project, calls = server.project(), CALLS[example]
    run(example, server.otlp_http, {"OTEL_EXPORTER_OTLP_HEADERS": f"x-usage-graph-project={project}"})
    usage = server.query(RECORDS, project=project)["usage"]
    assert_same_calls(usage["records"]["nodes"], calls)
    assert usage["totals"] == {
        "calls": len(calls),
        "failedCalls": 0,
        "inputTokens": sum(call["inputTokens"] for call in calls),
        "outputTokens": sum(call["outputTokens"] for call in calls),
        "unpricedCalls": 0,
        "unmeasuredCalls": 0,
    }
