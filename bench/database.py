"""One embedded PostgreSQL with the settings that the server gives it (fsync on), and databases in it."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import asyncpg

from bench.meter import parent
from bench.records import records
from bench.workload import calls, cast
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded
from usage_graph.store.writer import open_writer

_LOADED_AT_ONCE = 20_000


class Database:
    """The databases of one embedded server."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded
        self.postmaster = asyncio.run(self._find_postmaster())

    def dsn(self, name: str) -> str:
        return self._embedded.dsn.replace("/usage_graph?", f"/{name}?")

    async def _find_postmaster(self) -> int:
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            return parent(await connection.fetchval("SELECT pg_backend_pid()"))
        finally:
            await connection.close()

    def create(self, name: str, *, template: str = "template1") -> str:
        """A new database, empty or a copy; returns its DSN."""
        asyncio.run(self._run("postgres", [f"CREATE DATABASE {name} TEMPLATE {template}"]))
        return self.dsn(name)

    def drop(self, name: str) -> None:
        asyncio.run(self._run("postgres", [f"DROP DATABASE {name}"]))

    def execute(self, name: str, *statements: str) -> None:
        asyncio.run(self._run(name, statements))

    async def _run(self, name: str, statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(self.dsn(name))
        try:
            for statement in statements:
                await connection.execute(statement, timeout=300)
        finally:
            await connection.close()

    def count(self, name: str) -> int:
        """Records in the database."""

        async def ask() -> int:
            connection = await asyncpg.connect(self.dsn(name))
            try:
                found: int = await connection.fetchval("SELECT count(*) FROM usage_record")
                return found
            finally:
                await connection.close()

        return asyncio.run(ask())

    def fill(self, name: str, *, seed: int, count: int, start: datetime, end: datetime) -> float:
        """Migrate, write ``count`` calls in the order of time as the server writes them, and tidy up.

        Returns the seconds that writing took.
        """

        async def load() -> float:
            connection = await connect(self.dsn(name))
            try:
                await migrate.migrate(connection)
            finally:
                await connection.close()
            found = calls(f"{seed} base", count, people=cast(seed), start=start, end=end, ordered=True)
            writing = 0.0
            async with open_writer(self.dsn(name), mode="copy", connections=1) as writer:
                for at in range(0, count, _LOADED_AT_ONCE):
                    batch = list(records(found[at : at + _LOADED_AT_ONCE]))
                    begun = time.perf_counter()
                    await writer.write(batch)
                    writing += time.perf_counter() - begun
            return writing

        return asyncio.run(load())


@contextmanager
def database() -> Iterator[Database]:
    """A new cluster in a temporary directory, gone when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="usage-graph-bench-") as directory,
        Embedded(data_dir=Path(directory) / "data") as embedded,
    ):
        yield Database(embedded)
