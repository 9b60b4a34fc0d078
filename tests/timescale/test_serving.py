"""The harness itself: what the tests on TimescaleDB rely upon."""

import asyncio
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import asyncpg
import psutil
import pytest

from tests.timescale.serving import Timescale

_RUNAWAY = "SELECT count(*) FROM generate_series(1, 10000000000)"
_EVERYTHING = """
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE TABLE reading (time timestamptz NOT NULL, value bigint);
    SELECT create_hypertable('reading', by_range('time', INTERVAL '1 day'));
    ALTER TABLE reading SET (timescaledb.enable_columnstore, timescaledb.orderby = 'time');
    SELECT add_retention_policy('reading', INTERVAL '1 year');
    CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
    SELECT time_bucket(INTERVAL '1 day', time) AS day, sum(value)::bigint AS value FROM reading GROUP BY 1
    WITH NO DATA;
    CREATE INDEX daily_value ON daily (value);
    INSERT INTO reading VALUES ('2026-01-01', 1), ('2026-01-02', 2);
    CREATE TEMPORARY TABLE staging (a int);
    SELECT pg_advisory_lock(1);
"""
_REMAINS = """
    SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        + (SELECT count(*) FROM pg_class WHERE relname IN ('staging', 'daily_value'))
        + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
        + (SELECT count(*) FROM timescaledb_information.hypertables)
        + (SELECT count(*) FROM timescaledb_information.continuous_aggregates)
        + (SELECT count(*) FROM timescaledb_information.chunks)
        + (SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL)
"""
_TOO_LONG_TO_BE_CACHED = 20_000
_PARENT = f"""
import asyncio, asyncpg
from tests.timescale.serving import Timescale

async def main():
    running = Timescale().start()
    connection = await asyncpg.connect(running.dsn)
    print(running.process.pid, flush=True)
    await connection.execute({_RUNAWAY!r})

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def timescale() -> Iterator[Timescale]:
    with Timescale() as running:
        yield running
        assert running.stop() == 0
        assert running.log == ""


async def test_it_is_timescaledb_under_the_community_licence(timescale: Timescale) -> None:
    connection = await asyncpg.connect(timescale.dsn)
    assert connection.get_server_version().major == 17
    assert await connection.fetchval("SHOW timescaledb.license") == "timescale"
    assert await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'") > "2.23"
    await connection.execute("CREATE EXTENSION pg_trgm")
    assert await connection.fetchval("SHOW enable_seqscan") == "on"
    await connection.close()


async def test_transactions_of_several_connections_take_turns(timescale: Timescale) -> None:
    pool = await asyncpg.create_pool(timescale.dsn, min_size=0, max_size=8)
    await pool.execute("CREATE TABLE counter AS SELECT 0 AS value")

    async def increment() -> None:
        async with pool.acquire() as connection, connection.transaction():
            value = await connection.fetchval("SELECT value FROM counter")
            await asyncio.sleep(0)
            await connection.execute("UPDATE counter SET value = $1", value + 1)

    await asyncio.gather(*(increment() for _ in range(40)))
    assert await pool.fetchval("SELECT value FROM counter") == 40
    await pool.close()


async def test_a_transaction_keeps_the_backend_until_it_ends(timescale: Timescale) -> None:
    first, second = await asyncpg.connect(timescale.dsn), await asyncpg.connect(timescale.dsn)
    await first.execute("CREATE TABLE held (a int)")
    async with first.transaction():
        await first.execute("INSERT INTO held VALUES (1)")
        seen = asyncio.create_task(second.fetchval("SELECT count(*) FROM held"))
        assert await first.fetchval("SELECT count(*) FROM held") == 1
        assert not seen.done()
        await first.execute("INSERT INTO held VALUES (2)")
    assert await seen == 2
    await first.close()
    await second.close()


@pytest.mark.parametrize("cache", [0, 100])
async def test_prepared_statements_belong_to_their_connection(timescale: Timescale, cache: int) -> None:
    connections = [await asyncpg.connect(timescale.dsn, statement_cache_size=cache) for _ in range(3)]

    async def ask(number: int, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        same = await connection.prepare(f"SELECT {number} + $1::int", name="same")
        unnamed = f"SELECT {number} - $1::int".ljust(_TOO_LONG_TO_BE_CACHED)
        for i in range(30):
            assert await same.fetchval(i) == number + i
            assert await connection.fetchval(unnamed, i) == number - i
            assert await connection.fetchval(f"SELECT {number} * $1::int", i) == number * i
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetchval(f"SELECT {number} / $1::int", 0)
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.fetchval("SELECT FROM WHERE")

    await asyncio.gather(*(ask(number, connection) for number, connection in enumerate(connections)))
    for connection in connections[1:]:
        await connection.close()
    # What they had prepared goes with them, but nobody waits for that. One's own: "same", cached or not, unnamed.
    async with asyncio.timeout(10):
        while await connections[0].fetchval("SELECT count(*) FROM pg_prepared_statements") > (2 if cache == 0 else 5):
            pass
    await connections[0].close()


async def test_a_prepared_statement_waits_without_the_backend(timescale: Timescale) -> None:
    first, second = await asyncpg.connect(timescale.dsn), await asyncpg.connect(timescale.dsn)
    statement = await first.prepare("SELECT 6 * $1::int")
    assert await asyncio.wait_for(second.fetchval("SELECT 7 * $1::int", 1), 10) == 7
    assert await statement.fetchval(7) == 42
    await first.close()
    await second.close()


async def test_settings_belong_to_their_connection(timescale: Timescale) -> None:
    plain = await asyncpg.connect(timescale.dsn)
    ours = await asyncpg.connect(timescale.dsn, server_settings={"timezone": "Asia/Kolkata", "jit": "off"})
    for _ in range(2):
        assert await ours.fetchval("SELECT current_setting('timezone') || current_setting('jit')") == "Asia/Kolkataoff"
        assert await plain.fetchval("SHOW jit") == "on"
    await ours.execute("RESET ALL")
    assert await ours.fetchval("SHOW timezone") == "Asia/Kolkata"
    with pytest.raises(asyncpg.UndefinedObjectError, match="no_such"):
        await asyncpg.connect(timescale.dsn, server_settings={"no_such": "1"})
    assert await ours.fetchval("SHOW timezone") == "Asia/Kolkata"
    await plain.close()
    await ours.close()


async def test_rows_are_copied_in(timescale: Timescale) -> None:
    connection = await asyncpg.connect(timescale.dsn)
    await connection.execute("CREATE TABLE copied (a bigint, b text)")
    rows = [(number, f"text {number}" * 10) for number in range(20_000)]
    await connection.copy_records_to_table("copied", records=rows)
    assert await connection.fetchval("SELECT (count(*), sum(a))::text FROM copied") == "(20000,199990000)"
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.copy_records_to_table("nowhere", records=rows)
    with pytest.raises(TypeError):
        await connection.copy_records_to_table("copied", records=[(1, "kept from the table"), ("no number", "")])
    assert await connection.fetchval("SELECT count(*) FROM copied") == 20_000
    await connection.close()


async def test_many_messages_at_once_are_all_answered(timescale: Timescale) -> None:
    connection = await asyncpg.connect(timescale.dsn)
    await connection.execute("CREATE TABLE many (a int, b text)")
    await connection.executemany("INSERT INTO many VALUES ($1, $2)", [(i, "b" * (i % 100)) for i in range(5_000)])
    long = "c" * 100_000
    assert await connection.fetchval("SELECT $1 || count(*) FROM many", long) == f"{long}5000"
    async with connection.transaction():
        assert len([row async for row in connection.cursor("SELECT * FROM many")]) == 5_000
    await connection.close()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


async def _answers(port: int, *steps: tuple[bytes, bytes]) -> bytes:
    """The types of the messages that answer: each step says something and waits for a type."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    types = b""
    for said, awaited in ((_message(b"", struct.pack(">i", 196608) + b"user\0postgres\0\0"), b"Z"), *steps):
        writer.write(said)
        kind = b""
        while kind != awaited:
            kind, length = struct.unpack(">ci", await asyncio.wait_for(reader.readexactly(5), 10))
            await reader.readexactly(length - 4)
            types += kind
    writer.close()
    await writer.wait_closed()
    return types.lstrip(b"RSK").removeprefix(b"Z")


async def test_a_client_gets_the_answers_of_a_server_of_its_own(timescale: Timescale) -> None:
    create, copy = _message(b"Q", b"CREATE TEMP TABLE own (a int)\0"), _message(b"Q", b"COPY own FROM STDIN\0")
    rows = _message(b"d", b"1\n2\n") + _message(b"c", b"")
    assert await _answers(timescale.port, (create, b"Z"), (copy, b"G"), (rows, b"Z")) == b"CZGCZ"
    wrong = _message(b"d", b"one\n") + _message(b"c", b"")
    assert await _answers(timescale.port, (copy, b"G"), (wrong, b"Z"), (create, b"Z")) == b"GEZEZ"
    prepare = _message(b"P", b"\0SELECT 1\0\0\0") + _message(b"D", b"S\0") + _message(b"H", b"")
    run = _message(b"B", b"\0\0\0\0\0\0\0\0") + _message(b"E", b"\0\0\0\0\0") + _message(b"S", b"")
    assert await _answers(timescale.port, (prepare, b"T"), (run, b"Z"), (run, b"Z")) == b"1tT2DCZ2DCZ"


@pytest.mark.parametrize("prepared", [False, True])
async def test_a_client_that_vanishes_in_a_transaction_leaves_nothing(timescale: Timescale, prepared: bool) -> None:
    vanishing, staying = await asyncpg.connect(timescale.dsn), await asyncpg.connect(timescale.dsn)
    await staying.execute("DROP TABLE IF EXISTS vanished; CREATE TABLE vanished (a int)")
    await vanishing.execute("BEGIN")
    await vanishing.execute("INSERT INTO vanished VALUES (1)")
    if prepared:
        await vanishing.prepare("SELECT 1")
    waiting = asyncio.create_task(staying.fetchval("SELECT count(*) FROM vanished"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    vanishing.terminate()
    assert await asyncio.wait_for(waiting, 10) == 0
    await staying.close()


async def test_who_waits_too_long_is_told_why() -> None:
    with Timescale(patience=0.2) as timescale:
        holding = await asyncpg.connect(timescale.dsn, server_settings={"application_name": "the writer"})
        waiting = await asyncpg.connect(timescale.dsn)
        async with holding.transaction():
            await holding.execute("SELECT 1")
            with pytest.raises(
                asyncpg.ConnectionDoesNotExistError, match=r"which the writer .* holds in a transaction"
            ):
                await asyncio.wait_for(waiting.execute("SELECT 1"), 10)
        assert await holding.fetchval("SELECT 1") == 1
        await holding.close()
        waiting.terminate()


def test_it_can_be_emptied(timescale: Timescale) -> None:
    async def fill() -> None:
        connection = await asyncpg.connect(timescale.dsn)
        await connection.execute(_EVERYTHING)
        await connection.execute("CALL refresh_continuous_aggregate('daily', NULL, NULL)")
        await connection.fetch("SELECT compress_chunk(chunk) FROM show_chunks('reading') AS chunk")
        assert [value for (value,) in await connection.fetch("SELECT value FROM daily ORDER BY day")] == [1, 2]
        assert await connection.fetchval(_REMAINS) > 0
        await connection.close()

    async def remains() -> int:
        connection = await asyncpg.connect(timescale.dsn)
        count: int = await connection.fetchval(_REMAINS)
        await connection.close()
        return count

    for _ in range(2):
        assert timescale.empty() == timescale.dsn
        assert asyncio.run(remains()) == 0
        asyncio.run(fill())


_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relkind = 'r' AND c.relpersistence = 'p' ORDER BY c.oid
"""
_ROWS = "SELECT md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM {} AS t"
_TORN = """
    DROP EXTENSION pg_trgm;
    ALTER TABLE reading RENAME TO torn;
    INSERT INTO torn SELECT '2026-03-01'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 5000) AS n;
    SELECT drop_chunks('torn', older_than => timestamptz '2026-01-02');
    CREATE TABLE more AS SELECT repeat(md5(n::text), 40) AS text FROM generate_series(1, 20000) AS n;
    CHECKPOINT;
    VACUUM FULL;
    DROP MATERIALIZED VIEW daily;
    SET timezone = 'Asia/Kolkata';
    BEGIN; DELETE FROM torn;
"""


def test_what_was_kept_is_there_again_whatever_was_done_since(timescale: Timescale) -> None:
    """Row by row, catalogs and files included; also of what is not kept, such as open transactions."""
    filled: list[str] = []

    async def run(*statements: str) -> None:
        connection = await asyncpg.connect(timescale.dsn)
        for statement in statements:
            await connection.execute(statement)
        connection.terminate()

    def fill(dsn: str) -> None:
        filled.append(dsn)
        asyncio.run(run(_EVERYTHING))

    async def contents() -> dict[str, str]:
        connection = await asyncpg.connect(timescale.dsn)
        found = {name: await connection.fetchval(_ROWS.format(name)) for (name,) in await connection.fetch(_TABLES)}
        await connection.close()
        return found

    timescale.once("everything", fill)
    first = asyncio.run(contents())
    assert "reading" in first
    for _ in range(3):
        asyncio.run(run(*filter(str.strip, _TORN.split(";"))))
        assert "torn" in asyncio.run(contents())
        timescale.empty()
        assert "reading" not in asyncio.run(contents())
        timescale.once("everything", fill)
        assert asyncio.run(contents()) == first
    assert filled == [timescale.dsn]


def test_one_that_has_ended_is_started_and_filled_anew() -> None:
    filled: list[str] = []
    with Timescale() as timescale:
        for _ in range(2):
            assert timescale.once("nothing", filled.append) == filled[-1]
            timescale.process.kill()
            timescale.process.wait(10)
        timescale.empty()
        asyncio.run(_alive(timescale.dsn))
    assert len(filled) == 2


async def _alive(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--no-such-option")
    with pytest.raises(AssertionError, match="no-such-option"):
        Timescale().start()


def test_it_ends_with_its_parent_whatever_it_is_doing() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.2)
    assert server.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    # One that nobody waits for stays behind as a zombie where there is no init.
    for _ in range(100):
        if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    server.kill()
    pytest.fail("the server outlived its parent")
