"""Real databases: a fresh one per test, on each engine, and one real server per test process.

``database`` runs a test on plain PostgreSQL and on TimescaleDB (compiled to WebAssembly, see ``tests/timescale``), and
on the native TimescaleDB of the server that ``USAGE_GRAPH_TEST_DATABASE_URL`` names, where one is given: a role there
may create databases. ``several_backends`` leaves out the one that has a single backend.
"""

import asyncio
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from tests.serving import Server
from tests.timescale.serving import Timescale
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded

_TEMPLATE = "usage_template"
_MEMORY = "/dev/shm"  # noqa: S108
_ROOM = 4 * 2**30
_numbers = itertools.count()

# Machines are shared: how long an example takes, or to think of one, says nothing.
settings.register_profile("usage-graph", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usage-graph")


def _has_room(directory: str) -> bool:
    """Whether databases can be kept there, and programs run."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize > _ROOM and not found.f_flag & os.ST_NOEXEC


# A database is a thousand files: where files are memory, to make one takes a third of the time.
if sys.platform == "linux" and _has_room(_MEMORY):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: who waits for a server or a browser leaves its processor to another."""
    return (os.cpu_count() or 1) + 1


def dsn_of(postgres: Embedded, database: str) -> str:
    """The DSN of another database of the same server."""
    return postgres.dsn.replace("/usage_graph?", f"/{database}?")


# A shell makes what it starts in the background ignore Ctrl-C, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NATIVE = os.environ.get("USAGE_GRAPH_TEST_DATABASE_URL")
SEVERAL_BACKENDS = ["postgresql", *(["native"] if NATIVE else [])]
ENGINES = ["timescaledb", *SEVERAL_BACKENDS]


def _run(dsn: str, statements: Sequence[str]) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _administer(postgres: Embedded, *statements: str) -> None:
    _run(dsn_of(postgres, "postgres"), statements)


def _drop(postgres: Embedded, name: str) -> None:
    # As the superuser: it ends autovacuum there, too, which is nobody else's to end.
    administrator = dsn_of(postgres, "postgres").replace("//usage_graph@", "//postgres@")
    _run(administrator, [f"DROP DATABASE {name} WITH (FORCE)"])


def _migrate(dsn: str) -> None:
    async def run() -> None:
        connection = await connect(dsn)
        try:
            await migrate.migrate(connection)
        finally:
            await connection.close()

    asyncio.run(run())


@contextmanager
def fresh(request: pytest.FixtureRequest, engine: str) -> Iterator[str]:
    """The DSN of a fresh, migrated database, for as long as this is open."""
    if engine == "timescaledb":
        timescale: Timescale = request.getfixturevalue("timescale")
        yield timescale.once("migrated", _migrate)
    elif engine == "native":
        with _on_native() as dsn:
            _migrate(dsn)
            yield dsn
    else:
        postgres: Embedded = request.getfixturevalue("postgres")
        name = f"test_{next(_numbers)}"
        _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('template')}")
        yield dsn_of(postgres, name)
        _drop(postgres, name)


@contextmanager
def empty(request: pytest.FixtureRequest, engine: str) -> Iterator[str]:
    """The same of a database with nothing in it."""
    if engine == "timescaledb":
        timescale: Timescale = request.getfixturevalue("timescale")
        yield timescale.empty()
    elif engine == "native":
        with _on_native() as dsn:
            yield dsn
    else:
        yield request.getfixturevalue("empty_database")


@contextmanager
def _on_native() -> Iterator[str]:
    """An empty database on the server that the tests were given."""
    assert NATIVE is not None
    name = f"usage_graph_test_{os.getpid()}_{next(_numbers)}"
    # Not template1, which nobody may copy while somebody is connected to it.
    _run(NATIVE, [f"CREATE DATABASE {name} TEMPLATE template0"])
    yield urlsplit(NATIVE)._replace(path=f"/{name}").geturl()
    _run(NATIVE, [f"DROP DATABASE {name} WITH (FORCE)"])


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The embedded PostgreSQL. What a test writes need not survive a power cut, so it does not wait for disks."""
    data_dir: Path = tmp_path_factory.mktemp("postgres")
    conf = {"fsync": "off", "max_connections": "100", "max_wal_size": "256MB"}
    with Embedded(data_dir=data_dir, conf=conf) as embedded:
        yield embedded
    shutil.rmtree(data_dir)


@pytest.fixture(scope="session")
def template(postgres: Embedded) -> str:
    """The name of a migrated database to clone."""

    _administer(postgres, f"CREATE DATABASE {_TEMPLATE}")
    _migrate(dsn_of(postgres, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def empty_database(postgres: Embedded) -> Iterator[str]:
    """The DSN of a database without anything in it."""
    name = f"empty_{next(_numbers)}"
    _administer(postgres, f"CREATE DATABASE {name}")
    yield dsn_of(postgres, name)
    _drop(postgres, name)


@pytest.fixture
def postgresql(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a fresh, migrated database of plain PostgreSQL."""
    with fresh(request, "postgresql") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def timescale() -> Iterator[Timescale]:
    """The TimescaleDB of this test process; it has one database."""
    with Timescale() as server:
        yield server


@pytest.fixture
def timescaledb(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of that database, emptied and migrated."""
    with fresh(request, "timescaledb") as dsn:
        yield dsn


@pytest.fixture
def native(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a fresh, migrated database of a native TimescaleDB."""
    with fresh(request, "native") as dsn:
        yield dsn


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> str:
    """The DSN of a fresh, migrated database: of every engine."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


@pytest.fixture(params=[engine for engine in ENGINES if engine != "postgresql"])
def every_timescaledb(request: pytest.FixtureRequest) -> str:
    """The same, of every TimescaleDB."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


@pytest.fixture(params=SEVERAL_BACKENDS)
def several_backends(request: pytest.FixtureRequest) -> str:
    """The same, of every engine that can do more than one thing at a time."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


@pytest.fixture(params=SEVERAL_BACKENDS)
def empty_several_backends(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, with nothing in it yet."""
    if request.param == "postgresql":
        yield request.getfixturevalue("empty_database")
        return
    with _on_native() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def server(postgres: Embedded, template: str) -> Iterator[Server]:
    """A real server on free ports. Tests share it, each in a project of its own (``server.project()``)."""
    name = "served"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    with Server(database_url=dsn_of(postgres, name)) as running:
        yield running
    _drop(postgres, name)
