"""Questions that are planned once: the plan for any window reads no more of the database than one for its own."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.store.database import connected
from tests.store.test_plans import END, filled  # noqa: F401 (a fixture)
from usage_graph.question import (
    By,
    ConsumerKind,
    Dimension,
    Direction,
    Filter,
    PageRequest,
    RecordField,
    RecordKey,
    RecordOrder,
    Scope,
    StringFilter,
)
from usage_graph.store import plans
from usage_graph.store.connect import Connection, open_pool
from usage_graph.store.reader import Reader
from usage_graph.store.rollup import ALL_KEPT
from usage_graph.store.snapshot import Snapshot
from usage_graph.usage import Metric
from usage_graph.window import Bucket, Window, boundaries, time_zone

WINDOWS = [timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30), timedelta(days=365)]
READ_ONLY = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
NEWEST = RecordOrder()
OLDEST = RecordOrder(direction=Direction.ASC)


def _scope(length: timedelta) -> Scope:
    return Scope("default", END - length, END)


def _series(bucket: Bucket, zone: str, length: timedelta) -> tuple[tuple[Any, ...], dict[str, Any]]:
    bounds = boundaries(Window(END - length, END), bucket, time_zone(zone))
    return (bounds,), {"by": None, "metric": Metric.COST, "top": 3}


def _asked(length: timedelta) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """Questions that are planned once, with what they are asked beside the scope."""
    middle = RecordKey(int((END - length / 2).timestamp() * 10**6), 0)
    found: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
        "totals": (Snapshot.totals, (), {}),
        "record count": (Snapshot.record_count, (), {}),
        "by day": (Snapshot.series, *_series(Bucket.DAY, "UTC", length)),
        "by day in Kathmandu": (Snapshot.series, *_series(Bucket.DAY, "Asia/Kathmandu", length)),
        "unpriced models": (Snapshot.unpriced_models, (), {"first": 3}),
        "page 1": (Snapshot.records, (), {"order": NEWEST, "page": PageRequest(first=20)}),
        "oldest": (Snapshot.records, (), {"order": OLDEST, "page": PageRequest(first=20)}),
        "a later page": (Snapshot.records, (), {"order": NEWEST, "page": PageRequest(first=20, after=middle)}),
        "the last page": (Snapshot.records, (), {"order": NEWEST, "page": PageRequest(last=20)}),
    }
    if length <= timedelta(days=1):
        found["by hour"] = (Snapshot.series, *_series(Bucket.HOUR, "UTC", length))
    if length >= timedelta(days=365):
        del found["by day"], found["by day in Kathmandu"]
    for kind in (ConsumerKind.AGENT, ConsumerKind.MODEL):
        found[f"top {kind.name}"] = (Snapshot.consumers, (), {"kind": kind, "metric": Metric.COST, "first": 10})
    for by in (Dimension.MODEL, Dimension.AGENT):
        one = (By(by),)
        found[f"by {by.name}"] = (Snapshot.breakdown, (), {"by": one, "metric": Metric.COST, "first": 10})
    values = {"by": By(Dimension.MODEL), "prefix": "", "first": 5}
    return found | {"values": (Snapshot.dimension_values, (), values)}


async def _blocks(connection: Connection, mode: str, sql: str, values: Sequence[Any]) -> int:
    """How many blocks a statement touches that is planned so."""
    await connection.execute(f"SET plan_cache_mode = {mode}")
    await connection.execute(f"PREPARE asked AS {sql}")
    try:
        literals = ", ".join(map(_literal, values))
        for _ in range(2):  # the first time also reads what the second one knows
            (row,) = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked ({literals})")
    finally:
        await connection.execute("DEALLOCATE asked")
    plan = json.loads(row[0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]::{'timestamptz' if _are_instants(value) else 'text'}[]"
    return f"'{value.isoformat()}'" if isinstance(value, datetime) else f"'{value}'"


def _are_instants(values: list[Any]) -> bool:
    return all(isinstance(value, datetime) for value in values)


@pytest.mark.parametrize("length", WINDOWS, ids=str)
async def test_one_plan_reads_no_more_than_a_plan_for_the_window(filled: str, length: timedelta) -> None:  # noqa: F811
    statements: list[tuple[str, Sequence[Any]]] = []

    async def init(connection: Connection) -> None:
        connection.add_query_logger(lambda query: statements.append((query.query, query.args)))

    async with open_pool(filled, name="test", size=1, init=init, settings=READ_ONLY) as pool, connected(filled) as raw:
        reader = Reader(pool)
        async with reader.snapshot() as snapshot:
            await snapshot.totals(_scope(length))  # how things stand is known from here on
        if reader.planning == plans.ANEW:  # where there are chunks, any plan for all windows considers each of them
            assert await raw.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
            return
        assert await raw.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 0
        for name, (question, arguments, asked) in _asked(length).items():
            for _ in range(2):  # at first the driver also asks for types
                statements.clear()
                async with reader.snapshot(alone=True) as snapshot:
                    await question(snapshot, _scope(length), *arguments, **asked)
            assert not [sql for sql, _ in statements if sql.startswith("SET")], name
            sql, values = [statement for statement in statements if statement[1]][-1]
            once, anew = [await _blocks(raw, mode, sql, values) for mode in (plans.ONCE, plans.ANEW)]
            assert once <= 1.1 * anew + 10, (name, once, anew)


@pytest.mark.parametrize(
    ("question", "arguments", "asked"),
    [
        (Snapshot.consumers, (), {"kind": ConsumerKind.CONVERSATION, "metric": Metric.COST, "first": 10}),
        (Snapshot.consumers, (), {"kind": ConsumerKind.ITEM, "metric": Metric.COST, "first": 10}),
        (Snapshot.breakdown, (), {"by": (By(Dimension.STATUS),), "metric": Metric.COST, "first": 10}),
        (Snapshot.series, *_series(Bucket.HOUR, "UTC", timedelta(days=30))),
        (Snapshot.records, (), {"order": RecordOrder(RecordField.COST), "page": PageRequest(first=20)}),
    ],
)
async def test_what_reads_much_is_planned_for_its_window(
    filled: str,  # noqa: F811
    question: Any,
    arguments: tuple[Any, ...],
    asked: dict[str, Any],
) -> None:
    await _is_planned_anew(filled, question, _scope(timedelta(days=30)), arguments, asked)


async def test_what_is_filtered_is_planned_for_its_values(filled: str) -> None:  # noqa: F811
    wanted = Filter(((Dimension.SOURCE, StringFilter(eq="chat")),))
    await _is_planned_anew(filled, Snapshot.totals, Scope("default", END - timedelta(days=1), END, wanted), (), {})


async def _is_planned_anew(
    dsn: str, question: Any, scope: Scope, arguments: tuple[Any, ...], asked: dict[str, Any]
) -> None:
    modes: list[str] = []

    class Noting(Snapshot):
        async def _fetch(self, sql: str, *values: object) -> Any:
            found = await super()._fetch(sql, *values)
            modes.append(await self._connection.fetchval("SHOW plan_cache_mode"))
            return found

    async with open_pool(dsn, name="test", size=1, settings=READ_ONLY) as pool, pool.acquire() as connection:
        await connection.execute(f"SET plan_cache_mode = {plans.ONCE}")
        for alone in ({}, {scope.project: ALL_KEPT}, None):
            snapshot = Noting(connection, known=alone, planning=plans.ONCE)
            await question(snapshot, scope, *arguments, **asked)
            assert snapshot.begun
            await snapshot.end()
        assert set(modes) == {plans.ANEW}
        assert await connection.fetchval("SHOW plan_cache_mode") == plans.ONCE


async def test_plans_are_made_anew_when_tables_may_have_grown(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("usage_graph.store.reader.KEPT", 0.0)
    statements: list[str] = []

    async def init(connection: Connection) -> None:
        connection.add_query_logger(lambda query: statements.append(query.query))

    async with open_pool(filled, name="test", size=1, init=init, settings=READ_ONLY) as pool:
        reader = Reader(pool)
        for _ in range(2):
            async with reader.snapshot() as snapshot:
                await snapshot.totals(_scope(timedelta(days=1)))
    assert sum(sql.startswith("DISCARD PLANS") for sql in statements) == 2
