"""What subscriptions are fed with, and how each of their events is executed: as an operation of its own.

So each event has its own instant and its own database snapshot, which is released before the event is sent.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Protocol, Self, cast

from graphql import ExecutionResult, GraphQLError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from usage_graph.errors import QueryTimeout, RateLimited
from usage_graph.graph.operation import Operation

Event = Callable[[Operation], object]
"""Makes the value of a subscription's field, in the operation of the event."""


class Feed(Protocol):
    """What one subscriber has yet to be told of one project."""

    async def changed(self) -> None:
        """Returns when calls came or changed since the last ``take``."""

    def take(self) -> list[tuple[datetime, int]]:
        """The new records, by when they started and their ids, in the order of their arrival; none are left."""


class Listener(Protocol):
    """Where it is heard that calls came."""

    def subscribed(self, project: str) -> AbstractAsyncContextManager[Feed]:
        """Raises ``QueryUnavailable`` where nothing can be heard."""


class Events:
    """The root value of subscriptions.

    ``at_once`` bounds how many events are executed at the same time, of all subscribers: the others wait, so that there
    are connections to the database left for questions. ``timeout``, in seconds, is for one event.
    """

    def __init__(self, *, listener: Listener, clock: Callable[[], datetime], at_once: int, timeout: float) -> None:
        self.subscribed = listener.subscribed
        self._clock = clock
        self._turns = asyncio.Semaphore(at_once)
        self._timeout = timeout

    async def paid(self, subscription: Operation) -> None:
        """Returns when the caller may have one more event: each costs as much as the first one did."""
        budget = subscription.budget
        while True:
            try:
                return budget.spend(budget.requested or 0)
            except RateLimited:
                await asyncio.sleep(budget.retry_after)

    @asynccontextmanager
    async def operation(self, subscription: Operation) -> AsyncIterator[Operation]:
        """An operation of its own for one event of ``subscription``, when it is its turn.

        Raises:
            QueryTimeout: it took too long.
        """
        async with self._turns:
            try:
                async with subscription.renewed(self._clock()) as operation, asyncio.timeout(self._timeout):
                    yield operation
            except TimeoutError:
                raise QueryTimeout(
                    f"An event took longer than {self._timeout:g} seconds: ask for less, or a shorter window."
                ) from None


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes each event of a subscription in an operation of its own."""

    _event: Event | None = None

    def build_per_event_executor(self, payload: Event) -> Self:
        # The root value stays the subscription's until the event is executed.
        executor = cast(Self, super().build_per_event_executor(self.root_value))
        executor._event = payload
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        return super().execute_operation(serially) if self._event is None else self._execute(self._event)

    async def _execute(self, event: Event) -> ExecutionResult:
        events: Events = self.root_value
        try:
            async with events.operation(self.context_value) as operation:
                self.context_value = operation
                self.root_value = event(operation)
                result = super().execute_operation(False)
                return cast(ExecutionResult, await result if self.is_awaitable(result) else result)
        except Exception as error:  # as a resolver's would be
            return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
