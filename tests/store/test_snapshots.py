"""The SQL that is generated, kept as ``.sql`` files to be reviewed as SQL.

``snapshots/postgresql.sql`` and ``snapshots/timescaledb.sql``: what the migrations of each engine make, of which much
is stamped out by loops. ``snapshots/<Operation>.sql``: what the example operations ask the database, on either engine.
``USAGE_GRAPH_TEST_SNAPSHOTS=write`` writes them anew.
"""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.door import Door
from tests.graph.api import NOW
from tests.graph.live import ToldListener
from usage_graph.config import Engine
from usage_graph.graph.app import routes
from usage_graph.graph.live import Live
from usage_graph.graph.schema import example_operations
from usage_graph.store.connect import Connection, connect, open_pool
from usage_graph.store.migrate import inspect
from usage_graph.store.reader import Reader

SNAPSHOTS = Path(__file__).parent / "snapshots"

# Aggregates of TimescaleDB are views, whose definition is that of what they materialize.
DEFINITIONS = r"""
SELECT format(E'-- %s\n%s', title, definition) FROM (
    SELECT 1 AS part, 'table ' || c.relname AS title, string_agg(
        format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END),
        E',\n' ORDER BY a.attnum
    ) AS definition
    FROM pg_class AS c INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname LIKE 'usage\_%'
    GROUP BY c.relname
    UNION ALL
    SELECT 3, 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'usage\_%'
    UNION ALL
    SELECT 4, 'function ' || p.proname, trim(E'\n' FROM pg_get_functiondef(p.oid))
    FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'usage\_%' AND p.prokind <> 'a'
    UNION ALL
    SELECT 4, 'aggregate ' || a.aggfnoid,
        format('%s of %s from %s', a.aggtransfn, format_type(a.aggtranstype, NULL), a.agginitval)
    FROM pg_aggregate AS a WHERE a.aggfnoid::text LIKE 'usage\_%'
    UNION ALL
    SELECT 5, 'trigger ' || t.tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger AS t WHERE t.tgrelid = 'usage_record'::regclass AND t.tgname LIKE 'usage\_%'
) AS found ORDER BY part, title COLLATE "C"
"""
AGGREGATES = """
SELECT format(E'-- continuous aggregate %s\n%s', view_name, view_definition)
FROM timescaledb_information.continuous_aggregates ORDER BY view_name COLLATE "C"
"""


def compare(name: str, text: str) -> None:
    """Holds ``text`` against its snapshot."""
    path = SNAPSHOTS / f"{name}.sql"
    text = re.sub(r"[ \t]+\n", "\n", text).rstrip("\n") + "\n"
    if os.environ.get("USAGE_GRAPH_TEST_SNAPSHOTS") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: write it with USAGE_GRAPH_TEST_SNAPSHOTS=write"
    assert text == path.read_text(encoding="utf-8"), f"{path.name} is not what is generated now"


async def definitions(connection: Connection, engine: Engine) -> str:
    rows = await connection.fetch(DEFINITIONS)
    if engine == "timescaledb":
        rows += await connection.fetch(AGGREGATES)
    # The extension may be in any schema.
    return re.sub(r"\b(?:public|extensions)\.", "", "\n\n".join(row[0] for row in rows))


async def test_what_the_migrations_make(database: str) -> None:
    connection = await connect(database)
    try:
        engine = (await inspect(connection)).engine
        compare(engine, await definitions(connection, engine))
    finally:
        await connection.close()


@pytest.mark.parametrize("name", sorted(example_operations()))
async def test_what_an_operation_asks(database: str, name: str) -> None:
    """The same, to the letter, of every engine."""
    asked = await statements(database, example_operations()[name])
    compare(name, "\n;\n\n".join(asked))


async def statements(database: str, document: str) -> list[str]:
    """What the reader asks for ``document``, over 30 days that begin and end within a quarter of an hour."""
    import httpx
    from starlette.applications import Starlette

    asked: list[str] = []

    def log(query: Any) -> None:
        if query.args:
            asked.append(query.query)

    async def init(connection: Connection) -> None:
        await connection.fetchval("SELECT $1::timestamptz[]", [datetime(2026, 1, 1, tzinfo=UTC)])  # learns the type
        connection.add_query_logger(log)

    async with open_pool(database, name="snapshots", size=1, init=init) as pool:

        def clock() -> datetime:
            return NOW - timedelta(minutes=7, seconds=13)

        live = Live(listener=ToldListener(), clock=clock)
        application = Starlette(routes=routes(reader=Reader(pool, clock), live=live, clock=clock))
        transport = httpx.ASGITransport(Door(application))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            variables = {"window": {"last": "P30D"}} if "$window" in document else {}
            answer = await client.post("/graphql", json={"query": document, "variables": variables})
    assert "errors" not in answer.json(), answer.json()
    return asked
