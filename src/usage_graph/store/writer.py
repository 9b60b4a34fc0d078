"""Writing what was observed: each batch in one transaction, retried by its sender until it is committed."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from usage_graph.config import WriteMode
from usage_graph.errors import RefusedRecords, StoreFailed, StoreUnavailable
from usage_graph.observation import Item, Written
from usage_graph.store.arrival import arrive
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, again, open_pool
from usage_graph.store.merging import Price
from usage_graph.store.sql import query

_log = logging.getLogger("usage_graph.store")

_ACQUIRE_TIMEOUT = 5.0
_WRITE_TIMEOUT = 30.0
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

_GIVEN_UP = (asyncpg.QueryCanceledError, asyncpg.ConfigurationLimitExceededError)
"""What says that this batch was too much, not that the database is away."""

TellWritten = Callable[[str, Written], None]
"""Takes a project and what became of its observations; never raises, and never waits."""


def _nobody(_: str, __: Written) -> None:
    pass


class Writer:
    """Stores batches, each in one transaction: every call once, however often and by whomever it is told.

    ``price`` gives a record that was merged the cost that follows from its tokens. ``by_fingerprint``: observations
    that share no id are merged by size and time, too (see ``store.fingerprint``). ``tell`` hears what became of each
    batch after it is committed.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        mode: WriteMode,
        price: Price,
        by_fingerprint: bool = False,
        tell: TellWritten = _nobody,
    ) -> None:
        self._pool = pool
        self._mode = mode
        self._price = price
        self._by_fingerprint = by_fingerprint
        self._tell = tell

    async def write(self, items: Sequence[Item]) -> None:
        """Returns after COMMIT. An observation that is stored already changes nothing, and so do repeats.

        Raises:
            RefusedRecords: the database refused the data of at least one item; nothing of the batch is stored.
            StoreFailed: the database gave up on this batch, which may be written again as it is, or in parts.
            StoreUnavailable: the database is away or busy; the batch may be written again as it is.
        """
        try:
            async with self._pool.acquire(timeout=_ACQUIRE_TIMEOUT) as connection:
                try:
                    written = await again(lambda: self._arrive(connection, items))
                except asyncpg.DatetimeFieldOverflowError as error:
                    # What the trigger says that keeps out what is older than the records that are kept.
                    since = await connection.fetchval(_RETENTION)
                    raise RefusedRecords(_TOO_OLD.format(since), before=since) from error
        except _REFUSED as error:
            raise RefusedRecords(_reason(error)) from error
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            _log.warning("a batch of %d observations was not written: %s", len(items), type(error).__name__)
            alone = isinstance(error, _GIVEN_UP) or not isinstance(error, UNREACHABLE)
            failure = StoreFailed if alone else StoreUnavailable
            raise failure("The database cannot take records now; send the same request again.") from error
        for project, what in written.items():
            self._tell(project, what)

    async def _arrive(self, connection: Connection, items: Sequence[Item]) -> dict[str, Written]:
        # Whatever the server's default is: what others have committed must be seen once their lock is had.
        async with connection.transaction(isolation="read_committed"):
            return await arrive(
                connection, items, mode=self._mode, price=self._price, by_fingerprint=self._by_fingerprint
            )


def _reason(error: BaseException) -> str:
    """What is wrong with the data, in words that quote neither SQL nor values."""
    if isinstance(error, asyncpg.NumericValueOutOfRangeError):
        return "a sum would leave the range of 64-bit integers"
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return "it violates a constraint of the store"
    return "a value cannot be stored"


@asynccontextmanager
async def open_writer(
    dsn: str,
    *,
    mode: WriteMode,
    connections: int,
    price: Price,
    by_fingerprint: bool = False,
    tell: TellWritten = _nobody,
) -> AsyncIterator[Writer]:
    """A ``Writer`` over its own pool, so that queries never wait for writes."""
    staging = query("create_staging")

    async def init(connection: Connection) -> None:
        await connection.execute(staging)

    async with open_pool(
        dsn, name="usage-graph writer", size=connections, command_timeout=_WRITE_TIMEOUT, init=init
    ) as pool:
        yield Writer(pool, mode=mode, price=price, by_fingerprint=by_fingerprint, tell=tell)
