"""A database as tests use it: connections that are closed whatever happens, and records put into it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from unittest.mock import patch

from usage_graph.config import WriteMode
from usage_graph.observation import Observation
from usage_graph.store import migrate
from usage_graph.store.connect import Connection, connect
from usage_graph.store.rows import row_of
from usage_graph.store.writer import Writer, open_writer
from usage_graph.usage import UsageRecord


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    """A connection that is closed however the block ends: hypothesis leaves an example when it has seen enough."""
    connection = await connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def put(writer: Writer, records: Sequence[UsageRecord]) -> None:
    """One batch, each record the only word on its call."""
    await writer.write([Observation(record) for record in records])


def as_it_is(record: UsageRecord) -> UsageRecord:
    """Instead of prices, where a test's records carry their costs."""
    return record


async def write(dsn: str, records: Sequence[UsageRecord], *, mode: WriteMode = "copy") -> None:
    """The same, by a writer of its own."""
    async with open_writer(dsn, mode=mode, connections=1, price=as_it_is) as writer:
        await put(writer, records)


async def migrate_to(dsn: str, version: int) -> list[str]:
    """Migrate as an earlier program did, whose last migration was ``version``; returns what was applied."""
    older = tuple(one for one in migrate.load() if one.version <= version)
    with patch.object(migrate, "load", return_value=older):
        async with connected(dsn) as connection:
            return await migrate.migrate(connection)


async def insert(connection: Connection, records: Sequence[UsageRecord]) -> None:
    """``records`` alone, as every program has stored them since migration 11: whatever else there is of them."""
    columns = UsageRecord._fields
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    statement = f"INSERT INTO usage_record ({', '.join(columns)}) VALUES ({values})"  # noqa: S608
    for one in records:
        await connection.execute(statement, *row_of(one))
