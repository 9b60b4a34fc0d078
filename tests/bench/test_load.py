"""A database that is loaded in bulk is the one that the writer would have made of the same calls, table by table."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bench import load, workload
from bench.database import Database
from bench.workload import Amount, calls_of, slices
from tests.bench.contents import contents
from usage_graph.store.embedded import Embedded
from usage_graph.store.upkeep import Upkeep

END = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
AMOUNT = Amount(3, 2_500, END - timedelta(days=3), END)


@contextmanager
def _databases(embedded: Embedded, *names: str) -> Iterator[Database]:
    database = Database(embedded.dsn)
    for name in names:
        database.create(name)
    try:
        yield database
    finally:
        for name in names:
            database.drop(name)


def test_a_loaded_database_is_the_one_that_is_written(postgres: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "SLICE", 1_000)
    assert len(slices(AMOUNT)) == 3
    with _databases(postgres, "bench_written", "bench_loaded", "bench_dense") as database:
        database.fill("bench_written", seed=AMOUNT.seed, count=AMOUNT.size, start=AMOUNT.start, end=AMOUNT.end)
        asyncio.run(Upkeep(dsn=database.dsn("bench_written"), retention=None, clock=lambda: END).round())
        load.load(database, "bench_loaded", AMOUNT)
        load.load(database, "bench_dense", AMOUNT, dense=True, processes=1)
        written, loaded, dense = (
            asyncio.run(contents(database.dsn(name))) for name in ("bench_written", "bench_loaded", "bench_dense")
        )
    assert written["usage_record"].total() == AMOUNT.size < written["usage_identity"].total()
    assert all(
        written[table]
        for table in ("usage_label", "usage_conversation", "usage_conversation_turn", "usage_model", "usage_by_user_1d")
    )
    assert loaded == written
    assert dense == written


def test_slices_are_all_calls_once_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "SLICE", 1_000)
    found = [call for part in slices(AMOUNT) for call in calls_of(part)]
    assert len({call.span_id for call in found}) == len(found) == AMOUNT.size
    assert [call.start_ns for call in found] == sorted(call.start_ns for call in found)
    assert found[0].start_ns >= AMOUNT.start.timestamp() * 10**9
    assert found[-1].start_ns < AMOUNT.end.timestamp() * 10**9
