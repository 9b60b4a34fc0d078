"""What PostgreSQL does for the questions of a usage page: rollups for whole buckets, indexes for the rest."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from usage_graph.store.cells import SUMS, Parameters, cells
from usage_graph.store.connect import Connection, connect
from usage_graph.store.pages import list_page
from usage_graph.store.sql import query
from usage_graph.usage import (
    Dimension,
    Direction,
    Filter,
    PageRequest,
    RecordField,
    RecordKey,
    RecordOrder,
    Scope,
    StringFilter,
)
from usage_graph.window import Bucket, Window, boundaries, time_zone

END = datetime(2026, 11, 22, 3, 7, 13, tzinfo=UTC)
START = END - timedelta(days=30)

# A month of a busy project, made by the database itself: 40 agents, 400 conversations, 5 models.
FILL = """
INSERT INTO usage_record
SELECT timestamptz '2026-10-23 03:07:13+00' + n * interval '43.2 seconds', n, 1000, 100, 20, NULL, NULL, NULL,
    27000, 0, false, false, decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(n), 16, '0'), 'hex'),
    'default', (ARRAY['chat', 'agent'])[1 + n % 2], 'chat', 'Chat ' || n % 400, 'agent ' || n % 40,
    'conversation ' || n % 400, 'user ' || n % 50, NULL, 'svc', 'prod', 'openai', 'model ' || n % 5, NULL, NULL
FROM generate_series(1, 60000) AS n
"""


@asynccontextmanager
async def filled(database: str) -> AsyncIterator[Connection]:
    connection = await connect(database)
    await connection.execute(FILL)
    await connection.execute("VACUUM ANALYZE")
    try:
        yield connection
    finally:
        await connection.close()


async def nodes(connection: Connection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    """The plan's nodes that read something, after running it."""
    (row,) = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
    found: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        if "Relation Name" in node or "Index Name" in node:
            found.append(node)
        for child in node.get("Plans", ()):
            walk(child)

    walk(json.loads(row[0])[0]["Plan"])
    return found


def rows_read(plan: list[dict[str, Any]], relation: str) -> float:
    scans = [node for node in plan if node.get("Relation Name") == relation]
    rows = (
        (float(node["Actual Rows"]) + float(node.get("Rows Removed by Filter", 0))) * float(node["Actual Loops"])
        for node in scans
    )
    return sum(rows)


def reads(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in plan if "Relation Name" in node}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("by", [None, Dimension.SOURCE, Dimension.MODEL])
async def test_daily_series_read_records_only_at_the_edges(database: str, zone: str, by: Dimension | None) -> None:
    async with filled(database) as connection:
        window = Window(START, END)
        parameters = Parameters()
        bounds = boundaries(window, Bucket.DAY, time_zone(zone))
        columns = () if by is None else (by.value,)
        inner = cells(Scope("default", START, END), parameters, columns=columns, bounds=bounds)
        plan = await nodes(connection, query("sum_totals").format(sums=SUMS, cells=inner), parameters.values)
        assert reads(plan) <= {"usage_by_model_1d", "usage_by_model_1h", "usage_by_model_15m", "usage_record"}
        # Each edge is less than a quarter of an hour: 15 min = 20.8 records.
        assert rows_read(plan, "usage_record") <= 2 * 21
        assert not [n for n in plan if n["Node Type"] == "Seq Scan" and n["Relation Name"] == "usage_record"]


@pytest.mark.parametrize(
    ("columns", "relation", "edge"),
    [
        (("source",), "usage_by_model_1d", timedelta(minutes=15)),
        (("agent",), "usage_by_agent_1d", timedelta(hours=1)),
        (("user_id",), "usage_by_user_1d", timedelta(days=1)),
        (("conversation", "agent", "item_name", "source"), "usage_by_conversation_1d", timedelta(days=1)),
    ],
)
async def test_breakdowns_read_the_smallest_family(
    database: str, columns: tuple[str, ...], relation: str, edge: timedelta
) -> None:
    async with filled(database) as connection:
        parameters = Parameters()
        inner = cells(Scope("default", START, END), parameters, columns=columns)
        plan = await nodes(connection, query("sum_totals").format(sums=SUMS, cells=inner), parameters.values)
        assert relation in reads(plan)
        assert rows_read(plan, "usage_record") <= 2 * edge / timedelta(seconds=43.2) + 2


async def test_edges_are_looked_up_whatever_the_server_thinks_of_indexes(database: str) -> None:
    """With PostgreSQL's own defaults and a filter, reading a whole relation once looks cheap to the planner."""
    async with filled(database) as connection:
        await connection.execute("SET random_page_cost = 4")
        wanted = Filter(((Dimension.SOURCE, StringFilter(eq="chat")),))
        parameters = Parameters()
        sql = query("sum_totals").format(sums=SUMS, cells=cells(Scope("default", START, END, wanted), parameters))
        plan = await nodes(connection, sql, parameters.values)
        assert rows_read(plan, "usage_record") <= 2 * 21
        assert rows_read(plan, "usage_by_model_15m") <= 2 * 4 * 5


@pytest.mark.parametrize("direction", Direction)
async def test_a_page_of_records_walks_the_primary_key(database: str, direction: Direction) -> None:
    async with filled(database) as connection:
        middle = START + timedelta(days=15)
        key = RecordKey(int(middle.timestamp() * 10**6), 0)
        statement = list_page(
            Scope("default", START, END),
            RecordOrder(RecordField.STARTED_AT, direction),
            PageRequest(first=20, after=key),
        )
        plan = await nodes(connection, statement.sql, statement.values)
        assert {node.get("Index Name") for node in plan} == {"usage_record_pkey"}
        assert rows_read(plan, "usage_record") <= 25


async def test_the_records_of_one_conversation_are_found_by_its_index(database: str) -> None:
    async with filled(database) as connection:
        wanted = Filter(((Dimension.CONVERSATION, StringFilter(eq="conversation 7")),))
        statement = list_page(Scope("default", START, END, wanted), RecordOrder(), PageRequest(first=20))
        plan = await nodes(connection, statement.sql, statement.values)
        assert {node.get("Index Name") for node in plan} == {"usage_record_conversation"}
        assert rows_read(plan, "usage_record") <= 25


async def test_a_search_uses_the_trigrams(database: str) -> None:
    async with filled(database) as connection:
        await connection.execute("UPDATE usage_record SET name = 'Needle in the haystack' WHERE id = 12345")
        # As many texts as there are conversations in a busy project; few are read one by one.
        await connection.execute(
            "INSERT INTO usage_label "
            "SELECT md5(n::text)::uuid, 'default', 'Text ' || n FROM generate_series(1, 30000) AS n"
        )
        await connection.execute("VACUUM ANALYZE usage_record, usage_label")
        scope = Scope("default", START, END, Filter(search="nEEDLE in"))
        parameters = Parameters()
        sql = query("sum_totals").format(sums=SUMS, cells=cells(scope, parameters))
        plan = await nodes(connection, sql, parameters.values)
        assert {"usage_label_search", "usage_record_label"} <= {node.get("Index Name") for node in plan}
        assert rows_read(plan, "usage_record") <= 5


async def test_one_record_by_id(database: str) -> None:
    async with filled(database) as connection:
        sql = query("get_records").format(columns="r.id")
        at = datetime(2026, 10, 23, 3, 7, 13, tzinfo=UTC) + timedelta(seconds=43.2)
        plan = await nodes(connection, sql, ["default", [at], [1]])
        assert {node.get("Index Name") for node in plan} == {"usage_record_pkey"}
        assert rows_read(plan, "usage_record") == 1


def test_statements_name_what_they_do() -> None:
    """One statement per file, named verb_noun."""
    from importlib.resources import files

    for path in files("usage_graph.store").joinpath("queries").iterdir():
        assert re.fullmatch(r"(create|stage|store|sum|list|get|lock)_[a-z_]+\.sql", path.name), path.name
