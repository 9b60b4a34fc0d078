"""What ingest is measured against: the same records, ready in memory, put into the same PostgreSQL by raw asyncpg."""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import asyncpg
import uvloop

from bench.meter import Cpu
from usage_graph.store.connect import Connection
from usage_graph.store.rows import row_of
from usage_graph.store.sql import query
from usage_graph.usage import UsageRecord

BATCH = 2000
"""Records per statement and transaction."""

# The same statements that the server has, where they are the same.
_STAGE = query("stage_records_by_unnest")
_COLUMNS = ", ".join(UsageRecord._fields)
_STORE = query("store_records").format(columns=_COLUMNS)
_UNNEST = "FROM unnest" + _STAGE.partition("FROM unnest")[2]
_INSERT = f"INSERT INTO bare_record ({_COLUMNS}) SELECT * {_UNNEST} ON CONFLICT DO NOTHING"

TABLES = (
    "CREATE TABLE bare_record (LIKE usage_record)",
    "INSERT INTO bare_record SELECT * FROM usage_record",
    "ALTER TABLE bare_record ADD UNIQUE (project, trace_id, span_id, started_at)",
    "CREATE TABLE heap_record (LIKE usage_record)",
    "INSERT INTO heap_record SELECT * FROM usage_record",
)
"""What the references need besides the schema: tables that hold what ``usage_record`` holds."""


class Reference(NamedTuple):
    """``name`` says what is done; ``key`` is its short form."""

    key: str
    name: str
    insert: Callable[[Connection, Sequence[UsageRecord]], Awaitable[None]]


def _columns(batch: Sequence[UsageRecord]) -> list[Any]:
    return list(zip(*map(row_of, batch), strict=True))


async def _same_schema(connection: Connection, batch: Sequence[UsageRecord]) -> None:
    async with connection.transaction():
        await connection.execute(_STAGE, *_columns(batch))
        await connection.execute(_STORE)


async def _bare_table(connection: Connection, batch: Sequence[UsageRecord]) -> None:
    await connection.execute(_INSERT, *_columns(batch))


async def _heap(connection: Connection, batch: Sequence[UsageRecord]) -> None:
    await connection.copy_records_to_table("heap_record", records=map(row_of, batch), columns=UsageRecord._fields)


REFERENCES = (
    Reference("unnest, same schema", "the server's own statements: identity, indexes, rollups, search", _same_schema),
    Reference("unnest, bare table", "one table, one unique key, ON CONFLICT DO NOTHING", _bare_table),
    Reference("COPY, no key", "one table without any index", _heap),
)


class Inserted(NamedTuple):
    """All in seconds."""

    wall: float
    client_cpu: float
    database_cpu: float


def insert(reference: Reference, dsn: str, records: Sequence[UsageRecord], *, postmaster: int | None) -> Inserted:
    """All of ``records`` over one connection, a COMMIT after each ``BATCH``."""

    async def run() -> Inserted:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(query("create_staging"))
            with Cpu(os.getpid(), postmaster) as cpu:
                begun = time.perf_counter()
                for at in range(0, len(records), BATCH):
                    await reference.insert(connection, records[at : at + BATCH])
                wall = time.perf_counter() - begun
            return Inserted(wall, *cpu.seconds)
        finally:
            await connection.close()

    return uvloop.run(run())
