"""What only TimescaleDB can get wrong: late calls, compressed chunks, dropped chunks, refreshes that fail or race."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest

from tests.model import ModelReader
from tests.records import BASE, record
from tests.rollups import assert_exact, assert_exact_before_and_after_refresh, refresh
from tests.store.database import as_it_is, connected, put, write
from usage_graph.question import By, Dimension, Freshness, Scope
from usage_graph.store.connect import Connection
from usage_graph.store.reader import open_reader
from usage_graph.store.rollup import FAMILIES
from usage_graph.store.sql import query
from usage_graph.store.upkeep import Upkeep
from usage_graph.store.writer import open_writer
from usage_graph.usage import Metric, UsageRecord
from usage_graph.window import Bucket, Window, boundaries, time_zone

DAY = timedelta(days=1)
COMPRESS = "SELECT compress_chunk(chunk) FROM show_chunks('usage_record', older_than => $1::timestamptz) AS chunk"
COMPRESSED = (
    "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'usage_record' AND is_compressed"
)
CHUNKS = "SELECT range_start FROM timescaledb_information.chunks WHERE hypertable_name = 'usage_record' ORDER BY 1"
TOTALS = Scope("default", BASE - DAY, BASE + 60 * DAY)


def calls(number: int, *, start: datetime = BASE, every: timedelta = timedelta(hours=3)) -> list[UsageRecord]:
    """``number`` calls, each of its own span, agent and cost."""
    return [
        record(
            span_id=(round(start.timestamp()) * 1000 + n).to_bytes(8, "big"),
            started_at=start + n * every,
            agent=f"agent {n % 3}",
            conversation=f"conversation {n % 5}",
            user_id=f"user {n % 2}",
            cost_nano=1000 + n,
        )
        for n in range(number)
    ]


async def freshness(database: str) -> Freshness:
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        return await snapshot.freshness("default")


async def assert_answered(database: str, records: Sequence[UsageRecord]) -> None:
    """Sums of ``records`` by every dimension that a rollup has, over windows that cut their buckets and that do not."""
    async with (
        open_reader(database, connections=1, statement_timeout=30) as reader,
        reader.snapshot() as real,
        ModelReader(records).snapshot() as model,
    ):
        for start, end in ((BASE - DAY, BASE + 60 * DAY), (BASE + timedelta(minutes=7), BASE + 3 * DAY)):
            scope = Scope("default", start, end)
            bounds = boundaries(Window(start, end), Bucket.DAY, time_zone("Asia/Kathmandu"))
            assert await real.totals(scope) == await model.totals(scope)
            for by in map(By, (Dimension.MODEL, Dimension.AGENT, Dimension.CONVERSATION, Dimension.USER)):
                found = await real.series(scope, bounds, by=by, metric=Metric.COST, top=9)
                assert found == await model.series(scope, bounds, by=by, metric=Metric.COST, top=9)


async def materialized_calls(connection: Connection) -> set[int]:
    """The calls in each rollup as it is kept, whatever queries add to it."""
    return {
        await connection.fetchval(f"SELECT coalesce(sum(calls), 0)::bigint FROM {rollup.relation}")  # noqa: S608
        for family in FAMILIES
        for rollup in family.rollups
    }


async def marks(connection: Connection) -> int:
    found: int = await connection.fetchval("SELECT count(*) FROM usage_mark")
    return found


async def test_late_calls_are_in_every_answer_at_once_and_materialized_by_the_next_refresh(
    every_timescaledb: str,
) -> None:
    early = calls(30)
    late = calls(3, start=BASE + DAY + timedelta(minutes=50), every=timedelta(minutes=1))
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, early)
        newest = early[-1].started_at
        assert await freshness(every_timescaledb) == (newest, BASE)
        await assert_answered(every_timescaledb, early)
        assert await materialized_calls(connection) == {0}
        await refresh(connection)
        assert await materialized_calls(connection) == {30}
        assert await freshness(every_timescaledb) == (newest, newest)

        await write(every_timescaledb, late)
        assert await freshness(every_timescaledb) == (newest, BASE + DAY + timedelta(minutes=45))
        assert await materialized_calls(connection) == {30}
        await assert_answered(every_timescaledb, [*early, *late])
        await assert_exact(connection)
        await refresh(connection)
        assert await materialized_calls(connection) == {33}
        assert await freshness(every_timescaledb) == (newest, newest)
        await assert_answered(every_timescaledb, [*early, *late])
        await assert_exact_before_and_after_refresh(connection)
        assert await marks(connection) == 0


async def test_compressed_chunks_take_late_calls_and_repeats(every_timescaledb: str) -> None:
    early = calls(30)
    late = calls(5, start=BASE + timedelta(minutes=20), every=timedelta(hours=7))
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, early)
        await refresh(connection)
        await connection.fetch(COMPRESS, BASE + 9 * DAY)
        assert await connection.fetchval(COMPRESSED) == 4
        await assert_answered(every_timescaledb, early)

        await write(every_timescaledb, early[::-1])
        await write(every_timescaledb, [early[3]._replace(started_at=early[3].started_at + DAY, cost_nano=7)])
        assert await marks(connection) == 0
        await assert_answered(every_timescaledb, early)

        await write(every_timescaledb, [*late, *early])
        await assert_answered(every_timescaledb, [*early, *late])
        await assert_exact_before_and_after_refresh(connection)
        await connection.fetch(COMPRESS, BASE + 9 * DAY)
        await assert_answered(every_timescaledb, [*early, *late])
        await assert_exact_before_and_after_refresh(connection)


async def test_marks_in_several_chunks_of_a_rollup(every_timescaledb: str) -> None:
    """A series in a zone that cuts hours reads many ranges of it in one statement, some of them across two chunks."""
    early = calls(160, every=timedelta(hours=9))
    late = [
        one
        for n, day in enumerate((1, 2, 29, 31, 33, 34, 45, 58))
        for one in calls(2, start=BASE + day * DAY + timedelta(hours=n, minutes=5), every=timedelta(minutes=50))
    ]
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, early)
        await refresh(connection)
        assert await connection.fetchval("SELECT count(*) FROM show_chunks('usage_by_model_15m')") > 2
        await write(every_timescaledb, late)
    records = [*early, *late]
    start, end = BASE - DAY, BASE + 60 * DAY
    scope = Scope("default", start, end)
    async with (
        open_reader(every_timescaledb, connections=1, statement_timeout=30) as reader,
        reader.snapshot() as real,
        ModelReader(records).snapshot() as model,
    ):
        for bucket in (Bucket.HOUR, Bucket.DAY, Bucket.MONTH):
            bounds = boundaries(Window(start, end), bucket, time_zone("Asia/Kathmandu"))
            for by in (None, By(Dimension.MODEL), By(Dimension.AGENT)):
                found = await real.series(scope, bounds, by=by, metric=Metric.COST, top=2)
                assert found == await model.series(scope, bounds, by=by, metric=Metric.COST, top=2)
    await assert_answered(every_timescaledb, records)


async def test_a_change_of_what_is_no_longer_kept_marks_nothing(every_timescaledb: str) -> None:
    """A refresh after the record is removed would take its sums away."""
    early = calls(30)
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, early)
        await refresh(connection)
        assert await connection.fetchval("SELECT usage_keep_since($1)", BASE + DAY) == BASE + DAY
        await connection.execute(
            "UPDATE usage_record SET cost_nano = 5 WHERE id = ANY($1)", [one.id for one in early[:9]]
        )
        await connection.execute("DELETE FROM usage_record WHERE id = $1", early[1].id)
        assert await connection.fetchval("SELECT min(bucket) FROM usage_mark") == BASE + DAY
        await connection.execute("CALL usage_expire()")
        await refresh(connection)
        assert await marks(connection) == 0
        assert await materialized_calls(connection) == {30}


async def test_changes_in_compressed_chunks(every_timescaledb: str) -> None:
    early = calls(20)
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, early)
        await refresh(connection)
        await connection.fetch(COMPRESS, BASE + 9 * DAY)
        update = (
            "UPDATE usage_record SET cost_nano = 5, agent = NULL WHERE project = $1 AND started_at = $2 AND id = $3"
        )
        changed = early[7]._replace(cost_nano=5, agent=None)
        assert await connection.execute(update, "default", changed.started_at, changed.id) == "UPDATE 1"
        await assert_answered(every_timescaledb, [*early[:7], changed, *early[8:]])
        await assert_exact_before_and_after_refresh(connection)
        delete = "DELETE FROM usage_record WHERE project = $1 AND started_at = $2 AND id = $3"
        assert await connection.execute(delete, "default", changed.started_at, changed.id) == "DELETE 1"
        await assert_answered(every_timescaledb, [*early[:7], *early[8:]])
        await assert_exact_before_and_after_refresh(connection)


async def test_a_refresh_never_erases_what_retention_dropped(every_timescaledb: str) -> None:
    early = calls(40)
    since = BASE + 3 * DAY
    late = calls(3, start=since, every=timedelta(minutes=1))
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, early)
        # Not before everything older is in the rollups.
        assert await connection.fetchval("SELECT usage_keep_since($1)", since) is None
        await refresh(connection)
        await connection.fetch(COMPRESS, BASE + 2 * DAY)
        assert await connection.fetchval("SELECT usage_keep_since($1)", since) == since
        await connection.execute("CALL usage_expire()")
        assert [row[0] for row in await connection.fetch(CHUNKS)] == [since, since + DAY]
        assert await materialized_calls(connection) == {40}

        await write(every_timescaledb, late)
        await refresh(connection)
        assert await materialized_calls(connection) == {43}
        # Whatever range is named: only marked buckets are looked at.
        await connection.execute("CALL usage_refresh($1, $2)", BASE - DAY, BASE + 9 * DAY)
        assert await materialized_calls(connection) == {43}
        async with (
            open_reader(every_timescaledb, connections=1, statement_timeout=30) as reader,
            reader.snapshot() as snapshot,
        ):
            assert (await snapshot.totals(TOTALS)).cost_nano == sum(one.cost_nano or 0 for one in [*early, *late])
            assert await snapshot.record_count(TOTALS) == sum(one.started_at >= since for one in [*early, *late])


async def test_a_range_that_cannot_be_refreshed_keeps_its_marks_and_the_others_go_on(
    every_timescaledb: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Sums beyond 64 bits, which no writer lets happen."""
    dear = [record(span_id=bytes([9] * 7 + [n]), cost_nano=2**63 - 1) for n in (1, 2)]
    other = calls(4, start=BASE + 30 * DAY)
    upkeep = Upkeep(dsn=every_timescaledb, retention=None, clock=lambda: BASE)
    async with connected(every_timescaledb) as connection:
        await write(every_timescaledb, [*dear, *other])
        await upkeep.round()
        assert "cannot be refreshed" in caplog.text
        assert await connection.fetch("SELECT DISTINCT bucket FROM usage_mark") == [(BASE,)]  # type: ignore[comparison-overlap]  # a record equals a tuple
        assert await materialized_calls(connection) == {4}
        await connection.execute("DELETE FROM usage_record WHERE id = $1", dear[0].id)
        await connection.execute("UPDATE usage_record SET cost_nano = 1 WHERE id = $1", dear[1].id)
        await upkeep.round()
        assert await materialized_calls(connection) == {5}
        await assert_exact_before_and_after_refresh(connection)
        assert await marks(connection) == 0


async def test_refreshes_race_with_writers(several_backends: str) -> None:
    """On plain PostgreSQL there is nothing to refresh; answers agree there, too."""
    records = calls(600, every=timedelta(minutes=7))
    done = asyncio.Event()
    seen: list[int] = []

    async def keep_refreshing() -> None:
        async with connected(several_backends) as connection:
            while not done.is_set():
                await refresh(connection)
                await asyncio.sleep(0)

    async def keep_asking() -> None:
        async with open_reader(several_backends, connections=1, statement_timeout=30) as reader:
            while not done.is_set():
                async with reader.snapshot() as snapshot:
                    seen.append((await snapshot.totals(TOTALS)).calls)
                    assert await snapshot.record_count(TOTALS) == seen[-1]

    async with (
        asyncio.TaskGroup() as group,
        open_writer(several_backends, mode="copy", connections=2, price=as_it_is) as writer,
    ):
        for task in (keep_refreshing(), keep_refreshing(), keep_asking()):
            group.create_task(task)
        try:
            # Every batch is spread over all days: buckets are written to while they are refreshed.
            for n in range(0, 60, 2):
                await asyncio.gather(put(writer, records[n::60]), put(writer, records[n + 1 :: 60]))
        finally:
            done.set()
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    await assert_answered(several_backends, records)
    async with connected(several_backends) as connection:
        await assert_exact_before_and_after_refresh(connection)
        assert await connection.fetch(query("list_stale")) == []


async def test_a_refresh_inside_a_transaction_is_refused_and_loses_no_mark(every_timescaledb: str) -> None:
    records = calls(3)
    await write(every_timescaledb, records)
    async with connected(every_timescaledb) as connection:
        with pytest.raises(asyncpg.InvalidTransactionTerminationError):
            async with connection.transaction():
                await connection.execute("CALL usage_refresh($1, $2)", BASE, BASE + DAY)
        assert await connection.fetchval("SELECT count(*) FROM usage_mark WHERE NOT taken") == 3
    await assert_answered(every_timescaledb, records)
    async with connected(every_timescaledb) as connection:
        await assert_exact_before_and_after_refresh(connection)
