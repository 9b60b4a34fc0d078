"""What a record costs on disk, and whether each rollup is worth its rows."""

import asyncio
from typing import NamedTuple

import asyncpg

from bench.database import Database

ROLLUP_LIMIT = 0.1
"""A rollup is worth its rows while they are at most this share of the records."""
RULED_AT = 1_000_000
"""Fewer records over the same time share fewer buckets: the rule is about this many over 30 days."""

_TABLES = """
    SELECT c.oid, c.relname AS name
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'usage_migration'
"""
_AGGREGATES = """
    SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass::oid, view_name
    FROM timescaledb_information.continuous_aggregates
"""
# A hypertable's rows are in its chunks, which inherit from it, each with indexes of its own.
_HEAP = """
    WITH part AS (SELECT $1::oid AS oid UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = $1)
    SELECT sum(pg_table_size(oid))::bigint FROM part
"""
_INDEXES = """
    WITH part AS (SELECT $1::oid AS oid UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = $1)
    SELECT regexp_replace(c.relname, '^(_hyper_[0-9]+_[0-9]+_chunk_|([0-9]+_)+)', '') AS name,
           sum(pg_relation_size(c.oid))::bigint AS size
    FROM part INNER JOIN pg_index AS i ON i.indrelid = part.oid INNER JOIN pg_class AS c ON c.oid = i.indexrelid
    GROUP BY 1 ORDER BY 2 DESC
"""
_COLUMNSTORE = """
    SELECT
        (SELECT count(*) FROM usage_record WHERE started_at < older.than) AS rows,
        sum(s.after_compression_table_bytes + s.after_compression_toast_bytes)::bigint AS heap,
        sum(s.after_compression_index_bytes)::bigint AS indexes
    FROM chunk_columnstore_stats('usage_record') AS s
    CROSS JOIN (
        SELECT max(range_end) AS than
        FROM timescaledb_information.chunks WHERE hypertable_name = 'usage_record' AND is_compressed
    ) AS older
    WHERE s.compression_status = 'Compressed'
    GROUP BY older.than
"""


class Relation(NamedTuple):
    """``heap`` and ``indexes`` in bytes."""

    name: str
    rows: int
    heap: int
    indexes: dict[str, int]

    @property
    def bytes(self) -> int:
        return self.heap + sum(self.indexes.values())


class Sizes(NamedTuple):
    """Of so many records."""

    records: int
    relations: list[Relation]

    @property
    def bytes_per_record(self) -> float:
        return sum(relation.bytes for relation in self.relations) / self.records


def measure(database: Database, name: str) -> Sizes:
    """Of everything in the database ``name``."""
    found = relations(database.dsn(name))
    return Sizes(next(relation.rows for relation in found if relation.name == "usage_record"), found)


def relations(dsn: str) -> list[Relation]:
    """Every table and continuous aggregate of the schema, largest first; chunks count as part of theirs."""
    return asyncio.run(_relations(dsn))


def columnstore(dsn: str) -> Relation:
    """The records that are in the columnstore, which are all up to some time."""
    return asyncio.run(_columnstore(dsn))


async def _relations(dsn: str) -> list[Relation]:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(_TABLES)
        if await connection.fetchval("SELECT to_regclass('timescaledb_information.continuous_aggregates')") is not None:
            tables += await connection.fetch(_AGGREGATES)
        found = []
        for oid, name in tables:
            heap = await connection.fetchval(_HEAP, oid)
            indexes = await connection.fetch(_INDEXES, oid)
            count = await connection.fetchval(f'SELECT count(*) FROM "{name}"')  # noqa: S608
            found.append(Relation(name, count, heap, {row["name"]: row["size"] for row in indexes}))
        return sorted(found, key=lambda relation: -relation.bytes)
    finally:
        await connection.close()


async def _columnstore(dsn: str) -> Relation:
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(_COLUMNSTORE)
        assert row is not None, "nothing is in the columnstore"
        return Relation("usage_record", row["rows"], row["heap"], {"columnstore": row["indexes"]})
    finally:
        await connection.close()
