"""Retention as clients see it: since when there are records, lists that begin there, questions that are refused."""

import asyncpg

from tests.graph.api import NOW, Api
from tests.graph.test_store import FILTERS, SELECTIONS, TOTALS
from tests.rollups import refresh_all
from tests.store.database import write
from usage_graph.graph.cursors import write_global_id
from usage_graph.graph.schema import example_operations
from usage_graph.store.reader import open_reader
from usage_graph.usage import UsageRecord

SINCE = NOW.replace(day=5, hour=0, minute=0)
BETWEEN = 'window: { between: { from: "2026-03-20T00:00:00Z", to: "2026-04-15T12:30:00Z" } }'
LAST = 'window: { last: "P20DT7S" }'
"""Begins inside a quarter of an hour, as a window that ends now nearly always does."""


def kept(month: list[UsageRecord]) -> list[UsageRecord]:
    """Newest first, as the month is."""
    return [one for one in month if one.started_at >= SINCE]


async def test_records_from_is_told_whatever_the_window(api: Api) -> None:
    document = "{ usage(window: { period: TODAY }) { range { recordsFrom } } }"
    assert await api.data(document) == {"usage": {"range": {"recordsFrom": None}}}
    api.reader.kept_since = SINCE
    assert await api.data(document) == {"usage": {"range": {"recordsFrom": "2026-04-05T00:00:00Z"}}}
    assert api.reader.asked == ["kept_since", "kept_since"]


async def test_sums_reach_further_back_than_lists(api: Api, month: list[UsageRecord]) -> None:
    api.reader.kept_since = SINCE
    found = await api.usage("totals { calls } records(last: 1) { totalCount nodes { spanId } }", BETWEEN)
    oldest = kept(month)[-1]
    assert found["totals"]["calls"] > len(kept(month))
    assert found["records"] == {"totalCount": len(kept(month)), "nodes": [{"spanId": oldest.span_id.hex()}]}


async def test_a_list_from_before_is_empty(api: Api) -> None:
    api.reader.kept_since = SINCE
    found = await api.usage(
        "records { totalCount edges { cursor } nodes { id } "
        "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }",
        'window: { between: { from: "2026-03-20T01:02:03Z", to: "2026-04-01T00:00:00Z" } }, filter: { search: "gpt" }',
    )
    nothing = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert found["records"] == {"totalCount": 0, "edges": [], "nodes": [], "pageInfo": nothing}


async def test_a_record_from_before_is_no_node(api: Api, month: list[UsageRecord]) -> None:
    api.reader.kept_since = SINCE
    ids = [write_global_id("UsageRecord", one.started_at, one.id) for one in (month[0], month[-1])]
    data = await api.data("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert data == {"nodes": [{"id": ids[0]}, None]}


async def test_paging_goes_on_while_records_go(api: Api, month: list[UsageRecord]) -> None:
    """A cursor keeps its window; what has gone from the window meanwhile is not in the next page."""
    page = (
        "records(first: 10{}) {{ nodes {{ spanId }} pageInfo {{ hasNextPage hasPreviousPage endCursor }} totalCount }}"
    )
    first = (await api.usage(page.format("")))["records"]
    assert first["totalCount"] == 100
    api.reader.kept_since = SINCE
    after = f', after: "{first["pageInfo"]["endCursor"]}"'
    seen = [node["spanId"] for node in first["nodes"]]
    while first["pageInfo"]["hasNextPage"]:
        first = (await api.usage(page.format(after)))["records"]
        assert first["totalCount"] == len(kept(month))
        assert first["pageInfo"]["hasPreviousPage"]
        seen += [node["spanId"] for node in first["nodes"]]
        after = f', after: "{first["pageInfo"]["endCursor"]}"'
    assert seen == [one.span_id.hex() for one in kept(month)]


async def test_the_refusal_is_an_error_of_the_field_that_asked(api: Api) -> None:
    api.reader.kept_since = SINCE
    body = await api.ask(f"{{ usage({LAST}) {{ range {{ recordsFrom }} totals {{ calls }} }} }}")
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "BEFORE_RECORDS"}
    assert error["path"] == ["usage", "totals"]
    assert body["data"] is None
    assert api.reader.open == 0


async def move(database: str) -> None:
    await refresh_all(database)
    connection = await asyncpg.connect(database)
    try:
        await connection.fetchval("SELECT usage_keep_since($1)", SINCE)
        await connection.execute("CALL usage_expire()")
    finally:
        await connection.close()


async def test_the_store_refuses_and_answers_as_the_model_does(
    database: str, api: Api, month: list[UsageRecord]
) -> None:
    await write(database, month)
    await move(database)
    api.reader.kept_since = SINCE
    scopes = [
        *(f'{BETWEEN}, timezone: "America/New_York", filter: {filter_}' for filter_ in FILTERS[:3]),
        BETWEEN,
        LAST,
        'window: { last: "P9D" }, filter: { channel: { isNull: true } }',
    ]
    documents = [f"{{ usage({scope}) {{ {TOTALS} {selection} }} }}" for scope in scopes for selection in SELECTIONS]
    refused = 0
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        real = Api(store=reader)
        for document in (*documents, *example_operations().values()):
            expected, found = await api.ask(document), await real.ask(document)
            assert found["data"] == expected["data"], document
            codes = {error["extensions"]["code"] for error in expected.get("errors", ())}
            assert {error["extensions"]["code"] for error in found.get("errors", ())} == codes, document
            refused += codes == {"BEFORE_RECORDS"}
        message = (await real.refused(f"{{ usage({LAST}) {{ totals {{ calls }} }} }}"))[0][1]
    assert len(SELECTIONS) < refused < len(documents) - len(SELECTIONS)
    assert message == (
        "Records are kept since 2026-04-05T00:00:00Z. Of earlier calls only sums over whole quarters of an hour in UTC "
        "are left, and the window begins at 2026-03-26T12:29:53Z: begin it at 2026-03-26T12:15:00Z (`between`), or "
        "begin the window at 2026-04-05T00:00:00Z or later."
    )
