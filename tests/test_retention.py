"""Retention end to end: a real server, calls over OTLP, questions over GraphQL."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp import PROTOBUF, call, request
from tests.rollups import refresh_all
from tests.serving import Server

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SINCE = TODAY - timedelta(days=30)
ASKED = """query ($window: WindowInput!) { usage(window: $window) {
  range { recordsFrom } totals { calls inputTokens } topConsumers { key label totals { calls } }
  records(first: 10) { totalCount nodes { id startedAt } }
} }"""


def instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def since_days(days: int) -> dict[str, Any]:
    return {"window": {"between": {"from": instant(TODAY - timedelta(days=days)), "to": instant(datetime.now(UTC))}}}


def old_call(number: int) -> Span:
    start = int((TODAY - timedelta(days=100, hours=-5)).timestamp()) * 10**9
    return call(number, {"gen_ai.conversation.id": "c", "usage_graph.name": "Title"}, start_ns=start)


def new_call(number: int) -> Span:
    return call(number, {"gen_ai.conversation.id": "c"})


def send(server: Server, spans: Iterable[Span]) -> ExportTracePartialSuccess:
    answer = httpx.post(
        f"{server.http}/v1/traces", content=request(spans).SerializeToString(), headers=PROTOBUF, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return ExportTraceServiceResponse.FromString(answer.content).partial_success


def asked(server: Server, days: int) -> dict[str, Any]:
    usage: dict[str, Any] = server.query(ASKED, since_days(days))["usage"]
    return usage


async def keep_since(database: str) -> None:
    await refresh_all(database)
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT usage_keep_since($1)", SINCE) == SINCE
        await connection.execute("CALL usage_expire()")
    finally:
        await connection.close()


def test_records_go_and_what_they_cost_stays_known(database: str) -> None:
    with Server(database_url=database) as server:
        assert send(server, [old_call(1), old_call(2), new_call(3)]).rejected_spans == 0
        before = asked(server, 120)
        assert before["range"] == {"recordsFrom": None}
        assert before["topConsumers"][0]["label"] == "Title"
        oldest = before["records"]["nodes"][-1]["id"]
        asyncio.run(keep_since(database))

        after = asked(server, 120)
        assert after["range"] == {"recordsFrom": instant(SINCE)}
        assert after["totals"] == before["totals"] == {"calls": 3, "inputTokens": 300}
        assert after["topConsumers"] == [{"key": "c", "label": "c", "totals": {"calls": 3}}]
        assert after["records"] == {"totalCount": 1, "nodes": before["records"]["nodes"][:1]}
        assert server.query("query ($id: ID!) { node(id: $id) { id } }", {"id": oldest}) == {"node": None}

        rolling = '{ usage(window: { last: "P101D" }) { totals { calls } } }'
        body = httpx.post(f"{server.http}/graphql", json={"query": rolling}).json()
        (error,) = body["errors"]
        assert error["extensions"] == {"code": "BEFORE_RECORDS"}
        assert error["path"] == ["usage", "totals"]
        assert f"begin the window at {instant(SINCE)} or later" in error["message"]
        assert server.query(rolling.replace("P101D", "P29D"))["usage"]["totals"] == {"calls": 1}

        # Sent again, the old ones are refused, and their neighbour is stored.
        partial = send(server, [old_call(1), old_call(2), new_call(4)])
        assert partial.rejected_spans == 2
        assert f"starts before {SINCE:%Y-%m-%d}, since when records are kept (USAGE_GRAPH_RETENTION)" in (
            partial.error_message
        )
        assert asked(server, 120)["totals"]["calls"] == 4


def test_a_server_with_a_retention_takes_nothing_older(database: str) -> None:
    with Server(database_url=database, settings={"USAGE_GRAPH_RETENTION": "P30D"}) as server:
        deadline = time.monotonic() + 10
        while asked(server, 1)["range"]["recordsFrom"] is None and time.monotonic() < deadline:
            time.sleep(0.1)
        since = datetime.fromisoformat(asked(server, 1)["range"]["recordsFrom"])
        # A day more than was asked for; midnight may have passed meanwhile.
        assert SINCE - timedelta(days=1) <= since <= SINCE
        partial = send(server, [old_call(1), new_call(2)])
        assert (partial.rejected_spans, partial.error_message) == (
            1,
            f"1 span rejected: 1 x span starts before {since:%Y-%m-%d}, since when records are kept "
            "(USAGE_GRAPH_RETENTION)",
        )
        assert asked(server, 120)["totals"]["calls"] == 1
