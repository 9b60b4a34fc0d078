"""Upkeep: rollups brought up to date and old records forgotten, by one server at a time, without anybody's doing."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.records import BASE, record
from tests.rollups import assert_exact_before_and_after_refresh
from tests.store.database import connected, write
from usage_graph.errors import StartupError
from usage_graph.question import Freshness
from usage_graph.store.reader import open_reader
from usage_graph.store.sql import query
from usage_graph.store.upkeep import Upkeep
from usage_graph.window import parse_duration

DAY = timedelta(days=1)
RECORDS = [record(span_id=bytes([9] * 7 + [n + 1]), started_at=BASE + n * DAY + timedelta(hours=5)) for n in range(6)]
NOW = BASE + timedelta(days=5, hours=9)


def upkeep_of(database: str, *, retention: str | None = None, clock: Callable[[], datetime] = lambda: NOW) -> Upkeep:
    return Upkeep(dsn=database, retention=parse_duration(retention) if retention else None, clock=clock)


async def freshness(database: str) -> Freshness:
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        return await snapshot.freshness("default")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # what is waited for is a state, whoever causes it
            await asyncio.sleep(0.02)


async def test_a_round_brings_every_rollup_up_to_date(database: str) -> None:
    await write(database, RECORDS)
    upkeep = upkeep_of(database)
    await upkeep.round()
    newest = RECORDS[-1].started_at
    assert await freshness(database) == (newest, newest)
    assert upkeep.kept_since is None
    async with connected(database) as connection:
        assert await connection.fetch(query("list_stale")) == []
        await assert_exact_before_and_after_refresh(connection)


async def test_retention_moves_with_the_clock_by_whole_days(database: str) -> None:
    await write(database, RECORDS)
    now = NOW
    upkeep = upkeep_of(database, retention="P2D", clock=lambda: now)
    seen = []
    async with connected(database) as connection:
        for moment in (NOW, NOW + timedelta(hours=14), NOW + timedelta(hours=15), NOW - 2 * DAY):
            now = moment
            await upkeep.round()
            count = await connection.fetchval("SELECT count(*) FROM usage_record")
            seen.append((upkeep.kept_since, count))
            assert await connection.fetchval("SELECT count(*) FROM usage_identity") == count
            assert await connection.fetchval("SELECT sum(calls)::int FROM usage_by_user_1d") == len(RECORDS)
    day_2, day_3 = BASE + 2 * DAY, BASE + 3 * DAY
    assert seen == [(day_2, 4), (day_2, 4), (day_3, 3), (day_3, 3)]  # a clock that is put back brings nothing back
    assert await freshness(database) == (RECORDS[-1].started_at,) * 2


async def test_what_was_not_removed_is_removed_after_a_start(database: str) -> None:
    """The server that moved the time may have been stopped before it had removed the records."""
    await write(database, RECORDS)
    async with connected(database) as connection:
        await upkeep_of(database).round()
        assert await connection.fetchval("SELECT usage_keep_since($1)", BASE + 4 * DAY) == BASE + 4 * DAY
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == 6
        await upkeep_of(database).round()
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == 2


async def test_a_retention_longer_than_the_calendar_keeps_everything(database: str) -> None:
    await write(database, RECORDS)
    upkeep = upkeep_of(database, retention="P3000Y")
    await upkeep.round()
    assert upkeep.kept_since is None


async def test_one_at_a_time_does_the_work(several_backends: str) -> None:
    await write(several_backends, RECORDS)
    idle, busy = upkeep_of(several_backends, retention="P2D"), upkeep_of(several_backends, retention="P2D")
    async with connected(several_backends) as connection:
        stale = await connection.fetch(query("list_stale"))
        await connection.execute(f"SELECT pg_advisory_lock({0x75736772}, 2)")
        await idle.round()
        assert idle.kept_since is None
        assert await connection.fetch(query("list_stale")) == stale
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == 6
        await connection.execute(f"SELECT pg_advisory_unlock({0x75736772}, 2)")
        await asyncio.gather(idle.round(), busy.round())
        await idle.round()
        assert idle.kept_since == BASE + 2 * DAY
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == 4
        assert await connection.fetch(query("list_stale")) == []
        # The lock went with the sessions.
        assert await connection.fetchval(f"SELECT pg_try_advisory_lock({0x75736772}, 2)")


async def test_it_goes_on_by_itself(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollups follow what is written, and records go when their day comes, while servers run."""
    monkeypatch.setattr("usage_graph.store.upkeep._EVERY", 0.05)
    monkeypatch.setattr("usage_graph.store.upkeep._REST", 0)
    now = NOW
    upkeep = upkeep_of(database, retention="P2D", clock=lambda: now)
    async with upkeep.running(), asyncio.timeout(60):
        await until(lambda: upkeep.kept_since == BASE + 2 * DAY)
        for one in (RECORDS[4], RECORDS[5], RECORDS[3]):  # the last one is late
            await write(database, [one])
            while (found := await freshness(database)).data_through != found.materialized_through:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        now = NOW + DAY
        await until(lambda: upkeep.kept_since == BASE + 3 * DAY)
    async with connected(database) as connection:
        await assert_exact_before_and_after_refresh(connection)
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == 3


async def test_a_database_that_is_away_puts_it_off(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("usage_graph.store.upkeep._EVERY", 0.05)
    away = upkeep_of("postgresql://nobody@127.0.0.1:1/none", retention="P2D")
    with pytest.raises(StartupError):
        await away.round()
    async with away.running():
        await until(lambda: caplog.text.count("upkeep is put off") >= 2)
        away._dsn = postgresql
        await until(lambda: away.kept_since == BASE + 2 * DAY)


async def test_a_session_that_is_cut_puts_it_off(
    several_backends: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("usage_graph.store.upkeep._EVERY", 0.05)
    upkeep = upkeep_of(several_backends, retention="P2D")
    cut = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    async with connected(several_backends) as locker, connected(several_backends) as cutter, asyncio.timeout(60):
        transaction = locker.transaction()
        await transaction.start()
        await locker.execute("LOCK TABLE usage_retention IN ACCESS EXCLUSIVE MODE")
        async with upkeep.running():
            while not await cutter.fetchval(cut):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            await until(lambda: "upkeep is put off" in caplog.text)
            await transaction.rollback()
            await until(lambda: upkeep.kept_since == BASE + 2 * DAY)


async def test_a_day_that_the_retention_cuts_is_kept_whole(database: str) -> None:
    today = datetime(2026, 3, 6, tzinfo=UTC)
    await write(database, [record(started_at=today)])
    upkeep = upkeep_of(database, retention="PT1H", clock=lambda: today + timedelta(minutes=1))
    await upkeep.round()
    assert upkeep.kept_since == today - 2 * DAY


async def test_records_that_are_read_for_long_go_later_and_nobody_waits(several_backends: str) -> None:
    """Dropping a chunk waits for those who read it, and whoever asks after that would wait behind it."""
    await write(several_backends, RECORDS)
    upkeep = upkeep_of(several_backends, retention="P2D")
    count = "SELECT count(*) FROM usage_record"
    async with connected(several_backends) as reader, connected(several_backends) as other, asyncio.timeout(60):
        async with reader.transaction():
            assert await reader.fetchval(count) == len(RECORDS)
            round_ = asyncio.ensure_future(upkeep.round())
            while not round_.done():
                async with asyncio.timeout(10):
                    assert await other.fetchval(count) in (len(RECORDS), 4)
                await asyncio.sleep(0.05)
            await round_
        assert upkeep.kept_since == BASE + 2 * DAY
        await upkeep.round()
        assert await other.fetchval(count) == 4


async def test_records_go_when_no_question_can_count_on_them(database: str) -> None:
    """Chunks are dropped under whoever has yet to read them; so the time is moved first, and records go later."""
    await write(database, RECORDS)
    upkeep = Upkeep(dsn=database, retention=parse_duration("P2D"), clock=lambda: NOW, patience=0.4)
    async with connected(database) as connection:
        await upkeep.round()
        assert upkeep.kept_since == BASE + 2 * DAY
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == len(RECORDS)
        await asyncio.sleep(0.5)
        await upkeep.round()
        assert await connection.fetchval("SELECT count(*) FROM usage_record") == 4
