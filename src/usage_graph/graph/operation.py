"""What the fields of one GraphQL operation share: one instant, one database snapshot, each question asked once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, cast

from usage_graph.conversations import Conversation, ConversationOrder, ConversationPage, ConversationRequest
from usage_graph.credits import CreditUsage
from usage_graph.grant import Access, Grant
from usage_graph.graph.administration import Administration
from usage_graph.graph.attributes import check_declared
from usage_graph.graph.budget import Budget
from usage_graph.graph.measures import EVERY
from usage_graph.health import IngestHealth
from usage_graph.question import (
    Breakdown,
    By,
    Consumer,
    ConsumerKind,
    DimensionValue,
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

_EVERYTHING = Filter()

P = ParamSpec("P")
R = TypeVar("R")


class Snapshot(Protocol):
    """One state of the database. Calls may overlap; the store runs them one after another."""

    async def totals(self, scope: Scope, *, latency: bool = False) -> Totals: ...

    async def series(
        self,
        scope: Scope,
        bounds: Sequence[datetime],
        *,
        by: By | None,
        metric: Metric,
        top: int,
        latency: bool = False,
    ) -> Series: ...

    async def breakdown(
        self,
        scope: Scope,
        *,
        by: tuple[By, ...],
        metric: Metric,
        first: int,
        previous: Scope | None = None,
        latency: bool = False,
    ) -> Breakdown: ...

    async def dimension_values(self, scope: Scope, *, by: By, prefix: str, first: int) -> list[DimensionValue]: ...

    async def consumers(
        self, scope: Scope, *, kind: ConsumerKind, metric: Metric, first: int, latency: bool = False
    ) -> list[Consumer]: ...

    async def unpriced_models(self, scope: Scope, *, first: int) -> list[UnpricedModel]: ...

    async def records(self, scope: Scope, *, order: RecordOrder, page: PageRequest) -> RecordPage: ...

    async def record_count(self, scope: Scope) -> int: ...

    async def expected_records(self, scope: Scope) -> int | None: ...

    async def stream_records(self, scope: Scope) -> AsyncGenerator[list[UsageRecord], None]: ...

    async def expected_conversations(self, scope: Scope, *, search: str | None = None) -> int | None: ...

    async def stream_conversations(
        self, scope: Scope, *, search: str | None = None
    ) -> AsyncGenerator[list[Conversation], None]: ...

    async def conversations(
        self,
        scope: Scope,
        *,
        order: ConversationOrder,
        page: ConversationRequest,
        search: str | None = None,
        latency: bool = False,
    ) -> ConversationPage: ...

    async def conversation_count(self, scope: Scope, *, search: str | None = None) -> int: ...

    async def records_by_id(
        self, project: str, ids: Sequence[tuple[datetime, int]], *, filter: Filter
    ) -> list[UsageRecord | None]: ...

    async def credit_usage(self, scope: Scope) -> CreditUsage: ...

    async def freshness(self, project: str) -> Freshness: ...

    async def kept_since(self) -> datetime | None: ...

    async def ingest_health(self, project: str) -> IngestHealth: ...


class Reader(Protocol):
    """What the graph needs of the store. In a snapshot only ``measures`` need be summed; the default is all of them.
    To one that is ``alone`` no more than one question will be put.

    A snapshot may be entered in one task and left in another, so it must not hold a cancel scope across its body.
    """

    def snapshot(
        self, measures: frozenset[str] = ..., *, alone: bool = ...
    ) -> AbstractAsyncContextManager[Snapshot]: ...


class Operation:
    """The context value of one operation; an async context manager around its execution.

    The snapshot is opened with the first question and released when the block ends, however it ends: questions
    still open are cancelled first.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        project: str,
        now: datetime,
        grant: Grant,
        declared: tuple[str, ...] = (),
        budget: Budget | None = None,
        administration: Administration | None = None,
        name: str | None = None,
    ) -> None:
        self.project = project
        self.now = now
        self.grant = grant
        self.declared = declared
        self.budget = budget or Budget()
        self.name = name
        self.measures = EVERY
        self._administration = administration
        self._reader = reader
        self._entries = 0
        self._alone = self._in_turn = False
        self._opened: AbstractAsyncContextManager[Snapshot] | None = None
        self._snapshot: Snapshot | None = None
        self._opening: asyncio.Task[Snapshot] | None = None
        self._asked: dict[object, asyncio.Future[Any]] = {}

    def renewed(self, now: datetime) -> "Operation":
        """Another one of the same caller, at the instant ``now``: nothing is asked in it yet."""
        other = copy(self)
        other.now = now
        other._entries = 0
        other._opened = other._snapshot = other._opening = None
        other._asked = {}
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks: list[asyncio.Future[Any]] = [task for task in self._asked.values() if not task.done()]
        if self._opening is not None:
            tasks.append(self._opening)
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # also where the operation is cancelled once more meanwhile
            if self._opened is not None:
                await self._opened.__aexit__(None, None, None)

    def selects(self, measures: frozenset[str]) -> None:
        """Says which sums the document can ask for: no others are made."""
        self.measures = measures

    def expects(self, *, alone: bool, in_turn: bool) -> None:
        """Says what will be asked: at most one question where it is ``alone``; ``in_turn``: never two at once."""
        self._alone = alone
        self._in_turn = in_turn

    def again(self) -> None:
        """Begin again, whatever went wrong: what was asked is not asked again, and nothing is expected any more."""
        self._entries = 0
        self._alone = self._in_turn = False

    def scope(self, start: datetime, end: datetime, filter_: Filter = _EVERYTHING) -> Scope:
        """What a question about ``[start, end)`` is about: the caller's project, and of it what the caller may see.

        Raises:
            UnknownAttribute: the filter is about one that is not among ``declared``.
        """
        check_declared(filter_.attribute_keys, self.declared)
        bound = self.grant.filter
        narrowed = replace(filter_, strings=(*bound.strings, *filter_.strings))
        return Scope(self.project, start, end, narrowed, bound)

    @property
    def administration(self) -> Administration:
        """What an admin sees and changes.

        Raises:
            Forbidden: the caller is none.
        """
        self.grant.require(Access.ADMIN)
        assert self._administration is not None  # noqa: S101 (whoever answers operations gave one)
        return self._administration

    def reserve(self, entries: int) -> None:
        """Counts what a field may answer with, before anything is asked.

        What an operation costs was estimated before it ran, and is never less. This holds where the estimate is wrong.

        Raises:
            CostExceeded: the operation would pass what one may cost.
        """
        self._entries += entries
        self.budget.check(self._entries)

    async def ask(
        self, question: Callable[Concatenate[Snapshot, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The snapshot's answer to ``question`` (a method of ``Snapshot``); the same question is put only once."""
        key = (question.__name__, args, tuple(sorted(kwargs.items())))
        task = self._asked.get(key)
        if task is None:
            if self._in_turn:
                return cast(R, await self._ask_in_turn(key, question.__name__, args, kwargs))
            task = self._asked[key] = asyncio.create_task(self._put(question.__name__, args, kwargs))
        # Shielded: fields that share the answer must not cancel it for one another.
        return cast(R, await asyncio.shield(task))

    async def _ask_in_turn(self, key: object, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """Without a task: whoever asks waits for it, and nobody else does."""
        asked = self._asked[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._put(method, args, kwargs)
        except Exception as error:
            asked.set_exception(error)
            asked.exception()  # seen: who asks again is told, or nobody
            raise
        except BaseException:
            asked.cancel()
            raise
        asked.set_result(answer)
        return answer

    async def _put(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        if self._snapshot is None:
            if self._in_turn:
                await self._open()
            else:
                if self._opening is None:
                    self._opening = asyncio.create_task(self._open())
                await asyncio.shield(self._opening)
        return await getattr(self._snapshot, method)(*args, **kwargs)

    async def _open(self) -> Snapshot:
        opened = self._reader.snapshot(self.measures, alone=self._alone)
        self._snapshot = await opened.__aenter__()
        self._opened = opened
        return self._snapshot
