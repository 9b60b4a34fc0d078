"""What is replayed against the database is what the writer asks of it: it leaves the same behind."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bench import references
from bench.database import Database
from bench.records import observations
from bench.references import BATCH, REFERENCES, SAME_SQL, TABLES
from bench.workload import calls, cast
from tests.bench.contents import contents
from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.store.embedded import Embedded
from usage_graph.store.writer import open_writer

END = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def databases(postgres: Embedded) -> Iterator[Database]:
    database = Database(postgres.dsn)
    for name in ("bench_written", "bench_replayed"):
        database.create(name)
        database.migrate(name)
    yield database
    for name in ("bench_written", "bench_replayed"):
        database.drop(name)


def _observations(seed: str, count: int) -> list[Observation]:
    return [*observations(calls(seed, count, people=cast(1), start=END - timedelta(days=2), end=END))]


def _write(dsn: str, found: list[Observation]) -> None:
    async def run() -> None:
        async with open_writer(dsn, mode="copy", connections=1, price=Pricing().price) as writer:
            for at in range(0, len(found), BATCH):
                await writer.write(found[at : at + BATCH])

    asyncio.run(run())


def test_replayed_or_written_it_is_the_same(databases: Database) -> None:
    before, after = _observations("before", 50), _observations("after", BATCH + 100)
    _write(databases.dsn("bench_written"), before)
    _write(databases.dsn("bench_replayed"), before)
    _write(databases.dsn("bench_written"), after)
    same_sql = next(reference for reference in REFERENCES if reference.key == SAME_SQL)
    done = references.insert(same_sql, databases.dsn("bench_replayed"), after, postmaster=databases.postmaster)
    assert done.wall > 0
    written, replayed = (asyncio.run(contents(databases.dsn(name))) for name in ("bench_written", "bench_replayed"))
    assert written["usage_record"].total() == len(before) + len(after)
    assert replayed == written


def test_every_reference_stores_all(databases: Database) -> None:
    found = _observations("bare", 300)
    databases.execute("bench_replayed", *TABLES)
    for reference in REFERENCES:
        references.insert(reference, databases.dsn("bench_replayed"), found, postmaster=databases.postmaster)
    counts = asyncio.run(contents(databases.dsn("bench_replayed")))
    assert {name: counts[name].total() for name in ("usage_record", "keyed_record", "heap_record")} == {
        "usage_record": 300,
        "keyed_record": 300,
        "heap_record": 600,
    }
