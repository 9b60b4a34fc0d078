"""Backup and restore as docs/operations.md says, by its own commands: nothing is lost, and life goes on exactly."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

import usage_graph
from tests.documents import OPERATIONS, section, snippets
from tests.graph.api import Api
from tests.records import record
from tests.store.database import as_it_is, put
from usage_graph.config import Engine
from usage_graph.graph.schema import example_operations
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded, binaries
from usage_graph.store.reader import open_reader
from usage_graph.store.upkeep import Upkeep
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord
from usage_graph.window import Duration

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.replace(hour=0, minute=0, second=0)
KEPT = Duration(days=14)
PROJECTS = ("default", "team-b")


def made(numbers: range, *, age: timedelta) -> list[UsageRecord]:
    """Calls of both projects, spread over the time before now; what they are called differs."""
    step = age / len(numbers)
    return [
        record(
            project=PROJECTS[number % 5 == 0],
            started_at=NOW - step * at,
            trace_id=number.to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            source=("chat", "agent", "memory")[number % 3],
            agent=(None, "researcher", "writer")[number % 3],
            conversation=f"chat-{number % 11}" if number % 3 == 0 else None,
            user_id=f"user-{number % 7}",
            name=f"Étude № {number % 13}" if number % 2 else None,
            response_model=("gpt-4o-mini-2024-07-18", None)[number % 4 == 0],
            cost_nano=None if number % 9 == 0 else 27_000 + number,
            credits_nano=number * 10**15,
        )
        for at, number in enumerate(numbers)
    ]


OLD, LATE, NEW = made(range(600), age=24 * DAY), made(range(600, 700), age=9 * DAY), made(range(700, 760), age=DAY)


async def fill(dsn: str) -> None:
    """Records with rollups that have outlived some, in the columnstore where there is one, and others after that."""
    connection = await connect(dsn)
    await migrate.migrate(connection)
    async with open_writer(dsn, mode="copy", connections=1, price=as_it_is) as writer:
        await put(writer, OLD)
        await Upkeep(dsn=dsn, retention=KEPT, clock=lambda: NOW).round()
        assert await connection.fetchval("SELECT count(*) FROM usage_record") < len(OLD)
        if await engine_of(dsn) == "timescaledb":
            await connection.execute(
                "SELECT compress_chunk(c) FROM show_chunks('usage_record', older_than => INTERVAL '7 days') AS c"
            )
        await put(writer, LATE)
    await connection.close()


async def engine_of(dsn: str) -> Engine:
    connection = await connect(dsn)
    schema = await migrate.inspect(connection)
    await connection.close()
    return schema.engine


async def contents(dsn: str) -> dict[str, Any]:
    """Every table and view by name; how the database stands."""
    connection = await connect(dsn)
    assert (await migrate.inspect(connection)).pending == ()
    relations = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')"
    )
    found: dict[str, Any] = {
        # A day waits to be settled since the moment at which a call of it was written.
        name: await connection.fetch(f"SELECT (to_jsonb(t) - 'since')::text FROM {name} AS t ORDER BY 1")  # noqa: S608
        if name == "usage_unsettled"
        else await connection.fetch(f'SELECT t::text FROM "{name}" AS t ORDER BY 1')  # noqa: S608
        for (name,) in relations
    }
    assert {"usage_record", "usage_identity", "usage_label", "usage_retention", "usage_by_user_1d"} <= found.keys()
    found["indexes"] = await connection.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef"
    )
    await connection.close()
    return found


async def answers(dsn: str) -> dict[tuple[str, str], Any]:
    """To every example operation, by project: from before records are kept until now."""
    window = {"between": {"from": (TODAY - 20 * DAY).isoformat(), "to": (TODAY + 2 * DAY).isoformat()}}
    found = {}
    async with open_reader(dsn, connections=2, statement_timeout=30) as reader:
        api = Api(store=reader, now=NOW)
        for project in PROJECTS:
            for name, document in example_operations().items():
                variables = {"window": window} if "$window" in document else {}
                found[project, name] = await api.data(document, variables, project=project)
    return found


async def calls(dsn: str) -> int:
    found = await answers(dsn)
    return sum(int(found[project, "Totals"]["usage"]["totals"]["calls"]) for project in PROJECTS)


async def assert_same(one: str, other: str) -> None:
    assert await contents(other) == await contents(one)
    assert await answers(other) == await answers(one)


async def go_on(dsn: str) -> None:
    """Calls that are there already, some of them forgotten; new ones, twice; and a round of upkeep."""
    async with open_writer(dsn, mode="copy", connections=1, price=as_it_is) as writer:
        for batch in ([*LATE, *NEW], NEW):
            await put(writer, batch)
    await Upkeep(dsn=dsn, retention=KEPT, clock=lambda: NOW).round()


async def assert_goes_on_alike(one: str, other: str) -> None:
    before = await calls(one)
    for dsn in (one, other):
        await go_on(dsn)
    await assert_same(one, other)
    assert await calls(one) == before + len(NEW)


class Shell:
    """Runs what the page says in a directory of its own that is also the home directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        programs = f"{binaries.find().directory}{os.pathsep}{os.environ['PATH']}"
        sources = str(Path(usage_graph.__file__).parents[1])
        self._environment = {"HOME": str(home), "PATH": programs, "PYTHONPATH": sources, "LC_ALL": "C.UTF-8"}

    def run(self, snippet: str, variables: Mapping[str, str] | None = None) -> None:
        script = "set -eu\n" + snippet.replace(".venv/bin/python", sys.executable)
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.home,
            env={**self._environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr.lower(), done.stderr


@pytest.fixture
def shell() -> Iterator[Shell]:
    # Short, as a socket's address has to be; and one that the user may enter whom root has PostgreSQL run as.
    home = Path(tempfile.mkdtemp(prefix="ug-", dir="/tmp"))
    home.chmod(0o755)
    yield Shell(home)
    shutil.rmtree(home)


def test_the_embedded_database(shell: Shell) -> None:
    dump, restore = snippets(section(OPERATIONS, "The embedded database"), "sh")
    with Embedded(data_dir=shell.home / ".local" / "share" / "usage-graph", conf={"fsync": "off"}) as embedded:
        asyncio.run(fill(embedded.dsn))
        shell.run(dump)
        shell.run(restore)
        with Embedded(data_dir=shell.home / "restored", conf={"fsync": "off"}) as restored:
            asyncio.run(assert_same(embedded.dsn, restored.dsn))
            asyncio.run(assert_goes_on_alike(embedded.dsn, restored.dsn))


@asynccontextmanager
async def another(dsn: str) -> AsyncIterator[str]:
    """An empty database of the same server."""
    parts = urlsplit(dsn)
    name = f"{parts.path.strip('/')}_restored"
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield parts._replace(path=f"/{name}").geturl()
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def test_a_server(shell: Shell, empty_several_backends: str) -> None:
    """PostgreSQL; and TimescaleDB, with marks and late calls in compressed chunks, where one is given."""
    source = empty_several_backends
    await fill(source)
    (both,) = snippets(section(OPERATIONS, "PostgreSQL"), "sh")
    dump, restore = both.splitlines()
    if await engine_of(source) == "timescaledb":
        (restore,) = snippets(section(OPERATIONS, "TimescaleDB"), "sh")
    async with another(source) as restored:
        variables = {"USAGE_GRAPH_DATABASE_URL": source, "RESTORED": restored}
        await asyncio.to_thread(shell.run, dump, variables)
        await asyncio.to_thread(shell.run, restore, variables)
        await assert_same(source, restored)
        await assert_goes_on_alike(source, restored)
