"""The database that the settings name: at hand, brought up to date, copied into another one."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from usage_graph.config import Settings
from usage_graph.errors import MigrationError, StartupError
from usage_graph.store import migrate as migrations
from usage_graph.store.connect import Connection, answers, connect
from usage_graph.store.copy import Copied, Progress
from usage_graph.store.copy import copy as copy_database
from usage_graph.store.embedded import Embedded, attach
from usage_graph.store.embedded.directory import DataDirectory

_log = logging.getLogger("usage_graph")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """The DSN of the database to use; an embedded one runs, and is kept running, for as long as this is open.

    Raises:
        StartupError: the embedded one cannot be made or started.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with Embedded(data_dir=settings.data_dir) as embedded:
        supervision = asyncio.create_task(embedded.keep_running(), name="embedded database")
        try:
            yield embedded.dsn
        finally:
            supervision.cancel()
            with suppress(asyncio.CancelledError):
                await supervision


@asynccontextmanager
async def reached(settings: Settings, *, create: bool = False) -> AsyncIterator[str]:
    """The same, up to date, also beside a server that runs it. The embedded one must be there, or else ``create``.

    Raises:
        StartupError: the database cannot be used.
    """
    if settings.database_url is None:
        if not create:
            require(settings)
        beside = attach.dsn(settings.data_dir)
        if beside is not None and await answers(beside):
            await prepare(settings, beside, apply=False)
            yield beside
            return
    async with running(settings) as dsn:
        # An embedded one that nobody runs is nobody else's to bring up to date.
        await prepare(settings, dsn, apply=settings.database_url is None)
        yield dsn


@asynccontextmanager
async def connected(settings: Settings, *, create: bool = False) -> AsyncIterator[Connection]:
    """A connection to the same, for a command; raises what ``reached`` does."""
    async with reached(settings, create=create) as dsn:
        connection = await connect(dsn)
        try:
            yield connection
        finally:
            await connection.close()


def exists(settings: Settings) -> bool:
    """Whether there is a database, or one that is not ours to look for."""
    return settings.database_url is not None or os.access(DataDirectory(path=settings.data_dir).cluster, os.F_OK)


def require(settings: Settings) -> None:
    """Raises ``StartupError`` where there is none."""
    if not exists(settings):
        raise StartupError(
            f"There is no database in {settings.data_dir}, or none that this user may see. Say where it is by "
            "USAGE_GRAPH_DATA_DIR, or by USAGE_GRAPH_DATABASE_URL."
        )


async def prepare(settings: Settings, dsn: str, *, apply: bool) -> list[str]:
    """Apply what is outstanding, or make sure that nothing is; say what the database runs as.

    Raises:
        StartupError: the database or its schema cannot be used.
    """
    connection = await connect(dsn)
    try:
        applied = await migrations.migrate(connection, settings.engine) if apply else []
        schema = await migrations.inspect(connection, settings.engine)
    finally:
        await connection.close()
    if schema.pending:
        raise MigrationError(
            f"The database lacks {len(schema.pending)} migration(s), first {schema.pending[0]}. Run "
            "`usage-graph migrate`, or serve without --no-migrate."
        )
    print(f"usage-graph: {schema.server.name}, engine: {schema.engine}", file=sys.stderr, flush=True)
    if schema.server.warning is not None:
        _log.warning("%s", schema.server.warning)
    return applied


async def migrate(settings: Settings) -> list[str]:
    """Bring the database up to date; returns the names of the migrations that were applied.

    Raises:
        StartupError: the database or its schema cannot be used.
    """
    async with running(settings) as dsn:
        return await prepare(settings, dsn, apply=True)


async def copy(settings: Settings, *, to: str, tell: Callable[[Progress], None]) -> Copied:
    """Copy the database into the one at ``to``; see ``store.copy``.

    Raises:
        StartupError: one of the databases cannot be used; a server that runs uses the embedded one alone.
        CopyError: they cannot be put together, or the copy was cut short.
    """
    require(settings)
    async with running(settings) as dsn:
        await prepare(settings, dsn, apply=False)
        return await copy_database(dsn, to, mode=settings.write_mode, tell=tell)
