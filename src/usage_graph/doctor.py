"""What could keep a server from working here, looked at one by one without changing anything."""

import asyncio
import json
import os
import platform
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from google.protobuf.internal import api_implementation

from usage_graph import database
from usage_graph.config import SERVICE, Settings
from usage_graph.errors import StartupError
from usage_graph.listen import PortTaken, bind
from usage_graph.page import app as page
from usage_graph.store import migrate
from usage_graph.store.connect import Connection, connect
from usage_graph.store.embedded.directory import DataDirectory
from usage_graph.store.keys import list_keys
from usage_graph.tls import certificate_of, trusting


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; ``detail`` says what was found, and what to do where it is not ok."""

    name: str
    ok: bool
    detail: str


async def doctor(settings: Settings) -> list[Check]:
    """Look at Python, protobuf and the page; then at the server that runs, else at the ports, the database and its
    schema."""
    found = [Check("Python", True, platform.python_version())]
    kind = api_implementation.Type()
    found.append(
        Check("protobuf", kind == "upb", kind if kind == "upb" else f"{kind}: far too slow; reinstall protobuf's wheel")
    )
    found.append(_page())
    if (server := await asyncio.to_thread(_server, settings)) is not None:
        return [*found, server]
    found += _ports(settings)
    try:
        if certificate_of(settings) is not None:
            found.append(Check("certificate", True, "can be read, and has its key"))
    except StartupError as error:
        found.append(Check("certificate", False, str(error)))
    try:
        if settings.database_url is None and _is_new(settings.data_dir):
            return [*found, Check("database", True, "embedded PostgreSQL, to be made at the first start")]
        async with database.running(settings) as dsn:
            connection = await connect(dsn)
            try:
                found += await _database(settings, connection)
            finally:
                await connection.close()
    except StartupError as error:
        found.append(Check("database", False, str(error)))
    return found


def _page() -> Check:
    lacking = page.missing()
    detail = f"lacks {', '.join(lacking)}: install usage-graph anew" if lacking else "is there"
    return Check("usage page", not lacking, detail)


def _server(settings: Settings) -> Check | None:
    """What a usage-graph server that runs already says of itself; ``None`` where there is none."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    try:
        if settings.tls_cert is not None:
            handlers.append(urllib.request.HTTPSHandler(context=trusting(settings.tls_cert)))
        with urllib.request.build_opener(*handlers).open(f"{settings.http}/readyz", timeout=5) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            try:
                body = json.load(error)
            except ValueError:
                return None
    except (OSError, ValueError, HTTPException):
        return None
    if not isinstance(body, dict) or body.get("service") != SERVICE:
        return None
    ready = body.get("status") == "ok"
    state = f"ready; engine: {body.get('engine')}" if ready else body.get("reason", "not ready")
    return Check("server", ready, f"runs at {settings.http} and is {state}")


def _ports(settings: Settings) -> Iterator[Check]:
    """A taken OTLP port matters only to those who asked for it."""
    wanted = {
        "port": settings.port,
        "otlp_http_port": settings.otlp_http_port,
        "otlp_grpc_port": settings.otlp_grpc_port,
    }
    for name, port in wanted.items():
        if not port:
            continue
        try:
            bind(settings.host, port).close()
        except PortTaken as error:
            needed = name == "port" or name in settings.explicit
            yield Check(name, not needed, f"{error}{'' if needed else ' The server goes on without it.'}")
        except StartupError as error:
            yield Check(name, False, str(error))
        else:
            yield Check(name, True, f"{port} is free")


def _is_new(data_dir: Path) -> bool:
    """Whether the data directory has no database yet.

    Raises:
        StartupError: none can be made there, or it cannot be seen.
    """
    try:
        if DataDirectory(path=data_dir).major is not None:
            return False
        existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    except OSError as error:
        raise StartupError(f"The data directory {data_dir} cannot be used: {error.strerror}.") from None
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise StartupError(
            f"The data directory {data_dir} cannot be made: {existing} is no directory that this user may write. "
            "Choose another with USAGE_GRAPH_DATA_DIR."
        )
    return True


async def _database(settings: Settings, connection: Connection) -> list[Check]:
    where = "embedded" if settings.database_url is None else "from USAGE_GRAPH_DATABASE_URL"
    schema = await migrate.inspect(connection, settings.engine)
    found = [Check("database", True, f"{schema.server.name}, {where}; engine: {schema.engine}")]
    if schema.server.warning is not None:
        found.append(Check("version", True, schema.server.warning))
    names = schema.pending
    detail = f"{len(names)} outstanding: run `usage-graph migrate`, or let serve apply them" if names else "up to date"
    found.append(Check("migrations", not names, detail))
    if not names:
        indexed = await connection.fetchval("SELECT to_regclass('usage_label_search') IS NOT NULL")
        slower = "no trigram index, since pg_trgm is not there or this role may not create it: searches are slower"
        found.append(Check("search", True, "indexed by trigrams" if indexed else slower))
        found.append(_keys(settings, len(await list_keys(connection))))
    return found


def _keys(settings: Settings, number: int) -> Check:
    """Whether the server would listen where it is told to."""
    if number or settings.api_key is not None:
        return Check("keys", True, "every request needs one")
    if settings.on_loopback:
        return Check("keys", True, "none: whoever is on this machine may do everything")
    return Check(
        "keys",
        settings.insecure,
        f"none, and {settings.host} is not loopback: make one with `usage-graph keys create`, or say --insecure",
    )
