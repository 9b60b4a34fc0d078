"""Data directories for the tests of the embedded PostgreSQL."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ENGINES, empty
from tests.store.embedded_process import eventually, processes_on, run_sql
from usage_graph.store.embedded import Embedded


def _open_place() -> Path:
    path = Path(tempfile.mkdtemp(prefix="ug-", dir="/tmp"))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def _kept_place() -> Iterator[Path]:
    path = _open_place()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_dir(_kept_place: Path) -> Iterator[Path]:
    """A data directory with a table ``kept``, column ``n``, which holds 0. Tests share it, one after the other.

    Every user may enter the directory it is in, as those of pytest's ``tmp_path`` only their owner may.
    """
    path = _kept_place / "data"
    if not path.exists():
        with Embedded(data_dir=path) as embedded:
            run_sql(embedded.dsn, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (0)")
    yield path
    assert eventually(lambda: not processes_on(path))


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user may enter."""
    path = _open_place()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def new_dir(open_place: Path) -> Iterator[Path]:
    """A data directory yet to be made."""
    path = open_place / "new"
    yield path
    assert eventually(lambda: not processes_on(path))


@pytest.fixture(params=ENGINES)
def unmigrated(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a database with nothing in it: of every engine."""
    with empty(request, request.param) as dsn:
        yield dsn
