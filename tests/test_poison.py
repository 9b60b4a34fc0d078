"""Invariant 7: one bad record never harms another, not even one that shares its batch."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.otlp import PROTOBUF, call, request
from tests.serving import Server
from usage_graph.usage import MAX_COST_NANO, MAX_CREDITS_NANO, MAX_TOKENS, NANO

RECORDS = """query ($filter: UsageFilter) { usage(window: {last: "P1D"}, filter: $filter) {
    totals { calls cost credits inputTokens outputTokens totalTokens unpricedCalls unmeasuredCalls }
    records(first: 100) { nodes { name source inputTokens outputTokens cost costStatus credits durationMs } } } }"""

POISON: dict[str, dict[str, Any]] = {
    "nul": {"usage_graph.name": "before\0after"},
    "control characters": {"usage_graph.name": "\x01\x1b[31m\x7f", "usage_graph.source": "\0"},
    "absurd dollars": {"usage_graph.cost": 1e30},
    "dollars in a string": {"usage_graph.cost": "1e400"},
    "not a number": {"usage_graph.cost": math.nan, "usage_graph.credits": math.inf},
    "negative": {"usage_graph.cost": -5, "usage_graph.credits": -1, "gen_ai.usage.input_tokens": -7},
    "huge tokens": {"gen_ai.usage.input_tokens": 2**63 - 1, "gen_ai.usage.output_tokens": 10**13},
    "long text": {"usage_graph.name": "x" * 100_000, "usage_graph.user": "\U0001f600" * 5_000},
    "sql": {"usage_graph.name": "'; DROP TABLE usage_record; --", "usage_graph.agent": "%s $1 {cells}"},
    "largest believed": {
        "usage_graph.cost": MAX_COST_NANO // NANO,
        "usage_graph.credits": MAX_CREDITS_NANO // NANO,
        "gen_ai.usage.input_tokens": MAX_TOKENS,
        "gen_ai.usage.output_tokens": MAX_TOKENS,
    },
}


@pytest.fixture(scope="module")
def slow_server(server: Server) -> Any:
    """A server whose batches wait long enough for requests to share one."""
    with Server(
        database_url=server.environment["USAGE_GRAPH_DATABASE_URL"], settings={"USAGE_GRAPH_BATCH_TIMEOUT": "0.3"}
    ) as running:
        yield running


@pytest.mark.parametrize("kind", POISON)
def test_neighbours_of_poison_are_stored_exactly(slow_server: Server, kind: str) -> None:
    project = slow_server.project()
    headers = {**PROTOBUF, "x-usage-graph-project": project}

    def send(spans: list[Any]) -> httpx.Response:
        body = request(spans).SerializeToString()
        return httpx.post(f"{slow_server.http}/v1/traces", content=body, headers=headers, timeout=30)

    good = [[call(number, {"usage_graph.source": "good"})] for number in range(10)]
    bad = [[call(100, {"usage_graph.source": "bad", **POISON[kind]}), call(101, {"usage_graph.source": "good"})]]
    with ThreadPoolExecutor(11) as senders:
        answers = list(senders.map(send, [*good, *bad]))
    assert {answer.status_code for answer in answers} == {200}

    usage = slow_server.query(RECORDS, {"filter": {"source": {"eq": "good"}}}, project=project)["usage"]
    assert usage["totals"]["calls"] == 11
    assert usage["totals"]["inputTokens"] == 1100
    everything = slow_server.query(RECORDS, {}, project=project)["usage"]
    assert everything["totals"]["calls"] == 12
    for node in everything["records"]["nodes"]:
        assert "\0" not in json.dumps(node)
        assert len(node["name"] or "") <= 256
        assert node["cost"] is None or 0 <= float(node["cost"]) <= MAX_COST_NANO / NANO
        assert node["inputTokens"] is None or 0 <= node["inputTokens"] <= MAX_TOKENS


def test_lone_surrogates_in_json(server: Server) -> None:
    project = server.project()
    span = (
        '{"traceId":"%s","spanId":"%s","name":"x","startTimeUnixNano":"1700000000000000000",'
        '"endTimeUnixNano":"1700000001000000000","attributes":['
        '{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},'
        '{"key":"usage_graph.name","value":{"stringValue":"%s"}},'
        '{"key":"gen_ai.usage.input_tokens","value":{"intValue":"5"}}]}'
    )
    spans = ",".join(
        [span % ("0" * 31 + "1", "0" * 15 + "1", "half \\ud800 pair"), span % ("0" * 31 + "1", "0" * 15 + "2", "fine")]
    )
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'
    headers = {"content-type": "application/json", "x-usage-graph-project": project}
    assert httpx.post(f"{server.http}/v1/traces", content=body, headers=headers).json() in ({}, {"partialSuccess": {}})
    document = '{ usage(window: {last: "P10Y"}) { records { nodes { name inputTokens } } } }'
    nodes = server.query(document, project=project)["usage"]["records"]["nodes"]
    assert sorted(node["name"] for node in nodes) == ["fine", "half \ufffd pair"]
    assert {node["inputTokens"] for node in nodes} == {5}


def test_the_dearest_calls_add_up(slow_server: Server) -> None:
    """As much as is believed of one call, ten thousand times in one bucket: no sum leaves its type."""
    project = slow_server.project()
    start = 1_700_000_000 * 10**9
    dearest: dict[str, Any] = {
        "usage_graph.cost": str(MAX_COST_NANO // NANO),
        "usage_graph.credits": MAX_CREDITS_NANO // NANO,
    }
    body = request(call(number, dearest, start_ns=start) for number in range(10_000)).SerializeToString()
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    answer = httpx.post(f"{slow_server.http}/v1/traces", content=body, headers=headers, timeout=120)
    assert (answer.status_code, answer.content) == (200, b"")
    document = '{ usage(window: {last: "P10Y"}) { totals { calls cost credits } } }'
    totals = slow_server.query(document, project=project)["usage"]["totals"]
    assert totals == {"calls": 10_000, "cost": str(10**8), "credits": str(10**10)}
