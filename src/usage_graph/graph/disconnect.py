"""Work that is of no use once the client is gone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

_SOON = 0.03
"""Seconds before anybody looks for the client: most answers are there by then, and a look costs a task."""

T = TypeVar("T")


async def unless_disconnected(request: Request, answer: Awaitable[T]) -> T:
    """``answer``, cancelled soon after the client is gone.

    Raises:
        ClientDisconnect: it is.
    """
    watch = _Watch(request)
    try:
        found = await answer
    except asyncio.CancelledError:
        if watch.is_gone and (task := asyncio.current_task()) is not None and not task.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        await watch.end()
    return found


class _Watch:
    """Cancels the task that made it when the client of its request is gone, until its end."""

    def __init__(self, request: Request) -> None:
        self.is_gone = False
        self._request = request
        self._answering = asyncio.current_task()
        self._looking: asyncio.Task[None] | None = None
        self._later = asyncio.get_running_loop().call_later(_SOON, self._begin)

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True
        if self._answering is not None:
            self._answering.cancel()

    async def end(self) -> None:
        """From here on nothing is cancelled any more."""
        self._later.cancel()
        if self._looking is not None and not self._looking.done():
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
