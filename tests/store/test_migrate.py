"""Migrations: forward only, once, whoever races; a database that does not fit is refused with what to do."""

import asyncio
import re

import asyncpg
import pytest

from tests.timescale.serving import Timescale
from usage_graph.config import Engine
from usage_graph.errors import MigrationError, StartupError
from usage_graph.store import migrate
from usage_graph.store.connect import connect

FIRST = migrate.load()[0]


def as_superuser(dsn: str) -> str:
    """The same database for a role that may make roles."""
    return dsn.replace("//usage_graph@", "//postgres@")


def belonging_to(engine: Engine) -> list[str]:
    return [m.name for m in migrate.load() if m.engine in (None, engine)]


async def assert_applied_once(empty_database: str) -> None:
    connection = await connect(empty_database)
    schema = await migrate.inspect(connection)
    assert list(schema.pending) == belonging_to(schema.engine)
    assert await migrate.migrate(connection) == belonging_to(schema.engine)
    assert await migrate.migrate(connection) == []
    assert (await migrate.inspect(connection)).pending == ()
    await connection.close()


async def test_everything_is_applied_once(empty_several_backends: str) -> None:
    await assert_applied_once(empty_several_backends)


def test_everything_is_applied_once_to_timescaledb(timescale: Timescale) -> None:
    asyncio.run(assert_applied_once(timescale.empty()))


async def test_processes_that_race_apply_each_once(empty_several_backends: str) -> None:
    async def one() -> list[str]:
        connection = await connect(empty_several_backends)
        try:
            return await migrate.migrate(connection)
        finally:
            await connection.close()

    applied = await asyncio.gather(*(one() for _ in range(6)))
    connection = await connect(empty_several_backends)
    engine = (await migrate.inspect(connection)).engine
    await connection.close()
    assert sorted(name for names in applied for name in names) == belonging_to(engine)


async def test_a_database_is_not_run_as_another_engine(database: str) -> None:
    connection = await connect(database)
    made_for = (await migrate.inspect(connection)).engine
    assert (await migrate.inspect(connection, made_for)).pending == ()
    other: Engine = "postgresql" if made_for == "timescaledb" else "timescaledb"
    for refused in (migrate.inspect, migrate.migrate):
        with pytest.raises(MigrationError, match=r"made for .* cannot be run as"):
            await refused(connection, other)
    await connection.close()


async def test_a_changed_file_is_refused(database: str) -> None:
    connection = await connect(database)
    await connection.execute("UPDATE usage_migration SET sha256 = '\\x00' WHERE version = $1", FIRST.version)
    with pytest.raises(MigrationError, match=rf"{FIRST.name} has changed since it was applied.*new migration"):
        await migrate.migrate(connection)
    await connection.close()


async def test_a_newer_database_is_refused(database: str) -> None:
    connection = await connect(database)
    await connection.execute("INSERT INTO usage_migration VALUES (9999, '9999_future.sql', '\\x00')")
    with pytest.raises(MigrationError, match=r"newer than this program.*9999_future\.sql.*Upgrade"):
        await migrate.migrate(connection)
    with pytest.raises(MigrationError, match="newer than this program"):
        await migrate.inspect(connection)
    await connection.close()


async def test_a_failing_migration_leaves_nothing_behind(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = migrate.Migration(1, "0001_broken.sql", "CREATE TABLE half (a int); SELECT 1 / 0;", b"", None)
    monkeypatch.setattr(migrate, "load", lambda: [broken])
    connection = await connect(empty_database)
    with pytest.raises(MigrationError, match=r"0001_broken\.sql failed and was rolled back: division by zero"):
        await migrate.migrate(connection)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    assert await connection.fetchval("SELECT count(*) FROM usage_migration") == 0
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await connection.close()


def test_files_of_another_engine_are_left_alone() -> None:
    ours = migrate.Migration(1, "0001_ours.sql", "", b"", "postgresql")
    theirs = migrate.Migration(2, "0002_theirs.sql", "", b"", "timescaledb")
    both = migrate.Migration(3, "0003_both.sql", "", b"", None)
    assert migrate.outstanding([ours, theirs, both], [], "postgresql") == [ours, both]
    assert migrate.outstanding([ours, theirs, both], [(3, "0003_both.sql", b"")], "timescaledb") == [theirs]


async def test_a_role_that_may_not_make_tables_is_told_so(empty_database: str) -> None:
    connection = await connect(as_superuser(empty_database))
    await connection.execute("CREATE ROLE visitor; SET ROLE visitor")
    with pytest.raises(MigrationError, match=r"permission denied for schema public.*`usage-graph migrate` as a role"):
        await migrate.migrate(connection)
    await connection.execute("RESET ROLE")
    await migrate.migrate(connection)
    await connection.execute("SET ROLE visitor")
    with pytest.raises(MigrationError, match="permission denied for table usage_migration"):
        await migrate.inspect(connection)
    await connection.execute("RESET ROLE; DROP ROLE visitor")
    await connection.close()


async def test_an_encoding_that_cannot_hold_every_text_is_refused(empty_database: str) -> None:
    connection = await connect(empty_database)
    await connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        latin = await connect(re.sub(r"/empty_\d+\?", "/latin?", empty_database))
        with pytest.raises(MigrationError, match=r"encoded in LATIN1.*UTF8"):
            await migrate.migrate(latin)
        await latin.close()
    finally:
        await connection.execute("DROP DATABASE latin WITH (FORCE)")
        await connection.close()


async def test_trigrams_in_a_schema_that_is_not_searched(empty_database: str) -> None:
    connection = await connect(empty_database)
    await connection.execute('CREATE SCHEMA "Our Extensions"; CREATE EXTENSION pg_trgm SCHEMA "Our Extensions"')
    await migrate.migrate(connection)
    assert await connection.fetchval("SELECT to_regclass('usage_label_search')") is not None
    await connection.close()


async def test_trigrams_that_this_role_may_not_have(empty_database: str) -> None:
    connection = await connect(as_superuser(empty_database))
    await connection.execute("CREATE ROLE tenant; GRANT CREATE ON SCHEMA public TO tenant; SET ROLE tenant")
    await migrate.migrate(connection)
    assert await connection.fetchval("SELECT to_regclass('usage_label_search')") is None
    await connection.execute("RESET ROLE; DROP OWNED BY tenant; DROP ROLE tenant")
    await connection.close()


async def test_migrated_with_odd_session_settings(empty_database: str) -> None:
    connection = await connect(empty_database)
    await connection.execute("SET timezone = 'Asia/Kathmandu'; SET datestyle = 'SQL, DMY'")
    await migrate.migrate(connection)
    body = await connection.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'usage_roll_up_insert'")
    assert await connection.fetchval("SELECT timestamptz '2000-01-01 00:00:00+00'") == await connection.fetchval(
        f"SELECT timestamptz {body.split('r.started_at, ', 1)[1].split(')', 1)[0]}"
    )
    await connection.close()


async def test_an_unreachable_database_is_one_sentence() -> None:
    with pytest.raises(StartupError, match=r"The database cannot be used: .*USAGE_GRAPH_DATABASE_URL"):
        await connect("postgresql://nobody@127.0.0.1:1/none")


async def test_a_missing_database_is_one_sentence(empty_database: str) -> None:
    with pytest.raises(StartupError, match="does not exist") as caught:
        await connect(empty_database.replace("/empty_", "/missing_"))
    assert isinstance(caught.value.__cause__, asyncpg.InvalidCatalogNameError)
