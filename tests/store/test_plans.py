"""What each engine does for the questions of a usage page: rollups for whole buckets, indexes for the rest."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import ENGINES, fresh
from tests.rollups import refresh
from tests.store.database import connected
from usage_graph.question import (
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
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters
from usage_graph.store.connect import Connection, connect
from usage_graph.store.counting import ask_count
from usage_graph.store.pages import list_page
from usage_graph.store.rollup import ALL_KEPT
from usage_graph.store.sql import query
from usage_graph.store.sums import ALL
from usage_graph.usage import CallStatus
from usage_graph.window import Bucket, Window, boundaries, time_zone

END = datetime(2026, 11, 22, 3, 7, 13, tzinfo=UTC)
START = END - timedelta(days=30)

# A month of a busy project and the rest of its last day, made by the database itself: 40 agents, 400 conversations,
# 5 models.
FILL = """
INSERT INTO usage_record
SELECT timestamptz '2026-10-23 03:07:13+00' + n * interval '43.2 seconds', n, 1000, 100, 20, NULL, NULL, NULL,
    27000, 0, false, false, decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(n), 16, '0'), 'hex'),
    'default', (ARRAY['chat', 'agent'])[1 + n % 2], 'chat',
    CASE n WHEN 12345 THEN 'Needle in the haystack' ELSE 'Chat ' || n % 400 END, 'agent ' || n % 40,
    'conversation ' || n % 400, 'user ' || n % 50, NULL, 'svc', 'prod', 'openai', 'model ' || n % 5, NULL, NULL
FROM generate_series(1, 61500) AS n
"""


# Few texts are read one by one; a busy project has as many as it has conversations.
LABELS = """
INSERT INTO usage_label SELECT md5(n::text)::uuid, 'default', 'Text ' || n FROM generate_series(1, 30000) AS n
"""

# A chunk is read as its hypertable, or as the continuous aggregate that it materializes.
CHUNKS = """
SELECT c.chunk_name, coalesce(a.view_name, c.hypertable_name)
FROM timescaledb_information.chunks AS c
LEFT JOIN timescaledb_information.continuous_aggregates AS a
    ON a.materialization_hypertable_name = c.hypertable_name
"""
ROLLUPS = {"usage_by_model_1d", "usage_by_model_1h", "usage_by_model_15m"}
OF_A_CHUNK = re.compile(r"_hyper_\d+_\d+_chunk_|\d+_(?:\d+_)?(?=usage_)")


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a database with that month, refreshed and analyzed. No test changes it."""

    async def fill(dsn: str) -> None:
        connection = await connect(dsn)
        await connection.execute(FILL)
        await connection.execute(LABELS)
        await refresh(connection)
        await connection.execute("VACUUM ANALYZE")
        await connection.close()

    with fresh(request, request.param) as dsn:
        asyncio.run(fill(dsn))
        yield dsn


async def chunks(connection: Connection) -> dict[str, str]:
    """What each chunk is a part of."""
    if await connection.fetchval("SELECT to_regclass('usage_mark')") is None:
        return {}
    return dict(map(tuple, await connection.fetch(CHUNKS)))


async def nodes(connection: Connection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    """The plan's nodes that read something, after running it; ``Chunk``: the part of the relation, if it has any.

    None of them reads records that it does not want from end to end.
    """
    parts = await chunks(connection)
    (row,) = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
    found: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        # A custom scan of TimescaleDB's names the hypertable; what it reads is below it.
        if node["Node Type"] != "Custom Scan" and ("Relation Name" in node or "Index Name" in node):
            if (chunk := node.get("Relation Name")) in parts:
                node.update({"Chunk": chunk, "Relation Name": parts[chunk]})
            if "Index Name" in node:
                node["Index Name"] = OF_A_CHUNK.sub("", node["Index Name"])
            found.append(node)
        for child in node.get("Plans", ()):
            walk(child)

    walk(json.loads(row[0])[0]["Plan"])
    # Only a chunk that is wanted whole may be read from end to end.
    whole = [n for n in found if n["Node Type"] == "Seq Scan" and n["Relation Name"] == "usage_record"]
    assert not [n for n in whole if n.get("Rows Removed by Filter") or "Chunk" not in n]
    return found


def rows_read(plan: list[dict[str, Any]], relation: str) -> float:
    scans = [node for node in plan if node.get("Relation Name") == relation]
    rows = (
        (float(node["Actual Rows"]) + float(node.get("Rows Removed by Filter", 0))) * float(node["Actual Loops"])
        for node in scans
    )
    return sum(rows)


def chunks_read(plan: list[dict[str, Any]]) -> set[str]:
    """The chunks of the records that the plan considers at all."""
    return {node["Chunk"] for node in plan if node.get("Relation Name") == "usage_record" and "Chunk" in node}


def reads(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in plan if "Relation Name" in node}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("by", [None, Dimension.SOURCE, Dimension.MODEL])
async def test_daily_series_read_records_only_at_the_edges(filled: str, zone: str, by: Dimension | None) -> None:
    async with connected(filled) as connection:
        window = Window(START, END)
        parameters = Parameters()
        bounds = boundaries(window, Bucket.DAY, time_zone(zone))
        columns = () if by is None else (by.value,)
        inner = cells(Scope("default", START, END), parameters, columns=columns, bounds=bounds)
        plan = await nodes(connection, query("sum_totals").format(sums=ALL.sql, cells=inner), parameters.values)
        assert reads(plan) <= {*ROLLUPS, "usage_record", "usage_mark"}
        # Each edge is less than a quarter of an hour: 15 min = 20.8 records.
        assert rows_read(plan, "usage_record") <= 2 * 21
        assert len(chunks_read(plan)) <= 2


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
    filled: str, columns: tuple[str, ...], relation: str, edge: timedelta
) -> None:
    async with connected(filled) as connection:
        parameters = Parameters()
        inner = cells(Scope("default", START, END), parameters, columns=columns)
        plan = await nodes(connection, query("sum_totals").format(sums=ALL.sql, cells=inner), parameters.values)
        assert relation in reads(plan)
        assert rows_read(plan, "usage_record") <= 2 * edge / timedelta(seconds=43.2) + 2
        assert len(chunks_read(plan)) <= 2


async def test_unpriced_models_are_read_from_the_rollups_by_model(filled: str) -> None:
    async with connected(filled) as connection:
        parameters = Parameters()
        first = parameters.add(10)
        measures = ("calls", "unpriced_calls", "unpriced_input_tokens", "unpriced_output_tokens")
        inner = cells(Scope("default", START, END), parameters, columns=("model", "provider"), measures=measures)
        sql = query("sum_unpriced_models").format(first=first, cells=inner)
        plan = await nodes(connection, sql, parameters.values)
        assert reads(plan) <= {*ROLLUPS, "usage_record", "usage_mark"}
        assert rows_read(plan, "usage_record") <= 2 * 21
        assert len(chunks_read(plan)) <= 2


async def test_edges_are_looked_up_whatever_the_server_thinks_of_indexes(filled: str) -> None:
    """With PostgreSQL's own defaults and a filter, reading a whole relation once looks cheap to the planner."""
    async with connected(filled) as connection:
        await connection.execute("SET random_page_cost = 4")
        wanted = Filter(((Dimension.SOURCE, StringFilter(eq="chat")),))
        parameters = Parameters()
        sql = query("sum_totals").format(sums=ALL.sql, cells=cells(Scope("default", START, END, wanted), parameters))
        plan = await nodes(connection, sql, parameters.values)
        assert rows_read(plan, "usage_record") <= 2 * 21
        assert rows_read(plan, "usage_by_model_15m") <= 2 * 4 * 5


@pytest.mark.parametrize("direction", Direction)
async def test_a_page_of_records_walks_the_primary_key(filled: str, direction: Direction) -> None:
    async with connected(filled) as connection:
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


async def test_the_records_of_one_conversation_are_found_by_its_index(filled: str) -> None:
    async with connected(filled) as connection:
        wanted = Filter(((Dimension.CONVERSATION, StringFilter(eq="conversation 7")),))
        statement = list_page(Scope("default", START, END, wanted), RecordOrder(), PageRequest(first=20))
        plan = await nodes(connection, statement.sql, statement.values)
        assert {node.get("Index Name") for node in plan} == {"usage_record_conversation"}
        assert rows_read(plan, "usage_record") <= 25


async def test_a_search_uses_the_trigrams(filled: str) -> None:
    async with connected(filled) as connection:
        scope = Scope("default", START, END, Filter(search="nEEDLE in"))
        parameters = Parameters()
        sql = query("sum_totals").format(sums=ALL.sql, cells=cells(scope, parameters))
        plan = await nodes(connection, sql, parameters.values)
        assert {"usage_label_search", "usage_record_label"} <= {node.get("Index Name") for node in plan}
        assert rows_read(plan, "usage_record") <= 5


@pytest.mark.parametrize(("search", "read"), [("Chat 37", 850), ("t", 60)])
async def test_a_page_of_a_search_reads_few_of_the_records_that_have_the_text(
    filled: str, search: str, read: int
) -> None:
    """A text of 11 labels, which 1,700 records have, and one of 30,000 labels, which all records have."""
    async with connected(filled) as connection:
        statement = list_page(Scope("default", START, END, Filter(search=search)), RecordOrder(), PageRequest(first=20))
        plan = await nodes(connection, statement.sql, statement.values)
        assert len(await connection.fetch(statement.sql, *statement.values)) == 21
        assert rows_read(plan, "usage_record") <= read


async def test_failed_calls_are_counted_in_rollups(filled: str) -> None:
    """By quarters of an hour at the window's ends, whatever else the filter asks of what rollups tell."""
    async with connected(filled) as connection:
        model = ((Dimension.MODEL, StringFilter(eq="model 3")),)
        for status, calls in ((CallStatus.ERROR, 0), (CallStatus.OK, 12_000)):
            scope = Scope("default", START, END, Filter(model, status=frozenset({status})))
            counted = ask_count(scope, ALL_KEPT)
            plan = await nodes(connection, counted.sql, counted.values)
            assert rows_read(plan, "usage_record") <= 2 * 21
            assert await connection.fetchval(counted.sql, *counted.values) == pytest.approx(calls, abs=1)


async def test_one_record_by_id(filled: str) -> None:
    async with connected(filled) as connection:
        sql = query("get_records").format(columns="r.id", where="true")
        at = datetime(2026, 10, 23, 3, 7, 13, tzinfo=UTC) + timedelta(seconds=43.2)
        plan = await nodes(connection, sql, ["default", [at], [1]])
        assert {node.get("Index Name") for node in plan} == {"usage_record_pkey"}
        assert rows_read(plan, "usage_record") == 1
        assert len(chunks_read(plan)) <= 1


async def test_the_calls_that_used_up_their_pools_are_looked_for_in_their_quarters_of_an_hour(filled: str) -> None:
    async with connected(filled) as connection:
        starts = [START.replace(minute=15, second=0) + timedelta(days=day) for day in range(1, 29, 3)]
        ends = [start + timedelta(minutes=15) for start in starts]
        values = [list(range(len(starts))), starts, ends, [Decimal(0)] * len(starts), starts[0], ends[-1]]
        plan = await nodes(connection, query("find_crossings"), ["default", *values])
        assert {node.get("Index Name") for node in plan} == {"usage_record_pkey"}
        assert rows_read(plan, "usage_record") <= len(starts) * 21


async def test_what_is_known_of_a_batch_is_looked_up_however_much_was_stored_before(database: str) -> None:
    """Also by a connection that first asked when nothing was."""
    async with connected(database) as connection:
        await connection.execute(query("create_staging"))
        await connection.fetch(query("find_known"), 4)
        await connection.execute(
            "INSERT INTO usage_identity (key, started_at, record, parent) "
            "SELECT lpad(to_hex(n), 32, '0')::uuid, $1, n, n + 1 FROM generate_series(1, 20000) AS n",
            START,
        )
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO pg_temp.usage_staging_identity (kind, key, parent_key, observation) "
                "SELECT 1, lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n + 1), 32, '0')::uuid, n "
                "FROM generate_series(101, 1100) AS n"
            )
            found = await connection.fetch(query("find_known"), 4)
            read = await connection.fetchval(
                "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'usage_identity'"
            )
        assert Counter(kind for _, kind, _, _ in found) == {1: 1000, 4: 2000}
        assert read == 0


def test_statements_name_what_they_do() -> None:
    """One statement per file, named verb_noun."""
    from importlib.resources import files

    for path in files("usage_graph.store").joinpath("queries").iterdir():
        assert re.fullmatch(
            r"(add|change|count|create|drop|find|flag|get|guard|keep|list|lock|move|remove|set|stage|store|sum)_[a-z_]+\.sql",
            path.name,
        ), path.name
