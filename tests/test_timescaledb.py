"""From OTLP to every example operation: a server on TimescaleDB answers as one on plain PostgreSQL does."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.rollups import refresh_all
from tests.serving import Server
from tests.test_privacy import bodies
from usage_graph.graph.schema import example_operations

NEWEST = '{ usage(window: { last: "P10Y" }) { totals { calls } freshness { dataThrough materializedThrough } } }'
YEARS = {"window": {"between": {"from": "2023-01-01T00:00:00Z", "to": "2028-01-01T00:00:00Z"}}}


def send(server: Server, payloads: Sequence[tuple[str, str, str, bytes]], *, project: str) -> None:
    for _, signal, kind, body in payloads:
        headers = {"content-type": kind, "x-usage-graph-project": project}
        answer = httpx.post(f"{server.http}/v1/{signal}", content=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text


def variables(newest: str) -> list[dict[str, Any]]:
    """All years of the payloads, and the hours before the newest call, cut in the middle of a quarter of an hour."""
    day = newest[:10]
    hours = {"window": {"between": {"from": f"{day}T00:07:13Z", "to": newest}}, "timezone": "Asia/Kathmandu"}
    return [YEARS, {**YEARS, "timezone": "America/New_York"}, hours]


def answers(server: Server, *, project: str, newest: str) -> dict[str, dict[str, Any]]:
    """What every example operation says, but those that tell the engines, or the times of sending, apart."""
    return {
        f"{name} {number}": server.query(document, given if "$window" in document else {}, project=project)
        for name, document in example_operations().items()
        if name not in ("Freshness", "IngestHealth")
        for number, given in enumerate(variables(newest))
    }


@pytest.fixture
def timescale_server(timescaledb: str) -> Any:
    with Server(database_url=timescaledb) as running:
        yield running
    assert "Traceback" not in running.log


def test_from_otlp_to_every_example_operation(server: Server, timescale_server: Server, timescaledb: str) -> None:
    assert httpx.get(f"{timescale_server.http}/readyz").json()["engine"] == "timescaledb"
    assert httpx.get(f"{server.http}/readyz").json()["engine"] == "postgresql"
    project = server.project()
    payloads = bodies()
    for half in (payloads[::2], payloads):  # the second time, half of the calls are late and half are there already
        for one in (server, timescale_server):
            send(one, half, project=project)
        known = server.query(NEWEST, project=project)["usage"]
        newest = known["freshness"]["dataThrough"]
        expected = answers(server, project=project, newest=newest)
        assert answers(timescale_server, project=project, newest=newest) == expected
        asyncio.run(refresh_all(timescaledb))
        assert answers(timescale_server, project=project, newest=newest) == expected
        assert timescale_server.query(NEWEST, project=project)["usage"] == known
    # The captures have the same ids of responses, so calls of different ones are merged here.
    assert known["totals"]["calls"] > 50
    every, some = (expected[name]["usage"]["totals"]["calls"] for name in ("Totals 0", "Totals 2"))
    assert 0 < some < every == known["totals"]["calls"]
