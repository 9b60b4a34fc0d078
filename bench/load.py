"""Databases of any size, loaded in bulk: what the writer would have stored of the same calls, several times as fast.

Two processes make the calls, slice by slice of time, and COPY their records, tens of thousands in a statement: the
schema's own triggers keep rollups, labels and conversations, once per statement instead of once per thousand. Nobody
looks whether a call is known. ``tests/bench`` holds a database made so against one that the writer made.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bench.database import Database
from bench.meter import Cpu
from bench.records import observations
from bench.workload import Amount, Slice, calls_of, slices
from usage_graph.observation import Observation
from usage_graph.store.connect import Connection, connect
from usage_graph.store.flags import flags_of
from usage_graph.store.identity import identities
from usage_graph.store.linking import Kind, seen
from usage_graph.store.rows import row_of
from usage_graph.store.upkeep import Upkeep
from usage_graph.usage import UsageRecord

PROCESSES = 2
_FILLED = ("usage_record", "usage_identity")
_IDENTITY = ("key", "started_at", "record", "flags", "parent")
_SECONDS = 3600.0
_MEMORY = "512MB"
_TOLD_EVERY = 1_000_000

# Unique ones belong to constraints, and are made again with them.
_INDEXES = """
    SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index AS i INNER JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1::text::regclass AND NOT i.indisunique
"""
_CONSTRAINTS = """
    SELECT conname AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u')
"""
_HISTOGRAMS = """
    SELECT c.relname AS rollup, a.attname AS measure
    FROM pg_class AS c INNER JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname LIKE 'usage\\_by\\_%'
        AND a.atttypid = 'bigint[]'::regtype AND NOT a.attisdropped
"""


class Loaded(NamedTuple):
    """``seconds`` by the clock and of the database's processors; ``records`` per second of the clock."""

    records: int
    seconds: float
    database_cpu: float

    @property
    def rate(self) -> float:
        return self.records / self.seconds


def load(
    database: Database,
    name: str,
    amount: Amount,
    *,
    dense: bool = False,
    processes: int = PROCESSES,
    told: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Migrate the empty database ``name``, load it, and tidy up.

    ``dense``: indexes of records and identities are made at the end. That is faster with very many, and leaves them as
    small as they can be; otherwise they grow as they do under a writer.
    """
    database.migrate(name)
    dsn = database.dsn(name)
    begun = time.perf_counter()
    with Cpu(database.postmaster) as cpu:
        dropped = asyncio.run(_drop_indexes(dsn)) if dense else []
        _copy(dsn, slices(amount), processes, told)
        asyncio.run(_finish(dsn, dropped))
        # What servers do every minute, once: it is about what is over, which all of this is but for the last day.
        asyncio.run(Upkeep(dsn=dsn, retention=None, clock=lambda: datetime.now(UTC)).round())
        database.tidy_up(name)
    return Loaded(amount.size, time.perf_counter() - begun, cpu.seconds[0])


def _copy(dsn: str, parts: list[Slice], processes: int, told: Callable[[str], None]) -> None:
    done = 0
    for count in _counts(dsn, parts, processes):
        done += count
        if done // _TOLD_EVERY > (done - count) // _TOLD_EVERY:
            told(f"load: {done:,} records")


def _counts(dsn: str, parts: list[Slice], processes: int) -> Iterator[int]:
    """How many of each part were loaded, as they are."""
    if processes == 1:
        yield from (_load_slice(dsn, part) for part in parts)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_load_slice, dsn, part) for part in parts]):
            yield future.result()


def _load_slice(dsn: str, part: Slice) -> int:
    """Returns how many it loaded."""
    found = list(observations(calls_of(part)))

    async def run() -> None:
        connection = await connect(dsn)
        try:
            await connection.execute(f"SET work_mem = '{_MEMORY}'")  # triggers sort all that a statement adds
            async with connection.transaction():
                await _put(connection, found)
        finally:
            await connection.close()

    asyncio.run(run())
    return len(found)


async def _put(connection: Connection, found: list[Observation]) -> None:
    await connection.copy_records_to_table(
        "usage_record",
        records=[row_of(one.record) for one in found],
        columns=UsageRecord._fields,
        timeout=_SECONDS,
    )
    await connection.copy_records_to_table(
        "usage_identity", records=list(_identities(found)), columns=_IDENTITY, timeout=_SECONDS
    )


def _identities(found: list[Observation]) -> Iterator[tuple[Any, ...]]:
    for one in found:
        at, record, flags = one.record.started_at, one.record.id, flags_of(seen(one)) or None
        for kind, key in identities(one):
            yield (key, at, record, flags, one.parent) if kind is Kind.SPAN else (key, at, record, None, None)


async def _drop_indexes(dsn: str) -> list[str]:
    """Returns what makes them again."""
    connection = await connect(dsn)
    again = []
    try:
        for table in _FILLED:
            for name, definition in await connection.fetch(_INDEXES, table):
                await connection.execute(f'DROP INDEX "{name}"')
                again.append(definition)
            for name, definition in await connection.fetch(_CONSTRAINTS, table):
                await connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
                again.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    finally:
        await connection.close()
    return again


async def _finish(dsn: str, dropped: list[str]) -> None:
    """Indexes, and histograms of as few entries as the writer's statements leave behind."""
    connection = await connect(dsn)
    try:
        await connection.execute(f"SET maintenance_work_mem = '{_MEMORY}'")
        await connection.execute(f"SET max_parallel_maintenance_workers = {min(2, os.cpu_count() or 1)}")
        for definition in dropped:
            await connection.execute(definition, timeout=_SECONDS)
        for rollup, measure in await connection.fetch(_HISTOGRAMS):
            await connection.execute(
                f"UPDATE {rollup} SET {measure} = usage_histogram({measure}) WHERE cardinality({measure}) > 256",  # noqa: S608
                timeout=_SECONDS,
            )
    finally:
        await connection.close()
