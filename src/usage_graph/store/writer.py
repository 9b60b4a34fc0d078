"""Writing usage records: COPY into a staging table, then one statement that claims identities and stores the rest."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import asyncpg

from usage_graph.errors import RefusedRecords, StoreUnavailable
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.sql import query
from usage_graph.usage import UsageRecord

_log = logging.getLogger("usage_graph.store")

_ACQUIRE_TIMEOUT = 5.0
_WRITE_TIMEOUT = 30.0
_STORE = query("store_records")
_STAGE_BY_UNNEST = query("stage_records_by_unnest")
_RETENTION = query("get_retention")
_TOO_OLD = "it starts before {:%Y-%m-%d}, since when records are kept (USAGE_GRAPH_RETENTION)"

_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    # asyncpg could not encode a value:
    ValueError,
    OverflowError,
    TypeError,
)


class Writer:
    """Stores batches, each in one transaction, exactly once by (project, trace, span)."""

    def __init__(self, pool: Pool, *, mode: Literal["copy", "unnest"]) -> None:
        self._pool = pool
        self._mode = mode

    async def write(self, records: Sequence[UsageRecord]) -> None:
        """Returns after COMMIT. A record whose span is stored already changes nothing, and so do repeats.

        Raises:
            RefusedRecords: the database refused the data of at least one record; nothing of the batch is stored.
            StoreUnavailable: the database is away or busy; the batch may be written again as it is.
        """
        try:
            async with self._pool.acquire(timeout=_ACQUIRE_TIMEOUT) as connection:
                try:
                    async with connection.transaction():
                        await stage(connection, records, mode=self._mode)
                        await connection.execute(_STORE)
                except asyncpg.DatetimeFieldOverflowError as error:
                    # What the trigger says that keeps out what is older than the records that are kept.
                    since = await connection.fetchval(_RETENTION)
                    raise RefusedRecords(_TOO_OLD.format(since), before=since) from error
        except _REFUSED as error:
            raise RefusedRecords(_reason(error)) from error
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            _log.warning("a batch of %d records was not written: %s", len(records), type(error).__name__)
            raise StoreUnavailable("The database cannot take records now; send the same request again.") from error


async def stage(connection: Connection, records: Sequence[UsageRecord], *, mode: Literal["copy", "unnest"]) -> None:
    """Put ``records`` into the staging table (``create_staging``) until the end of the transaction."""
    if mode == "copy":
        await connection.copy_records_to_table(
            "usage_staging", records=records, columns=UsageRecord._fields, schema_name="pg_temp"
        )
    else:
        columns: list[Any] = list(zip(*records, strict=True))
        await connection.execute(_STAGE_BY_UNNEST, *columns)


def _reason(error: BaseException) -> str:
    """What is wrong with the data, in words that quote neither SQL nor values."""
    if isinstance(error, asyncpg.NumericValueOutOfRangeError):
        return "a sum would leave the range of 64-bit integers"
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return "it violates a constraint of the store"
    return "a value cannot be stored"


@asynccontextmanager
async def open_writer(dsn: str, *, mode: Literal["copy", "unnest"], connections: int) -> AsyncIterator[Writer]:
    """A writer over its own pool, so that queries never wait for writes."""
    staging = query("create_staging")

    async def init(connection: Connection) -> None:
        await connection.execute(staging)

    async with open_pool(
        dsn, name="usage-graph writer", size=connections, command_timeout=_WRITE_TIMEOUT, init=init
    ) as pool:
        yield Writer(pool, mode=mode)
