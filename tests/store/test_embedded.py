"""The embedded PostgreSQL's life: started, stopped, killed, and there again."""

import asyncio
import itertools
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import asyncpg
import pytest

from tests.store.embedded_process import EmbeddedProcess, answer_of, eventually, postmaster_on, processes_on, run_sql
from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded import Embedded
from usage_graph.store.embedded.directory import LOG_LIMIT, DataDirectory

_numbers = itertools.count(1)


def keep_number(dsn: str) -> int:
    """Commit a number that no other test has used."""
    number = next(_numbers)
    run_sql(dsn, "INSERT INTO kept VALUES ($1)", values=[number])
    return number


def has(dsn: str, number: int) -> bool:
    """Whether the number is there, once."""
    return bool(run_sql(dsn, "SELECT count(*) = 1 FROM kept WHERE n = $1", values=[number]))


def test_a_new_directory_gets_a_database_that_is_there_again_next_time(new_dir: Path) -> None:
    with Embedded(data_dir=new_dir) as embedded:
        assert embedded.dsn.startswith(f"postgresql://usage_graph@/usage_graph?host={new_dir}/postgresql&port=5432&")
        run_sql(embedded.dsn, "CREATE TABLE kept (n int)")
        number = keep_number(embedded.dsn)
    assert not processes_on(new_dir)
    with Embedded(data_dir=new_dir) as embedded:
        assert has(embedded.dsn, number)


def test_start_and_stop_may_be_called_twice_and_again(data_dir: Path) -> None:
    embedded = Embedded(data_dir=data_dir)
    embedded.stop()
    dsn = embedded.start()
    assert embedded.start() == dsn == embedded.dsn
    embedded.stop()
    embedded.stop()
    with pytest.raises(EmbeddedError, match="not running"):
        _ = embedded.dsn
    assert embedded.start() == dsn
    killed = postmaster_on(data_dir)
    os.kill(killed, signal.SIGKILL)
    # Its command line is gone a moment before its end can be waited for.
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    assert eventually(lambda: not processes_on(data_dir))
    assert embedded.start() == dsn
    assert has(dsn, 0)
    embedded.stop()


async def test_it_starts_where_a_loop_runs(data_dir: Path) -> None:
    with Embedded(data_dir=data_dir) as embedded:
        connection = await asyncpg.connect(embedded.dsn)
        assert await connection.fetchval("SELECT n FROM kept WHERE n = 0") == 0
        await connection.close()


def test_it_is_durable_closed_to_the_network_and_ours_to_configure(data_dir: Path) -> None:
    with Embedded(data_dir=data_dir, conf={"work_mem": "7MB", "max_connections": "9"}) as embedded:

        def shown(name: str) -> object:
            return run_sql(embedded.dsn, f"SHOW {name}")

        assert [shown(name) for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on", "on", "on"]
        assert [shown(name) for name in ("work_mem", "max_connections", "timezone", "jit")] == [
            "7MB",
            "9",
            "UTC",
            "off",
        ]
        assert shown("listen_addresses") == ""
        admin = embedded.dsn.replace("usage_graph@/usage_graph", "postgres@/postgres")
        # Should somebody open a port, it lets nobody in without a password that nobody has.
        rules = "SELECT array_agg(DISTINCT type || ' ' || auth_method) FROM pg_hba_file_rules"
        assert run_sql(admin, rules) == ["host reject", "local trust"]


def test_the_server_is_no_superuser_but_owns_its_database(data_dir: Path) -> None:
    with Embedded(data_dir=data_dir) as embedded:
        assert run_sql(embedded.dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        run_sql(embedded.dsn, "CREATE EXTENSION pg_trgm", "DROP EXTENSION pg_trgm")
        run_sql(embedded.dsn, "CREATE DATABASE other", "DROP DATABASE other")
        assert run_sql(embedded.dsn, "SELECT lower('ÄÖ') || upper('é')") == "äöÉ"


def test_a_database_that_was_dropped_is_made_again(data_dir: Path) -> None:
    with Embedded(data_dir=data_dir) as embedded:
        other = embedded.dsn.replace("/usage_graph?", "/postgres?")
        run_sql(other, "ALTER DATABASE usage_graph RENAME TO aside")
    with Embedded(data_dir=data_dir) as embedded:
        assert run_sql(embedded.dsn, "SELECT to_regclass('kept')") is None
        run_sql(other, "DROP DATABASE usage_graph", "ALTER DATABASE aside RENAME TO usage_graph")
        assert has(embedded.dsn, 0)


def test_only_its_user_and_root_can_look_inside(data_dir: Path) -> None:
    with Embedded(data_dir=data_dir):
        for path in (data_dir, data_dir / "postgresql"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
        for name in ("lock", "postgresql.log", "postgresql/.s.PGSQL.5432"):
            assert stat.S_IMODE((data_dir / name).stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same process", "another process"])
def test_a_second_instance_is_told_who_uses_the_directory(data_dir: Path, elsewhere: bool) -> None:
    with Embedded(data_dir=data_dir) as embedded:
        if elsewhere:
            said = answer_of(data_dir=data_dir)
        else:
            with pytest.raises(EmbeddedError) as refused:
                Embedded(data_dir=data_dir).start()
            said = str(refused.value)
        assert f"in use by another usage-graph server, process {os.getpid()}." in said
        assert "USAGE_GRAPH_DATA_DIR" in said
        assert has(embedded.dsn, 0)


@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("how", ["serve", "thread"], ids=["bound by the kernel", "watched"])
def test_a_killed_server_leaves_nothing_running(data_dir: Path, killer: signal.Signals, how: str) -> None:
    with EmbeddedProcess(data_dir=data_dir, how=how) as server:
        number = keep_number(server.answer)
        assert processes_on(data_dir)
        server.end(killer)
        assert eventually(lambda: not processes_on(data_dir))
    with Embedded(data_dir=data_dir) as embedded:
        assert has(embedded.dsn, number)


def test_a_start_right_after_a_kill_waits_for_the_shutdown(data_dir: Path) -> None:
    with EmbeddedProcess(data_dir=data_dir) as server:
        number = keep_number(server.answer)
        server.end()
        with Embedded(data_dir=data_dir) as embedded:
            assert has(embedded.dsn, number)


def test_an_orphan_is_ended_by_the_next_start(data_dir: Path) -> None:
    with EmbeddedProcess(data_dir=data_dir, how="thread") as server:
        number = keep_number(server.answer)
        orphan = postmaster_on(data_dir)
        os.kill(watcher_of(orphan), signal.SIGKILL)
        server.end()
        time.sleep(0.2)
        assert orphan in processes_on(data_dir)
        with Embedded(data_dir=data_dir) as embedded:
            assert orphan not in processes_on(data_dir)
            assert has(embedded.dsn, number)


def watcher_of(postmaster: int) -> int:
    for entry in Path("/proc").glob("[0-9]*"):
        words = (entry / "cmdline").read_bytes().split(b"\0")
        if words[0] == b"/bin/sh" and str(postmaster).encode() in words:
            return int(entry.name)
    raise AssertionError("nobody watches")


def test_a_busy_backend_without_its_postmaster_is_ended_by_the_next_start(data_dir: Path) -> None:
    with EmbeddedProcess(data_dir=data_dir) as server:
        busy = threading.Thread(target=run_until_cut_off, args=(server.answer,))
        busy.start()
        assert eventually(lambda: run_sql(server.answer, "SELECT true FROM pg_stat_activity WHERE query LIKE '%1e12%'"
                                                         " AND pid <> pg_backend_pid()"))  # fmt: skip
        os.kill(postmaster_on(data_dir), signal.SIGKILL)
        server.end()
        assert eventually(lambda: len(processes_on(data_dir)) == 1)
        with Embedded(data_dir=data_dir) as embedded:
            assert has(embedded.dsn, 0)
        busy.join(5)
        assert not busy.is_alive()


def run_until_cut_off(dsn: str) -> None:
    with pytest.raises(asyncpg.PostgresConnectionError):
        run_sql(dsn, "SELECT count(*) FROM generate_series(1, 1e12)")


@pytest.mark.parametrize("named", ["a zombie", "a stranger", "nobody", "nothing"])
def test_a_stale_pid_file_does_not_keep_it_from_starting(data_dir: Path, named: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    if named == "nobody":
        ended.wait()
    number = {"a zombie": ended.pid, "a stranger": os.getpid(), "nobody": ended.pid, "nothing": ""}[named]
    (data_dir / "postgresql" / "postmaster.pid").write_text(f"{number}\n{data_dir}/postgresql\n1700000000\n5432\n")
    with Embedded(data_dir=data_dir) as embedded:
        assert has(embedded.dsn, 0)
    ended.wait()


async def test_a_killed_postmaster_is_started_again_with_all_that_was_committed(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Embedded(data_dir=data_dir) as embedded:
        supervision = asyncio.create_task(embedded.keep_running())
        for _ in range(2):
            connection = await asyncpg.connect(embedded.dsn)
            number = next(_numbers)
            await connection.execute("INSERT INTO kept VALUES ($1)", number)
            os.kill(killed := postmaster_on(data_dir), signal.SIGKILL)
            with pytest.raises(asyncpg.PostgresConnectionError):
                await connection.execute("SELECT pg_sleep(10)")
            assert await has_again(embedded.dsn, number)
            assert postmaster_on(data_dir) != killed
            assert not supervision.done()
        supervision.cancel()
    assert not processes_on(data_dir)
    assert "killed by SIGKILL" in caplog.text
    assert [record.levelno for record in caplog.records if "accepts" in record.message] == [logging.WARNING] * 2


async def has_again(dsn: str, number: int) -> object:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)
            continue
        try:
            return await connection.fetchval("SELECT count(*) = 1 FROM kept WHERE n = $1", number)
        finally:
            await connection.close()
    raise AssertionError("PostgreSQL is not back")


async def test_supervision_ends_with_stop(data_dir: Path) -> None:
    embedded = Embedded(data_dir=data_dir)
    embedded.start()
    supervision = asyncio.create_task(embedded.keep_running())
    await asyncio.sleep(0)
    embedded.stop()
    await asyncio.wait_for(supervision, 1)


def test_a_first_start_that_is_cut_short_is_begun_anew(new_dir: Path) -> None:
    with EmbeddedProcess(data_dir=new_dir) as server:
        assert eventually(lambda: list(new_dir.glob("postgresql.init-*/base/1/*")))
        server.end()
    assert not (new_dir / "postgresql").exists()
    with Embedded(data_dir=new_dir) as embedded:
        assert run_sql(embedded.dsn, "SELECT 1") == 1
    with Embedded(data_dir=new_dir):  # the first may have come while the killed attempt was still writing
        assert not list(new_dir.glob("postgresql.init-*"))


def test_the_log_is_bounded(data_dir: Path) -> None:
    log = data_dir / "postgresql.log"
    log.write_bytes(b"x" * LOG_LIMIT + b"the end")
    with Embedded(data_dir=data_dir):
        assert 0 < log.stat().st_size < 10_000
    older = data_dir / "postgresql.log.1"
    assert older.stat().st_size == LOG_LIMIT
    assert older.read_bytes().endswith(b"the end")


def test_the_log_is_bounded_while_it_is_written(new_dir: Path) -> None:
    directory = DataDirectory(path=new_dir)
    directory.open()
    os.write(directory.log_file, b"x" * (LOG_LIMIT + 1))
    directory.bound_log()
    os.write(directory.log_file, b"further")
    directory.close()
    assert (new_dir / "postgresql.log").read_bytes() == b"further"
