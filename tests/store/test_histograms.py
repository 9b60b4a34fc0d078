"""Histograms in the store: the same classes as in Python, in as few entries as there are classes, read from rollups."""

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.records import BASE, record
from tests.rollups import assert_exact_before_and_after_refresh, refresh
from tests.store.database import connected, write
from tests.store.test_plans import END, ROLLUPS, START, nodes, rows_read
from tests.store.test_plans import filled as filled
from usage_graph.latency import BASE as WIDTH
from usage_graph.latency import Histogram, class_of
from usage_graph.question import By, Dimension, Scope
from usage_graph.store.connect import Connection
from usage_graph.store.histograms import Times, histogram_of, read_times
from usage_graph.store.reader import open_reader
from usage_graph.store.rollup import ALL_KEPT
from usage_graph.usage import MAX_DURATION_US, Metric, Totals, UsageRecord

DAY = timedelta(days=1)
MONTH = Scope("default", START, END)


def calls(number: int, *, first: int = 0) -> list[UsageRecord]:
    """Calls of one agent within a few minutes."""
    return [
        record(
            span_id=(n + 1).to_bytes(8, "big"),
            started_at=BASE + timedelta(seconds=n),
            duration_us=1 + n * n % 70_000,
            first_token_us=n % 900 if n % 2 else None,
            agent="agent",
        )
        for n in range(first, first + number)
    ]


async def test_classes_are_those_of_python(database: str) -> None:
    bounds = (int(WIDTH**k) for k in range(class_of(MAX_DURATION_US) + 1))
    times = sorted({0, 1, 2, MAX_DURATION_US, *(near for bound in bounds for near in range(bound - 1, bound + 3))})
    async with connected(database) as connection:
        rows = await connection.fetch("SELECT t, usage_time_class(t) FROM unnest($1::bigint[]) AS u (t)", times)
        assert await connection.fetchval("SELECT usage_time_class(NULL)") is None
    assert [tuple(row) for row in rows] == [(time, class_of(time)) for time in times]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([(0, 1)], [(0, 1)]),
        ([(7, 2), (0, 1), (7, 3)], [(0, 1), (7, 5)]),
        ([(7, 2), (7, -2), (0, 4), (0, -1), (690, 2**38), (690, -1)], [(0, 3), (690, 2**38 - 1)]),
        ([(7, -2)], [(7, -2)]),
    ],
)
async def test_entries_of_a_class_add_up(
    database: str, entries: Sequence[tuple[int, int]], expected: Sequence[tuple[int, int]]
) -> None:
    packed = [class_ * 2**40 + count for class_, count in entries]
    async with connected(database) as connection:
        merged = await connection.fetchval("SELECT usage_histogram($1::bigint[])", [*packed, None])
    assert merged == [class_ * 2**40 + count for class_, count in expected]
    assert histogram_of(packed) == histogram_of(merged) == Histogram(tuple(expected))


async def test_rollups_hold_as_much_of_many_calls_as_of_few(database: str) -> None:
    """However often a group is added to, its array does not grow with the calls."""
    async with connected(database) as connection:
        for first in range(0, 6000, 400):
            await write(database, calls(400, first=first))
        await refresh(connection)
        await assert_exact_before_and_after_refresh(connection)
        sizes = await connection.fetch("SELECT cardinality(durations), calls FROM usage_by_agent_1d")
        ((size, number),) = map(tuple, sizes)
    assert number == 6000
    classes = len(Histogram.of(one.duration_us for one in calls(6000)).counts)
    assert classes <= size < classes + 256 + 400


async def test_what_is_taken_away_leaves_nothing(database: str) -> None:
    async with connected(database) as connection:
        await write(database, calls(700))
        await refresh(connection)
        await connection.execute("UPDATE usage_record SET duration_us = 5000, first_token_us = NULL")
        await connection.execute("DELETE FROM usage_record WHERE id % 2 = 0")
        await assert_exact_before_and_after_refresh(connection)
        left = await connection.fetchval("SELECT count(*) FROM usage_record")
        times = await times_of(connection, Scope("default", BASE, BASE + DAY))
    found = times.added_to(Totals())
    assert found.durations == Histogram(((class_of(5000), left),))
    assert found.first_tokens == Histogram()


async def times_of(connection: Connection, scope: Scope) -> Times:
    return await read_times(connection.fetch, scope, standing=ALL_KEPT)


@pytest.mark.parametrize("by", [None, Dimension.MODEL, Dimension.AGENT])
async def test_a_month_is_read_from_rollups(filled: str, by: Dimension | None) -> None:
    """Of the records only the edges: a month costs what the days and hours in it cost, however many calls it has."""
    plans = []
    async with connected(filled) as connection:

        async def explained(sql: str, *values: object) -> list[object]:
            plans.append(await nodes(connection, sql, list(values)))
            return []

        columns = () if by is None else (by.value,)
        key = "NULL::text" if by is None else f"c.{by.value}"
        await read_times(explained, MONTH, standing=ALL_KEPT, columns=columns, key=key, groups=[("x", None)])  # type: ignore[arg-type]
    (plan,) = plans
    edge = timedelta(hours=1) if by is Dimension.AGENT else timedelta(minutes=15)
    assert rows_read(plan, "usage_record") <= 2 * (edge / timedelta(seconds=43.2) + 1)
    read = sum(rows_read(plan, name) for name in (*ROLLUPS, "usage_by_agent_1d", "usage_by_agent_1h"))
    assert 0 < read < 61_500 / 10


async def test_a_month_is_answered_whole(filled: str) -> None:
    """All 61,500 calls took a millisecond."""
    async with open_reader(filled, connections=1, statement_timeout=60) as reader, reader.snapshot() as snapshot:
        totals = await snapshot.totals(MONTH, latency=True)
        assert totals.durations == Histogram(((class_of(1000), totals.calls),))
        assert totals.latency.p99_ms == pytest.approx(1, rel=0.02)
        by = (By(Dimension.MODEL),)
        breakdown = await snapshot.breakdown(MONTH, by=by, metric=Metric.CALLS, first=2, latency=True)
        assert breakdown.other is not None
        parts = [group.totals for group in (*breakdown.groups, breakdown.other)]
        assert [one.durations.calls for one in parts] == [one.calls for one in parts]
        assert sum(one.calls for one in parts) == totals.calls
        plain = await snapshot.totals(MONTH)
        assert plain == totals._replace(durations=Histogram(), first_tokens=Histogram())
    assert math.isclose(totals.latency.avg_ms or 0, 1)
