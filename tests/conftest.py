"""A real PostgreSQL per test process, a fresh database per test, and one real server per test process."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.serving import Server
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded

_TEMPLATE = "usage_template"
_numbers = itertools.count()


def dsn_of(postgres: Embedded, database: str) -> str:
    """The DSN of another database of the same server."""
    return postgres.dsn.replace("/usage_graph?", f"/{database}?")


def _administer(postgres: Embedded, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(dsn_of(postgres, "postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The embedded PostgreSQL. What a test writes need not survive a power cut, so it does not wait for disks."""
    data_dir: Path = tmp_path_factory.mktemp("postgres")
    with Embedded(data_dir=data_dir, conf={"fsync": "off", "max_connections": "100"}) as embedded:
        yield embedded


@pytest.fixture(scope="session")
def template(postgres: Embedded) -> str:
    """The name of a migrated database to clone."""

    async def prepare() -> None:
        connection = await connect(dsn_of(postgres, _TEMPLATE))
        try:
            await migrate.migrate(connection)
        finally:
            await connection.close()

    _administer(postgres, f"CREATE DATABASE {_TEMPLATE}")
    asyncio.run(prepare())
    return _TEMPLATE


@pytest.fixture
def empty_database(postgres: Embedded) -> Iterator[str]:
    """The DSN of a database without anything in it."""
    name = f"empty_{next(_numbers)}"
    _administer(postgres, f"CREATE DATABASE {name}")
    yield dsn_of(postgres, name)
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(postgres: Embedded, template: str) -> Iterator[str]:
    """The DSN of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield dsn_of(postgres, name)
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def server(postgres: Embedded, template: str) -> Iterator[Server]:
    """A real server on free ports. Tests share it, each in a project of its own (``server.project()``)."""
    name = "served"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    with Server(database_url=dsn_of(postgres, name)) as running:
        yield running
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")
