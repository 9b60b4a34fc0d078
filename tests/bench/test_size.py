"""Sizes are told of the same tables on both engines, whichever relations hold their rows."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bench import __main__ as bench
from bench import size
from bench.records import records
from bench.workload import calls, cast
from tests.store.database import as_it_is, put
from usage_graph.store.rollup import FAMILIES
from usage_graph.store.upkeep import Upkeep
from usage_graph.store.writer import open_writer

END = datetime(2026, 11, 20, tzinfo=UTC)


async def test_every_table_is_measured(database: str) -> None:
    found = calls("s", 300, people=cast(1), start=END - timedelta(days=3), end=END)
    async with open_writer(database, mode="unnest", connections=1, price=as_it_is) as writer:
        await put(writer, list(records(found)))
    await Upkeep(dsn=database, retention=None, clock=lambda: END).round()
    sizes = {relation.name: relation for relation in await asyncio.to_thread(size.relations, database)}
    rollups = {rollup.relation for family in FAMILIES for rollup in family.rollups}
    assert {"usage_record", "usage_identity", "usage_label"} | rollups <= sizes.keys()
    assert sizes["usage_record"].rows == sizes["usage_identity"].rows == 300
    for name in rollups:
        assert 0 < sizes[name].rows <= 300
        assert sizes[name].heap > 0
    # An index has its name, whichever chunk it is of.
    assert {"usage_record_conversation", "usage_record_title", "usage_record_label"} < sizes[
        "usage_record"
    ].indexes.keys()
    assert len(sizes["usage_record"].indexes) <= 5


def test_timescaledb_needs_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.main(["timescaledb"])
    assert "needs --database-url" in capsys.readouterr().err
