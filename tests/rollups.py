"""Rollups as tests see to them: refreshed as upkeep does it, and held against the records."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from usage_graph.store.conditions import in_records
from usage_graph.store.connect import Connection, connect
from usage_graph.store.histograms import histogram_of
from usage_graph.store.measures import HISTOGRAMS, MEASURES
from usage_graph.store.rollup import FAMILIES, Family, Rollup
from usage_graph.store.sql import query

Rows = Counter[tuple[Any, ...]]
"""Project, bucket, dimensions by name, measures: numbers, and those of ``HISTOGRAMS`` as ``Histogram``."""

_EVERY_PROJECT = "SELECT project FROM usage_record UNION SELECT project FROM usage_by_model_1d"
_KEPT = "{relation} AS r"
_READ = "{relation}({project}, '-infinity', 'infinity') AS r"


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
    assert await read(connection) == await anew(connection)


async def assert_exact_before_and_after_refresh(connection: Connection) -> None:
    """That, at any time; and after a refresh it is what the rollups themselves keep."""
    await assert_exact(connection)
    await refresh(connection)
    assert await connection.fetch(query("list_stale")) == []
    expected = await anew(connection)
    assert await read(connection) == await kept(connection) == expected


async def read(connection: Connection, measures: Sequence[str] = tuple(MEASURES)) -> dict[str, Rows]:
    """What queries read of every rollup.

    One project at a time, as queries do: joined with several, TimescaleDB's ChunkAppend leaves out what is marked for
    the first of them also for the others, in all chunks but one.
    """
    projects = [f"'{project}'" for (project,) in await connection.fetch(_EVERY_PROJECT)]
    found = {}
    for family, rollup in _rollups():
        sources = [_READ.format(relation=rollup.relation, project=project) for project in projects]
        rows = [await _rows(connection, family, source, measures) for source in sources]
        found[rollup.relation] = sum(rows, Counter())
    return found


async def kept(connection: Connection, measures: Sequence[str] = tuple(MEASURES)) -> dict[str, Rows]:
    """What every rollup itself holds."""
    return {
        rollup.relation: await _rows(connection, family, _KEPT.format(relation=rollup.relation), measures)
        for family, rollup in _rollups()
    }


async def anew(connection: Connection) -> dict[str, Rows]:
    """What every rollup should hold of the records that there are."""
    return {rollup.relation: await _anew(connection, family, rollup) for family, rollup in _rollups()}


def _rollups() -> Iterable[tuple[Family, Rollup]]:
    return ((family, rollup) for family in FAMILIES for rollup in family.rollups)


async def _rows(connection: Connection, family: Family, source: str, measures: Sequence[str]) -> Rows:
    # Where rows are read from below, several may stand for one: queries sum them.
    sums = ", ".join(
        f"string_agg(array_to_string(r.{name}, ' '), ' ')" if name in HISTOGRAMS else f"sum(r.{name})"
        for name in measures
    )
    groups = ", ".join(f"r.{column}" for column in ("project", "bucket", *sorted(family.columns)))
    sql = f"SELECT {groups}, {sums} FROM {source} GROUP BY {groups}"  # noqa: S608
    return _counted(await connection.fetch(sql), measures)


async def _anew(connection: Connection, family: Family, rollup: Rollup) -> Rows:
    bucket = f"date_bin('{rollup.grain.total_seconds()} s', r.started_at, '2000-01-01 00:00:00+00')"
    groups = ", ".join(in_records(column) for column in sorted(family.columns))
    sums = ", ".join(
        f"string_agg((({amount} << 40) + 1)::text, ' ')" if name in HISTOGRAMS else f"sum({amount})"
        for name, amount in MEASURES.items()
    )
    keys = ", ".join(map(str, range(1, len(family.columns) + 3)))
    sql = f"SELECT r.project, {bucket}, {groups}, {sums} FROM usage_record AS r GROUP BY {keys}"  # noqa: S608
    return _counted(await connection.fetch(sql), tuple(MEASURES))


def _counted(rows: Iterable[Any], measures: Sequence[str]) -> Rows:
    """``rows``, whose histograms are texts of entries in any order."""
    width = len(measures)
    found: Rows = Counter()
    for row in map(tuple, rows):
        values = (
            histogram_of(map(int, (value or "").split())) if name in HISTOGRAMS else value
            for name, value in zip(measures, row[-width:], strict=True)
        )
        found[(*row[:-width], *values)] += 1
    return found
