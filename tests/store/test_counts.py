"""Counts in the database: they add up over servers and restarts, wait for a database that is away, and stay few."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from tests.store.database import connected
from usage_graph.health import MAX_DETAILS, OTHER, IngestHealth, Outcome, Tally
from usage_graph.observation import MergeReason
from usage_graph.store.connect import Connection
from usage_graph.store.counts import open_counts
from usage_graph.store.reader import open_reader

NOW = datetime(2026, 4, 15, 12, 30, tzinfo=UTC)


def tally_at(now: datetime) -> Tally:
    return Tally(clock=lambda: now)


async def health(database: str, project: str = "default") -> IngestHealth:
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        return await snapshot.ingest_health(project)


async def rows(connection: Connection) -> list[tuple[str, str, int]]:
    found = await connection.fetch("SELECT outcome, detail, count FROM usage_ingest ORDER BY outcome, detail")
    return [tuple(row) for row in found]


async def test_servers_add_up_and_so_do_restarts(database: str) -> None:
    for hours in (1, 0, 2):
        tally = tally_at(NOW + timedelta(hours=hours))
        async with open_counts(database, tally=tally) as counts:
            tally.tell("default", Outcome.ACCEPTED, "traces", 10)
            tally.tell("default", Outcome.STORED, "", 4)
            await counts.add()
            tally.tell("default", Outcome.ACCEPTED, "logs", 1)
            tally.tell("default", Outcome.MERGED, "nested", hours + 1)
            tally.tell("default", Outcome.UNRECOGNISED, "a scope", 1)
            tally.tell("default", Outcome.REJECTED, f"reason {hours}", 3 + hours)
            tally.tell("other", Outcome.NOT_LLM, "", 7)
        # What was told last is added when the server stops.

    found = await health(database)
    assert (found.since, found.last_seen) == (NOW, NOW + timedelta(hours=2))
    assert (found.accepted, found.stored, found.repeated, found.completed, found.not_llm) == (33, 12, 0, 0, 0)
    assert (found.merged, found.merged_by) == (6, [(MergeReason.NESTED, 6)])
    assert found.rejected == 12
    assert found.rejected_by == [(f"reason {n}", 3 + n, NOW + timedelta(hours=n)) for n in (2, 1, 0)]
    assert found.unrecognised_by == [("a scope", 3, NOW + timedelta(hours=2))]
    assert (await health(database, "other")).not_llm == 21
    assert (await health(database, "nobody")).since is None


async def test_nothing_to_add_needs_no_database() -> None:
    async with open_counts("postgresql://nobody@127.0.0.1:1/none", tally=tally_at(NOW)) as counts:
        await counts.add()


async def test_details_stay_few_whoever_adds_them(database: str) -> None:
    def told(of: Iterable[int]) -> Tally:
        tally = tally_at(NOW)
        for n in of:
            tally.tell("default", Outcome.UNRECOGNISED, f"scope {n:03}", 1)
        tally.tell("default", Outcome.STORED, "", 1)
        return tally

    for start in (0, 40, 80):
        async with open_counts(database, tally=told(range(start, start + 50))):
            pass
    async with connected(database) as connection:
        found = await rows(connection)
    counts = {detail: count for outcome, detail, count in found if outcome == "unrecognised"}
    assert len(counts) == MAX_DETAILS + 1
    assert sum(counts.values()) == 150
    assert counts["scope 045"] == 2  # known, so that it is told apart for ever
    assert counts[OTHER] == 150 - MAX_DETAILS - 10
    assert ("stored", "", 3) in found


async def test_it_goes_on_by_itself(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_graph.store.counts._EVERY", 0.05)
    tally = tally_at(NOW)
    async with open_counts(database, tally=tally):
        tally.tell("default", Outcome.STORED, "", 1)
        async with asyncio.timeout(30):
            while (await health(database)).stored != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_counts_wait_while_the_database_is_away(
    several_backends: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tally = tally_at(NOW)
    async with connected(several_backends) as connection, open_counts(several_backends, tally=tally) as counts:
        monkeypatch.setattr("usage_graph.store.counts._ADD_TIMEOUT", 0.2)
        async with connection.transaction():
            await connection.execute("LOCK TABLE usage_ingest IN ACCESS EXCLUSIVE MODE")
            for _ in range(3):
                tally.tell("default", Outcome.STORED, "", 1)
                await counts.add()
        assert await rows(connection) == []
        assert caplog.text.count("wait for the database") == 1
        await counts.add()
        assert await rows(connection) == [("stored", "", 3)]


async def test_a_server_that_stops_does_not_wait_long(several_backends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_graph.store.counts._LAST_TIMEOUT", 0.2)
    tally = tally_at(NOW)
    async with connected(several_backends) as connection, connection.transaction():
        await connection.execute("LOCK TABLE usage_ingest IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(8), open_counts(several_backends, tally=tally):
            tally.tell("default", Outcome.STORED, "", 1)


async def test_a_connection_that_is_cut_loses_nothing(several_backends: str) -> None:
    tally = tally_at(NOW)
    cut = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'usage-graph counts'"""
    async with connected(several_backends) as connection, open_counts(several_backends, tally=tally) as counts:
        for _ in range(3):
            tally.tell("default", Outcome.STORED, "", 1)
            await counts.add()
            await connection.fetchval(cut)
        await counts.add()
        assert await rows(connection) == [("stored", "", 3)]


async def test_servers_that_add_at_once_neither_lose_nor_deadlock(several_backends: str) -> None:
    async def serve(number: int) -> None:
        tally = tally_at(NOW)
        async with open_counts(several_backends, tally=tally) as counts:
            for _ in range(20):
                # In as many orders as there are servers.
                for n in range(20):
                    tally.tell(f"project {(n * (2 * number + 1)) % 20}", Outcome.REJECTED, f"reason {n}", 1)
                await counts.add()

    await asyncio.gather(*map(serve, range(4)))
    async with connected(several_backends) as connection:
        assert await connection.fetchval("SELECT sum(count) FROM usage_ingest") == 4 * 20 * 20


async def test_counts_that_are_refused_do_not_hold_up_others(database: str, caplog: pytest.LogCaptureFixture) -> None:
    tally = tally_at(NOW)
    async with connected(database) as connection, open_counts(database, tally=tally) as counts:
        tally.tell("nul \0", Outcome.STORED, "", 1)
        await counts.add()
        assert "cannot be stored" in caplog.text
        assert "nul" not in caplog.text
        tally.tell("default", Outcome.STORED, "", 1)
        await counts.add()
        assert await rows(connection) == [("stored", "", 1)]
