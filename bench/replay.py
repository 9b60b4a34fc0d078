"""What the server's writer asks the database for, written down and asked again by raw asyncpg.

The writer itself runs in this process, on a transaction that is rolled back; each of its statements is kept with its
values, and each COPY with its rows. So a replay does all that the writer's SQL does, whatever that is, and nothing
else: no decoding, no deciding, no merging.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.store.connect import Connection
from usage_graph.store.writer import Writer

_ASKING = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval"})
_COPYING = "copy_records_to_table"
_PASSED_ON = frozenset({"transaction", "is_in_transaction", "is_closed"})


class Step(NamedTuple):
    """A method of a connection, and what it was called with."""

    method: str
    positional: tuple[Any, ...]
    named: dict[str, Any]


class _Recorder:
    """A connection that writes down what it is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.steps: list[Step] = []

    def __getattr__(self, method: str) -> Any:
        if method in _PASSED_ON:
            return getattr(self._connection, method)
        if method not in _ASKING and method != _COPYING:
            raise NotImplementedError(f"the writer uses {method}, which is not replayed")

        async def asked(*positional: Any, **named: Any) -> Any:
            if method == _COPYING:
                named["records"] = list(named["records"])
            self.steps.append(Step(method, positional, named))
            return await getattr(self._connection, method)(*positional, **named)

        return asked


class _OneConnection:
    """A pool of it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[Any]:  # noqa: ASYNC109 (a pool's)
        yield self._connection


async def record(connection: Connection, batches: Sequence[Sequence[Observation]]) -> list[list[Step]]:
    """What the writer asks for each batch; the database stays as it is."""
    recorder = _Recorder(connection)
    pool: Any = _OneConnection(recorder)
    writer, found = Writer(pool, mode="copy", price=Pricing().price), []
    transaction = connection.transaction(isolation="read_committed")
    await transaction.start()
    try:
        for batch in batches:
            recorder.steps = []
            await writer.write(batch)
            found.append(recorder.steps)
            # What ends with a transaction has to end here, too.
            for table in await connection.fetch(_STAGING):
                await connection.execute(f"DELETE FROM pg_temp.{table['relname']}")  # noqa: S608
    finally:
        await transaction.rollback()
    return found


_STAGING = "SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"


async def replay(connection: Connection, batches: Sequence[Sequence[Step]]) -> float:
    """Each batch in one transaction; returns the seconds it took."""
    begun = time.perf_counter()
    for steps in batches:
        async with connection.transaction():
            for method, positional, named in steps:
                await getattr(connection, method)(*positional, **named)
    return time.perf_counter() - begun
