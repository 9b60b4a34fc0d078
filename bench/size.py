"""What a record costs on disk, and whether each rollup is worth its rows."""

import asyncio
from typing import NamedTuple

import asyncpg

ROLLUP_LIMIT = 0.1
"""A rollup is worth its rows while they are at most this share of the records."""
RULED_AT = 1_000_000
"""Fewer records over the same time share fewer buckets: the rule is about this many over 30 days."""


class Relation(NamedTuple):
    """``heap`` and ``indexes`` in bytes."""

    name: str
    rows: int
    heap: int
    indexes: dict[str, int]


def measure(dsn: str) -> list[Relation]:
    """Every table of the schema, largest first."""
    return asyncio.run(_measure(dsn))


async def _measure(dsn: str) -> list[Relation]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            """SELECT c.oid, c.relname, pg_table_size(c.oid) AS heap
               FROM pg_class AS c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'usage_migration'"""
        )
        found = []
        for oid, name, heap in rows:
            indexes = await connection.fetch(
                """SELECT indexrelid::regclass::text AS name, pg_relation_size(indexrelid) AS size
                   FROM pg_index WHERE indrelid = $1 ORDER BY size DESC""",
                oid,
            )
            count = await connection.fetchval(f'SELECT count(*) FROM "{name}"')  # noqa: S608
            found.append(Relation(name, count, heap, {row["name"]: row["size"] for row in indexes}))
        return sorted(found, key=lambda relation: -(relation.heap + sum(relation.indexes.values())))
    finally:
        await connection.close()
