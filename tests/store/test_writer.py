"""Writing: once per span, all or nothing, rollups exact whatever happens to the records."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.records import BASE, record, usage_records
from tests.rollups import assert_exact, assert_exact_before_and_after_refresh
from tests.store.database import as_it_is, connected, put
from usage_graph.errors import RefusedRecords, StoreFailed, StoreUnavailable
from usage_graph.store.connect import again
from usage_graph.store.rows import record_of
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord

WRITES = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def stored(database: str) -> list[UsageRecord]:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch(f"SELECT {', '.join(UsageRecord._fields)} FROM usage_record ORDER BY started_at, id")  # noqa: S608
    await connection.close()
    return [record_of(row) for row in rows]


def first_of_each_span(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    kept: dict[tuple[str, bytes, bytes], UsageRecord] = {}
    for one in records:
        kept.setdefault((one.project, one.trace_id, one.span_id), one)
    return sorted(kept.values(), key=lambda one: (one.started_at, one.id))


@pytest.mark.parametrize("mode", ["copy", "unnest"])
async def test_both_ways_in_store_the_same(database: str, mode: Any) -> None:
    examples = [
        record(),
        record(span_id=b"\2" * 8, name="Ünïcode \U0001f600", cost_nano=None, input_tokens=None, output_tokens=None),
        record(span_id=b"\3" * 8, failed=True, error_type="timeout", credits_nano=5, cost_reported=True),
        record(span_id=b"\4" * 8, project="other"),
    ]
    async with open_writer(database, mode=mode, connections=1, price=as_it_is) as writer:
        await put(writer, examples)
    assert await stored(database) == sorted(examples, key=lambda one: (one.started_at, one.id))


@given(st.lists(usage_records(), max_size=12), st.randoms(use_true_random=False))
@WRITES
async def test_again_reordered_or_split_changes_nothing(database: str, batch: list[UsageRecord], random: Any) -> None:
    distinct = first_of_each_span(batch)
    async with (
        connected(database) as connection,
        open_writer(database, mode="copy", connections=1, price=as_it_is) as writer,
    ):
        await connection.execute("TRUNCATE usage_identity; DELETE FROM usage_record")
        await put(writer, distinct)
        for _ in range(3):
            again = list(distinct)
            random.shuffle(again)
            cut = random.randint(0, len(again))
            await put(writer, again[:cut])
            await put(writer, again[cut:])
        assert await stored(database) == distinct
        await assert_exact_before_and_after_refresh(connection)


@given(st.lists(usage_records(), max_size=12), st.lists(usage_records(), max_size=10), st.data())
@WRITES
async def test_rollups_follow_updates_and_deletes(
    database: str, batch: list[UsageRecord], other: list[UsageRecord], data: st.DataObject
) -> None:
    change = data.draw(
        st.sampled_from(
            [
                "cost_nano = NULL, cost_reported = false",
                "user_id = 'x', agent = NULL",
                "failed = NOT failed",
                "duration_us = 7 * duration_us, first_token_us = CASE WHEN first_token_us IS NULL THEN 5 END",
            ]
        )
    )
    async with connected(database) as connection:
        await connection.execute("TRUNCATE usage_identity; DELETE FROM usage_record")
        async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
            await put(writer, first_of_each_span([*batch, *other]))
        await connection.execute(f"UPDATE usage_record SET {change} WHERE abs(id) % 2 = 0")  # noqa: S608
        await assert_exact(connection)
        await connection.execute("DELETE FROM usage_record WHERE abs(id) % 3 = 0")
        await assert_exact_before_and_after_refresh(connection)
        await connection.execute("DELETE FROM usage_record")
        await assert_exact_before_and_after_refresh(connection)


async def test_a_span_sent_with_another_start_is_the_same_call(database: str) -> None:
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        await put(writer, [record()])
        await put(writer, [record(started_at=BASE.replace(hour=5), input_tokens=7)])
    assert await stored(database) == [record()]


async def test_the_same_span_in_two_projects_is_two_calls(database: str) -> None:
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        await put(writer, [record(), record(project="other")])
    assert len(await stored(database)) == 2


async def test_repeats_inside_a_batch_count_once(database: str) -> None:
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        await put(writer, [record(), record(), record()])
    assert await stored(database) == [record()]


async def test_concurrent_writers_neither_lose_nor_double_nor_deadlock(several_backends: str) -> None:
    records = [
        record(trace_id=trace.to_bytes(16, "big"), span_id=span.to_bytes(8, "big"), agent=f"agent {span % 7}")
        for trace in range(1, 5)
        for span in range(1, 101)
    ]
    async with open_writer(several_backends, mode="copy", connections=4, price=as_it_is) as writer:
        # Overlapping batches in opposite orders: the recipe for a deadlock.
        batches = [records[start : start + 120] for start in range(0, 400, 40)]
        await asyncio.gather(*(put(writer, batch if i % 2 else batch[::-1]) for i, batch in enumerate(batches * 3)))
    assert len(await stored(several_backends)) == 400
    connection = await asyncpg.connect(several_backends)
    await assert_exact_before_and_after_refresh(connection)
    await connection.close()


@pytest.mark.parametrize("mode", ["copy", "unnest"])
@pytest.mark.parametrize(
    "poison",
    [
        {"name": "nul \0"},
        {"name": "surrogate \ud800"},
        {"input_tokens": 2**63},
        {"input_tokens": -1},
        {"cost_nano": -5},
        {"cost_nano": None, "cost_reported": True},
        {"source": None},
    ],
    ids=str,
)
async def test_refused_data_leaves_nothing_behind(database: str, mode: Any, poison: dict[str, Any]) -> None:
    async with open_writer(database, mode=mode, connections=1, price=as_it_is) as writer:
        with pytest.raises(RefusedRecords) as caught:
            await put(writer, [record(), record(span_id=b"\2" * 8, **poison)])
        assert "usage_" not in str(caught.value)
        assert await stored(database) == []
        await put(writer, [record()])
    assert await stored(database) == [record()]


async def test_a_sum_that_leaves_64_bits_is_refused_and_the_rest_goes_on(postgresql: str) -> None:
    connection = await asyncpg.connect(postgresql)
    async with open_writer(postgresql, mode="copy", connections=1, price=as_it_is) as writer:
        await put(writer, [record()])
        await connection.execute(f"UPDATE usage_by_model_1d SET cost_nano = {2**63 - 10**6}")  # noqa: S608
        with pytest.raises(RefusedRecords, match="64-bit"):
            await put(writer, [record(span_id=b"\2" * 8, cost_nano=10**9)])
        await put(writer, [record(span_id=b"\3" * 8, response_model="another")])
    await connection.close()
    assert len(await stored(postgresql)) == 2


async def test_a_database_that_is_away_is_retryable() -> None:
    async with open_writer(
        "postgresql://nobody@127.0.0.1:1/none", mode="copy", connections=1, price=as_it_is
    ) as writer:
        with pytest.raises(StoreUnavailable):
            await put(writer, [record()])


async def test_connections_that_were_cut_are_replaced(several_backends: str) -> None:
    connection = await asyncpg.connect(several_backends)
    async with open_writer(several_backends, mode="copy", connections=1, price=as_it_is) as writer:
        await put(writer, [record()])
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'usage-graph writer'"
        )
        for _ in range(2):
            try:
                await put(writer, [record(span_id=b"\2" * 8)])
                break
            except StoreUnavailable:
                continue
    await connection.close()
    assert len(await stored(several_backends)) == 2


@pytest.mark.parametrize(("failures", "runs"), [(0, 1), (2, 3)])
async def test_a_transaction_that_was_taken_back_is_run_again(failures: int, runs: int) -> None:
    left = [asyncpg.DeadlockDetectedError("taken back")] * failures
    ran = []

    async def transaction() -> str:
        ran.append(1)
        if left:
            raise left.pop()
        return "done"

    assert await again(transaction) == "done"
    assert len(ran) == runs


async def test_it_is_not_run_for_ever() -> None:
    async def transaction() -> None:
        raise asyncpg.SerializationError("taken back")

    with pytest.raises(asyncpg.SerializationError):
        await again(transaction)


async def test_what_takes_too_long_is_told_from_a_database_that_is_away(postgresql: str) -> None:
    async with (
        connected(postgresql) as connection,
        open_writer(postgresql, mode="copy", connections=1, price=as_it_is) as writer,
    ):
        await put(writer, [record()])
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$; "
            "CREATE TRIGGER slow AFTER INSERT ON usage_record FOR EACH STATEMENT EXECUTE FUNCTION slow()"
        )
        writing = asyncio.create_task(put(writer, [record(span_id=b"\2" * 8)]))
        cancel = (
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
            "WHERE datname = $1 AND wait_event = 'PgSleep' AND pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(30):
            while not await connection.fetchval(cancel, name):  # noqa: ASYNC110 (PostgreSQL has no event for it)
                await asyncio.sleep(0.02)
        with pytest.raises(StoreFailed):
            await writing
