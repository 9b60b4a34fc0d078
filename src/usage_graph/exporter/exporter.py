"""Observations of calls to the store, in batches: bounded queue, group commit, one answer per request.

While one batch is being written the next one fills, so the busier the server, the more requests share a COMMIT.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from copy import copy

from usage_graph.errors import ExportError, QueueFull, ShuttingDown, StoreFailed, StoreUnavailable
from usage_graph.exporter.batch import Batch, Waiting
from usage_graph.exporter.bisect import Rejected, Write, write_all
from usage_graph.observation import Item

_log = logging.getLogger("usage_graph.exporter")

_Answer = asyncio.Future[list[Rejected]]
_STOPPED = "The server was stopped before it could store this."
_MOST_JOINED = 4
"""Full batches that become one where many wait: a call then costs the database a third less. More would gain little."""


class Exporter:
    """Runs ``writers`` tasks between ``start`` and ``drain``; ``export`` may be called from any number of tasks.

    ``batch_spans`` and ``batch_timeout`` (seconds since the batch's first request) say when a batch is written; where
    several wait, up to four of them are written as one.
    ``queue_spans`` and ``queue_bytes`` bound what waits and what is being written together. A request above a bound
    is taken when nothing else waits: it could never be stored otherwise.
    """

    def __init__(
        self,
        *,
        write: Write,
        batch_spans: int,
        batch_timeout: float,
        queue_spans: int,
        queue_bytes: int,
        writers: int = 1,
    ) -> None:
        self._write = write
        self._batch_spans = batch_spans
        self._batch_timeout = batch_timeout
        self._queue_spans = queue_spans
        self._queue_bytes = queue_bytes
        self._writers = writers
        self._queue: deque[Batch[_Answer]] = deque()
        self._spans = 0
        self._bytes = 0
        self._draining = False
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """Spans that wait for the database or are being written."""
        return self._spans

    async def start(self) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._run(), name=f"exporter-{n}") for n in range(self._writers)]

    async def export(self, items: Sequence[Item], *, size: int) -> list[Rejected]:
        """Returns after the items are committed, with those that the database refused.

        ``size`` is what the request took on the wire, in bytes. A caller that is cancelled takes nothing back:
        its items may be stored.

        Raises:
            QueueFull: at once; nothing of the request is stored.
            ShuttingDown: likewise.
            StoreUnavailable: the request was not stored as far as is known; sending it again is harmless.
        """
        if self._draining:
            raise ShuttingDown("The server is shutting down; send the same request again, to the next one.")
        if not items:
            return []
        self._check_room(len(items), size)
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._enqueue(Waiting(items, size, answer))
        return await answer

    async def drain(self) -> None:
        """Take nothing new, write what is queued, return. Cancelled, it gives up on what is not written yet."""
        self._draining = True
        self._changed.set()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            while self._queue:
                self._fail(self._queue.popleft(), ShuttingDown(_STOPPED))

    def _check_room(self, spans: int, size: int) -> None:
        if not self._spans:
            return
        if self._spans + spans > self._queue_spans or self._bytes + size > self._queue_bytes:
            raise QueueFull(
                f"The queue is full: {self._spans} spans ({self._bytes} bytes) wait for the database. "
                "Send the same request again a little later."
            )

    def _enqueue(self, request: Waiting[_Answer]) -> None:
        spans = len(request.items)
        if not self._queue or not self._queue[-1].takes(spans, max_spans=self._batch_spans):
            self._queue.append(Batch(opened=asyncio.get_running_loop().time()))
        self._queue[-1].add(request)
        self._spans += spans
        self._bytes += request.size
        self._changed.set()

    async def _run(self) -> None:
        while (batch := await self._next()) is not None:
            await self._store(batch)

    async def _next(self) -> Batch[_Answer] | None:
        """The next batch once it is due; ``None`` when there will be none."""
        while True:
            delay = self._delay()
            if delay == 0.0:
                return self._take()
            self._changed.clear()
            try:
                async with asyncio.timeout(delay):
                    await self._changed.wait()
            except TimeoutError:
                continue  # the batch is due now

    def _take(self) -> Batch[_Answer] | None:
        if not self._queue:
            return None
        batch = self._queue.popleft()
        # Half of what waits stays: who is answered now sends more while that is being written.
        for _ in range(len(self._queue) // 2):
            if not batch.takes(self._queue[0].spans, max_spans=_MOST_JOINED * self._batch_spans):
                break
            batch.join(self._queue.popleft())
        return batch

    def _delay(self) -> float | None:
        """Seconds until a writer has something to do; ``None``: not before something changes."""
        if self._draining or len(self._queue) > 1:
            return 0.0
        if not self._queue:
            return None
        now = asyncio.get_running_loop().time()
        return self._queue[0].due_in(now, max_spans=self._batch_spans, timeout=self._batch_timeout)

    async def _store(self, batch: Batch[_Answer]) -> None:
        """Write ``batch`` and answer each of its requests, whatever happens."""
        try:
            answers = await write_all(self._write, [request.items for request in batch.requests])
        except StoreFailed as error:
            if len(batch.requests) == 1:
                self._fail(batch, error)
            else:
                await self._store_each(batch)
        except ExportError as error:
            self._fail(batch, error)
        except asyncio.CancelledError:
            self._fail(batch, ShuttingDown(_STOPPED))
            raise
        except Exception:
            _log.exception("a batch of %d spans was not written", batch.spans)
            self._fail(batch, StoreUnavailable("The server failed to store this; send the same request again."))
        else:
            for request, rejected in zip(batch.requests, answers, strict=True):
                self._release(request)
                if not request.ticket.done():
                    request.ticket.set_result(rejected)

    async def _store_each(self, batch: Batch[_Answer]) -> None:
        """Write the requests of ``batch`` one by one: one of them may be the cause, and the others need not suffer."""
        waiting = deque(batch.requests)
        try:
            while waiting:
                request = waiting.popleft()
                await self._store(Batch(batch.opened, [request], len(request.items)))
        except asyncio.CancelledError:
            self._fail(Batch(batch.opened, [*waiting]), ShuttingDown(_STOPPED))
            raise

    def _fail(self, batch: Batch[_Answer], error: ExportError) -> None:
        for request in batch.requests:
            self._release(request)
            if not request.ticket.done():
                # One error each: every waiter adds its own traceback when it is raised.
                request.ticket.set_exception(copy(error))

    def _release(self, request: Waiting[_Answer]) -> None:
        self._spans -= len(request.items)
        self._bytes -= request.size
