"""Several server processes on one database: they race to migrate it, take calls in together, and agree."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.otlp import PROTOBUF, call, request
from tests.rollups import refresh_all
from tests.serving import Server

CALLS = 1200
PER_REQUEST = 20
NOW = datetime.now(UTC)
ASKED = """
query ($window: WindowInput!) {
  usage(window: $window) {
    totals { calls inputTokens outputTokens cost }
    breakdown(by: MODEL, first: 100) { groups { key totals { calls } } }
    byAgent: breakdown(by: AGENT, first: 100) { groups { key totals { calls } } }
    byUser: breakdown(by: USER, first: 100) { groups { key totals { calls } } }
    series(bucket: DAY) { points { totals { calls } } }
    topConsumers(first: 100) { key totals { calls } }
    records(first: 1) { totalCount }
    freshness { dataThrough materializedThrough }
  }
}
"""
WINDOW = {"window": {"between": {"from": (NOW - timedelta(days=9)).isoformat(), "to": NOW.isoformat()}}}


def body(first: int) -> bytes:
    """Calls of the last eight days, each request over all of them, so that requests meet in every bucket."""
    start = int((NOW - timedelta(days=8)).timestamp() * 10**9)
    spans = [
        call(
            number,
            {
                "gen_ai.agent.name": f"agent {number % 7}",
                "user.id": f"user {number % 5}",
                "gen_ai.conversation.id": f"conversation {number % 11}",
            },
            start_ns=start + (number * 7919 % (8 * 86_400)) * 10**9,
        )
        for number in range(first, first + PER_REQUEST)
    ]
    return request(spans).SerializeToString()


def usage(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.query(ASKED, WINDOW)["usage"]
    return found


def assert_agrees(found: dict[str, Any]) -> int:
    """Every part of one answer tells of the same calls; returns how many."""
    calls: int = found["totals"]["calls"]
    parts = {
        "series": [point["totals"]["calls"] for point in found["series"]["points"]],
        "consumers": [consumer["totals"]["calls"] for consumer in found["topConsumers"]],
        "total": [found["records"]["totalCount"]],
    }
    for name in ("breakdown", "byAgent", "byUser"):
        parts[name] = [group["totals"]["calls"] for group in found[name]["groups"]]
    assert {name: sum(part) for name, part in parts.items()} == dict.fromkeys(parts, calls)
    return calls


def test_two_servers_take_calls_in_at_once(empty_several_backends: str) -> None:
    servers = [Server(database_url=empty_several_backends) for _ in range(2)]
    with ThreadPoolExecutor(6) as pool:
        try:
            # Both migrate the empty database.
            list(pool.map(Server.start, servers))
            bodies = [body(first) for first in range(0, CALLS, PER_REQUEST)]
            # Everything goes to both, in opposite orders: what comes second is there already.
            jobs = [(servers[0], one) for one in bodies] + [(servers[1], one) for one in reversed(bodies)]
            jobs = [job for pair in zip(jobs[: len(bodies)], jobs[len(bodies) :], strict=True) for job in pair]

            def send(job: tuple[Server, bytes]) -> int:
                return httpx.post(f"{job[0].http}/v1/traces", content=job[1], headers=PROTOBUF, timeout=60).status_code

            sent = [pool.submit(send, job) for job in jobs]
            # Meanwhile rollups are refreshed and questions asked: no answer is ever at odds with itself.
            seen = [0]
            while not all(one.done() for one in sent):
                asyncio.run(refresh_all(empty_several_backends))
                seen += [assert_agrees(usage(server)) for server in servers]
                assert seen == sorted(seen)
            assert {one.result() for one in sent} == {200}
            asyncio.run(refresh_all(empty_several_backends))
            answers = [usage(server) for server in servers]
            assert answers[0] == answers[1]
            assert assert_agrees(answers[0]) == CALLS
            assert answers[0]["totals"]["inputTokens"] == 100 * CALLS
            assert answers[0]["freshness"]["dataThrough"] == answers[0]["freshness"]["materializedThrough"]
        finally:
            for server in servers:
                if server.process.poll() is None:
                    server.stop()
