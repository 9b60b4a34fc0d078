"""One database copied into another: everything arrives once, whatever the engines, however often it is cut short."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.records import BASE, record, usage_records
from tests.store.database import as_it_is, connected, put, write
from usage_graph.errors import CopyError, MigrationError, RefusedRecords, StartupError
from usage_graph.observation import Observation
from usage_graph.store import copy as copying
from usage_graph.store import migrate
from usage_graph.store.arrival import arrive
from usage_graph.store.connect import Connection
from usage_graph.store.copy import Copied, Progress, Step
from usage_graph.store.histograms import histogram_of
from usage_graph.store.identity import identity_key, span_key
from usage_graph.store.linking import Kind
from usage_graph.store.measures import HISTOGRAMS
from usage_graph.store.rollup import FAMILIES
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.store.sums import ALL
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord

DAY = timedelta(days=1)
_projects = itertools.count()

WAITING = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""

EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def source(empty_database: str) -> str:
    """The DSN of a fresh, migrated database of plain PostgreSQL, beside ``postgresql`` and ``database``."""
    asyncio.run(_migrate(empty_database))
    return empty_database


async def _migrate(dsn: str) -> None:
    async with connected(dsn) as connection:
        await migrate.migrate(connection)


async def execute(dsn: str, *statements: str) -> None:
    async with connected(dsn) as connection:
        for statement in statements:
            await connection.execute(statement)


async def copy(source: str, target: str, tell: Callable[[Progress], None] = lambda _: None) -> Copied:
    return await copying.copy(source, target, mode="copy", tell=tell)


async def forget(dsn: str, since: datetime) -> None:
    """Retention, as upkeep does it."""
    async with connected(dsn) as connection:
        for start, end in await connection.fetch("SELECT * FROM usage_stale()"):
            await connection.execute("CALL usage_refresh($1, $2)", start, end)
        assert await connection.fetchval("SELECT usage_keep_since($1)", since) == since
        await connection.execute("CALL usage_expire()")


async def rollups(connection: Connection, project: str) -> dict[str, list[tuple[Any, ...]]]:
    """What questions about a project read."""
    found = {}
    histograms = ", ".join(f"string_agg(array_to_string(c.{name}, ' '), ' ')" for name in HISTOGRAMS)
    for family in FAMILIES:
        for rollup in family.rollups:
            keys = ", ".join(("c.bucket", *(f"c.{column}" for column in sorted(family.columns))))
            rows = await connection.fetch(
                f"SELECT {keys}, {ALL.sql}, {histograms} "  # noqa: S608
                f"FROM {rollup.relation}($1, '-infinity', 'infinity') AS c GROUP BY {keys}",
                project,
            )
            found[rollup.relation] = sorted(map(_readable, rows), key=repr)
    return found


def _readable(row: Iterable[Any]) -> tuple[Any, ...]:
    """A row whose last columns are histograms, in whatever order their entries are."""
    numbers, texts = tuple(row)[: -len(HISTOGRAMS)], tuple(row)[-len(HISTOGRAMS) :]
    return (*numbers, *(histogram_of(map(int, text.split())) for text in texts))


async def contents(dsn: str, project: str = "default") -> dict[str, Any]:
    """All that a database knows of a project."""
    async with connected(dsn) as connection:
        records = await connection.fetch(
            f"SELECT {', '.join(UsageRecord._fields)} FROM usage_record WHERE project = $1 ORDER BY started_at, id",  # noqa: S608
            project,
        )
        identities = await connection.fetch(
            "SELECT i.key, i.flags, i.parent, i.started_at, i.record FROM usage_identity AS i "
            "INNER JOIN usage_record AS r ON r.started_at = i.started_at AND r.id = i.record "
            "WHERE r.project = $1 ORDER BY i.key",
            project,
        )
        labels = await connection.fetch("SELECT key, label FROM usage_label WHERE project = $1 ORDER BY key", project)
        return {
            "records": [record_of(row) for row in records],
            "identities": list(map(tuple, identities)),
            "labels": list(map(tuple, labels)),
            "rollups": await rollups(connection, project),
        }


def month(**changes: Any) -> list[UsageRecord]:
    """Ten calls a day for 30 days."""
    return [
        record(
            started_at=BASE + number * timedelta(hours=2.4),
            span_id=(number + 1).to_bytes(8, "big"),
            agent=f"agent {number % 7}",
            conversation=f"conversation {number % 50}",
            first_token_us=None if number % 3 else 1000 * number,
            **changes,
        )
        for number in range(300)
    ]


@given(
    batch=st.lists(usage_records(), max_size=25, unique_by=lambda one: (one.trace_id, one.span_id)),
)
@EXAMPLES
async def test_everything_arrives_and_again_changes_nothing(
    source: str, database: str, batch: list[UsageRecord]
) -> None:
    project = f"project {next(_projects)}"
    await write(source, [record(**one._replace(project=project)._asdict()) for one in batch])

    first = await copy(source, database)
    there = await contents(database, project)
    again = await copy(source, database)

    assert there == await contents(source, project)
    assert first.stored == len(batch)
    assert again.stored == 0
    assert await contents(database, project) == there
    assert all(pair.equal for pair in (*first.projects.values(), *again.projects.values()))
    assert (project in again.projects) == bool(batch)


async def test_from_timescaledb_to_postgresql(timescaledb: str, postgresql: str) -> None:
    await write(timescaledb, month())
    async with connected(timescaledb) as connection:
        chunks = "SELECT count(compress_chunk(c)) FROM show_chunks('usage_record', older_than => $1::timestamptz) AS c"
        assert await connection.fetchval(chunks, BASE + 10 * DAY) == 10
    await forget(timescaledb, BASE + 3 * DAY)
    await write(timescaledb, month(project="other")[200:])  # which no refresh has seen yet

    copied = await copy(timescaledb, postgresql)

    assert copied.stored == 300 - 30 + 100
    assert {name: pair.equal for name, pair in copied.projects.items()} == {"default": True, "other": True}
    assert copied.projects["default"].source.calls == 300
    for project in ("default", "other"):
        here, there = await contents(timescaledb, project), await contents(postgresql, project)
        assert here["rollups"] == there["rollups"]
        assert here["records"] == there["records"]
    assert len(there["records"]) == 100


async def test_cut_short_it_is_consistent_and_goes_on(
    source: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_BATCH", 25)
    records = month()
    await write(source, records)

    class CutShort(BaseException):
        pass

    def cut(progress: Progress) -> None:
        if progress.done >= 155:
            raise CutShort

    with pytest.raises(CutShort):
        await copy(source, database, cut)
    part = (await contents(database))["records"]
    whole: list[Progress] = []
    copied = await copy(source, database, whole.append)

    assert part == records[:175]
    sent = [progress.done for progress in whole if progress.step is Step.RECORDS]
    assert sent[0] == 170  # whole days are left out, the cut one is sent again
    assert sent == sorted(sent)
    assert sent[-1] == 300
    assert copied.stored == 125
    assert copied.projects["default"].equal
    assert await contents(database) == await contents(source)


async def test_every_identity_is_copied_and_one_that_is_known_names_the_same_call(source: str, database: str) -> None:
    known, new = record(), record(span_id=b"\2" * 8)
    await write(source, [known, new])
    await execute(
        source,
        "INSERT INTO usage_identity (key, started_at, record) "
        "SELECT usage_identity_key(project, 2, 'answer ' || substr(span_id, 1, 1)), started_at, id FROM usage_record",
    )
    # The target took the same call in from elsewhere, under its second identity alone and with another start.
    there = record(span_id=b"\7" * 8, started_at=BASE + timedelta(hours=1))
    await write(database, [there])
    answers = [identity_key("default", Kind.RESPONSE, b"answer " + of.span_id[:1]) for of in (known, new)]
    await execute(database, f"UPDATE usage_identity SET key = '{answers[0]}'")  # noqa: S608

    copied = await copy(source, database)

    arrived = await contents(database)
    assert arrived["records"] == [new, there]
    of_known, of_new = (there.started_at, there.id), (new.started_at, new.id)
    assert arrived["identities"] == sorted(
        [
            (span_key("default", known.trace_id, known.span_id), None, None, *of_known),
            (span_key("default", new.trace_id, new.span_id), None, None, *of_new),
            (answers[0], None, None, *of_known),
            (answers[1], None, None, *of_new),
        ]
    )
    assert copied.stored == 1
    assert (await copy(source, database)).stored == 0
    assert await contents(database) == arrived


async def test_an_identity_that_came_later_is_copied_though_the_sums_are_equal(source: str, postgresql: str) -> None:
    await write(source, [record()])
    await copy(source, postgresql)
    await execute(
        source,
        "INSERT INTO usage_identity (key, started_at, record) "
        "SELECT usage_identity_key(project, 2, span_id), started_at, id FROM usage_record",
    )

    assert (await copy(source, postgresql)).stored == 0

    assert (await contents(postgresql))["identities"] == (await contents(source))["identities"]


async def test_calls_of_the_targets_own_stay_and_are_told_of(source: str, database: str) -> None:
    own = record(span_id=b"\7" * 8, started_at=BASE + timedelta(hours=1))
    elsewhere = record(project="other")
    await write(source, month())
    await write(database, [own, elsewhere])

    copied = await copy(source, database)

    assert copied.stored == 300
    assert list(copied.projects) == ["default"]
    default = copied.projects["default"]
    assert (default.source.calls, default.target.calls) == (300, 301)
    assert not default.equal
    assert not default.differs
    assert (await contents(database))["records"] == sorted([*month(), own], key=lambda one: (one.started_at, one.id))
    assert (await contents(database, "other"))["records"] == [elsewhere]


async def test_a_call_that_is_there_in_other_words_is_told_of(source: str, postgresql: str) -> None:
    await write(source, month())
    await write(postgresql, [month()[0]._replace(cost_nano=1)])

    copied = await copy(source, postgresql)

    assert copied.stored == 299
    assert copied.projects["default"].differs
    assert not copied.projects["default"].equal


async def test_the_past_is_carried_over(source: str, database: str) -> None:
    since = BASE + 12 * DAY
    await write(source, [*month(), *month(project="past")[:50], *month(project="present")[200:]])
    await forget(source, since)
    whole = await contents(source)

    copied = await copy(source, database)

    assert copied.stored == 300 - 120 + 100
    assert {name: pair.source.calls for name, pair in copied.projects.items()} == {
        "default": 300,
        "past": 50,
        "present": 100,
    }
    assert all(pair.equal for pair in copied.projects.values())
    assert await contents(database) == whole | {"labels": (await contents(database))["labels"]}
    assert await contents(database, "past") == await contents(source, "past") | {"labels": []}
    async with connected(database) as connection:
        assert await connection.fetchval("SELECT kept_since FROM usage_retention") == since
    with pytest.raises(RefusedRecords):
        await write(database, [record(span_id=b"\7" * 8, started_at=since - timedelta(seconds=1))])

    again = await copy(source, database)
    assert again.stored == 0
    assert (await contents(database))["rollups"] == whole["rollups"]

    # Time goes on at the source: what it forgets now is there in the target as it was.
    await write(source, month(project="late")[250:])
    await forget(source, since + 5 * DAY)
    later = await copy(source, database)
    assert later.stored == 50
    assert all(pair.equal for pair in later.projects.values())
    assert (await contents(database))["rollups"] == whole["rollups"]
    assert len((await contents(database))["records"]) == 180


async def test_a_past_of_the_targets_own_is_not_mixed(source: str, database: str) -> None:
    await write(source, month())
    await forget(source, BASE + 12 * DAY)
    await write(database, [record(span_id=b"\7" * 8, started_at=BASE + 2 * DAY)])
    before = await contents(database)

    with pytest.raises(CopyError, match=r"before 2026-03-13 the source knows sums alone.*Copy to an empty database"):
        await copy(source, database)

    assert await contents(database) == before
    async with connected(database) as connection:
        assert await connection.fetchval("SELECT kept_since FROM usage_retention") is None


async def test_a_target_that_keeps_less_is_refused(source: str, postgresql: str) -> None:
    await write(source, month())
    await forget(postgresql, BASE + 12 * DAY)

    with pytest.raises(CopyError, match="keeps records since 2026-03-13, and the source has some from 2026-03-01"):
        await copy(source, postgresql)

    assert (await contents(postgresql))["records"] == []


async def test_a_target_that_keeps_less_takes_what_it_keeps(source: str, postgresql: str) -> None:
    await write(source, month()[120:])
    await forget(postgresql, BASE + 12 * DAY)

    assert (await copy(source, postgresql)).projects["default"].equal


async def test_the_source_is_copied_as_of_one_moment(source: str, postgresql: str) -> None:
    await write(source, month())
    late = record(span_id=b"\7" * 8, started_at=BASE + 29 * DAY)

    def meanwhile(progress: Progress) -> None:
        if progress.step is Step.RECORDS and progress.done == 0:
            wait_for(write(source, [late]))

    first = await copy(source, postgresql, meanwhile)
    second = await copy(source, postgresql)

    assert first.stored == 300
    assert first.projects["default"].equal
    assert second.stored == 1
    assert second.projects["default"].equal


def wait_for(work: Awaitable[None]) -> None:
    """``work`` to its end while everything else stands still."""

    async def run() -> None:
        await work

    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, run()).result()


async def test_a_server_may_take_the_same_calls_meanwhile(
    source: str, several_backends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_BATCH", 20)
    records = month()
    await write(source, records)
    async with open_writer(several_backends, mode="copy", connections=2, price=as_it_is) as writer:

        async def take() -> None:
            for start in range(280, -1, -20):
                await put(writer, records[start : start + 20])

        copied, _ = await asyncio.gather(copy(source, several_backends), take())

    assert copied.projects["default"].equal
    assert await contents(several_backends) == await contents(source)


async def test_a_call_that_a_server_is_just_taking_is_not_stored_twice(source: str, several_backends: str) -> None:
    taken = record(started_at=BASE + timedelta(hours=1))
    await write(source, [record()])
    async with asyncio.timeout(30), connected(several_backends) as server, connected(several_backends) as other:
        await server.execute(query("create_staging"))
        async with server.transaction():
            await arrive(server, [Observation(taken)], mode="copy", price=as_it_is, by_fingerprint=False)
            copy_ = asyncio.create_task(copy(source, several_backends))
            while not await other.fetchval(WAITING):  # noqa: ASYNC110 (PostgreSQL has no event for it)
                await asyncio.sleep(0.01)
        await copy_

    assert (await contents(several_backends))["records"] == [taken]


async def test_calls_that_have_become_one_in_the_source_are_one_in_the_target(source: str, database: str) -> None:
    first, second = (record(span_id=bytes([n]) * 8, trace_id=b"\1" * 16) for n in (1, 2))
    between = Observation(
        record(span_id=b"\3" * 8, user_id="ada"), response_id="resp_12345678", parent_span_id=b"\1" * 8
    )
    ids: dict[str, Any] = {"response_id": "resp_12345678"}
    async with open_writer(source, mode="copy", connections=1, price=as_it_is) as writer:
        await writer.write([Observation(first)])
        await writer.write([Observation(second, **ids)])
        assert (await copy(source, database)).stored == 2
        await writer.write([between])
    assert (await copy(source, database)).projects["default"].equal
    assert await contents(database) == await contents(source)
    # A word on it that comes to the target finds it by each of its identities.
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        await writer.write([Observation(record(span_id=b"\4" * 8), **ids), Observation(second, **ids)])
    assert len((await contents(database))["records"]) == 1


async def test_a_connection_that_is_lost_is_said_so(source: str, several_backends: str) -> None:
    await write(source, month())

    def cut(progress: Progress) -> None:
        if progress.step is Step.RECORDS:
            wait_for(
                execute(
                    several_backends,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
            )

    with pytest.raises(CopyError, match=r"cut short.*the same command again"):
        await copy(source, several_backends, cut)

    assert (await copy(source, several_backends)).projects["default"].equal


async def test_an_empty_database_is_migrated_first(source: str, postgresql: str) -> None:
    await execute(postgresql, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await write(source, month())

    assert (await copy(source, postgresql)).projects["default"].equal


async def test_nothing_to_copy(source: str, postgresql: str) -> None:
    assert await copy(source, postgresql) == Copied(0, {})


async def test_the_same_database_under_another_address_is_refused(postgresql: str) -> None:
    await write(postgresql, month())

    with pytest.raises(CopyError, match="the same database"):
        await copy(postgresql, f"{postgresql}&application_name=other")


async def test_a_target_that_cannot_be_used_is_a_message(source: str, postgresql: str) -> None:
    with pytest.raises(StartupError, match="Check --to"):
        await copy(source, "postgresql://nobody@127.0.0.1:1/none")
    await execute(
        postgresql, "INSERT INTO usage_migration (version, name, sha256) VALUES (9999, '9999_later.sql', '\\x00')"
    )
    with pytest.raises(MigrationError, match="database to copy to: The database is newer than this program"):
        await copy(source, postgresql)


async def test_a_day_is_read_by_the_primary_key(source: str) -> None:
    await execute(
        source,
        """
        INSERT INTO usage_record (started_at, id, duration_us, credits_nano, failed, cost_reported, trace_id, span_id,
            project, source, operation)
        SELECT timestamptz '2026-03-01' + n * interval '2 minutes', n, 1, 0, false, false, '\\x01', '\\x01',
            'project ' || n % 3, 'chat', 'chat'
        FROM generate_series(1, 60000) AS n
        """,
        "INSERT INTO usage_identity (key, started_at, record) "
        "SELECT md5(id::text)::uuid, started_at, id FROM usage_record",
        "VACUUM ANALYZE usage_record, usage_identity",
    )
    sql = query("list_day").format(columns="r.id")
    async with connected(source) as connection:
        plan = await connection.fetch(f"EXPLAIN {sql}", ["project 0", "project 1"], BASE + 20 * DAY, BASE + 21 * DAY)
    lines = "\n".join(line for (line,) in plan)
    assert "usage_record_pkey" in lines
    assert "usage_identity_time" in lines
    assert "Seq Scan" not in lines
