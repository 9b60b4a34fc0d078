"""``usage-graph copy`` as an operator runs it: from an embedded database to another one."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.test_cli import environment, run
from tests.records import BASE, record
from tests.store.database import as_it_is, put
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded
from usage_graph.store.writer import open_writer

CALLS = 40


async def fill(dsn: str) -> None:
    connection = await connect(dsn)
    await migrate.migrate(connection)
    await connection.close()
    async with open_writer(dsn, mode="copy", connections=1, price=as_it_is) as writer:
        await put(
            writer,
            [
                record(
                    project=f"project {number % 2}",
                    span_id=(number + 1).to_bytes(8, "big"),
                    started_at=BASE + number * timedelta(hours=5),
                    credits_nano=500_000_000,
                )
                for number in range(CALLS)
            ],
        )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with calls of two projects, which no server uses."""
    path: Path = tmp_path_factory.mktemp("embedded")
    with Embedded(data_dir=path) as embedded:
        asyncio.run(fill(embedded.dsn))
    return path


def ask(dsn: str, sql: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_from_the_embedded_database(data_dir: Path, database: str) -> None:
    first = run("copy", "--data-dir", str(data_dir), "--to", database)
    again = run("copy", environ={"USAGE_GRAPH_DATA_DIR": str(data_dir), "USAGE_GRAPH_COPY_TO": database})

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    same = "Both databases hold the same: 40 calls, 4,800 tokens, 0.00108 USD, 20 credits."
    copied, *rest = first.stdout.splitlines()
    assert copied.startswith("Copied 40 calls in ")
    assert copied.endswith("The source has 40 in 2 projects.")
    assert rest == [same]
    assert again.stdout.startswith("Copied 0 calls in ")
    assert again.stdout.endswith(f"{same}\n")
    assert "\x1b" not in first.stdout + first.stderr
    assert ask(database, "SELECT count(*) FROM usage_record") == CALLS
    assert ask(database, "SELECT count(*) FROM usage_stale()") == 0


def test_what_differs_is_said_and_fails(data_dir: Path, postgresql: str) -> None:
    assert run("copy", "--data-dir", str(data_dir), "--to", postgresql).returncode == 0
    ask(postgresql, "UPDATE usage_record SET cost_nano = 0 WHERE project = 'project 1'")

    done = run("copy", "--data-dir", str(data_dir), "--to", postgresql)

    assert done.returncode == 1
    assert "Project project 1: DIFFERS" in done.stdout
    assert "Source: 20 calls, 2,400 tokens, 0.00054 USD, 10 credits." in done.stdout
    assert "Target, same days: 20 calls, 2,400 tokens, 0 USD, 10 credits." in done.stdout
    assert "project 0" not in done.stdout
    assert "the same" not in done.stdout


def test_a_server_on_the_data_directory_has_to_be_stopped(data_dir: Path, postgresql: str) -> None:
    with Embedded(data_dir=data_dir):
        done = run("copy", "--data-dir", str(data_dir), "--to", postgresql)

    assert done.returncode == 1
    assert "in use by another usage-graph server" in done.stderr
    assert "stop it" in done.stderr
    assert done.stdout == ""


def test_a_source_that_is_not_there_is_not_made(tmp_path: Path, postgresql: str) -> None:
    done = run("copy", "--data-dir", str(tmp_path / "none"), "--to", postgresql)

    assert done.returncode == 1
    assert f"There is no database in {tmp_path / 'none'}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_behind_is_left_as_it_is(empty_database: str, postgresql: str) -> None:
    done = run("copy", "--database-url", empty_database, "--to", postgresql)

    assert done.returncode == 1
    assert "Run `usage-graph migrate`" in done.stderr
    assert ask(empty_database, "SELECT to_regclass('usage_record')") is None


@pytest.mark.parametrize(
    ("arguments", "variables", "problem"),
    [
        ((), {}, "Which database to copy to? Say --to postgresql://..., or set USAGE_GRAPH_COPY_TO."),
        (("--to", "mysql://root:secret@db"), {}, "--to: must begin with postgresql://."),
        ((), {"USAGE_GRAPH_COPY_TO": "secret"}, "USAGE_GRAPH_COPY_TO: must begin with postgresql://."),
    ],
)
def test_a_wrong_address_is_2(arguments: tuple[str, ...], variables: dict[str, str], problem: str) -> None:
    done = run("copy", *arguments, environ=variables)

    assert done.returncode == 2
    assert done.stderr == f"usage-graph: {problem}\n"
    assert done.stdout == ""


def test_a_target_that_is_away_is_a_message(data_dir: Path) -> None:
    done = run("copy", "--data-dir", str(data_dir), "--to", "postgresql://me:secret@127.0.0.1:1/none")

    assert done.returncode == 1
    assert "Check --to" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_variable_disturbs_no_other_command(empty_database: str) -> None:
    done = run("migrate", "--database-url", empty_database, environ={"USAGE_GRAPH_COPY_TO": "postgresql://there/copy"})

    assert done.returncode == 0, done.stderr


@contextmanager
def held(dsn: str) -> Iterator[None]:
    """The target takes nothing as long as this is open; it can be read."""

    async def start() -> "asyncpg.Connection[asyncpg.Record]":
        connection = await asyncpg.connect(dsn)
        await connection.execute("BEGIN; LOCK TABLE usage_identity IN SHARE MODE")
        return connection

    with asyncio.Runner() as runner:
        connection = runner.run(start())
        yield
        runner.run(connection.close())


def read_until(terminal: int, seen: Callable[[str], bool]) -> str:
    shown = ""
    while not seen(shown):
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, shown
        shown += os.read(terminal, 65536).decode()
    return shown


def test_an_interrupt_in_a_terminal_leaves_a_whole_database(data_dir: Path, postgresql: str) -> None:
    assert run("migrate", "--database-url", postgresql).returncode == 0
    master, terminal = os.openpty()
    command = [sys.executable, "-m", "usage_graph.cli", "copy", "--data-dir", str(data_dir), "--to", postgresql]
    variables = environment(TERM="xterm-256color", COLUMNS="120")
    with (
        held(postgresql),
        subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=terminal) as process,
    ):
        os.close(terminal)
        read_until(master, lambda shown: "Copying calls" in shown and "0 of 40" in shown)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == b""
    os.close(master)

    assert process.returncode == 130
    assert ask(postgresql, "SELECT count(*) FROM usage_identity") == 0
    assert run("copy", "--data-dir", str(data_dir), "--to", postgresql).returncode == 0


def test_without_the_server_extra_it_says_what_to_install() -> None:
    done = run("copy", "--to", "postgresql://there/copy", before="sys.modules['rich'] = None")

    assert done.returncode == 1
    assert "rich is not installed" in done.stderr


def test_help_says_where_a_password_is_safe() -> None:
    done = run("copy", "--help")

    assert done.returncode == 0
    assert "USAGE_GRAPH_COPY_TO" in done.stdout
    assert "--data-dir" in done.stdout
