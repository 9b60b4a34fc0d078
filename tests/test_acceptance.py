"""What users of other products ask for in vain, end to end over a real server: OTLP in, GraphQL out.

Retention (``test_retention``), paging while calls arrive (``test_paging``), isolation (``test_isolation``) and hostile
questions (``graph/test_cost``) have files of their own.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.cli.test_cli import run
from tests.otlp import PROTOBUF, Value, attributes, call, request
from tests.rollups import refresh_all
from tests.serving import Server

TOTALS = """query ($window: WindowInput! = { last: "P1D" }) { usage(window: $window) { totals {
    calls failedCalls inputTokens outputTokens cacheReadTokens cacheWriteTokens cost unpricedCalls } } }"""
MINUTE_NS = 60 * 10**9


def send(server: Server, spans: Iterable[Span], *, project: str, scope: str = "") -> None:
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    body = request(spans, scope=scope).SerializeToString()
    answer = httpx.post(f"{server.http}/v1/traces", content=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")


def totals(server: Server, *, project: str, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.query(TOTALS, variables, project=project)["usage"]["totals"]
    return found


def span(number: int, trace: int, values: dict[str, Value], *, parent: int | None = None, start_ns: int) -> Span:
    """A span of a second with these attributes alone."""
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=b"" if parent is None else parent.to_bytes(8, "big"),
        name=str(values.get("gen_ai.operation.name", "work")),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + 10**9,
        attributes=attributes(values),
    )


def agent_run(start_ns: int) -> list[Span]:
    """An agent's span that repeats the sums of its four calls, and an embedding by two instrumentations, inside out."""
    usage: dict[str, Value] = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}

    def used(operation: str, tokens: int, output: int = 0) -> dict[str, Value]:
        counts: dict[str, Value] = {"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": output}
        return {**usage, "gen_ai.operation.name": operation, **counts}

    chats = [span(n, 1, used("chat", 100, 20), parent=1, start_ns=start_ns + n * 10**9) for n in range(2, 6)]
    agent = span(1, 1, used("invoke_agent", 400, 80), start_ns=start_ns)
    embedding = [
        span(11, 2, used("embeddings", 50), start_ns=start_ns),
        span(12, 2, used("embeddings", 50), parent=11, start_ns=start_ns + 10**6),
    ]
    return [*chats, agent, *embedding]


@pytest.mark.parametrize("seed", range(4))
def test_the_same_batch_twice_shuffled_and_children_first_count_once(server: Server, seed: int) -> None:
    """Checks 1 and 3: an agent's span and an embedding's outer span repeat what those below them used."""
    order = random.Random(seed)  # noqa: S311
    project = server.project()
    start = time.time_ns() - 30 * MINUTE_NS
    spans = agent_run(start)
    for _ in range(2):
        order.shuffle(spans)
        cut = order.randrange(len(spans))
        for part in (spans[:cut], spans[cut:]):
            send(server, part, project=project)
    found = totals(server, project=project)
    assert (found["calls"], found["inputTokens"], found["outputTokens"]) == (5, 450, 80)


CACHE_HEAVY: dict[str, tuple[str, dict[str, Value]]] = {
    "OpenTelemetry, the cached part of the input": (
        "",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 24_022,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 20_000,
            "gen_ai.usage.cache_creation.input_tokens": 4_000,
        },
    ),
    "LangSmith, the cached beside the input": (
        "langsmith",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 22,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.input_token_details": '{"cache_read": 20000, "cache_creation": 4000}',
        },
    ),
    "OpenInference": (
        "openinference.instrumentation.anthropic",
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "anthropic",
            "llm.model_name": "claude-sonnet-4-5",
            "llm.token_count.prompt": 24_022,
            "llm.token_count.completion": 100,
            "llm.token_count.total": 24_122,
            "llm.token_count.prompt_details.cache_read": 20_000,
            "llm.token_count.prompt_details.cache_write": 4_000,
        },
    ),
    "Traceloop": (
        "opentelemetry.instrumentation.anthropic",
        {
            "gen_ai.system": "Anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "llm.request.type": "completion",
            "gen_ai.usage.prompt_tokens": 24_022,
            "gen_ai.usage.completion_tokens": 100,
            "gen_ai.usage.cache_read_input_tokens": 20_000,
            "gen_ai.usage.cache_creation_input_tokens": 4_000,
            "llm.usage.total_tokens": 24_122,
        },
    ),
}


@pytest.mark.parametrize("dialect", CACHE_HEAVY)
def test_a_call_that_reads_a_large_cache_costs_the_same_in_every_dialect(server: Server, dialect: str) -> None:
    """Check 2. By Anthropic's list for Claude Sonnet 4.5, USD per million tokens: input 3, cache read 0.30, cache write
    3.75, output 15."""
    project = server.project()
    scope, values = CACHE_HEAVY[dialect]
    send(server, [span(1, 1, values, start_ns=time.time_ns() - MINUTE_NS)], project=project, scope=scope)
    found = totals(server, project=project)
    assert (found["inputTokens"], found["cacheReadTokens"], found["cacheWriteTokens"]) == (24_022, 20_000, 4_000)
    expected = (22 * Decimal(3) + 20_000 * Decimal("0.3") + 4_000 * Decimal("3.75") + 100 * Decimal(15)) / 10**6
    assert Decimal(found["cost"]) == expected


DAYS = [
    ("America/New_York", datetime(2026, 3, 8), 23),
    ("America/New_York", datetime(2025, 11, 2), 25),
    ("Australia/Lord_Howe", datetime(2026, 4, 5), 25),
    ("Pacific/Chatham", datetime(2026, 4, 5), 25),
    ("Asia/Kathmandu", datetime(2026, 3, 8), 24),
]


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS, ids=lambda value: str(value))
def test_days_and_hours_of_every_zone_add_up_to_the_range(server: Server, zone: str, day: datetime, hours: int) -> None:
    """Check 4: a call every ten minutes of three local days around a change of the clocks."""
    project = server.project()
    local = ZoneInfo(zone)
    start, end = ((day + timedelta(days=n)).replace(tzinfo=local).astimezone(UTC) for n in (-1, 2))
    count = (end - start) // timedelta(minutes=10)
    first_ns = int(start.timestamp()) * 10**9
    send(server, [call(n, start_ns=first_ns + n * 10 * MINUTE_NS) for n in range(count)], project=project)
    document = """query ($window: WindowInput!, $day: WindowInput!, $zone: TimeZone!) {
        whole: usage(window: $window, timezone: $zone) {
            totals { calls }
            days: series(bucket: DAY) { points { start totals { calls } } }
            hours: series(bucket: HOUR) { points { totals { calls } } }
        }
        day: usage(window: $day, timezone: $zone) { totals { calls } series(bucket: HOUR) { points { start } } }
    }"""

    def between(*ends: datetime) -> dict[str, Any]:
        return {"between": dict(zip(("from", "to"), (end.isoformat() for end in ends), strict=True))}

    midnights = [(day + timedelta(days=n)).replace(tzinfo=local) for n in (0, 1)]
    found = server.query(
        document, {"window": between(start, end), "day": between(*midnights), "zone": zone}, project=project
    )
    of_day = (midnights[1].astimezone(UTC) - midnights[0].astimezone(UTC)) // timedelta(minutes=10)
    assert found["whole"]["totals"]["calls"] == count
    assert [point["totals"]["calls"] for point in found["whole"]["days"]["points"]] == [144, of_day, 144]
    assert sum(point["totals"]["calls"] for point in found["whole"]["hours"]["points"]) == count
    assert found["day"]["totals"]["calls"] == of_day
    assert len(found["day"]["series"]["points"]) == hours


def test_a_model_without_a_price_gets_one_and_totals_change_by_what_was_announced(postgresql: str) -> None:
    """Check 5."""
    where = ("--database-url", postgresql)
    with Server(database_url=postgresql) as server:
        house = [call(n, {"gen_ai.request.model": "in-house-7b"}) for n in range(30)]
        send(server, [*house, *(call(n) for n in range(30, 40))], project="default")
        before = totals(server, project="default")
        assert before["unpricedCalls"] == 30
        document = """{ usage(window: { last: "P1D" }, filter: { model: { eq: "in-house-7b" } }) {
            totals { cost avgCost pricedShare } unpricedModels { model calls inputTokens } } }"""
        assert server.query(document)["usage"] == {
            "totals": {"cost": None, "avgCost": None, "pricedShare": 0},
            "unpricedModels": [{"model": "in-house-7b", "calls": 30, "inputTokens": 3000}],
        }
        assert run("prices", "set", "in-house-7b", "--input", "1", "--output", "2", *where).returncode == 0
        announced = run("reprice", "--last", "P1D", "--dry-run", *where)
        assert "+0.0042" in announced.stdout, announced.stdout
        assert totals(server, project="default") == before
        assert run("reprice", "--last", "P1D", "--yes", *where).returncode == 0
        after = totals(server, project="default")
        assert after["unpricedCalls"] == 0
        assert Decimal(after["cost"]) - Decimal(before["cost"]) == Decimal("0.0042")


def test_a_call_that_is_forty_days_late_is_in_totals_and_series_at_once(database: str) -> None:
    """Check 7, on both engines, with rollups that were refreshed before it came."""
    document = """{ usage(window: { last: "P60D" }) {
        totals { calls } series(bucket: DAY) { points { start totals { calls } } }
        breakdown(by: AGENT) { groups { key totals { calls } } }
    } }"""
    start = time.time_ns()
    with Server(database_url=database) as server:
        planner: dict[str, Value] = {"gen_ai.agent.name": "planner"}
        early = [call(n, planner, start_ns=start - n * 60 * MINUTE_NS) for n in range(1, 48)]
        send(server, early, project="default")
        asyncio.run(refresh_all(database))
        late = start - 40 * 24 * 60 * MINUTE_NS
        send(server, [call(99, {"gen_ai.agent.name": "straggler"}, start_ns=late)], project="default")
        found = server.query(document)["usage"]
        day = datetime.fromtimestamp(late // 10**9, UTC).date().isoformat()
        points = {point["start"][:10]: point["totals"]["calls"] for point in found["series"]["points"]}
        assert (found["totals"]["calls"], sum(points.values()), points[day]) == (48, 48, 1)
        assert {group["key"]: group["totals"]["calls"] for group in found["breakdown"]["groups"]} == {
            "planner": 47,
            "straggler": 1,
        }
