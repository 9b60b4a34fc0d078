"""Exports of real databases: every record of a moment, once, in order, and in constant memory."""

import asyncio
import json
import tracemalloc
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from tests.export.exports import FORMATS, WINDOW, Exports, whole
from tests.export.test_streaming import Client, app_over
from tests.graph.api import NOW
from tests.questions import filters
from tests.records import record
from tests.rollups import refresh_all
from tests.store.database import connected, write
from tests.store.test_reader import READS, batches, both, windows
from usage_graph.question import Dimension, Filter, Scope, StringFilter
from usage_graph.store.exporting import PORTION, list_scope
from usage_graph.store.reader import Reader, open_reader
from usage_graph.store.snapshot import Snapshot
from usage_graph.usage import UsageRecord
from usage_graph.window import Window

# Calls of the 25 hours before NOW, as many as are asked for, made by the database itself.
FILL = """
INSERT INTO usage_record (
    started_at, id, duration_us, input_tokens, output_tokens, cost_nano, credits_nano, failed, cost_reported,
    trace_id, span_id, project, source, operation, name, agent
)
SELECT timestamptz '2026-04-14 12:00:00+00' + n * interval '1 day' / $1, n, 1000, n, 20, 27000, 1, false, false,
    decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(n), 16, '0'), 'hex'),
    'default', 'chat', 'chat', 'Chat ' || n % 400, 'agent ' || n % 40
FROM generate_series(1, $1::int) AS n
"""


async def streamed(snapshot: Snapshot, scope: Scope) -> list[list[UsageRecord]]:
    async with aclosing(await snapshot.stream_records(scope)) as portions:
        return [portion async for portion in portions]


@given(batches, windows, filters)
@READS
async def test_the_stream_is_the_records_of_the_model(
    database: str, records: list[UsageRecord], window: Window, wanted: Filter
) -> None:
    scope = Scope("default", window.start, window.end, wanted)
    async with both(database, records) as (real, model):
        expected = [one for portion in await streamed(model, scope) for one in portion]
        assert [one for portion in await streamed(real, scope) for one in portion] == expected
        assert await real.expected_records(scope) == await model.expected_records(scope) == len(expected)
        totals = await real.totals(scope)
        assert len(expected) == totals.calls
        assert sum(one.cost_nano or 0 for one in expected) == totals.cost_nano
        assert sum(one.credits_nano for one in expected) == totals.credits_nano
        assert sum(one.total_tokens or 0 for one in expected) == totals.total_tokens


async def test_a_file_equals_the_totals(database: str, month: list[UsageRecord]) -> None:
    await write(database, month[:60])
    await refresh_all(database)
    await write(database, month[60:])
    expected = Exports(month)
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        exports = Exports(store=reader)
        for wanted in ({}, {"filter": {"source": {"eq": "chat"}}}):
            for format in FORMATS:
                asked: dict[str, Any] = {**WINDOW, **wanted, "format": format}
                rows = await exports.rows("records", **asked)
                assert rows == await expected.rows("records", **asked)
                points = await exports.rows("series", by="USER", bucket="DAY", **asked)
                assert points == await expected.rows("series", by="USER", bucket="DAY", **asked)
                assert len(rows) == whole(points, "calls")
                for column in ("input_tokens", "cache_write_1h_tokens", "cost", "costs_output", "credits"):
                    assert whole(rows, column) == whole(points, column)


async def test_portions_are_full_and_other_questions_fit_between(database: str) -> None:
    count = 2 * PORTION + 1
    async with connected(database) as connection:
        await connection.execute(FILL.replace("$1", str(count)))
    scope = Scope("default", NOW - timedelta(days=2), NOW)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        sizes = []
        async with aclosing(await snapshot.stream_records(scope)) as portions:
            async for portion in portions:
                sizes.append(len(portion))
                assert (await snapshot.record_count(scope)) == count
    assert sizes == [PORTION, PORTION, 1]


async def test_what_is_in_the_columnstore_comes_in_order_too(every_timescaledb: str, month: list[UsageRecord]) -> None:
    await write(every_timescaledb, month[:70], mode="unnest")
    async with connected(every_timescaledb) as connection:
        await connection.execute("SELECT compress_chunk(c) FROM show_chunks('usage_record') AS c")
    await write(every_timescaledb, month[70:], mode="unnest")
    async with open_reader(every_timescaledb, connections=1, statement_timeout=30) as reader:
        for format in FORMATS:
            asked = {**WINDOW, "format": format}
            assert await Exports(store=reader).rows("records", **asked) == await Exports(month).rows("records", **asked)


async def test_an_export_is_of_one_moment(several_backends: str) -> None:
    await write(several_backends, [record(started_at=NOW - timedelta(hours=1), input_tokens=5)])
    late = record(started_at=NOW - timedelta(minutes=1), span_id=b"\2" * 8)
    scope = Scope("default", NOW - timedelta(days=2), NOW)
    async with open_reader(several_backends, connections=1, statement_timeout=30) as reader:
        async with reader.snapshot() as snapshot:
            assert await snapshot.expected_records(scope) == 1
            await write(several_backends, [late])
            assert len((await streamed(snapshot, scope))[0]) == 1
        async with reader.snapshot() as snapshot:
            assert len((await streamed(snapshot, scope))[0]) == 2


async def test_the_first_record_waits_for_no_sort(several_backends: str) -> None:
    async with connected(several_backends) as connection:
        await connection.execute(FILL.replace("$1", "5000"))
        await connection.execute("ANALYZE")
        sql, values = list_scope(Scope("default", NOW - timedelta(days=2), NOW))
        async with connection.transaction():
            await connection.execute("SET LOCAL enable_sort = off")
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *values)
    kinds = set()

    def walk(node: dict[str, Any]) -> None:
        kinds.add(node["Node Type"])
        for child in node.get("Plans", ()):
            walk(child)

    walk(json.loads(plan)[0]["Plan"])
    assert "Index Scan" in kinds
    assert not kinds & {"Sort", "Incremental Sort", "Seq Scan"}


async def test_a_count_that_takes_too_long_is_done_without(
    several_backends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(several_backends, [record(started_at=NOW - timedelta(hours=1))])
    async with (
        open_reader(several_backends, connections=1, statement_timeout=30) as reader,
        reader.snapshot() as snapshot,
    ):
        await snapshot.kept_since()
        monkeypatch.setattr("usage_graph.store.snapshot.COUNT_PATIENCE", 0.05)
        # No rollup knows of it.
        wanted = Filter(((Dimension.CHANNEL, StringFilter(is_null=True)),))
        scope = Scope("default", NOW - timedelta(days=2), NOW, wanted)
        async with connected(several_backends) as locker, locker.transaction():
            await locker.execute("LOCK TABLE usage_record IN ACCESS EXCLUSIVE MODE")
            assert await snapshot.expected_records(scope) is None
            assert await snapshot.expected_conversations(scope) is None
        # The snapshot goes on, and other questions have their own time.
        assert len(await streamed(snapshot, scope)) == 1
        connection = snapshot._connection
        assert await connection.fetchval("SHOW statement_timeout") == "30s"


async def test_each_portion_has_the_whole_time(several_backends: str) -> None:
    async with connected(several_backends) as connection:
        await connection.execute(FILL.replace("$1", str(3 * PORTION)))
    scope = Scope("default", NOW - timedelta(days=2), NOW)
    async with (
        open_reader(several_backends, connections=1, statement_timeout=1.0) as reader,
        reader.snapshot() as snapshot,
        aclosing(await snapshot.stream_records(scope)) as portions,
    ):
        async for _ in portions:
            await asyncio.sleep(0.4)  # as a slow client takes it: longer in all than a statement may take


async def free(reader: Reader) -> bool:
    """Whether the reader's only connection can be had."""
    async with asyncio.timeout(5), reader.snapshot() as snapshot:
        return await snapshot.kept_since() is None


async def left(client: Client) -> None:
    client.leaves.set()


async def stalled(_: Client) -> None:
    """It just reads nothing."""


@pytest.mark.parametrize("leave", [left, stalled])
async def test_a_client_that_ends_frees_the_connection(database: str, leave: Callable[[Client], Any]) -> None:
    async with connected(database) as connection:
        await connection.execute(FILL.replace("$1", str(5 * PORTION)))
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        client = Client()
        client.takes.clear()
        app = app_over(reader, patience=1 if leave is stalled else 60)
        working = asyncio.create_task(app(client.scope, client.receive, client.send))
        await client.has_some.wait()
        await leave(client)
        await working
        assert not client.is_whole
        assert await free(reader)
        again = Client()
        await app(again.scope, again.receive, again.send)
        assert again.is_whole


async def test_a_database_that_goes_away_breaks_the_file_off(several_backends: str) -> None:
    async with connected(several_backends) as connection:
        await connection.execute(FILL.replace("$1", str(5 * PORTION)))
        async with open_reader(several_backends, connections=1, statement_timeout=30) as reader:
            client = Client()
            client.takes.clear()
            app = app_over(reader)
            working = asyncio.create_task(app(client.scope, client.receive, client.send))
            await client.has_some.wait()
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'usage-graph reader' AND datname = current_database()"
            )
            client.takes.set()
            await working
            assert client.status == 200
            assert not client.is_whole
            assert await free(reader)


@pytest.mark.parametrize("format", FORMATS)
async def test_memory_does_not_grow_with_the_file(postgresql: str, format: str) -> None:
    async def peak(count: int) -> int:
        client = Client(query=f"last=P2D&format={format}")
        size = 0

        async def send(message: Any) -> None:
            nonlocal size
            size += len(message.get("body", b""))

        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        await app(client.scope, client.receive, send)
        _, most = tracemalloc.get_traced_memory()
        sizes[count] = size
        return most - before

    sizes: dict[int, int] = {}
    peaks = []
    async with open_reader(postgresql, connections=1, statement_timeout=30) as reader:
        app = app_over(reader)
        for count in (10 * PORTION, 20 * PORTION):
            async with connected(postgresql) as connection:
                await connection.execute("DELETE FROM usage_record")
                await connection.execute(FILL.replace("$1", str(count)))
            tracemalloc.start()
            try:
                peaks.append(await peak(count))
            finally:
                tracemalloc.stop()
    small, large = peaks
    assert sizes[20 * PORTION] > 1.5 * sizes[10 * PORTION]
    assert large < 1.3 * small
