"""What could keep a server from working here, looked at one by one without changing anything."""

import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from google.protobuf.internal import api_implementation

from usage_graph.config import Settings
from usage_graph.errors import StartupError
from usage_graph.listen import bind
from usage_graph.store import migrate
from usage_graph.store.connect import Connection, connect
from usage_graph.store.embedded import Embedded
from usage_graph.store.embedded.directory import DataDirectory


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; ``detail`` says what was found, and what to do where it is not ok."""

    name: str
    ok: bool
    detail: str


async def doctor(settings: Settings) -> list[Check]:
    """Look at Python, protobuf, the ports, the database and its schema."""
    found = [Check("Python", True, platform.python_version())]
    kind = api_implementation.Type()
    found.append(
        Check("protobuf", kind == "upb", kind if kind == "upb" else f"{kind}: far too slow; reinstall protobuf's wheel")
    )
    found += [_port(settings.host, name, port) for name, port in _ports(settings)]
    if settings.database_url is None and DataDirectory(path=settings.data_dir).major is None:
        found.append(Check("database", True, "embedded PostgreSQL, to be made at the first start"))
        return found
    try:
        async with _connection(settings) as connection:
            found += await _database(settings, connection)
    except StartupError as error:
        found.append(Check("database", False, str(error)))
    return found


def _ports(settings: Settings) -> list[tuple[str, int]]:
    wanted = {
        "port": settings.port,
        "otlp_http_port": settings.otlp_http_port,
        "otlp_grpc_port": settings.otlp_grpc_port,
    }
    return [(name, port) for name, port in wanted.items() if port]


def _port(host: str, name: str, port: int) -> Check:
    try:
        bind(host, port).close()
    except StartupError as error:
        return Check(name, False, str(error))
    return Check(name, True, f"{port} is free")


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    if settings.database_url is not None:
        connection = await connect(settings.database_url)
        try:
            yield connection
        finally:
            await connection.close()
        return
    with Embedded(data_dir=settings.data_dir) as embedded:
        connection = await connect(embedded.dsn)
        try:
            yield connection
        finally:
            await connection.close()


async def _database(settings: Settings, connection: Connection) -> list[Check]:
    where = "embedded" if settings.database_url is None else "from USAGE_GRAPH_DATABASE_URL"
    version = await connection.fetchval("SHOW server_version")
    engine = await migrate.engine_of(connection)
    found = [Check("database", True, f"PostgreSQL {version}, {where}; engine: {engine}")]
    names = await migrate.pending(connection)
    detail = f"{len(names)} outstanding: run `usage-graph migrate`, or let serve apply them" if names else "up to date"
    found.append(Check("migrations", not names, detail))
    trigrams = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')")
    found.append(
        Check("pg_trgm", trigrams, "available" if trigrams else "not available: searches read records one by one")
    )
    return found
