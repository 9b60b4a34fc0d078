"""Invariant 6: what people wrote to models, and what models answered, reaches neither the database nor a log."""

from pathlib import Path

import httpx
import pytest

from tests.serving import Server

PAYLOADS = Path(__file__).parent / "data" / "otlp"
# What the captured applications said to their models, and got back.
CONTENT = ["Weather in Paris", "terse weather bot", "21 degrees", "SECRET-PROMPT"]


def bodies() -> list[tuple[str, str, str, bytes]]:
    """Case, signal, media type and body of every captured request."""
    found = []
    for path in sorted(PAYLOADS.glob("*__*__*")):
        case, signal, _ = path.name.split("__")
        kind = "application/json" if path.suffix == ".json" else "application/x-protobuf"
        found.append((case, signal, kind, path.read_bytes()))
    return found


@pytest.mark.parametrize("phrase", CONTENT)
def test_the_payloads_hold_the_content_that_is_searched_for(phrase: str) -> None:
    assert any(phrase.encode() in body for *_, body in bodies())


def test_content_reaches_neither_database_nor_log(tmp_path: Path) -> None:
    server = Server(data_dir=tmp_path / "data").start()
    for case, signal, kind, body in bodies():
        # The captures have the same ids of responses, so each is a project of its own.
        headers = {"content-type": kind, "x-usage-graph-project": case}
        answer = httpx.post(f"{server.http}/v1/{signal}", content=body, headers=headers, timeout=30)
        assert answer.status_code == 200
        assert not any(phrase in answer.text for phrase in CONTENT)
    calls = [
        server.query('{ usage(window: {last: "P10Y"}) { totals { calls } } }', project=case)["usage"]["totals"]["calls"]
        for case in {case for case, *_ in bodies()}
    ]
    assert all(calls)
    assert sum(calls) > 100
    assert server.stop() == 0

    written = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"gpt-4o-mini-2024-07-18" in written  # the files are readable: what was stored is found
    for phrase in CONTENT:
        assert phrase.encode() not in written
        assert phrase not in server.log
