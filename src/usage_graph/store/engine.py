"""Which engine a database runs as: plain PostgreSQL, or TimescaleDB with its community features."""

import re
from dataclasses import dataclass

from usage_graph.config import Engine, EngineChoice
from usage_graph.errors import MigrationError
from usage_graph.store.connect import Connection
from usage_graph.store.sql import query

MINIMUM_SERVER = 15
MINIMUM_TIMESCALEDB = (2, 23)
RECOMMENDED_TIMESCALEDB = (2, 29)
"""Refreshes and columnstore have had silent errors before (docs/operations.md, "Versions")."""

_AS_PLAIN = "or set USAGE_GRAPH_ENGINE=postgresql to run it as plain PostgreSQL, without hypertables"


@dataclass(frozen=True, slots=True)
class Server:
    """What a database offers, before anything is decided.

    ``timescaledb`` is the version that is installed in this database, else the one that could be; ``licence`` is known
    only where it is installed.
    """

    postgresql: str
    timescaledb: str | None
    installed: bool
    licence: str | None

    @property
    def name(self) -> str:
        """Such as ``PostgreSQL 18.6, TimescaleDB 2.29.2``."""
        extension = f", TimescaleDB {self.timescaledb}" if self.installed else ""
        return f"PostgreSQL {self.postgresql}{extension}"

    @property
    def warning(self) -> str | None:
        """What an operator should know of this version, if anything."""
        if not self.installed or self.timescaledb is None or _version(self.timescaledb) >= RECOMMENDED_TIMESCALEDB:
            return None
        return (
            f"TimescaleDB {self.timescaledb} works, but errors in it have been mended since: "
            f"{_dotted(RECOMMENDED_TIMESCALEDB)} or later is recommended (ALTER EXTENSION timescaledb UPDATE)."
        )


async def server_of(connection: Connection) -> Server:
    """What the database offers.

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
    row = await connection.fetchrow(query("get_server"))
    assert row is not None  # noqa: S101 (a SELECT without FROM has a row)
    return Server(
        postgresql=row["postgresql"].split(" ")[0],
        timescaledb=row["timescaledb"],
        installed=row["installed"],
        licence=row["licence"],
    )


def decide(server: Server, *, choice: EngineChoice, migrated_as: Engine | None) -> Engine:
    """The engine to run ``server`` as, where its schema was made for ``migrated_as`` (``None``: it has none yet). Pure.

    Raises:
        MigrationError: it cannot be run as that.
    """
    engine = _wanted(server, choice, migrated_as)
    if migrated_as is not None and engine != migrated_as:
        raise MigrationError(_made_as_another(server, engine, migrated_as))
    if engine == "timescaledb":
        require_timescaledb(server)
    return engine


def _wanted(server: Server, choice: EngineChoice, migrated_as: Engine | None) -> Engine:
    if choice != "auto":
        return choice
    if server.installed:
        return "timescaledb"
    # That it could be installed, too, is no reason to leave what the database was made as.
    if migrated_as == "postgresql" or server.timescaledb is None:
        return "postgresql"
    return "timescaledb"


def _made_as_another(server: Server, engine: Engine, migrated_as: Engine) -> str:
    if migrated_as == "timescaledb":
        return (
            "This database was made for TimescaleDB and "
            + ("cannot be run as plain PostgreSQL" if server.installed else "has lost the extension")
            + ". Unset USAGE_GRAPH_ENGINE and use a server with TimescaleDB, or another database "
            "(`usage-graph copy --to URL` moves the records)."
        )
    return (
        "This database was made for plain PostgreSQL and cannot be run as TimescaleDB. Set "
        "USAGE_GRAPH_ENGINE=postgresql to go on with it as it is, or use another database "
        "(`usage-graph copy --to URL` moves the records)."
    )


def require_timescaledb(server: Server) -> None:
    """Raises ``MigrationError`` unless the server has, or can have, a TimescaleDB that serves."""
    if server.timescaledb is None:
        raise MigrationError(
            "The server has no TimescaleDB: install it and put it into shared_preload_libraries, "
            "or set USAGE_GRAPH_ENGINE=postgresql (or auto)."
        )
    if _version(server.timescaledb) < MINIMUM_TIMESCALEDB:
        raise MigrationError(
            f"usage-graph needs TimescaleDB {_dotted(MINIMUM_TIMESCALEDB)} or newer; this one is "
            f"{server.timescaledb}. Update it (ALTER EXTENSION timescaledb UPDATE), {_AS_PLAIN}."
        )
    if server.installed and server.licence != "timescale":
        raise MigrationError(
            "This TimescaleDB is the Apache-licensed edition, which has no continuous aggregates. Use one with the "
            "community features (the images and packages without `oss` in their name; timescaledb.license = "
            f"timescale), {_AS_PLAIN}."
        )


def _version(text: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
