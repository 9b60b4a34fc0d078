"""What the fields of one GraphQL operation share: one instant, one database snapshot, each question asked once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, cast

from usage_graph.errors import LimitExceeded
from usage_graph.grant import OPEN, Grant
from usage_graph.health import IngestHealth
from usage_graph.question import (
    Breakdown,
    Consumer,
    ConsumerKind,
    Dimension,
    Filter,
    Freshness,
    PageRequest,
    RecordOrder,
    RecordPage,
    Scope,
    Series,
    UnpricedModel,
)
from usage_graph.usage import Metric, Totals, UsageRecord

MAX_ENTRIES = 40_000
"""Points (of the whole and of every group), groups, consumers and records that one operation may ask for."""

_EVERYTHING = Filter()

P = ParamSpec("P")
R = TypeVar("R")


class Snapshot(Protocol):
    """One state of the database. Calls may overlap; the store runs them one after another."""

    async def totals(self, scope: Scope) -> Totals: ...

    async def series(
        self, scope: Scope, bounds: Sequence[datetime], *, by: Dimension | None, metric: Metric, top: int
    ) -> Series: ...

    async def breakdown(self, scope: Scope, *, by: Dimension, metric: Metric, first: int) -> Breakdown: ...

    async def consumers(self, scope: Scope, *, kind: ConsumerKind, metric: Metric, first: int) -> list[Consumer]: ...

    async def unpriced_models(self, scope: Scope, *, first: int) -> list[UnpricedModel]: ...

    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage: ...

    async def record_count(self, scope: Scope) -> int: ...

    async def records_by_id(self, project: str, ids: Sequence[tuple[datetime, int]]) -> list[UsageRecord | None]: ...

    async def freshness(self, project: str) -> Freshness: ...

    async def kept_since(self) -> datetime | None: ...

    async def ingest_health(self, project: str) -> IngestHealth: ...


class Reader(Protocol):
    """What the graph needs of the store.

    A snapshot may be entered in one task and left in another, so it must not hold a cancel scope across its body.
    """

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]: ...


class Operation:
    """The context value of one operation; an async context manager around its execution.

    The snapshot is opened with the first question and released when the block ends, however it ends: questions
    still open are cancelled first.
    """

    def __init__(
        self, *, reader: Reader, project: str, now: datetime, grant: Grant = OPEN, name: str | None = None
    ) -> None:
        self.project = project
        self.now = now
        self.grant = grant
        self.name = name
        self._reader = reader
        self._entries = 0
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Snapshot] | None = None
        self._asked: dict[object, asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._asked.values()]
        if self._opening is not None:
            tasks.append(self._opening)
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # also where the operation is cancelled once more meanwhile
            await self._stack.aclose()

    def scope(self, start: datetime, end: datetime, filter_: Filter = _EVERYTHING) -> Scope:
        """What a question about ``[start, end)`` is about: the caller's project, and of it what the caller may see."""
        bound = self.grant.filter
        return Scope(self.project, start, end, replace(filter_, strings=(*bound.strings, *filter_.strings)))

    def reserve(self, entries: int) -> None:
        """Counts what a field may answer with against the operation's allowance, before anything is asked.

        Raises:
            LimitExceeded: the operation would pass ``MAX_ENTRIES``.
        """
        self._entries += entries
        if self._entries > MAX_ENTRIES:
            raise LimitExceeded(
                f"One operation may ask for {MAX_ENTRIES} points, groups and records (points count once for the "
                "whole and once for each group): ask for a larger bucket, fewer groups or fewer fields."
            )

    async def ask(
        self, question: Callable[Concatenate[Snapshot, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The snapshot's answer to ``question`` (a method of ``Snapshot``); the same question is put only once."""
        key = (question.__name__, args, tuple(sorted(kwargs.items())))
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._put(question.__name__, args, kwargs))
        # Shielded: fields that share the answer must not cancel it for one another.
        return cast(R, await asyncio.shield(task))

    async def _put(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        snapshot = await asyncio.shield(self._opening)
        return await getattr(snapshot, method)(*args, **kwargs)

    async def _open(self) -> Snapshot:
        return await self._stack.enter_async_context(self._reader.snapshot())
