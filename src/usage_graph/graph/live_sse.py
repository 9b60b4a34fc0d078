"""GraphQL over server-sent events: the distinct connections mode of the protocol that graphql-sse documents.

One connection for each operation: an event ``next`` for each answer, then ``complete``. Comments in between tell
proxies that it is alive.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from usage_graph.errors import LimitExceeded
from usage_graph.grant import grant_in
from usage_graph.graph import failures
from usage_graph.graph.limits import operation_type
from usage_graph.graph.live import KEYS_IN_SCOPE, UNAUTHORIZED, Answer, Ended, Live
from usage_graph.graph.request import Asked
from usage_graph.rate import caller_of

MEDIA_TYPE = "text/event-stream"

_HEARTBEAT = 15.0
_FAREWELL = 2.0
_RETRY = {"retry-after": "5"}
_HEADERS = {
    "cache-control": "no-store",
    # nginx would keep events until it has a buffer full of them.
    "x-accel-buffering": "no",
}


def is_wanted(request: Request, asked: Asked) -> bool:
    """Whether the client wants the answers as events: it takes nothing else, or there will be several."""
    accept = request.headers.get("accept", "")
    if MEDIA_TYPE not in accept:
        return False
    return "json" not in accept or operation_type(asked.query, asked.operation_name or None) == "subscription"


class EventStream(Response):
    """The response whose events are ``answers``."""

    def __init__(self, answers: AsyncGenerator[Answer, None], *, live: Live) -> None:
        super().__init__(headers=_HEADERS, media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._answers = answers
        self._live = live
        self._sending = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._live.connection(caller_of(scope)):
                await self._stream(scope, receive, send)
        except LimitExceeded as error:  # nothing was sent yet
            refusal = JSONResponse({"errors": [failures.refusal(str(error), error.code)]}, 429, _RETRY)
            await refusal(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = {
            asyncio.create_task(self._tell(send)),
            asyncio.create_task(self._beat(send)),
            asyncio.create_task(self._live.until_ended(scope.get(KEYS_IN_SCOPE), grant_in(scope))),
            gone := asyncio.create_task(_gone(receive)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            # Waits until a cancelled operation has released its snapshot.
            await asyncio.gather(*tasks, return_exceptions=True)
        if gone in done:
            await gone
        else:
            await self._end(send, done)

    async def _tell(self, send: Send) -> None:
        async with aclosing(self._answers) as answers:
            async for answer in answers:
                await self._event(send, "next", orjson.dumps(answer.body))

    async def _beat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            await self._put(send, b":\n\n")

    async def _event(self, send: Send, name: str, data: bytes = b"") -> None:
        await self._put(send, b"event: " + name.encode() + b"\ndata: " + data + b"\n\n")

    async def _put(self, send: Send, body: bytes) -> None:
        """Raises ``TimeoutError`` where the client does not read."""
        async with self._sending, asyncio.timeout(self._live.patience):
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _end(self, send: Send, done: set[asyncio.Task[None]]) -> None:
        """The last event, where the client still reads."""
        errors = [error for task in done if (error := task.exception()) is not None]
        if any(isinstance(error, TimeoutError) for error in errors):
            return
        for error in errors:
            if not isinstance(error, Ended):
                raise error
            if error.code == UNAUTHORIZED:
                body = {"errors": [failures.refusal(str(error), "UNAUTHENTICATED")]}
                await self._event(send, "next", orjson.dumps(body))
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._event(send, "complete")
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass


async def _gone(receive: Receive) -> None:
    """Returns when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
