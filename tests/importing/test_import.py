"""Histories into a real server, by the command as an operator runs it: what the API then says of them, and again."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.importing.histories import OTHERS, SECRET, answer, jsonl, message_id, question, spend, table, write
from tests.importing.running import command, environment, run
from tests.importing.scripted import Asked, Reply, scripted
from tests.importing.test_records import FULL, LEAST
from tests.serving import Server
from usage_graph.importing.importer import BATCH
from usage_graph.importing.records import OPERATIONS

TOTALS = """{ usage(window: {last: "P10Y"}) { totals {
  calls failedCalls inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens cost credits unpricedCalls
} } }"""
RECORDS = """{ usage(window: {last: "P10Y"}) { records(first: 100, orderBy: {direction: ASC}) { nodes {
  source name agent conversation user channel service environment provider requestModel responseModel operation status
  errorType inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens cost costStatus credits startedAt
  durationMs traceId spanId
} } } }"""


@pytest.fixture
def project(server: Server) -> str:
    return server.project()


def totals(server: Server, project: str) -> dict[str, Any]:
    found: dict[str, Any] = server.query(TOTALS, project=project)["usage"]["totals"]
    return found


def records(server: Server, project: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.query(RECORDS, project=project)["usage"]["records"]["nodes"]
    return found


@pytest.fixture
def take(server: Server, project: str) -> Callable[..., str]:
    """Imports into the project of this test; what it prints."""

    def import_(*arguments: object, status: int = 0) -> str:
        done = run(*arguments, "--endpoint", server.http, "--project", project)
        assert done.returncode == status, done.stdout + done.stderr
        assert "SECRET" not in done.stdout + done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    return import_


def session(tmp_path: Path, *numbers: int, name: str = "a") -> Path:
    lines = [
        line for number in numbers for line in (question(number, at=60 * number), answer(number, at=60 * number + 5))
    ]
    return write(tmp_path / "projects" / "-home-ada" / f"{name}.jsonl", [*OTHERS, *lines])


def test_claude_code(server: Server, project: str, take: Callable[..., str], tmp_path: Path) -> None:
    path = session(tmp_path, 1, 2)
    assert "Sent 2 calls from 1 file, 10 lines in " in take("claude-code", tmp_path)
    first = totals(server, project)

    # Twice 22 + 300 + 2048 in; 2 x (22 x 3 + 200 x 3.75 + 100 x 6 + 2048 x 0.30 + 159 x 15) USD per million.
    assert first == {
        "calls": 2,
        "failedCalls": 0,
        "inputTokens": 4740,
        "outputTokens": 318,
        "cacheReadTokens": 4096,
        "cacheWriteTokens": 600,
        "reasoningTokens": 0,
        "cost": "0.0088308",
        "credits": "0",
        "unpricedCalls": 0,
    }
    call = records(server, project)[0]
    assert call["startedAt"] == "2026-10-05T09:01:00Z"
    assert (call["durationMs"], call["source"], call["service"], call["name"], call["conversation"]) == (
        5000,
        "chat",
        "claude-code",
        "lighthouse",
        "session-a",
    )
    assert (call["provider"], call["responseModel"]) == ("anthropic", "claude-sonnet-4-5-20250929")
    assert (call["operation"], call["status"], call["costStatus"]) == ("chat", "OK", "COMPUTED")

    assert "2 accepted, 0 rejected" in take("claude-code", tmp_path)
    assert totals(server, project) == first

    with path.open("ab") as file:
        file.write(jsonl([question(3, at=180), answer(3, at=185)])[:-40])
    assert "being written at this moment" in take("claude-code", tmp_path)
    assert totals(server, project) == first
    session(tmp_path, 1, 2, 3, name="fork")
    take("claude-code", tmp_path)
    assert totals(server, project)["calls"] == 3
    assert totals(server, project)["inputTokens"] == 7110


def test_litellm(server: Server, project: str, take: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "spend.csv"
    path.write_bytes(table([spend(1), spend(2, spend="0", model="gpt-4o"), spend(3, cache_hit="True")]))
    take("litellm", path)
    first = totals(server, project)

    # The second call's cost is computed: (183 x 2.50 + 1024 x 1.25 + 311 x 10) USD per million.
    assert (first["calls"], first["inputTokens"], first["outputTokens"]) == (2, 2414, 622)
    assert (first["cacheReadTokens"], first["reasoningTokens"], first["cost"]) == (2048, 128, "0.0077225")
    (reported, computed) = records(server, project)
    assert {reported["costStatus"], computed["costStatus"]} == {"REPORTED", "COMPUTED"}
    assert (reported["requestModel"], reported["responseModel"], reported["user"]) == ("house-model", "gpt-4o", "ada")

    path.write_bytes(table([spend(4), spend(2), spend(1)]))
    take("litellm", path, path)
    assert totals(server, project)["calls"] == 3


def test_records(server: Server, project: str, take: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(jsonl([FULL, LEAST, LEAST]))
    take("records", path)
    whole = {record["user"]: record for record in records(server, project)}["ada"]

    assert totals(server, project)["calls"] == 3
    as_given = {name: value for name, value in FULL.items() if name in whole and name not in ("startedAt", "credits")}
    assert {name: whole[name] for name in as_given} == as_given
    assert (whole["startedAt"], whole["credits"]) == ("2026-10-05T09:00:00Z", "1.5")

    take("records", path)
    path.write_bytes(jsonl([LEAST, LEAST, LEAST, FULL]))
    take("records", path)
    assert totals(server, project)["calls"] == 4


def test_every_operation(server: Server, project: str, take: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(jsonl([{**LEAST, "operation": operation, "requestModel": "m"} for operation in OPERATIONS]))
    take("records", path)
    assert sorted(record["operation"] for record in records(server, project)) == sorted(OPERATIONS)


def test_what_the_api_says_can_be_imported_elsewhere(
    server: Server, project: str, take: Callable[..., str], tmp_path: Path
) -> None:
    session(tmp_path, 1, 2)
    take("claude-code", tmp_path / "projects")
    told = records(server, project)
    path = tmp_path / "told.ndjson"
    path.write_bytes(jsonl(told))
    take("records", path)
    other = server.project()
    assert run("records", path, "--endpoint", server.http, "--project", other).returncode == 0

    # Nothing new where the calls came from, and the same somewhere else; all but the writes that are kept for an hour.
    assert totals(server, project)["calls"] == 2
    assert [{**record, "cost": ""} for record in records(server, other)] == [{**record, "cost": ""} for record in told]


def test_since(server: Server, project: str, take: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(jsonl([{**LEAST, "startedAt": f"2026-10-0{day}T00:00:00Z"} for day in range(1, 6)]))

    assert "before the date of --since (3)" in take("records", path, "--since", "2026-10-04")
    assert totals(server, project)["calls"] == 2


def test_bad_lines_are_skipped_and_strict_stops_at_them(
    server: Server, project: str, take: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "calls.ndjson"
    lines = [{**LEAST, "id": number} for number in range(2 * BATCH)]
    path.write_bytes(jsonl(lines) + b'{"prompt": "' + SECRET.encode() + b'"}\n' + jsonl([{**LEAST, "id": "after"}]))
    strict = take("records", path, "--strict", status=1)

    assert f"calls.ndjson:{2 * BATCH + 1}: has fields that no record has: prompt." in strict
    assert f"{2 * BATCH:,} calls were accepted before. Import the same again" in strict
    assert totals(server, project)["calls"] == 2 * BATCH
    lax = take("records", path)
    assert "Skipped: 1 line that cannot be read." in lax
    assert totals(server, project)["calls"] == 2 * BATCH + 1


def test_rejected_calls_are_said_and_fail(
    server: Server, project: str, take: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(jsonl([LEAST, {**LEAST, "startedAt": "2190-01-01T00:00:00Z"}]))
    said = take("records", path, status=1)

    assert "1 accepted, 1 rejected" in said
    assert "Rejected: 1 span rejected: 1 x span starts more than one hour in the future" in said
    assert totals(server, project)["calls"] == 1


def test_a_dry_run_sends_nothing(server: Server, project: str, take: Callable[..., str], tmp_path: Path) -> None:
    session(tmp_path, 1, 2)
    said = take("claude-code", tmp_path, "--dry-run")

    assert said.splitlines()[0] == "Found 2 calls in 1 file, 10 lines. Nothing was sent."
    assert "claude-sonnet-4-5-20250929: 2 calls, 4,740 input tokens" in said
    assert totals(server, project)["calls"] == 0


def test_the_default_path(server: Server, project: str, tmp_path: Path) -> None:
    session(tmp_path / "config", 1)
    done = run(
        "claude-code",
        "--endpoint",
        server.http,
        "--project",
        project,
        environ={"CLAUDE_CONFIG_DIR": str(tmp_path / "config")},
    )
    assert done.returncode == 0, done.stderr
    assert totals(server, project)["calls"] == 1


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(jsonl([{**LEAST, "id": number, "outputTokens": number} for number in range(3 * BATCH)]))
    return path


def forwarded(server: Server, asked: Asked) -> Reply:
    names = ("content-type", "content-encoding", "x-usage-graph-project")
    headers = {name: asked.headers[name] for name in names}
    answer = httpx.post(f"{server.http}/v1/traces", content=asked.body, headers=headers, timeout=30)
    return Reply(answer.status_code, answer.content)


def test_answers_that_get_lost_change_nothing(server: Server, project: str, many: Path) -> None:
    """Each batch is stored, and the sender told to send it again."""
    stored: set[bytes] = set()

    def answer(asked: Asked) -> Reply:
        reply = forwarded(server, asked)
        if asked.body in stored:
            return reply
        stored.add(asked.body)
        return Reply(503, b"", {"retry-after": "0"})

    with scripted(answer=answer) as between:
        done = run("records", many, "--endpoint", between.url, "--project", project)

    assert done.returncode == 0, done.stderr
    assert len(between.asked) == 6
    assert totals(server, project)["calls"] == 3 * BATCH
    assert totals(server, project)["outputTokens"] == sum(range(3 * BATCH))


def test_an_interrupted_import_goes_on_where_it_was(
    server: Server, project: str, take: Callable[..., str], many: Path
) -> None:
    def answer(asked: Asked) -> Reply:
        return forwarded(server, asked) if len(between.asked) == 1 else Reply(503, b"", {"retry-after": "60"})

    with (
        scripted(answer=answer) as between,
        subprocess.Popen(
            command("records", many, "--endpoint", between.url, "--project", project),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 60)[0]
        waiting = os.read(process.stderr.fileno(), 65536).decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert waiting == "The server takes nothing now: HTTP status 503. Again in 60 s.\n"
    assert process.returncode == 130
    assert out == b""
    # What was being said as the signal came may be said again.
    last = err.decode().splitlines()[-1]
    assert last == f"{BATCH} calls were accepted before. Import the same again to go on: what is there counts once."
    assert totals(server, project)["calls"] == BATCH
    take("records", many)
    assert totals(server, project)["calls"] == 3 * BATCH


@pytest.mark.parametrize("kind", ["claude-code", "litellm"])
def test_no_content_leaves_the_machine(kind: str, tmp_path: Path) -> None:
    session(tmp_path, 1, 2)
    (tmp_path / "spend.csv").write_bytes(table([spend(1), spend(2)]))
    with scripted() as there:
        done = run(kind, tmp_path, "--endpoint", there.url)

    assert done.returncode == 0, done.stderr
    sent = "".join(str(asked.request) for asked in there.asked)
    assert "gpt-4o" in sent or message_id(1) in sent
    assert "SECRET" not in sent
    for part in SECRET.split(": "):
        assert part not in sent + done.stdout + done.stderr


def test_the_key_of_the_environment_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(json.dumps(LEAST).encode())
    with scripted() as there:
        done = run("records", path, "--endpoint", there.url, environ={"USAGE_GRAPH_API_KEY": "0123456789abcdef"})

    assert done.returncode == 0, done.stderr
    assert there.asked[0].headers["authorization"] == "Bearer 0123456789abcdef"
