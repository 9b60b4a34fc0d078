"""Connections to PostgreSQL: one place that knows how they are opened and how their failures are told apart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from usage_graph.errors import StartupError

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Init = Callable[..., Coroutine[Any, Any, None]]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool
    Init = Callable

CONNECT_TIMEOUT = 10.0

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    # What the driver raises when the server closed an idle connection and its last words are still unread.
    asyncpg.InternalClientError,
)
"""What connecting, or using a connection, may raise when the server is away, full, or does not let us in."""

_SETTINGS = {
    "timezone": "UTC",
    # Whoever waits for a lock must see what was committed until then, whatever the server's own default is.
    "default_transaction_isolation": "read committed",
    # A plan made for one window is wrong for another: a day of rollup rows against a year of them.
    "plan_cache_mode": "force_custom_plan",
    # Compiling a question for one answer takes longer than answering it.
    "jit": "off",
    # What a transaction may read of TimescaleDB's columnstore in order to change it: any number of rows. A late span of
    # a busy day could never be stored otherwise. Elsewhere it is a setting that nothing reads.
    "timescaledb.max_tuples_decompressed_per_dml_transaction": "0",
}


async def connect(dsn: str, *, named: str = "USAGE_GRAPH_DATABASE_URL") -> Connection:
    """One connection, for migrations and checks; ``named`` is where the user says ``dsn``.

    Raises:
        StartupError: the database cannot be reached, or does not let us in.
    """
    try:
        return await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT, server_settings={**_SETTINGS, "application_name": "usage-graph"}
        )
    except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise StartupError(
            f"The database cannot be used: {error or type(error).__name__}. Check {named}, "
            "and that the server runs and lets this user in."
        ) from error


async def answers(dsn: str) -> bool:
    """Whether the database can be used now."""
    try:
        connection = await connect(dsn)
    except StartupError:
        return False
    with suppress(*UNREACHABLE):
        await connection.close()
    return True


_TAKEN_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_ATTEMPTS = 3
Result = TypeVar("Result")


async def again(transaction: Callable[[], Awaitable[Result]]) -> Result:
    """Run ``transaction``, and run it again where the database takes it back in favour of another one.

    TimescaleDB's own jobs lock chunks in other orders than writers do.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await transaction()
        except _TAKEN_BACK:
            continue
    return await transaction()


async def _keep(_: Connection) -> None:
    """Instead of the driver's reset, a round trip on each release: nobody here changes a session's state."""


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    name: str,
    size: int,
    command_timeout: float = 60.0,
    settings: dict[str, str] | None = None,
    init: Init | None = None,
) -> AsyncIterator[Pool]:
    """A pool of up to ``size`` connections that survives the database going away and coming back.

    Connections are opened when they are first needed, so the pool can be made while the database is away.
    ``command_timeout`` is in seconds, for any statement: a server that neither answers nor hangs up, as when the
    network is gone, is given up after it.
    """
    pool = asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=300,
        timeout=CONNECT_TIMEOUT,
        command_timeout=command_timeout,
        statement_cache_size=500,
        init=init,
        reset=_keep,
        server_settings={**_SETTINGS, "application_name": name, **(settings or {})},
    )
    async with asyncio.timeout(CONNECT_TIMEOUT):
        await pool
    try:
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), CONNECT_TIMEOUT)
        except (*UNREACHABLE, asyncpg.PostgresError):
            pool.terminate()
