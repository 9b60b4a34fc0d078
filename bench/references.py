"""What ingest is measured against: the same records, ready in memory, put into the same PostgreSQL by raw asyncpg."""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import uvloop

from bench import replay
from bench.meter import Cpu
from usage_graph.config import Settings
from usage_graph.observation import Observation
from usage_graph.store.connect import Connection, connect
from usage_graph.store.rows import row_of
from usage_graph.store.sql import query
from usage_graph.usage import UsageRecord

BATCH = Settings().batch_spans
"""Observations per transaction: as many as the server's batches have when it has enough to do."""

TABLES = (
    "CREATE TABLE keyed_record (LIKE usage_record)",
    "INSERT INTO keyed_record SELECT * FROM usage_record",
    "ALTER TABLE keyed_record ADD UNIQUE (project, trace_id, span_id, started_at)",
    "CREATE TABLE heap_record (LIKE usage_record)",
    "INSERT INTO heap_record SELECT * FROM usage_record",
)
"""What the references need besides the schema: tables that hold what ``usage_record`` holds."""

Batches = Sequence[Sequence[Observation]]
Insert = Callable[[Connection, Batches], Awaitable[Callable[[], Awaitable[float]]]]
"""Makes everything ready; what it returns does it, and says how many seconds it took."""


class Reference(NamedTuple):
    """``name`` says what is done; ``key`` is its short form."""

    key: str
    name: str
    insert: Insert


async def _same_sql(connection: Connection, batches: Batches) -> Callable[[], Awaitable[float]]:
    await connection.execute(query("create_staging"))
    steps = await replay.record(connection, batches)
    return lambda: replay.replay(connection, steps)


def _copy_into(table: str, at_once: int) -> Insert:
    async def insert(connection: Connection, batches: Batches) -> Callable[[], Awaitable[float]]:
        rows = [row_of(one.record) for batch in batches for one in batch]
        parts = [rows[at : at + at_once] for at in range(0, len(rows), at_once)]

        async def run() -> float:
            begun = time.perf_counter()
            for part in parts:
                await connection.copy_records_to_table(table, records=part, columns=UsageRecord._fields)
            return time.perf_counter() - begun

        return run

    return insert


SAME_SQL, KEYED, HEAP = "same SQL", "COPY, one key", "COPY, no key"
REFERENCES = (
    Reference(SAME_SQL, "the writer's own statements on the same schema: identities, rollups, search", _same_sql),
    Reference(KEYED, "COPY into one table with one unique key", _copy_into("keyed_record", BATCH)),
    Reference(HEAP, "COPY into one table without any index", _copy_into("heap_record", BATCH)),
    Reference(f"{HEAP}, at once", "the same in one transaction", _copy_into("heap_record", 10**9)),
)


class Inserted(NamedTuple):
    """All in seconds."""

    wall: float
    client_cpu: float
    database_cpu: float


def insert(reference: Reference, dsn: str, observations: Sequence[Observation], *, postmaster: int | None) -> Inserted:
    """All of them over one connection, a COMMIT after each ``BATCH``."""
    batches = [observations[at : at + BATCH] for at in range(0, len(observations), BATCH)]

    async def run() -> Inserted:
        connection = await connect(dsn)
        try:
            go = await reference.insert(connection, batches)
            with Cpu(os.getpid(), postmaster) as cpu:
                wall = await go()
            return Inserted(wall, *cpu.seconds)
        finally:
            await connection.close()

    return uvloop.run(run())
