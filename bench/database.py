"""Databases on one server: an embedded PostgreSQL set up as usage-graph sets it up (fsync on), or any other."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.meter import is_here, parent
from bench.records import observations
from bench.workload import Amount, Call, calls_of, slices
from usage_graph.config import EngineChoice
from usage_graph.processor import Pricing
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded
from usage_graph.store.writer import open_writer

_LOADED_AT_ONCE = 20_000
_STATEMENT_SECONDS = 900


class Database:
    """The databases of the server at ``dsn``, whose role may create them.

    ``postmaster`` is the server's process, or ``None`` where it runs on another machine (or in a container).
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.postmaster = asyncio.run(self._find_postmaster())

    def dsn(self, name: str) -> str:
        return urlunsplit(urlsplit(self._dsn)._replace(path=f"/{name}"))

    async def _find_postmaster(self) -> int | None:
        connection = await asyncpg.connect(self._dsn)
        try:
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            address = await connection.fetchval("SELECT host(inet_server_addr())")
            return parent(backend) if is_here(address) else None
        finally:
            await connection.close()

    def create(self, name: str, *, template: str = "template0") -> str:
        """A new database, empty or a copy; returns its DSN."""
        asyncio.run(self._run(self._dsn, [f"CREATE DATABASE {name} TEMPLATE {template}"]))
        return self.dsn(name)

    def drop(self, name: str) -> None:
        """Whoever is connected to it."""
        # Autovacuum may be at it, too, which is nobody else's to end.
        asyncio.run(self._run(_as_superuser(self._dsn), [f"DROP DATABASE {name} WITH (FORCE)"]))

    def tidy_up(self, name: str) -> None:
        """Do now what PostgreSQL would do beside the next measurement: vacuum, and write out what was loaded."""
        self.execute(name, "VACUUM ANALYZE")
        asyncio.run(self._run(_as_superuser(self.dsn(name)), ["CHECKPOINT"]))

    def forget(self, name: str) -> None:
        """Empty PostgreSQL's buffers."""
        evict = ("CREATE EXTENSION IF NOT EXISTS pg_buffercache", "CHECKPOINT", "SELECT pg_buffercache_evict_all()")
        asyncio.run(self._run(_as_superuser(self.dsn(name)), evict))

    def execute(self, name: str, *statements: str) -> None:
        asyncio.run(self._run(self.dsn(name), statements))

    async def _run(self, dsn: str, statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement, timeout=_STATEMENT_SECONDS)
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

    def migrate(self, name: str, engine: EngineChoice = "auto") -> None:
        """Bring the database up to date."""

        async def run() -> None:
            connection = await connect(self.dsn(name))
            try:
                await migrate.migrate(connection, engine)
            finally:
                await connection.close()

        asyncio.run(run())

    def write(self, name: str, found: Sequence[Call], *, at_once: int = _LOADED_AT_ONCE) -> float:
        """Write calls as the server does, ``at_once`` in a transaction. Returns the seconds that writing took."""

        async def load() -> float:
            writing = 0.0
            async with open_writer(self.dsn(name), mode="copy", connections=1, price=Pricing().price) as writer:
                for at in range(0, len(found), at_once):
                    batch = [*observations(found[at : at + at_once])]
                    begun = time.perf_counter()
                    await writer.write(batch)
                    writing += time.perf_counter() - begun
            return writing

        return asyncio.run(load())

    def fill(self, name: str, *, seed: int, count: int, start: datetime, end: datetime) -> float:
        """Migrate, and write ``count`` calls in the order of time. Returns the seconds that writing took."""
        self.migrate(name)
        return sum(self.write(name, calls_of(part)) for part in slices(Amount(seed, count, start, end)))


def _as_superuser(dsn: str) -> str:
    """The same of the embedded PostgreSQL's superuser; elsewhere the role is what it is."""
    return dsn.replace("//usage_graph@", "//postgres@")


@contextmanager
def database() -> Iterator[Database]:
    """A new cluster in a temporary directory, gone when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="usage-graph-bench-") as directory,
        # As many servers as there are shapes are on it, each with its own connections.
        Embedded(data_dir=Path(directory) / "data", conf={"max_connections": "300"}) as embedded,
    ):
        yield Database(embedded.dsn)
