"""All that a database holds, in a form that can be compared."""

from collections import Counter

import asyncpg

_TABLES = """
    SELECT c.relname, array_agg(
        format(CASE a.atttypid WHEN 'bigint[]'::regtype THEN 'usage_histogram(%1$I)' ELSE '%1$I' END, a.attname)
        ORDER BY a.attnum
    )
    FROM pg_class AS c INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'usage_migration'
    GROUP BY c.relname
"""
_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
_CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""


async def contents(dsn: str) -> dict[str, Counter[str]]:
    """The rows of every table, histograms as what they say; indexes and constraints by their definitions."""
    connection = await asyncpg.connect(dsn)
    try:
        found = {}
        for table, columns in await connection.fetch(_TABLES):
            rows = await connection.fetch(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
            found[table] = Counter(map(str, rows))
        for catalog in (_INDEXES, _CONSTRAINTS):
            found[catalog] = Counter(map(str, await connection.fetch(catalog)))
        return found
    finally:
        await connection.close()
