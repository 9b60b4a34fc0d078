"""Changing what is stored of calls: in rows, and in TimescaleDB's columnstore, which is read in batches for that."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from usage_graph.config import WriteMode
from usage_graph.store.connect import Connection
from usage_graph.store.linking import Call
from usage_graph.store.sql import query
from usage_graph.store.stage import stage, unstage
from usage_graph.usage import UsageRecord

_FAR = timedelta(hours=1)
_CHANGE = query("change_records").format(
    assignments=", ".join(
        f"{name} = s.{name}" for name in UsageRecord._fields if name not in ("project", "started_at", "id")
    )
)


async def change(connection: Connection, records: Sequence[UsageRecord], *, mode: WriteMode) -> None:
    """Give the stored records of these keys the other values of ``records``; leaves the staging table empty."""
    if not records:
        return
    await stage(connection, records, mode=mode)
    for times in _runs(record.started_at for record in records):
        await connection.execute(_CHANGE, times, times[0], times[-1])
    await unstage(connection)


async def move_calls(connection: Connection, gone: Sequence[tuple[Call, Call]]) -> None:
    """Make the first call of each pair one with the second: what it is known by goes over, its record goes."""
    if not gone:
        return
    moves: list[Any] = list(zip(*((*old, new.started_at, new.id) for old, new in gone), strict=True))
    await connection.execute(query("move_identities"), *moves)
    await connection.execute(query("move_observations"), *moves)
    await connection.executemany(query("drop_record"), [old for old, _ in gone])


def _runs(times: Iterable[datetime]) -> Iterator[list[datetime]]:
    """``times`` in order, cut where they are far apart: of the columnstore, only what is near them need be read."""
    run: list[datetime] = []
    for time in sorted(times):
        if run and time - run[-1] > _FAR:
            yield run
            run = []
        run.append(time)
    if run:
        yield run
