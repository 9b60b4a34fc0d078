"""One call that is in a history and was told live, too, counts once: by the ids that the provider gave it."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.importing.histories import BASE, answer, message_id, question, request_id, spend, table, write
from tests.importing.running import run
from tests.otlp import PROTOBUF, Value, attributes, call, request
from tests.serving import Server

TOTALS = '{ usage(window: {last: "P10Y"}) { totals { calls inputTokens outputTokens } records { nodes { user } } } }'
AT_NS = int((BASE + timedelta(seconds=5)).timestamp()) * 10**9


@pytest.fixture
def project(server: Server) -> str:
    return server.project()


def send(server: Server, project: str, span: Span, *, scope: str) -> None:
    message = request([span], resource={"service.name": "claude-code"})
    message.resource_spans[0].scope_spans[0].scope.name = scope
    post(server, project, "traces", message.SerializeToString())


def post(server: Server, project: str, signal: str, body: bytes) -> None:
    answered = httpx.post(
        f"{server.http}/v1/{signal}",
        content=body,
        headers={**PROTOBUF, "x-usage-graph-project": project},
        timeout=30,
    )
    assert answered.status_code == 200


def sdk(server: Server, project: str, number: int = 1) -> None:
    """An instrumentation of Anthropic's SDK tells of the answer ``number``."""
    more: dict[str, Value] = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.id": message_id(number),
        "gen_ai.usage.input_tokens": 2370,
        "gen_ai.usage.output_tokens": 159,
        "user.id": "ada",
    }
    span = call(time.time_ns() // 1000, more, start_ns=AT_NS)
    send(server, project, span, scope="opentelemetry.instrumentation.anthropic")


def own(server: Server, project: str, number: int = 1) -> None:
    """Claude Code tells of its request ``number``, under names of its own."""
    told: dict[str, Value] = {
        "span.type": "llm_request",
        "model": "claude-sonnet-4-5-20250929",
        "input_tokens": 22,
        "output_tokens": 159,
        "cache_read_tokens": 2048,
        "cache_creation_tokens": 300,
        "request_id": request_id(number),
        "user.id": "ada",
    }
    span = call(time.time_ns() // 1000, start_ns=AT_NS)
    del span.attributes[:]
    span.attributes.extend(attributes(told))
    send(server, project, span, scope="com.anthropic.claude_code.tracing")


def event(server: Server, project: str, number: int = 1) -> None:
    """Claude Code's log event of its request ``number``."""
    told: dict[str, Value] = {
        "event.name": "api_request",
        "model": "claude-sonnet-4-5-20250929",
        "input_tokens": 22,
        "output_tokens": 159,
        "cache_read_tokens": 2048,
        "cache_creation_tokens": 300,
        "cost_usd": 0.0044154,
        "duration_ms": 5000,
        "request_id": request_id(number),
        "session.id": "session-a",
        "user.id": "ada",
    }
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.extend(attributes({"service.name": "claude-code"}))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "com.anthropic.claude_code.events"
    record = scope_logs.log_records.add()
    record.time_unix_nano = AT_NS
    record.body.string_value = "claude_code.api_request"
    record.attributes.extend(attributes(told))
    post(server, project, "logs", message.SerializeToString())


def session(tmp_path: Path) -> Path:
    return write(tmp_path / "a.jsonl", [question(1), answer(1, at=5)])


def spending(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(table([spend(1, request_id=message_id(1), prompt_tokens="2370", completion_tokens="159")]))
    return path


@pytest.mark.parametrize("history_first", [True, False])
@pytest.mark.parametrize(
    ("kind", "history", "told"),
    [
        ("claude-code", session, sdk),
        ("claude-code", session, own),
        ("claude-code", session, event),
        ("litellm", spending, sdk),
    ],
    ids=["claude-code, by response", "claude-code, by request", "claude-code, by event", "litellm, by response"],
)
def test_a_call_that_was_told_live_too(
    server: Server,
    project: str,
    tmp_path: Path,
    kind: str,
    history: Callable[[Path], Path],
    told: Callable[[Server, str], None],
    history_first: bool,
) -> None:
    def import_() -> None:
        done = run(kind, history(tmp_path), "--endpoint", server.http, "--project", project)
        assert done.returncode == 0, done.stderr

    if history_first:
        import_()
        told(server, project)
    else:
        told(server, project)
        import_()
    found: dict[str, Any] = server.query(TOTALS, project=project)["usage"]

    assert found["totals"] == {"calls": 1, "inputTokens": 2370, "outputTokens": 159}
    assert found["records"]["nodes"] == [{"user": "ada"}]
