"""Looking again and again for what others may have changed, for as long as a server runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

_log = logging.getLogger("usage_graph")


@asynccontextmanager
async def rounds(look: Callable[[], Awaitable[None]], *, every: float, of: str) -> AsyncIterator[None]:
    """``look`` every so many seconds while this is open. What it raises is logged: it must not be the last look.

    ``of``: what is looked for, as it is called in the log.
    """

    async def keep_going() -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await look()
            except Exception:
                _log.exception("%s stay as they were", of)

    task = asyncio.create_task(keep_going(), name=of)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
