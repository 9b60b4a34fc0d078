"""Filters mean what the model says they mean, field by field."""

from datetime import timedelta
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.records import record
from usage_graph.usage import UsageRecord

COUNT = 'query ($filter: UsageFilter) { usage(window: { last: "P60D" }, filter: $filter) { totals { calls } } }'


def call(number: int, **fields: Any) -> UsageRecord:
    return record(started_at=NOW - timedelta(hours=number), span_id=number.to_bytes(8, "big"), **fields)


async def count(api: Api, wanted: dict[str, Any] | None) -> int:
    calls: int = (await api.data(COUNT, {"filter": wanted}))["usage"]["totals"]["calls"]
    return calls


@pytest.fixture
def named() -> Api:
    names = ["Digest", "digest", "100% done", "100 done", "a_b", "axb", None]
    return Api(call(number, name=name) for number, name in enumerate(names, 1))


@pytest.mark.parametrize(
    ("condition", "calls"),
    [
        ({}, 7),
        ({"eq": "Digest"}, 1),
        ({"eq": ""}, 0),
        ({"eq": None}, 7),
        ({"in": ["Digest", "a_b", "nobody"]}, 2),
        ({"in": []}, 0),
        ({"in": None}, 7),
        ({"notIn": ["Digest", "a_b"]}, 5),
        ({"notIn": []}, 7),
        ({"contains": "igest"}, 2),
        ({"contains": "D"}, 1),
        ({"contains": "%"}, 1),
        ({"contains": "_"}, 1),
        ({"contains": ""}, 6),
        ({"startsWith": "100"}, 2),
        ({"startsWith": "100%"}, 1),
        ({"startsWith": "a_"}, 1),
        ({"isNull": True}, 1),
        ({"isNull": False}, 6),
        ({"isNull": None}, 7),
        ({"contains": "done", "notIn": ["100 done"]}, 1),
    ],
)
async def test_conditions_on_a_text(named: Api, condition: dict[str, Any], calls: int) -> None:
    assert await count(named, {"name": condition}) == calls


@pytest.mark.parametrize(
    ("search", "calls"),
    [("DIGEST", 2), ("0%", 1), ("A_B", 1), ("", 7), ("   ", 7), (None, 7), ("nobody", 0), ("gpt-4O", 7)],
)
async def test_search(named: Api, search: str | None, calls: int) -> None:
    assert await count(named, {"search": search}) == calls


@pytest.mark.parametrize("field", ["name", "agent", "conversation", "user_id", "request_model", "response_model"])
async def test_search_looks_everywhere_it_says(field: str) -> None:
    assert await count(Api([call(1, **{field: "the Needle"}), call(2)]), {"search": "needle"}) == 1


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        ("source", "source"),
        ("agent", "agent"),
        ("name", "name"),
        ("conversation", "conversation"),
        ("user", "user_id"),
        ("model", "response_model"),
        ("provider", "provider"),
        ("channel", "channel"),
        ("service", "service"),
        ("environment", "environment"),
        ("operation", "operation"),
    ],
)
async def test_every_field_filters(field: str, stored: str) -> None:
    api = Api([call(1, **{stored: "wanted"}), call(2)])
    assert await count(api, {field: {"eq": "wanted"}}) == 1
    assert await count(api, {field: {"eq": "wanted"}, "search": "nobody"}) == 0


async def test_model_is_the_response_model_else_the_request_model() -> None:
    api = Api([call(1, request_model="asked", response_model="answered"), call(2, request_model="asked")])
    assert await count(api, {"model": {"eq": "asked"}}) == 1
    assert await count(api, {"model": {"eq": "answered"}}) == 1


@pytest.mark.parametrize(("status", "calls"), [(["OK"], 2), (["ERROR"], 1), (["OK", "ERROR"], 3), ([], 0), (None, 3)])
async def test_status(status: list[str] | None, calls: int) -> None:
    api = Api([call(1), call(2), call(3, failed=True)])
    assert await count(api, {"status": status}) == calls


async def test_no_filter() -> None:
    api = Api([call(1)])
    assert await count(api, None) == await count(api, {}) == 1


@pytest.mark.parametrize(
    ("wanted", "code", "message"),
    [
        ({"search": "x" * 201}, "LIMIT_EXCEEDED", "`search` may have at most 200 characters, not 201."),
        ({"name": {"eq": "x" * 1001}}, "LIMIT_EXCEEDED", "`name.eq` may have at most 1000 characters, not 1001."),
        ({"user": {"in": ["x"] * 501}}, "LIMIT_EXCEEDED", "`user.in` may have at most 500 items, not 501."),
        ({"user": {"notIn": ["x\0"]}}, "BAD_USER_INPUT", "`user.notIn` holds a NUL character"),
        ({"search": "\0"}, "BAD_USER_INPUT", "`search` holds a NUL character"),
        ({"model": {"startsWith": "\0"}}, "BAD_USER_INPUT", "`model.startsWith` holds a NUL character"),
    ],
)
async def test_texts_that_no_record_can_have_are_refused(
    named: Api, wanted: dict[str, Any], code: str, message: str
) -> None:
    ((found, text),) = await named.refused(COUNT, {"filter": wanted})
    assert found == code
    assert text.startswith(message)
    assert named.reader.opened == 0
