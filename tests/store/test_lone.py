"""A question that is asked alone is answered as in a transaction, in one statement where that is enough."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions import filters, pairs, splits
from tests.records import BASE, record, usage_records
from tests.store.database import connected, write
from tests.store.test_reader import batches, windows
from usage_graph.question import ConsumerKind, Filter, PageRequest, RecordOrder, Scope
from usage_graph.store.connect import Connection, open_pool
from usage_graph.store.plans import ANEW
from usage_graph.store.reader import Reader
from usage_graph.store.snapshot import Snapshot
from usage_graph.usage import Metric, UsageRecord
from usage_graph.window import Bucket, Window, boundaries, time_zone

Question = Callable[[Snapshot], Awaitable[Any]]


def questions(scope: Scope, data: st.DataObject | None = None) -> dict[str, Question]:
    """All that take one statement."""
    by = data.draw(splits) if data else None
    keys = data.draw(pairs) if data else None
    metric = data.draw(st.sampled_from(Metric)) if data else Metric.COST
    kind = data.draw(st.sampled_from(ConsumerKind)) if data else ConsumerKind.AGENT
    bounds = boundaries(Window(scope.start, scope.end), Bucket.DAY, time_zone("Asia/Kathmandu"))
    found: dict[str, Question] = {
        "totals": lambda one: one.totals(scope),
        "series": lambda one: one.series(scope, bounds, by=by, metric=metric, top=2),
        "consumers": lambda one: one.consumers(scope, kind=kind, metric=metric, first=3),
        "unpriced_models": lambda one: one.unpriced_models(scope, first=3),
        "records": lambda one: one.records(scope, order=RecordOrder(), page=PageRequest(first=3)),
        "record_count": lambda one: one.record_count(scope),
        "freshness": lambda one: one.freshness(scope.project),
        "ingest_health": lambda one: one.ingest_health(scope.project),
    }
    if by and keys:
        found["breakdown"] = lambda one: one.breakdown(scope, by=keys, metric=metric, first=2)
        found["dimension_values"] = lambda one: one.dimension_values(scope, by=by, prefix="", first=3)
    return found


@asynccontextmanager
async def watched(database: str) -> AsyncIterator[tuple[Reader, list[str]]]:
    """A reader, and the statements that it puts."""
    asked: list[str] = []

    async def init(connection: Connection) -> None:
        connection.add_query_logger(lambda query: asked.append(query.query))

    settings = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
    async with open_pool(database, name="test", size=1, init=init, settings=settings) as pool:
        yield Reader(pool), asked


async def in_transaction(reader: Reader, question: Question) -> Any:
    async with reader.snapshot() as snapshot:
        return await question(snapshot)


async def alone(reader: Reader, question: Question) -> Any:
    async with reader.snapshot(alone=True) as snapshot:
        return await question(snapshot)


async def execute(database: str, *statements: str) -> None:
    async with connected(database) as connection:
        for statement in statements:
            await connection.execute(statement)


SETTLE = "CALL usage_settle('0 seconds')"


@given(batches, st.lists(usage_records(), max_size=3), windows, filters, st.booleans(), st.data())
@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
async def test_every_question_is_answered_as_in_a_transaction(
    database: str,
    records: list[UsageRecord],
    later: list[UsageRecord],
    window: Window,
    wanted: Filter,
    settles: bool,
    data: st.DataObject,
) -> None:
    scope = Scope("default", window.start, window.end, wanted)
    await execute(database, "TRUNCATE usage_identity; DELETE FROM usage_record")
    await write(database, records)
    async with watched(database) as (reader, _):
        asked = questions(scope, data)
        for question in asked.values():
            assert await alone(reader, question) == await in_transaction(reader, question)
        # What was known of how things stand may be so no longer.
        if settles:
            await execute(database, SETTLE)
        await write(database, later)
        for question in asked.values():
            assert await alone(reader, question) == await in_transaction(reader, question)


SCOPE = Scope("default", BASE, BASE + timedelta(days=30))


@pytest.mark.parametrize("name", questions(SCOPE))
async def test_one_statement_is_all_it_takes(database: str, name: str) -> None:
    await write(database, [record(started_at=BASE + timedelta(days=1), response_model="unheard of", cost_nano=None)])
    question = questions(SCOPE)[name]
    async with watched(database) as (reader, asked):
        await in_transaction(reader, questions(SCOPE)["totals"])
        for _ in range(2):  # at first the driver also asks for types
            asked.clear()
            expected = await in_transaction(reader, question)
        assert len(asked) >= 3
        for _ in range(2):
            asked.clear()
            assert await alone(reader, question) == expected
        assert len(asked) == 1


@pytest.mark.parametrize(
    "change",
    ["UPDATE usage_retention SET kept_since = '2026-01-01 00:00:00+00'", SETTLE],
)
async def test_where_things_stand_otherwise_the_question_is_put_again(database: str, change: str) -> None:
    await write(database, [record(started_at=BASE + timedelta(days=1))])
    totals = questions(SCOPE)["totals"]
    async with watched(database) as (reader, asked):
        before = await in_transaction(reader, totals)
        for _ in range(2):
            assert await alone(reader, totals) == before
        await execute(database, change)
        for expected in (5, 1):
            asked.clear()
            assert await alone(reader, totals) == before
            assert len(asked) == expected


async def test_nobody_is_asked_for_more_than_one(database: str) -> None:
    await write(database, [record(started_at=BASE + timedelta(days=1))])
    asked = questions(SCOPE)
    async with watched(database) as (reader, _):
        await alone(reader, asked["totals"])
        async with reader.snapshot(alone=True) as snapshot:
            await asked["totals"](snapshot)
            with pytest.raises(RuntimeError):
                await asked["records"](snapshot)
            with pytest.raises(RuntimeError):
                await snapshot.credit_usage(SCOPE)


async def test_what_takes_several_statements_is_asked_in_a_transaction(database: str) -> None:
    await write(database, [record(started_at=BASE + timedelta(days=1))])
    async with watched(database) as (reader, asked):
        expected = await in_transaction(reader, lambda one: one.totals(SCOPE, latency=True))
        await in_transaction(reader, lambda one: one.credit_usage(SCOPE))
        asked.clear()
        assert await alone(reader, lambda one: one.totals(SCOPE, latency=True)) == expected
        assert len(asked) == (5 if reader.planning == ANEW else 6)
        asked.clear()
        assert await alone(reader, lambda one: one.credit_usage(SCOPE))
        assert asked[0].startswith("BEGIN")
        assert asked[-1].startswith("ROLLBACK")


async def test_a_lone_statement_cannot_write(database: str) -> None:
    async with watched(database) as (reader, _), reader.snapshot(alone=True) as snapshot:
        for setting, value in (("transaction_read_only", "on"), ("transaction_isolation", "repeatable read")):
            assert await snapshot._connection.fetchval(f"SHOW {setting}") == value
