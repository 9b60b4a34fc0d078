"""``records``: Relay's cursor connections, to the letter, in every order and direction."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph.api import NOW, Api
from tests.model import page_of
from tests.records import BASE, record, usage_records
from usage_graph.graph.schema import sdl
from usage_graph.question import Direction, PageRequest, RecordField, RecordOrder
from usage_graph.usage import UsageRecord

RECORD = build_schema(sdl()).type_map["UsageRecord"]
assert isinstance(RECORD, GraphQLObjectType)
FIELDS = list(RECORD.fields)

PAGE = """
query ($filter: UsageFilter, $first: Int, $after: String, $last: Int, $before: String, $orderBy: RecordOrder) {
  usage(window: { last: "P61D" }, filter: $filter) {
    records(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
      edges { cursor node { id spanId } }
      nodes { id }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
    }
  }
}
"""


async def page(api: Api, **variables: Any) -> dict[str, Any]:
    """One page; that its parts agree is checked here, for every page of every test."""
    found: dict[str, Any] = (await api.data(PAGE, variables))["usage"]["records"]
    edges, info = found["edges"], found["pageInfo"]
    assert found["nodes"] == [{"id": edge["node"]["id"]} for edge in edges]
    assert info["startCursor"] == (edges[0]["cursor"] if edges else None)
    assert info["endCursor"] == (edges[-1]["cursor"] if edges else None)
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [node["id"] for node in found["nodes"]]


def order_by(field: RecordField, direction: Direction) -> dict[str, str]:
    return {"field": field.name, "direction": direction.name}


async def test_every_field_of_a_record() -> None:
    known = record(
        started_at=NOW - timedelta(hours=1, microseconds=1),
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        failed=True,
        error_type="rate_limit",
        name="Nightly report",
        agent="reporter",
        conversation="c1",
        user_id="u1",
        channel="web",
        service="assistant",
        environment="production",
        response_model="gpt-4o-mini-2024-07-18",
        cache_read_tokens=50,
        cache_write_tokens=0,
        reasoning_tokens=5,
        cost_reported=True,
        input_cost_nano=10_001,
        output_cost_nano=15_000,
        cache_write_1h_tokens=0,
        service_tier="priority",
        suspect=True,
        credits_nano=1_500_000_000,
        attributes=(("feature", "digest"), ("team", "a")),
        first_token_us=250_000,
    )
    unknown = record(
        started_at=NOW - timedelta(hours=2), input_tokens=None, output_tokens=None, cost_nano=None, provider=None,
        request_model=None, duration_us=0,
    )  # fmt: skip
    parts = {"costs": "costs { input cacheRead cacheWrite output other }", "attributes": "attributes { key value }"}
    selection = " ".join(["__typename", *(parts.get(field, field) for field in FIELDS)])
    found = (await Api([known, unknown]).usage(f"records {{ nodes {{ {selection} }} }}"))["records"]["nodes"]
    assert found[0].pop("id") != found[1].pop("id")
    assert found[0] == {
        "__typename": "UsageRecord",
        "source": "chat",
        "name": "Nightly report",
        "agent": "reporter",
        "conversation": "c1",
        "user": "u1",
        "channel": "web",
        "service": "assistant",
        "environment": "production",
        "provider": "openai",
        "requestModel": "gpt-4o-mini",
        "responseModel": "gpt-4o-mini-2024-07-18",
        "operation": "chat",
        "status": "ERROR",
        "errorType": "rate_limit",
        "inputTokens": 100,
        "outputTokens": 20,
        "cacheReadTokens": 50,
        "cacheWriteTokens": 0,
        "reasoningTokens": 5,
        "totalTokens": 120,
        "cost": "0.000027",
        "costStatus": "REPORTED",
        "costs": {
            "input": "0.000010001",
            "cacheRead": None,
            "cacheWrite": None,
            "output": "0.000015",
            "other": "0.000001999",
        },
        "cacheWrite1hTokens": 0,
        "serviceTier": "priority",
        "suspect": True,
        "credits": "1.5",
        "attributes": [{"key": "feature", "value": "digest"}, {"key": "team", "value": "a"}],
        "startedAt": "2026-04-15T11:29:59.999999Z",
        "durationMs": 1500.0,
        "firstTokenMs": 250.0,
        "tokensPerSecond": 20 / 1.5,
        "traceId": "000102030405060708090a0b0c0d0e0f",
        "spanId": "0001020304050607",
    }
    nulls = {name for name, value in found[1].items() if value is None}
    assert nulls == {
        "name", "agent", "conversation", "user", "channel", "service", "environment", "provider", "requestModel",
        "responseModel", "errorType", "inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens",
        "reasoningTokens", "totalTokens", "cost", "cacheWrite1hTokens", "serviceTier", "firstTokenMs",
        "tokensPerSecond",
    }  # fmt: skip
    assert found[1]["suspect"] is False
    assert set(found[1]["costs"].values()) == {None}
    assert (found[1]["costStatus"], found[1]["status"], found[1]["durationMs"]) == ("UNPRICED", "OK", 0)


async def test_a_page_is_the_newest_twenty_without_arguments(api: Api, month: list[UsageRecord]) -> None:
    found = await page(api)
    newest = sorted(month, key=lambda call: call.started_at, reverse=True)[:20]
    assert [edge["node"]["spanId"] for edge in found["edges"]] == [call.span_id.hex() for call in newest]
    assert found["pageInfo"]["hasNextPage"] is True
    assert found["pageInfo"]["hasPreviousPage"] is False
    assert found["totalCount"] == 100


@pytest.mark.parametrize("size", [1, 7, 50, 99, 100])
async def test_pages_forwards_and_backwards_are_the_whole_list(api: Api, size: int) -> None:
    whole = ids(await page(api, first=100))
    assert len(set(whole)) == 100

    forwards, after = [], None
    while True:
        found = await page(api, first=size, after=after)
        forwards += ids(found)
        assert found["totalCount"] == 100
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert forwards == whole

    backwards: list[str] = []
    before = None
    while True:
        found = await page(api, last=size, before=before)
        backwards = ids(found) + backwards
        assert found["pageInfo"]["hasNextPage"] is (before is not None)
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        before = found["pageInfo"]["startCursor"]
    assert backwards == whole


@settings(max_examples=40, deadline=None)
@given(
    calls=st.lists(usage_records(), max_size=12, unique_by=lambda call: (call.trace_id, call.span_id)),
    field=st.sampled_from(RecordField),
    direction=st.sampled_from(Direction),
    size=st.integers(1, 5),
)
def test_every_order_pages_as_the_model_does(
    calls: list[UsageRecord], field: RecordField, direction: Direction, size: int
) -> None:
    api = Api(calls, now=BASE + timedelta(days=60, seconds=1))
    expected = page_of(calls, RecordOrder(field, direction), PageRequest(first=100)).records
    asked = {"orderBy": order_by(field, direction)}

    async def paged() -> tuple[list[str], list[str]]:
        forwards: list[str] = []
        backwards: list[str] = []
        found = await page(api, first=size, **asked)
        forwards += [edge["node"]["spanId"] for edge in found["edges"]]
        while found["pageInfo"]["hasNextPage"]:
            found = await page(api, first=size, after=found["pageInfo"]["endCursor"], **asked)
            forwards += [edge["node"]["spanId"] for edge in found["edges"]]
        found = await page(api, last=size, **asked)
        backwards = [edge["node"]["spanId"] for edge in found["edges"]]
        while found["pageInfo"]["hasPreviousPage"]:
            found = await page(api, last=size, before=found["pageInfo"]["startCursor"], **asked)
            backwards = [edge["node"]["spanId"] for edge in found["edges"]] + backwards
        return forwards, backwards

    forwards, backwards = asyncio.run(paged())
    assert forwards == backwards == [call.span_id.hex() for call in expected]


async def test_after_and_before_together_are_what_lies_between(api: Api) -> None:
    whole = (await page(api, first=100))["edges"]
    found = await page(api, after=whole[9]["cursor"], before=whole[15]["cursor"])
    assert ids(found) == [edge["node"]["id"] for edge in whole[10:15]]
    assert found["pageInfo"]["hasPreviousPage"] is True
    both = await page(api, first=4, last=2, after=whole[9]["cursor"])
    assert ids(both) == [edge["node"]["id"] for edge in whole[12:14]]


async def test_the_page_after_the_last_record_is_empty(api: Api) -> None:
    whole = await page(api, first=100)
    found = await page(api, after=whole["pageInfo"]["endCursor"])
    assert found["edges"] == []
    assert found["pageInfo"]["hasNextPage"] is False
    assert found["pageInfo"]["hasPreviousPage"] is True
    assert found["totalCount"] == 100


async def test_first_zero_is_an_empty_page(api: Api) -> None:
    found = await page(api, first=0)
    assert found["edges"] == []
    assert found["pageInfo"]["hasNextPage"] is True


@pytest.mark.parametrize("argument", ["first", "last"])
async def test_sizes_are_bounded(api: Api, argument: str) -> None:
    assert await api.refused(PAGE, {argument: 101}) == [
        ("LIMIT_EXCEEDED", f"`{argument}` may be at most 100, not 101.")
    ]
    assert await api.refused(PAGE, {argument: -1}) == [("BAD_USER_INPUT", f"`{argument}` must be at least 0, not -1.")]
    assert api.reader.opened == 0


async def test_a_rolling_window_does_not_slide_while_paging(api: Api, month: list[UsageRecord]) -> None:
    whole = ids(await page(api, first=100))
    found = await page(api, first=30)
    seen = ids(found)
    while found["pageInfo"]["hasNextPage"]:
        api.now += timedelta(days=25)  # the oldest calls would leave the window, and new ones come in
        api.reader.stored.append(
            record(started_at=api.now - timedelta(hours=1), span_id=b"new" + bytes([len(seen)] * 5))
        )
        found = await page(api, first=30, after=found["pageInfo"]["endCursor"])
        assert found["totalCount"] == 100
        seen += ids(found)
    assert seen == whole
    assert (await page(api))["totalCount"] < 100


async def test_records_that_arrive_meanwhile_shift_nothing(api: Api, month: list[UsageRecord]) -> None:
    whole = ids(await page(api, first=100))
    found = await page(api, first=10)
    seen = ids(found)
    for number in range(1000):  # late ones inside the window, on pages seen and unseen
        started = NOW - timedelta(minutes=41 * number)
        api.reader.stored.append(record(started_at=started, trace_id=b"late" * 4, span_id=number.to_bytes(8, "big")))
    while found["pageInfo"]["hasNextPage"]:
        found = await page(api, first=100, after=found["pageInfo"]["endCursor"])
        seen += ids(found)
    assert len(seen) == len(set(seen))
    assert [id for id in seen if id in set(whole)] == whole


@pytest.mark.parametrize(
    "other",
    [
        {"filter": {"source": {"eq": "chat"}}},
        {"filter": {"search": "x"}},
        {"filter": {"status": ["OK"]}},
        {"orderBy": {"field": "COST"}},
        {"orderBy": {"direction": "ASC"}},
    ],
)
async def test_a_cursor_is_refused_under_other_arguments(api: Api, other: dict[str, Any]) -> None:
    cursor = (await page(api, first=1))["pageInfo"]["endCursor"]
    for side in ("after", "before"):
        ((code, message),) = await api.refused(PAGE, {side: cursor, **other})
        assert code == "BAD_CURSOR"
        assert message.startswith("This cursor belongs to another list: window, timezone, filter, order and project")


async def test_a_cursor_is_refused_in_another_window_zone_or_project(api: Api) -> None:
    cursor = (await page(api, first=1))["pageInfo"]["endCursor"]
    for arguments in (
        'window: { last: "P59D" }',
        "window: { period: THIS_MONTH }",
        'window: { last: "P61D" }, timezone: "Europe/Berlin"',
    ):
        document = f'{{ usage({arguments}) {{ records(after: "{cursor}") {{ totalCount }} }} }}'
        assert await api.code(document) == "BAD_CURSOR"
    answer = await api.ask(PAGE, {"after": cursor}, project="other")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_CURSOR"
    assert api.reader.opened == 1


async def test_a_cursor_holds_under_the_same_question_written_otherwise(api: Api) -> None:
    document = "query ($filter: UsageFilter, $after: String) {{ usage(window: {{ last: {last} }}, filter: $filter) "
    document += "{{ records(first: 1, after: $after) {{ pageInfo {{ endCursor }} }} }} }}"
    one = {"filter": {"source": {"eq": "chat"}, "status": ["OK", "ERROR"]}}
    same = {"filter": {"status": ["ERROR", "OK"], "search": " ", "source": {"eq": "chat", "in": None}, "user": {}}}
    first = await api.data(document.format(last='"P1W"'), one)
    cursor = first["usage"]["records"]["pageInfo"]["endCursor"]
    await api.data(document.format(last='"P7D"'), {**same, "after": cursor})


async def test_cursors_of_two_windows_do_not_go_together(api: Api) -> None:
    cursor = (await page(api, first=1))["pageInfo"]["endCursor"]
    api.now += timedelta(seconds=1)
    later = (await page(api, first=5))["pageInfo"]["endCursor"]
    ((code, message),) = await api.refused(PAGE, {"after": cursor, "before": later})
    assert code == "BAD_CURSOR"
    assert "different windows" in message
