"""More measures in rollups that are there already: every sum as it was, the new ones exact, on both engines."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from tests.conftest import ENGINES, empty
from tests.records import BASE, record
from tests.rollups import Rows, anew, assert_exact_before_and_after_refresh, kept, read, refresh
from tests.store.database import connected, write
from usage_graph.latency import Histogram
from usage_graph.store import migrate
from usage_graph.store.connect import Connection
from usage_graph.store.measures import HISTOGRAMS, MEASURES
from usage_graph.store.rollup import FAMILIES
from usage_graph.usage import SUMMED, UsageRecord

DAY = timedelta(days=1)
SINCE = BASE + 4 * DAY
EARLY = tuple(MEASURES)[:12]
"""The measures that there were before migration 0008."""
NEW = tuple(MEASURES)[12:]
UNPRICED = NEW.index("unpriced_input_tokens") - len(NEW)
"""Where that is in a row, from its end."""
COLUMNS = UsageRecord._fields[: UsageRecord._fields.index("suspect") + 1]
"""What a record had then."""
RELATIONS = [rollup.relation for family in FAMILIES for rollup in family.rollups]


def calls(number: int, *, first: int = 0, every: timedelta = timedelta(hours=1)) -> list[UsageRecord]:
    """Calls of two projects, priced or not, of which some new measures are known."""
    return [
        record(
            project=("default", "other")[n % 5 == 0],
            started_at=BASE + n * every,
            span_id=(n + 1).to_bytes(8, "big"),
            source=("chat", "agent")[n % 2],
            agent=f"agent {n % 3}" if n % 4 else None,
            conversation=f"conversation {n % 6}" if n % 7 else None,
            user_id=f"user {n % 4}",
            request_model=("gpt-4o", "in-house", "claude")[n // 20 % 3],
            input_tokens=None if n % 11 == 0 else 100 + n,
            output_tokens=None if n % 11 == 0 else n,
            cost_nano=None if n // 20 % 3 == 1 or n % 8 == 0 else 1000 + n,
            credits_nano=10**15 + n,
            duration_us=n % 9 * 12_345,
        )
        for n in range(first, first + number)
    ]


def detailed(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    """The same with values of the new measures."""
    return [
        one._replace(
            suspect=n % 5 == 0,
            cache_write_1h_tokens=n,
            input_cost_nano=n,
            cache_read_cost_nano=2 * n,
            cache_write_cost_nano=3 * n,
            output_cost_nano=None if n % 3 else 4 * n,
            first_token_us=None if n % 4 else 100 * n,
        )
        for n, one in enumerate(records)
    ]


async def store(connection: Connection, records: Sequence[UsageRecord]) -> None:
    """Past the writer, which needs a database that is up to date."""
    rows = [one[: len(COLUMNS)] for one in records]
    await connection.copy_records_to_table("usage_record", records=rows, columns=COLUMNS)


@pytest.fixture(params=ENGINES)
def before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The DSN of a database as it was before migration 0008."""

    async def migrate_to_7(dsn: str) -> None:
        async with connected(dsn) as connection:
            with monkeypatch.context() as patched:
                known = [migration for migration in migrate.load() if migration.version < 8]
                patched.setattr(migrate, "load", lambda: known)
                await migrate.migrate(connection)

    with empty(request, request.param) as dsn:
        asyncio.run(migrate_to_7(dsn))
        yield dsn


def of_the_past(rows: Rows, dimensions: int) -> Rows:
    """What rows of ``EARLY`` measures, whose records are gone, are known to be in all measures."""
    found: Rows = Counter()
    for row in rows:
        sums = dict(zip(EARLY, row[2 + dimensions :], strict=True))
        alike = sums["unpriced_calls"] == sums["calls"]
        later = dict.fromkeys(NEW, 0) | {
            "unpriced_input_tokens": sums["input_tokens"] if alike else 0,
            "unpriced_output_tokens": sums["output_tokens"] if alike else 0,
            "timed_calls": sums["calls"] if sums["duration_us"] else 0,
            **dict.fromkeys(HISTOGRAMS, Histogram()),
        }
        found[(*row, *later.values())] += 1
    return found


async def expected(connection: Connection, early: dict[str, Rows]) -> dict[str, Rows]:
    """``early`` of the time before ``SINCE``, and all measures of the records since then."""
    since = await anew(connection)
    dimensions = {rollup.relation: len(family.columns) for family in FAMILIES for rollup in family.rollups}
    return {
        name: of_the_past(Counter(row for row in early[name] if row[1] < SINCE), dimensions[name])
        + Counter(row for row in since[name] if row[1] >= SINCE)
        for name in RELATIONS
    }


def without_new(rows: dict[str, Rows]) -> dict[str, Rows]:
    return {name: Counter(row[: -len(NEW)] for row in found) for name, found in rows.items()}


@pytest.mark.parametrize("expire", [False, True], ids=["not yet removed", "removed"])
async def test_a_database_with_a_past_is_brought_up_to_date(before: str, expire: bool) -> None:
    """Records, a part of them late and not yet in the rollups, and sums of records that are gone."""
    async with connected(before) as connection:
        await store(connection, calls(240))
        await refresh(connection)
        assert await connection.fetchval("SELECT usage_keep_since($1)", SINCE) == SINCE
        if expire:
            await connection.execute("CALL usage_expire()")
        late = calls(40, first=1000, every=timedelta(minutes=8))
        await store(connection, detailed(late))
        early = await read(connection, EARLY)
        assert min(row[1] for row in early["usage_by_model_15m"]) < SINCE

        applied = await migrate.migrate(connection)
        assert applied[0].startswith("0008_")
        wanted = await expected(connection, early)
        assert without_new(wanted) == early
        assert await read(connection) == wanted
        for past in (True, False):
            assert any(row[UNPRICED] for row in wanted["usage_by_model_15m"] if (row[1] < SINCE) is past)

        await refresh(connection)
        assert await read(connection) == await kept(connection) == wanted
        await connection.execute("CALL usage_refresh($1, $2)", BASE - DAY, BASE + 60 * DAY)
        assert await kept(connection) == wanted

    await write(before, detailed(calls(20, first=2000, every=timedelta(minutes=5))))
    async with connected(before) as connection:
        assert await read(connection) == await expected(connection, early)
        await refresh(connection)
        assert await kept(connection) == await expected(connection, early)


async def test_a_database_without_a_past_is_brought_up_to_date(before: str) -> None:
    """One whose rollups know everything, and one (on TimescaleDB) that no refresh has seen."""
    async with connected(before) as connection:
        await store(connection, detailed(calls(100)))
        await refresh(connection)
        await store(connection, detailed(calls(10, first=60, every=timedelta(minutes=50))))
        early = await read(connection, EARLY)
        await migrate.migrate(connection)
        assert without_new(await read(connection)) == early
        await assert_exact_before_and_after_refresh(connection)
        await connection.execute("UPDATE usage_record SET suspect = NOT suspect, output_cost_nano = 7 WHERE id % 2 = 0")
        await connection.execute("DELETE FROM usage_record WHERE id % 3 = 0")
        await assert_exact_before_and_after_refresh(connection)


async def test_an_empty_database_is_brought_up_to_date(before: str) -> None:
    async with connected(before) as connection:
        await migrate.migrate(connection)
        assert await read(connection) == {name: Counter() for name in RELATIONS}


async def test_credits_from_before_there_were_rules_were_reported(before: str) -> None:
    """Of records and of their observations: else the next merge would charge by rules what applications have said."""
    async with connected(before) as connection:
        await store(connection, [one._replace(credits_nano=n) for n, one in enumerate(calls(3))])
        await connection.execute(
            "INSERT INTO usage_observation SELECT r.*, r.started_at, r.id, NULL, 0, now() FROM usage_record AS r"
        )
        ids = await connection.fetch("SELECT id, credits_nano > 0 FROM usage_record ORDER BY id")
        await migrate.migrate(connection)
        for table in ("usage_record", "usage_observation"):
            found = await connection.fetch(f"SELECT id, credits_reported FROM {table} ORDER BY id")  # noqa: S608
            assert list(map(tuple, found)) == list(map(tuple, ids)), table


async def test_the_list_in_the_database_is_that_of_the_queries(database: str) -> None:
    async with connected(database) as connection:
        listed = await connection.fetch("SELECT name, amount FROM usage_measure ORDER BY number")
    assert list(map(tuple, listed)) == list(MEASURES.items())
    assert set(SUMMED) <= MEASURES.keys()


async def test_one_more_measure_is_one_more_row(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another migration does: it is exact of what is there, of what comes, and where records change."""
    await write(database, detailed(calls(60)))
    async with connected(database) as connection:
        await refresh(connection)
        await write(database, detailed(calls(7, first=100)))
        amount = "(coalesce(r.output_tokens, 0) > 30)::int"
        async with connection.transaction():
            await connection.execute("INSERT INTO usage_measure (number, name, amount) VALUES (99, 'long', $1)", amount)
            await connection.execute("SELECT usage_build_rollups()")
        monkeypatch.setitem(MEASURES, "long", amount)
        everything = tuple(MEASURES)
        assert await read(connection, everything) == await anew(connection)
        await write(database, detailed(calls(7, first=110)))
        await connection.execute("UPDATE usage_record SET output_tokens = 31 WHERE id % 2 = 0")
        await refresh(connection)
        assert await read(connection, everything) == await kept(connection, everything) == await anew(connection)
