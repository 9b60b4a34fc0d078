"""Declared attributes on a real server: from OTLP to filters, groups and values; no others are kept."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message

from tests.otlp import PROTOBUF, Value, call, request
from tests.receiver.payloads import log_record, logs_request, to_json
from tests.serving import Server

LONG = "long-value-" + "x" * 256


def post(server: Server, signal: str, message: Message, *, as_json: bool = False) -> None:
    headers = {"content-type": "application/json"} if as_json else PROTOBUF
    content = to_json(message) if as_json else message.SerializeToString()
    answer = httpx.post(f"{server.http}/v1/{signal}", content=content, headers=headers, timeout=30)
    assert answer.status_code == 200


@pytest.fixture
def served(tmp_path: Path) -> Any:
    server = Server(data_dir=tmp_path / "data", settings={"USAGE_GRAPH_ATTRIBUTES": "team,feature,beta"}).start()
    yield server
    server.kill()


def test_declared_attributes_are_kept_and_others_never(served: Server, tmp_path: Path) -> None:
    says: list[dict[str, Value]] = [
        {"team": "blue-team", "feature": "search", "tenant": "undeclared-secret"},
        {"team": "blue-team", "beta": True, "feature": LONG},
        {"team": "red-team", "feature": 7},
    ]
    resource: dict[str, Value] = {"service.name": "tests", "team": "resource-team", "region": "undeclared-region"}
    for number, said in enumerate(says):
        message = request([call(number, said, start_ns=time.time_ns() - 10**10)], resource=resource)
        post(served, "traces", message, as_json=bool(number % 2))
    post(served, "traces", request([call(9)], resource=resource))
    event = {"model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 2, "team": "cli-team"}
    post(served, "logs", logs_request(log_record("claude_code.api_request", event)))

    found = served.query(
        """{ usage(window: { last: "P1D" }) {
          totals { calls }
          breakdown(by: ATTRIBUTE, attribute: "team", then: ATTRIBUTE, thenAttribute: "feature", metric: CALLS) {
            groups { key thenKey totals { calls } } other { key } }
          dimensionValues(dimension: ATTRIBUTE, attribute: "team", prefix: "RE") { value calls }
          series(by: ATTRIBUTE, attribute: "beta", metric: CALLS) { groups { key totals { calls } } }
        }
        blue: usage(window: { last: "P1D" }, filter: {
          or: [{ attributes: [{ key: "team", value: { eq: "blue-team" } }] }, { not: { service: { isNull: false } } }]
        }) { totals { calls } records { totalCount } } }"""
    )
    assert found["usage"]["totals"]["calls"] == 5
    groups = found["usage"]["breakdown"]["groups"]
    assert [(group["key"], group["thenKey"], group["totals"]["calls"]) for group in groups] == [
        ("blue-team", "search", 1),
        ("blue-team", None, 1),
        ("cli-team", None, 1),
        ("red-team", "7", 1),
        ("resource-team", None, 1),
    ]
    assert found["usage"]["breakdown"]["other"] is None
    assert found["usage"]["dimensionValues"] == [
        {"value": "red-team", "calls": 1},
        {"value": "resource-team", "calls": 1},
    ]
    assert {group["key"]: group["totals"]["calls"] for group in found["usage"]["series"]["groups"]} == {
        "true": 1,
        None: 4,
    }
    assert found["blue"] == {"totals": {"calls": 3}, "records": {"totalCount": 3}}

    assert served.stop() == 0
    written = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"resource-team" in written  # the files are readable: what was kept is found
    for secret in (b"undeclared-secret", b"undeclared-region", b"long-value-"):
        assert secret not in written
        assert secret.decode() not in served.log


def test_a_server_refuses_to_keep_prompts(tmp_path: Path) -> None:
    server = Server(data_dir=tmp_path / "data", settings={"USAGE_GRAPH_ATTRIBUTES": "team,gen_ai.prompt"})
    with pytest.raises(AssertionError):
        server.start()
    assert "names 'gen_ai.prompt', a key of what people wrote or models answered" in server.log
