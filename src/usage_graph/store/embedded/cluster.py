"""The cluster: how it is made, and the settings it runs with."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded import leftovers
from usage_graph.store.embedded.account import HERE, Account, environment
from usage_graph.store.embedded.binaries import Binaries
from usage_graph.store.embedded.directory import DataDirectory
from usage_graph.store.embedded.sockets import PORT, dsn

USER = DATABASE = "usage_graph"
"""What the server connects as and to. Not a superuser: those may read files and run programs. It owns its database
and may create others."""

_SUPERUSER = "postgres"
_INITDB_SECONDS = 120.0

# For one server on a laptop: durable, small, and tended for tables that mostly grow.
_DEFAULTS = {
    "listen_addresses": "",
    "max_connections": "50",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Old calls touch indexes and rollups all over: with less, disks are read and written again and again.
    "shared_buffers": "256MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "jit": "off",
    "random_page_cost": "1.1",
    "min_wal_size": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "60s",
    "autovacuum_max_workers": "2",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # The one who sent a statement is told what was wrong with it; the log keeps neither it nor the values in it.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def settings(*, cluster: Path, sockets: Path, conf: Mapping[str, str]) -> dict[str, str]:
    """What ``postgres`` is started with: our defaults, ``conf`` over them, and what must be as it is.

    ``sockets`` is the socket directory by the name that PostgreSQL finds it under.
    """
    return {
        **_DEFAULTS,
        **conf,
        "port": str(PORT),
        "unix_socket_directories": f'"{sockets}"',
        "unix_socket_permissions": "0700",
        "cluster_name": leftovers.mark(cluster),
        "logging_collector": "off",
    }


def create(*, binaries: Binaries, account: Account, directory: DataDirectory, by_cwd: bool) -> None:
    """Make the cluster, named ``HERE`` if ``by_cwd``; cut short at any point, the data directory has none.

    Raises:
        EmbeddedError: with what ``initdb`` said.
    """
    # initdb looks the user up, as postgres does not; in a namespace it is one that every system has.
    account_with_name = account if account.known else account.in_namespace()
    staged = directory.stage()
    try:
        account.own(staged)
        command: list[str | Path] = [binaries.initdb, "-D", HERE if by_cwd else staged]
        command += _initdb_options(binaries.major)
        done = subprocess.run(  # noqa: S603
            account_with_name.command(command, dies_with_us=sys.platform == "linux", place=staged),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
            start_new_session=True,
            timeout=_INITDB_SECONDS,
            check=False,
        )
        if done.returncode:
            raise EmbeddedError(_why_not(account, done.stderr))
        directory.adopt(staged)
    except subprocess.TimeoutExpired:
        raise EmbeddedError(f"PostgreSQL's initdb did not finish within {_INITDB_SECONDS:.0f} seconds.") from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)  # there no more, when all went well


def _initdb_options(major: int) -> list[str]:
    # Text sorts by code point, everywhere the same; upper and lower case are Unicode's.
    case_rules = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    options = [
        f"--username={_SUPERUSER}",
        "--auth-local=trust",  # see sockets: the directory is the guard
        "--auth-host=reject",
        "--encoding=UTF8",
        "--no-locale",
        f"--lc-ctype={case_rules}",
        "--no-instructions",
    ]
    if major >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return options


def _why_not(account: Account, said: str) -> str:
    lines = "\n".join(said.strip().splitlines()[-10:])
    if account.known:
        return f"PostgreSQL's initdb failed:\n{lines}"
    return (
        f"PostgreSQL's initdb needs a user with a name, and the user {account.uid} has none: {lines}. Add it to "
        f"/etc/passwd, run usage-graph as another user, or set USAGE_GRAPH_DATABASE_URL to a database that runs "
        f"already."
    )


async def create_database(sockets: Path) -> None:
    """Create the role and the database where they are missing.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: PostgreSQL does not answer as it should.
    """
    # Everything is said here, so that no PG* variable and no file in the home directory has a say.
    address = dsn(sockets, user=_SUPERUSER, database="postgres") + "&target_session_attrs=any"
    connection = await asyncpg.connect(address, password="", ssl=False, timeout=30)
    try:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", USER):
            await connection.execute(f"CREATE ROLE {USER} LOGIN CREATEDB")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
    finally:
        await connection.close()
