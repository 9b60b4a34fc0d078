"""A database for a whole module, in which each test has projects of its own."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import fresh


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[str]:
    """Its DSN; plain PostgreSQL."""
    with fresh(request, "postgresql") as dsn:
        yield dsn


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def project() -> Callable[[], str]:
    """Names a project that nobody has named before."""
    return lambda: f"project-{next(_numbers)}"
