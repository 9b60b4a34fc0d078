"""Rollups as tests see to them: refreshed as upkeep does it, and held against the records."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from usage_graph.store.cells import _ADDED_BY_RECORD, in_records
from usage_graph.store.connect import Connection, connect
from usage_graph.store.rollup import FAMILIES, Family, Rollup
from usage_graph.store.sql import query
from usage_graph.usage import Totals

_EVERY_PROJECT = "(SELECT project FROM usage_record UNION SELECT project FROM usage_by_model_1d) AS p"
_KEPT = "{relation} AS r"
_READ = f"{_EVERY_PROJECT}, {{relation}}(p.project, '-infinity', 'infinity') AS r"


async def refresh(connection: Connection) -> None:
    """Brings every rollup up to date; on plain PostgreSQL, where they always are, there is nothing to do."""
    for since, until in await connection.fetch(query("list_stale")):
        await connection.execute("CALL usage_refresh($1, $2)", since, until)


async def refresh_all(database: str) -> None:
    """The same, on a connection of its own."""
    connection = await connect(database)
    try:
        await refresh(connection)
    finally:
        await connection.close()


async def assert_exact(connection: Connection) -> None:
    """What queries read of every rollup is what summing the records anew gives, and no group without calls."""
    for family, rollup in _rollups():
        assert await _rows(connection, family, rollup, _READ) == await _anew(connection, family, rollup), rollup


async def assert_exact_before_and_after_refresh(connection: Connection) -> None:
    """That, at any time; and after a refresh it is what the rollups themselves keep."""
    await assert_exact(connection)
    await refresh(connection)
    assert await connection.fetch(query("list_stale")) == []
    for family, rollup in _rollups():
        anew = await _anew(connection, family, rollup)
        for source in (_READ, _KEPT):
            assert await _rows(connection, family, rollup, source) == anew, (rollup, source)


def _rollups() -> Iterable[tuple[Family, Rollup]]:
    return ((family, rollup) for family in FAMILIES for rollup in family.rollups)


async def _rows(connection: Connection, family: Family, rollup: Rollup, source: str) -> Counter[tuple[Any, ...]]:
    # Where rows are read from below, several may stand for one: queries sum them.
    sums = ", ".join(f"sum(r.{measure})" for measure in Totals._fields)
    groups = ", ".join(f"r.{column}" for column in ("project", "bucket", *sorted(family.columns)))
    sql = f"SELECT {groups}, {sums} FROM {source.format(relation=rollup.relation)} GROUP BY {groups}"  # noqa: S608
    return Counter(map(tuple, await connection.fetch(sql)))


async def _anew(connection: Connection, family: Family, rollup: Rollup) -> Counter[tuple[Any, ...]]:
    bucket = f"date_bin('{rollup.grain.total_seconds()} s', r.started_at, '2000-01-01 00:00:00+00')"
    groups = ", ".join(in_records(column) for column in sorted(family.columns))
    sums = ", ".join(f"sum({amount})" for amount in _ADDED_BY_RECORD.values())
    keys = ", ".join(map(str, range(1, len(family.columns) + 3)))
    sql = f"SELECT r.project, {bucket}, {groups}, {sums} FROM usage_record AS r GROUP BY {keys}"  # noqa: S608
    return Counter(map(tuple, await connection.fetch(sql)))
