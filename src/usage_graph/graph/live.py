"""Connections that last: how many there may be, how they end, and what is answered over them.

``live_websocket`` and ``live_sse`` are the two ways in.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from usage_graph.errors import LimitExceeded
from usage_graph.grant import Grant
from usage_graph.graph import failures
from usage_graph.graph.events import Events, Listener
from usage_graph.graph.limits import is_valid
from usage_graph.graph.operation import Operation
from usage_graph.graph.request import Asked
from usage_graph.graph.schema import schema

MAX_CONNECTIONS = 1_000
MAX_CONNECTIONS_OF_ONE = 100
"""Of one key, or of one address where there is no key."""
MAX_NEW = 200
MAX_NEW_OF_ONE = 20
"""WebSockets of one address that have not said who they are: they are counted apart."""

PATIENCE = 30.0
"""Seconds that a client may take to read what it is sent, before it is let go."""

_FULL = "The server has no room for another connection; try again in a moment."

_LOOK = 2.0
"""Seconds between looks whether a connection's key is still good."""
_LAST_WORDS = 5.0
"""Seconds that connections may take to say that they end."""

KEYS_IN_SCOPE = "usage_graph.keys"
"""Where the door leaves ``Keys`` in an ASGI scope: for a key that comes later, and for connections that last."""

GOING_AWAY = 1001
UNAUTHORIZED = 4401
FORBIDDEN = 4403


class Keys(Protocol):
    """Who may do what."""

    def grant(self, presented: str | None) -> Grant:
        """Raises ``Unauthenticated``."""

    def holds(self, grant: Grant) -> bool:
        """Whether it would be given now, too."""


class Ended(Exception):
    """The server ends a connection; ``code`` is what a WebSocket is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class Gone(Exception):
    """The client is, or it does not read any more: nothing can be said to it."""


class Answer(NamedTuple):
    """One answer of an operation. ``refused``: the operation did not begin, so there are only errors."""

    body: dict[str, Any]
    refused: bool = False


class Live:
    """All connections of this process that last. ``timeout``, in seconds, is for one event of a subscription."""

    def __init__(
        self,
        *,
        listener: Listener,
        clock: Callable[[], datetime],
        at_once: int = 4,
        timeout: float = 30.0,
        patience: float = PATIENCE,
    ) -> None:
        self.patience = patience
        self._events = Events(listener=listener, clock=clock, at_once=at_once, timeout=timeout)
        self._callers: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        return self._callers.total() + self._new.total()

    @contextmanager
    def connection(self, caller: str) -> Iterator["Place"]:
        """A place for a connection of ``caller``, for as long as this is open.

        Raises:
            LimitExceeded: there are too many already, or the server stops.
        """
        with self._place() as place:
            place.take(caller)
            yield place

    @contextmanager
    def new_connection(self, address: str) -> Iterator["Place"]:
        """The same for one that has yet to say whose it is (``Place.take``); until then its ``address`` is known."""
        with self._place() as place:
            place.wait(address)
            yield place

    @contextmanager
    def _place(self) -> Iterator["Place"]:
        if self._stopping.is_set() or self._callers.total() >= MAX_CONNECTIONS:
            raise LimitExceeded(_FULL)
        place = Place(self._callers, self._new)
        self._empty.clear()
        try:
            yield place
        finally:
            place.leave()
            if not self.connections:
                self._empty.set()

    async def unless_stopped(self, event: asyncio.Event) -> None:
        """Returns when ``event`` is set.

        Raises:
            Ended: the server stops before that.
        """
        waiting = [asyncio.create_task(one.wait()) for one in (event, self._stopping)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not event.is_set():
            raise Ended(GOING_AWAY, "The server stops.")

    async def until_ended(self, keys: Keys | None, grant: Grant) -> None:
        """Never returns.

        Raises:
            Ended: the server stops, or ``grant`` is no longer good.
        """
        while True:
            try:
                async with asyncio.timeout(_LOOK):
                    await self._stopping.wait()
            except TimeoutError:
                if keys is not None and not keys.holds(grant):
                    raise Ended(UNAUTHORIZED, "The key is no longer good.") from None
            else:
                raise Ended(GOING_AWAY, "The server stops.")

    async def stop(self) -> None:
        """Ends all connections; returns when they have ended, or have not in time."""
        self._stopping.set()
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self._empty.wait()
        except TimeoutError:
            pass

    async def events(self, asked: Asked, operation: Operation) -> AsyncGenerator[Answer, None]:
        """What is answered to a subscription, until it ends. Never raises but when cancelled."""
        try:
            stream = await schema.stream(
                asked.query,
                variable_values=asked.variables,
                context_value=operation,
                root_value=self._events,
                operation_name=operation.name,
                allowed_operation_types=(OperationType.SUBSCRIPTION,),
            )
            async with aclosing(stream):
                async for result in stream:
                    yield _answer(asked, result)
        except Exception as error:
            yield Answer({"errors": [failures.internal(error, "the subscription")]}, refused=True)


class Place:
    """One connection's among those of its caller, or among the new ones of its address."""

    def __init__(self, callers: Counter[str], new: Counter[str]) -> None:
        self._callers = callers
        self._new = new
        self._taken: tuple[Counter[str], str] | None = None

    def wait(self, address: str) -> None:
        """Count it as a new one.

        Raises:
            LimitExceeded: there are too many of them.
        """
        if self._new.total() >= MAX_NEW:
            raise LimitExceeded(_FULL)
        if self._new[address] >= MAX_NEW_OF_ONE:
            raise LimitExceeded(
                f"There are {MAX_NEW_OF_ONE} connections of this address that have not sent connection_init; "
                "try again in a moment."
            )
        self._move(self._new, address)

    def take(self, caller: str) -> None:
        """Count it as ``caller``'s from now on.

        Raises:
            LimitExceeded: there are too many, or that one has.
        """
        if self._taken is not None and self._taken[0] is self._callers and self._taken[1] == caller:
            return
        if self._callers.total() >= MAX_CONNECTIONS:
            raise LimitExceeded(_FULL)
        if self._callers[caller] >= MAX_CONNECTIONS_OF_ONE:
            raise LimitExceeded(
                f"There are {MAX_CONNECTIONS_OF_ONE} connections of this key or address already: end some of them."
            )
        self._move(self._callers, caller)

    def leave(self) -> None:
        if self._taken is None:
            return
        among, who = self._taken
        among[who] -= 1
        if not among[who]:
            del among[who]
        self._taken = None

    def _move(self, among: Counter[str], who: str) -> None:
        self.leave()
        among[who] += 1
        self._taken = among, who


def _answer(asked: Asked, result: object) -> Answer:
    assert isinstance(result, ExecutionResult)  # noqa: S101 (nothing here is deferred)
    if not result.errors:
        return Answer({"data": result.data})
    refused = isinstance(result, PreExecutionError)
    # What a valid document is refused for are its variables and arguments.
    errors = failures.formatted(result.errors, executed=not refused or is_valid(asked.query))
    return Answer({"errors": errors} if refused else {"data": result.data, "errors": errors}, refused)
