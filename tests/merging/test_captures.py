"""Every captured case through the whole server: however its requests arrive, each call is stored once, as it was."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest

from tests.merging.intake import read_records, way_in
from tests.merging.requests import ORDERS, Request, captured, shuffled
from tests.processor.payloads import manifest
from tests.processor.test_payloads import READ_BEYOND_MANIFEST, expected_record, shown
from tests.receiver.wire import APIS
from tests.rollups import assert_exact_before_and_after_refresh
from tests.serving import Server
from tests.store.database import connected
from usage_graph.observation import MergeReason
from usage_graph.project import PROJECT_HEADER
from usage_graph.usage import UsageRecord

# case -> fields that spans above the call tell, or other observations of it, which the manifest's prototype left out.
COMPLETED: dict[str, dict[str, dict[Any, Any]]] = {
    "pai1-openai": {"agent": {None: "weather_agent|researcher"}},
    "pai-old": {"agent": {None: "weather_agent|researcher"}},
    "vercel-ai7": {"agent": {None: "weather-fn"}},
    "agents-both": {"agent": {None: "weather_agent"}},
    "strands": {"agent": {None: "weather_agent|anthropic_agent"}},
    "lc-oinf-both": {
        "agent": {None: "weather_agent"},
        "user": {None: "user-7"},
        "request_model": {"gpt-5-mini-2025-08-07": "gpt-5-mini"},
    },
    "claude-code": {"request_model": {"claude-sonnet-4-5-20250929": "claude-sonnet-4-5"}},
}
BEYOND = {case: READ_BEYOND_MANIFEST.get(case, {}) | COMPLETED.get(case, {}) for case in manifest()}

# case -> calls too many, and their input tokens: two instrumentations that share no id, where nobody asked for more.
SURPLUS_WITHOUT_FINGERPRINT = {
    "traceloop-anthropic": (1, 0),
    "oinf-anthropic": (1, 2373),
    "lc-oinf-both": (3, 3642),
}


def rows_of(case: str, found: list[UsageRecord]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The manifest's records that were not found, and what was found instead.

    Ids are left out: a record is known by those of any of its observations.
    """
    left = [without_ids(shown(record)) for record in found]
    missing = []
    for row in map(without_ids, manifest()[case]["expected_records"]):
        same = next((got for got in left if got == expected_record(row, BEYOND[case], got)), None)
        if same is None:
            missing.append(row)
        else:
            left.remove(same)
    return missing, left


def without_ids(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("trace_id", "span_id", "response_id")}


def totals(records: list[UsageRecord]) -> dict[str, int]:
    """In the manifest's words."""

    def total(field: str) -> int:
        return sum(getattr(record, field) or 0 for record in records)

    return {
        "records_ok": sum(not record.failed for record in records),
        "records_error": sum(record.failed for record in records),
        "input_tokens_incl_cached": total("input_tokens"),
        "cache_read_tokens": total("cache_read_tokens"),
        "cache_write_tokens": total("cache_write_tokens"),
        "output_tokens_incl_reasoning": total("output_tokens"),
        "reasoning_tokens": total("reasoning_tokens"),
    }


def expected_totals(case: str) -> dict[str, int]:
    said = manifest()[case]["expected_from_telemetry"]
    return {name: value for name, value in said.items() if name != "merged_duplicates"}


def is_right(case: str, found: list[UsageRecord]) -> None:
    assert rows_of(case, found) == ([], [])
    assert totals(found) == expected_totals(case)


@pytest.mark.parametrize("case", manifest())
async def test_each_call_once_in_any_order(case: str, shared: str, project: Callable[[], str]) -> None:
    async with way_in(shared, by_fingerprint=True) as way:
        wrong = {}
        for order, arrange in ORDERS.items():
            await way.send(arrange(captured(case)), project=(name := project()))
            found = await way.records(name)
            if rows_of(case, found) != ([], []) or totals(found) != expected_totals(case):
                wrong[order] = rows_of(case, found)
    assert not wrong


@pytest.mark.parametrize("case", manifest())
async def test_each_call_once_when_everything_comes_at_once(case: str, shared: str, project: Callable[[], str]) -> None:
    """Many requests share a batch, and two batches are written at a time."""
    parts = ORDERS["signals interleaved"](captured(case))
    async with way_in(shared, by_fingerprint=True, writers=2, batch_spans=3) as way:
        await way.send_at_once([*parts, *parts], project=(name := project()))
        is_right(case, await way.records(name))


@pytest.mark.parametrize("case", manifest())
async def test_without_fingerprints_only_what_shares_no_id_is_too_many(
    case: str, shared: str, project: Callable[[], str]
) -> None:
    calls, input_tokens = SURPLUS_WITHOUT_FINGERPRINT.get(case, (0, 0))
    async with way_in(shared, by_fingerprint=False) as way:
        await way.send(captured(case), project=(name := project()))
        found = await way.records(name)
        assert way.merged[MergeReason.FINGERPRINT] == 0
    expected = expected_totals(case)
    assert len(found) == expected["records_ok"] + expected["records_error"] + calls
    assert totals(found)["input_tokens_incl_cached"] == expected["input_tokens_incl_cached"] + input_tokens


# What the manifest's prototype calls the reasons. It merged log events by their span, which are not read here at all.
REASONS = {
    "resp": MergeReason.RESPONSE_ID,
    "ev": MergeReason.REQUEST_ID,
    "parent-child": MergeReason.NESTED,
    "fingerprint": MergeReason.FINGERPRINT,
}


async def test_merges_are_counted_by_reason(shared: str, project: Callable[[], str]) -> None:
    said = [reason for case in manifest().values() for reason in case["expected_from_telemetry"]["merged_duplicates"]]
    async with way_in(shared, by_fingerprint=True) as way:
        for case in manifest():
            await way.send(captured(case), project=project())
        assert way.merged == Counter(REASONS[reason] for reason in said if reason != "span")


# Every reason to merge, late identity, and failures, in few requests: TimescaleDB in WebAssembly takes its time.
TELLING = ("traceloop-anthropic", "oinf-anthropic", "vercel-ai7", "lc-oinf-both", "claude-code", "mixed-simple")


async def test_rollups_follow(database: str, request: pytest.FixtureRequest) -> None:
    cases = TELLING if "timescaledb" in request.node.name else tuple(manifest())
    async with way_in(database, by_fingerprint=True) as way:
        for case in cases:
            await way.send(shuffled(captured(case), seed=7), project=case)
            is_right(case, await way.records(case))
        await assert_exact_before_and_after_refresh(way.connection)


def over_http(server: Server, request: Request, project: str) -> None:
    headers = {"content-type": request.media_type, PROJECT_HEADER: project}
    answer = httpx.post(f"{server.http}/v1/{request.signal}", content=request.body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.content


def over_grpc(server: Server, request: Request, project: str) -> None:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(APIS[request.signal].method)
        export(request.body, metadata=((PROJECT_HEADER, project),), timeout=60)


@pytest.fixture(scope="module")
def merging_server(shared: str) -> Iterator[Server]:
    """A server that merges by fingerprint, on the module's database."""
    with Server(database_url=shared, settings={"USAGE_GRAPH_MERGE_BY_FINGERPRINT": "on"}) as running:
        yield running


@pytest.mark.parametrize(
    ("case", "send"),
    [
        ("traceloop-anthropic", over_http),
        ("traceloop-anthropic", over_grpc),
        ("gemini-cli", over_http),
        ("claude-code", over_grpc),
    ],
)
async def test_each_call_once_in_a_real_server(
    case: str,
    send: Callable[[Server, Request, str], None],
    shared: str,
    merging_server: Server,
    project: Callable[[], str],
) -> None:
    name = project()
    for request in shuffled(captured(case), seed=8):
        send(merging_server, request, name)
    async with connected(shared) as connection:
        is_right(case, await read_records(connection, name))
