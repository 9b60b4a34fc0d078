"""``GET /export/conversations``: those that GraphQL lists, in the order in which they began."""

from contextlib import aclosing
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.exports import FORMATS, WINDOW, Exports, whole
from tests.export.test_records import selected, snake
from tests.graph.api import Api
from tests.graph.conftest import MONTH
from tests.model import ModelSnapshot
from tests.questions import filters
from tests.records import record
from tests.store.database import connected, write
from tests.store.test_conversations import EXAMPLES, batches, both, bounds, searches
from tests.store.test_reader import windows
from usage_graph.conversations import Conversation
from usage_graph.grant import Access, Grant
from usage_graph.graph.export.columns import CONVERSATIONS
from usage_graph.question import Filter, Scope
from usage_graph.store.exporting import PORTION
from usage_graph.store.reader import open_reader
from usage_graph.store.snapshot import Snapshot
from usage_graph.window import Window


async def test_the_rows_are_what_graphql_answers() -> None:
    sums = {name: inner for name, inner in selected("UsageTotals").items() if not inner or name == "costs"}
    totals = " ".join(f"{name} {{ {' '.join(inner)} }}" if inner else name for name, inner in sums.items())
    fields = [name for name, inner in selected("Conversation").items() if not inner]
    answer = await Api(MONTH).usage(
        "conversations(first: 100, orderBy: { field: STARTED_AT, direction: ASC }) "
        f"{{ nodes {{ {' '.join(fields)} totals {{ {totals} }} }} }}"
    )
    expected = []
    for node in answer["conversations"]["nodes"]:
        row: dict[str, Any] = {snake(name): node[name] for name in fields}
        for name, value in node["totals"].items():
            if sums[name]:
                row |= {f"{snake(name)}_{snake(inner)}": of_it for inner, of_it in value.items()}
            else:
                row[snake(name)] = value
        expected.append(row)

    rows = await Exports(MONTH).rows("conversations", format="ndjson", **WINDOW)

    assert rows == expected
    assert len(rows) == 5
    assert list(rows[0]) == [column.name for column in CONVERSATIONS]


@pytest.mark.parametrize("format", FORMATS)
async def test_sums_and_the_number_of_rows(format: str) -> None:
    inside = 'window: { last: "P60D" }, filter: { conversation: { isNull: false } }'
    totals = (await Api(MONTH).usage("totals { calls cost credits }", inside))["totals"]
    answer = await Exports(MONTH).get("conversations", format=format, **WINDOW)
    rows = await Exports(MONTH).rows("conversations", format=format, **WINDOW)
    assert answer.headers["x-usage-graph-rows"] == str(len(rows)) == "5"
    assert answer.headers["content-disposition"].startswith('attachment; filename="usage-graph-conversations-2026')
    assert whole(rows, "calls") == totals["calls"]
    assert whole(rows, "cost") == Decimal(totals["cost"])
    assert whole(rows, "credits") == Decimal(totals["credits"])
    assert {type(row["models"]) for row in rows} == {str if format == "csv" else list}


async def test_filter_search_and_project() -> None:
    exports = Exports([*MONTH, record(project="theirs", started_at=MONTH[1].started_at, conversation="conversation-9")])
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {f"conversation-{number}" for number in range(5)}),
        ({"search": "SATION-3"}, {"conversation-3"}),
        ({"search": "nothing"}, set()),
        ({"search": " "}, {f"conversation-{number}" for number in range(5)}),
        ({"filter": {"conversation": {"eq": "conversation-1"}}}, {"conversation-1"}),
        ({"project": "theirs"}, {"conversation-9"}),
    ]
    for parameters, names in cases:
        rows = await exports.rows("conversations", format="ndjson", **parameters, **WINDOW)
        assert {row["conversation"] for row in rows} == names
        answer = await exports.get("conversations", method="HEAD", **parameters, **WINDOW)
        assert answer.headers["x-usage-graph-rows"] == str(len(names))


async def test_a_bound_key_is_told_of_its_own_calls() -> None:
    bound = Exports(MONTH, grant=Grant(Access.READ, "k", "default", user="user-3"))
    rows = await bound.rows("conversations", format="ndjson", **WINDOW)
    mine = [one for one in MONTH if one.user_id == "user-3" and one.conversation is not None]
    assert {row["conversation"] for row in rows} == {one.conversation for one in mine}
    assert {row["user"] for row in rows} == {"user-3"}
    assert sum(row["calls"] for row in rows) == len(mine)


async def test_what_cannot_be_searched_for_is_refused() -> None:
    exports = Exports(MONTH)
    assert (await exports.refused("conversations", search="x" * 201, **WINDOW))[:2] == (422, "LIMIT_EXCEEDED")
    assert (await exports.refused("conversations", search="a\0b", **WINDOW))[:2] == (400, "BAD_USER_INPUT")
    assert (await exports.refused("records", search="x", **WINDOW))[:2] == (400, "BAD_USER_INPUT")


async def streamed(snapshot: Snapshot | ModelSnapshot, scope: Scope, search: str | None) -> list[Conversation]:
    async with aclosing(await snapshot.stream_conversations(scope, search=search)) as portions:
        return [one async for portion in portions for one in portion]


@given(batches, windows, filters, searches, st.just(Filter()) | bounds)
@EXAMPLES
async def test_the_stream_is_the_conversations_of_the_model(
    database: str, records: Any, window: Window, wanted: Filter, search: str | None, bound: Filter
) -> None:
    async with both(database, records) as (real, model, project):
        scope = Scope(project, *window, Filter(all_of=(bound, wanted)), bound)
        expected = await streamed(model, scope, search)
        assert await streamed(real, scope, search) == expected
        assert await real.expected_conversations(scope, search=search) == len(expected)


async def test_every_conversation_once_however_many(database: str) -> None:
    count = 2 * PORTION + 1
    start = MONTH[0].started_at
    await write(
        database,
        [
            record(started_at=start, span_id=number.to_bytes(8, "big"), conversation=f"c{number}")
            for number in range(1, count + 1)
        ],
    )
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        answer = await Exports(store=reader).get("conversations", format="ndjson", **WINDOW)
        rows = await Exports(store=reader).rows("conversations", format="ndjson", **WINDOW)
        assert answer.headers["x-usage-graph-rows"] == str(count)
        assert len({row["conversation"] for row in rows}) == len(rows) == count
        assert await Exports(store=reader).rows("conversations", project="nobody", **WINDOW) == []
    async with connected(database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == count
