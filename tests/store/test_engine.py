"""Which engine a database is run as, and which are refused, each with the way out."""

import pytest

from usage_graph.config import Engine, EngineChoice
from usage_graph.errors import MigrationError
from usage_graph.store.engine import Server, decide

PLAIN = Server(postgresql="18.6", timescaledb=None, installed=False, licence=None)
INSTALLABLE = Server(postgresql="18.6", timescaledb="2.29.2", installed=False, licence=None)
INSTALLED = Server(postgresql="18.6", timescaledb="2.29.2", installed=True, licence="timescale")
APACHE = Server(postgresql="18.6", timescaledb="2.29.2", installed=True, licence="apache")
OLD = Server(postgresql="16.1", timescaledb="2.22.1", installed=True, licence="timescale")
OLD_INSTALLABLE = Server(postgresql="16.1", timescaledb="2.9.3", installed=False, licence=None)


@pytest.mark.parametrize(
    ("server", "choice", "migrated_as", "engine"),
    [
        (PLAIN, "auto", None, "postgresql"),
        (PLAIN, "auto", "postgresql", "postgresql"),
        (INSTALLABLE, "auto", None, "timescaledb"),
        (INSTALLABLE, "timescaledb", None, "timescaledb"),
        (INSTALLABLE, "auto", "postgresql", "postgresql"),  # that it could be had changes nothing
        (INSTALLABLE, "postgresql", None, "postgresql"),
        (INSTALLED, "auto", None, "timescaledb"),
        (INSTALLED, "auto", "timescaledb", "timescaledb"),
        (INSTALLED, "postgresql", None, "postgresql"),
        (INSTALLED, "postgresql", "postgresql", "postgresql"),
        (APACHE, "postgresql", None, "postgresql"),
        (OLD, "postgresql", "postgresql", "postgresql"),
    ],
)
def test_decided(server: Server, choice: EngineChoice, migrated_as: Engine | None, engine: Engine) -> None:
    assert decide(server, choice=choice, migrated_as=migrated_as) == engine


@pytest.mark.parametrize(
    ("server", "choice", "migrated_as", "said"),
    [
        (APACHE, "auto", None, "Apache-licensed.*USAGE_GRAPH_ENGINE=postgresql"),
        (OLD, "auto", None, r"needs TimescaleDB 2\.23 or newer; this one is 2\.22\.1.*USAGE_GRAPH_ENGINE=postgresql"),
        (OLD_INSTALLABLE, "auto", None, r"this one is 2\.9\.3.*USAGE_GRAPH_ENGINE=postgresql"),
        (PLAIN, "timescaledb", None, "has no TimescaleDB.*shared_preload_libraries.*USAGE_GRAPH_ENGINE"),
        (PLAIN, "auto", "timescaledb", "has lost the extension.*usage-graph copy"),
        (INSTALLED, "postgresql", "timescaledb", "cannot be run as plain PostgreSQL.*usage-graph copy"),
        (INSTALLED, "auto", "postgresql", "made for plain PostgreSQL.*USAGE_GRAPH_ENGINE=postgresql.*usage-graph copy"),
        (INSTALLABLE, "timescaledb", "postgresql", "made for plain PostgreSQL"),
    ],
)
def test_refused(server: Server, choice: EngineChoice, migrated_as: Engine | None, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        decide(server, choice=choice, migrated_as=migrated_as)


@pytest.mark.parametrize(
    ("version", "warned"),
    [("2.23.0-dev", True), ("2.28.9", True), ("2.29.0", False), ("2.100.1", False), ("3.0.0", False)],
)
def test_versions_with_known_errors_are_warned_of(version: str, warned: bool) -> None:
    server = Server(postgresql="18.6", timescaledb=version, installed=True, licence="timescale")
    assert decide(server, choice="auto", migrated_as=None) == "timescaledb"
    assert ("2.29 or later is recommended" in (server.warning or "")) is warned


def test_what_is_not_used_is_neither_named_nor_warned_of() -> None:
    assert INSTALLED.name == "PostgreSQL 18.6, TimescaleDB 2.29.2"
    assert INSTALLABLE.name == "PostgreSQL 18.6"
    assert OLD_INSTALLABLE.warning is None
