"""Forward-only migrations: the ``.sql`` files of ``sql/``, in order, each in a transaction, under one advisory lock.

A file may begin with ``-- engine: postgresql`` or ``-- engine: timescaledb``: it then belongs to that engine alone.
What was applied is recorded in ``usage_migration`` with the file's sha256.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

import asyncpg

from usage_graph.config import Engine, EngineChoice
from usage_graph.errors import MigrationError
from usage_graph.store.connect import Connection
from usage_graph.store.engine import Server, decide, require_timescaledb, server_of

_LOCK = 0x7573_6167_6567_7268  # "usagegrh"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_ENGINE = re.compile(r"-- engine: (\w+)\n")
_ENGINES: dict[str, Engine] = {"postgresql": "postgresql", "timescaledb": "timescaledb"}


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str
    sha256: bytes
    engine: Engine | None


@cache
def load() -> tuple[Migration, ...]:
    """The migrations that this program carries, by version; read once."""
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
                    engine=_ENGINES[engine[1]] if engine else None,
                )
            )
    return tuple(sorted(found, key=lambda migration: migration.version))


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


async def _applied(connection: Connection) -> list[tuple[int, str, bytes]]:
    if await connection.fetchval("SELECT to_regclass('usage_migration')") is None:
        return []
    return [tuple(row) for row in await connection.fetch("SELECT version, name, sha256 FROM usage_migration")]


@dataclass(frozen=True, slots=True)
class Schema:
    """How a database stands: ``pending`` names the migrations that it lacks; none: it is ready."""

    server: Server
    engine: Engine
    pending: tuple[str, ...]


async def inspect(connection: Connection, choice: EngineChoice = "auto") -> Schema:
    """Look, and change nothing. Raises ``MigrationError`` as ``decide`` and ``outstanding`` do."""
    with _permitted():
        server, applied = await server_of(connection), await _applied(connection)
        migrations = load()
        engine = decide(server, choice=choice, migrated_as=_made_for(migrations, applied))
        return Schema(server, engine, tuple(m.name for m in outstanding(migrations, applied, engine)))


def _made_for(migrations: Iterable[Migration], applied: Iterable[tuple[int, str, bytes]]) -> Engine | None:
    """The engine whose own migrations were applied, if any were."""
    names = {name for _, name, _ in applied}
    return next((m.engine for m in migrations if m.engine is not None and m.name in names), None)


@contextmanager
def _permitted() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"The database does not let this role do what it must: {error}. Grant it that, or run "
            "`usage-graph migrate` as a role that may, and give this one the use of what it makes."
        ) from error


async def migrate(connection: Connection, choice: EngineChoice = "auto") -> list[str]:
    """Bring the database up to date; returns the names of what was applied. Any number of processes may race.

    Raises:
        MigrationError: see ``decide`` and ``outstanding``; or a migration failed, in which case it left nothing behind.
    """
    await inspect(connection, choice)  # what cannot be is left as it is
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
            # Looked at again: another process may have been quicker.
            schema = await inspect(connection, choice)
            if schema.engine == "timescaledb" and not schema.server.installed:
                await _install_timescaledb(connection)
            migrations = {migration.name: migration for migration in load()}
            for name in schema.pending:
                await _apply(connection, migrations[name])
            return list(schema.pending)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _install_timescaledb(connection: Connection) -> None:
    try:
        async with connection.transaction():
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            require_timescaledb(await server_of(connection))
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "The server has TimescaleDB, and does not let this role install it in this database. Run CREATE EXTENSION "
            "timescaledb as a role that may, or set USAGE_GRAPH_ENGINE=postgresql to do without."
        ) from error


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
