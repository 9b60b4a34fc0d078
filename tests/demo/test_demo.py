"""The demo for real: its numbers are those of the story, to the last token, and its command plays to the end."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.demo.test_workload import cost
from tests.serving import START_LINE, Server, free_port
from usage_graph.demo import cast, stage, terms, workload
from usage_graph.demo.workload import Run
from usage_graph.report.client import Question, fetch

SEED = 7


@pytest.fixture
def played(several_backends: str) -> Iterator[tuple[list[Run], Server]]:
    """The story, sent to a server that knows nothing else."""
    now = datetime.now(UTC)
    with Server(database_url=several_backends) as server:
        sender = [sys.executable, "-m", "usage_graph.demo", "--http", server.otlp_http, "--grpc", server.otlp_grpc]
        done = subprocess.run(
            [*sender, "--seed", str(SEED), "--now", now.isoformat()], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        yield workload.history(seed=SEED, now=now), server


def total(story: list[Run], field: str) -> int:
    return sum(getattr(call, field) or 0 for call in workload.calls(story))


def calls_by(groups: list[dict[str, Any]]) -> dict[str, int]:
    return {group["key"]: int(group["totals"]["calls"]) for group in groups}


def test_the_report_has_the_storys_numbers(played: tuple[list[Run], Server]) -> None:
    story, server = played
    usage = fetch(Question(endpoint=server.http, timezone="Europe/Berlin", last="P61D"))["usage"]
    totals = usage["totals"]
    calls = list(workload.calls(story))
    failed = sum(call.error_type is not None for call in calls)
    unpriced = sum(call.error_type is not None or call.model is cast.HOUSE_MODEL for call in calls)

    assert (totals["calls"], totals["failedCalls"], totals["unmeasuredCalls"]) == (len(calls), failed, failed)
    assert totals["unpricedCalls"] == unpriced
    for name, field in (
        ("inputTokens", "input_tokens"),
        ("outputTokens", "output_tokens"),
        ("cacheReadTokens", "cache_read_tokens"),
        ("cacheWriteTokens", "cache_write_tokens"),
        ("reasoningTokens", "reasoning_tokens"),
    ):
        assert totals[name] == total(story, field), name
    assert Decimal(totals["credits"]) == sum((call.credits or Decimal(0) for call in calls), Decimal(0))

    reported = sum((call.reported_cost or Decimal(0) for call in calls), Decimal(0))
    listed = sum((cost(run) for run in story if run.agent != "Expense audit"), Decimal(0))
    assert abs(Decimal(totals["cost"]) - listed - reported) <= Decimal(len(calls)).scaleb(-9)

    assert calls_by(usage["bySource"]["groups"]) == Counter(run.source for run in story for _ in run.calls)
    agents = Counter(run.agent for run in story for _ in run.calls)
    titles = {run.conversation: run.name for run in story}
    for consumer in usage["topConsumers"]:
        if consumer["key"] in titles:
            assert (consumer["source"], consumer["label"]) == ("chat", titles[consumer["key"]])
        elif consumer["source"] == "agent":
            assert consumer["totals"]["calls"] == agents[consumer["key"]]
    newest = max(calls, key=lambda call: call.started_at)
    assert datetime.fromisoformat(usage["records"]["nodes"][0]["startedAt"]) == newest.started_at


def last_month(endpoint: str, fields: str) -> dict[str, Any]:
    answer = httpx.post(
        f"{endpoint}/graphql", json={"query": f'{{ usage(window: {{ last: "P30D" }}) {fields} }}'}, timeout=30
    )
    found: dict[str, Any] = answer.json()["data"]["usage"]
    return found


def previous_calls(endpoint: str) -> int:
    return int(last_month(endpoint, "{ previous { totals { calls } } }")["previous"]["totals"]["calls"])


def credits_of(endpoint: str) -> dict[str, Decimal]:
    found = last_month(endpoint, "{ credits { consumed included additional additionalCost } }")["credits"]
    return {name: Decimal(value) for name, value in found.items()}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def command(data_dir: Path, *arguments: str) -> list[str]:
    ports = [f"--{name}={free_port()}" for name in ("port", "otlp-http-port", "otlp-grpc-port")]
    return [sys.executable, "-m", "usage_graph.cli", "demo", "--data-dir", str(data_dir), *ports, *arguments]


def environment() -> dict[str, str]:
    """A user's, who has a database and a collector of their own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("USAGE_GRAPH_")}
    return inherited | {
        "USAGE_GRAPH_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/not_for_the_demo",
        "USAGE_GRAPH_ENGINE": "timescaledb",
        "USAGE_GRAPH_RETENTION": "P1D",
        "OTEL_SDK_DISABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "TZ": "Asia/Kolkata",
    }


def test_the_command_plays_to_the_end(tmp_path: Path) -> None:
    done = subprocess.run(command(tmp_path, "--exit"), env=environment(), capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert START_LINE.fullmatch(done.stderr)
    sent = re.search(r"^Sent ([\d,]+) LLM calls in [\d,]+ spans by OTLP/HTTP and OTLP/gRPC", done.stdout, re.M)
    assert sent is not None
    shown = re.search(r"^Last 10 of ([\d,]+) calls", done.stdout, re.M)
    assert shown is not None
    # The report is of the last thirty days; those before are there to be compared with.
    assert 0.4 < number(shown[1]) / number(sent[1]) < 0.7
    assert "(Asia/Kolkata)" in done.stdout
    assert "GraphiQL" not in done.stdout  # nothing answers there any more
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo.lock"]


def test_the_command_keeps_serving_anew_until_it_is_told_to_stop(tmp_path: Path) -> None:
    left = stage.fresh_directory(tmp_path) / "left over from last time"
    left.touch()
    serving = subprocess.Popen(
        command(tmp_path), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout is not None
        endpoint = serving.stdout.readline().removeprefix("ready ").strip()
        page = ""
        while "Usage page" not in page:
            line = serving.stdout.readline()
            assert line, page
            page += line
        assert page.endswith(f"\nUsage page {endpoint}\n")
        assert f"\nGraphiQL   {endpoint}/graphql\n" in page
        assert re.search(r"^OTLP/gRPC +127\.0\.0\.1:\d+$", page, re.M)
        usage = fetch(Question(endpoint=endpoint, timezone="UTC", last="P7D"))["usage"]
        assert usage["totals"]["calls"] > 500
        assert previous_calls(endpoint) > 5000
        found = credits_of(endpoint)
        assert found["consumed"] == found["included"] + found["additional"]
        assert 0 < found["additional"] < found["consumed"] / 2
        assert found["additionalCost"] == found["additional"] * terms.PLAN.price
        assert not left.exists()

        second = subprocess.run(command(tmp_path), env=environment(), capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert "Another demo is running" in second.stderr

        serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0
    finally:
        serving.kill()
        _, errors = serving.communicate()
    assert START_LINE.fullmatch(errors)
