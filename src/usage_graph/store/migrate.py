"""Forward-only migrations: the ``.sql`` files of ``sql/``, in order, each in a transaction, under one advisory lock.

A file may begin with ``-- engine: postgresql`` or ``-- engine: timescaledb``: it then belongs to that engine alone.
What was applied is recorded in ``usage_migration`` with the file's sha256.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Literal

import asyncpg

from usage_graph.errors import MigrationError
from usage_graph.store.connect import Connection

Engine = Literal["postgresql", "timescaledb"]

MINIMUM_SERVER = 15
_LOCK = 0x7573_6167_6567_7268  # "usagegrh"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_ENGINE = re.compile(r"-- engine: (\w+)\n")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str
    sha256: bytes
    engine: str | None


def load() -> list[Migration]:
    """The migrations that this program carries, by version."""
    found = []
    for path in files("usage_graph.store").joinpath("migrations").iterdir():
        if (match := _NAME.fullmatch(path.name)) is not None:
            sql = path.read_text(encoding="utf-8")
            engine = _ENGINE.match(sql)
            found.append(
                Migration(
                    version=int(match[1]),
                    name=path.name,
                    sql=sql,
                    sha256=sha256(sql.encode()).digest(),
                    engine=engine[1] if engine else None,
                )
            )
    return sorted(found, key=lambda migration: migration.version)


def outstanding(
    migrations: Sequence[Migration], applied: Iterable[tuple[int, str, bytes]], engine: Engine
) -> list[Migration]:
    """Those of ``migrations`` that a database with ``applied`` (version, name, sha256) still lacks. Pure.

    Raises:
        MigrationError: an applied file has changed, or the database knows one that this program does not.
    """
    mine = {m.version: m for m in migrations if m.engine in (None, engine)}
    done = {version: (name, digest) for version, name, digest in applied}
    if unknown := sorted(done.keys() - mine.keys()):
        raise MigrationError(
            f"The database is newer than this program: it has migration {done[unknown[-1]][0]}, which this version "
            "does not know. Upgrade usage-graph, or use another database."
        )
    for version, (name, digest) in sorted(done.items()):
        if mine[version].sha256 != digest:
            raise MigrationError(
                f"Migration {name} has changed since it was applied to this database. Put the original file back "
                "(reinstall usage-graph), or use another database; changes belong into a new migration."
            )
    return [mine[version] for version in sorted(mine.keys() - done.keys())]


async def engine_of(connection: Connection) -> Engine:
    """Which engine the database runs as.

    Raises:
        MigrationError: PostgreSQL is too old, or the database cannot hold every text.
    """
    version: int = connection.get_server_version().major
    if version < MINIMUM_SERVER:
        raise MigrationError(f"usage-graph needs PostgreSQL {MINIMUM_SERVER} or newer; this server is {version}.")
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise MigrationError(
            f"The database is encoded in {encoding}, which cannot hold every text: use one made with ENCODING 'UTF8'."
        )
    timescale = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
    return "timescaledb" if timescale else "postgresql"


async def _applied(connection: Connection) -> list[tuple[int, str, bytes]]:
    if await connection.fetchval("SELECT to_regclass('usage_migration')") is None:
        return []
    return [tuple(row) for row in await connection.fetch("SELECT version, name, sha256 FROM usage_migration")]


async def pending(connection: Connection) -> list[str]:
    """Names of the migrations that the database lacks. Raises ``MigrationError`` as ``outstanding`` does."""
    with _permitted():
        return [m.name for m in outstanding(load(), await _applied(connection), await engine_of(connection))]


@contextmanager
def _permitted() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"The database does not let this role do what it must: {error}. Grant it that, or run "
            "`usage-graph migrate` as a role that may, and give this one the use of what it makes."
        ) from error


async def migrate(connection: Connection) -> list[str]:
    """Bring the database up to date; returns the names of what was applied. Any number of processes may race.

    Raises:
        MigrationError: see ``outstanding``; or a migration failed, in which case it left nothing behind.
    """
    engine = await engine_of(connection)
    # Polled, because a session that blocks in pg_advisory_lock holds a snapshot, and an index that is built
    # concurrently by the lock's owner would wait for it for ever.
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    try:
        with _permitted():
            await connection.execute(
                """CREATE TABLE IF NOT EXISTS usage_migration (
                    version int PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now())"""
            )
            names = []
            for migration in outstanding(load(), await _applied(connection), engine):
                await _apply(connection, migration)
                names.append(migration.name)
            return names
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO usage_migration (version, name, sha256) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.sha256,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"Migration {migration.name} failed and was rolled back: {error}") from error
