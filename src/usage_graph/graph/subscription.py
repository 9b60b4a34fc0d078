"""What can be subscribed to: usage as it grows, and records as they arrive."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar, cast
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types import Info
from strawberry.types.unset import UNSET

from usage_graph import question
from usage_graph.errors import QueryError, QueryTimeout, QueryUnavailable
from usage_graph.graph.events import Event, Events
from usage_graph.graph.inputs import UsageFilter, WindowInput, given
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.types import UsageRecord
from usage_graph.graph.usage import Usage, usage_of
from usage_graph.usage import EPOCH
from usage_graph.usage import UsageRecord as Record
from usage_graph.window import Duration

_LONGEST = 3600
_REFRESH = 60.0
"""Seconds after which a window that moves with the clock is looked at again though no call came."""
_AT_ONCE = 100
"""Records that are fetched with one question."""
_AGAIN = 1.0
"""Seconds until a question is put again that the database did not answer."""

Context = Info[Operation, Events]
Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def _subscribed(description: str, graphql_type: object) -> Callable[[Resolver], Resolver]:
    """A field whose resolver gives its events; ``graphql_type`` is what each of them is."""
    return cast(
        Callable[[Resolver], Resolver], strawberry.subscription(description=description, graphql_type=graphql_type)
    )


@strawberry.type(description="What happens, as it happens: over WebSockets (`graphql-transport-ws`) or SSE.")
class Subscription:
    @_subscribed(
        "Usage in a window of time: at once, and again whenever calls came to the project. A window that ends now is "
        "resolved anew for each event, and looked at once a minute though no call came. A client that is slow to read "
        "gets fewer events, never old ones. A key that is bound to a user or an agent gets one `every` so often.",
        Usage,
    )
    async def usage_updated(
        self,
        info: Context,
        window: Annotated[WindowInput, strawberry.argument(description="The time the question is about.")],
        timezone: Annotated[
            ZoneInfo,
            strawberry.argument(description="Whose calendar days, weeks, months and hours of the day follow."),
        ] = ZoneInfo("UTC"),  # noqa: B008 (immutable)
        filter: Annotated[
            UsageFilter | None, strawberry.argument(description="Which calls; all of them without it.")
        ] = UNSET,
        every: Annotated[
            Duration,
            strawberry.argument(description="The shortest time between two events, `PT1S` to `PT1H`."),
        ] = Duration(seconds=2),  # noqa: B008 (immutable)
    ) -> AsyncIterator[Event]:
        pause = _seconds(every)
        event = partial(usage_of, window=window, timezone=timezone, filter=filter)
        event(info.context)  # what is wrong with the arguments is said at once
        return _updates(info, event, pause, moving=given(window.between) is None)

    @_subscribed(
        "Each new call of the project that the filter lets through, in the order of their arrival, as it is known "
        "when it is sent. A client that is slow to read misses the oldest of those that wait; `usage.records` has "
        "all of them.",
        UsageRecord,
    )
    async def record_added(
        self,
        info: Context,
        filter: Annotated[
            UsageFilter | None, strawberry.argument(description="Which calls; all of them without it.")
        ] = UNSET,
    ) -> AsyncIterator[Event]:
        chosen = given(filter)
        conditions = chosen.conditions() if chosen else question.Filter()
        _scope(info.context, conditions)  # what is wrong with the filter is said at once
        return _additions(info, conditions)


def _seconds(every: Duration) -> int:
    if every.months or every.days or not 1 <= every.seconds <= _LONGEST:
        raise QueryError("`every` must be from PT1S (a second) to PT1H (an hour).")
    return every.seconds


async def _updates(info: Context, event: Event, pause: int, *, moving: bool) -> AsyncIterator[Event]:
    async with info.root_value.subscribed(info.context.project) as feed:
        while True:
            feed.take()
            yield event
            await asyncio.sleep(pause)
            # When others' calls come is not for a bound key to know: it is told by the clock alone.
            if not info.context.grant.is_bound:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, _REFRESH - pause) if moving else None):
                        await feed.changed()
            await info.root_value.paid(info.context)


async def _additions(info: Context, conditions: question.Filter) -> AsyncIterator[Event]:
    async with info.root_value.subscribed(info.context.project) as feed:
        while True:
            await feed.changed()
            keys = feed.take()
            while keys:
                await info.root_value.paid(info.context)
                for record in await _found(info, keys[:_AT_ONCE], conditions):
                    yield partial(_shown, record)
                del keys[:_AT_ONCE]


def _shown(record: Record, _: Operation) -> UsageRecord:
    return UsageRecord.of(record)


def _scope(operation: Operation, conditions: question.Filter) -> question.Scope:
    """All the time there is; raises ``UnknownAttribute``."""
    return operation.scope(EPOCH, datetime.max.replace(tzinfo=UTC), conditions)


async def _found(info: Context, keys: Sequence[tuple[datetime, int]], conditions: question.Filter) -> list[Record]:
    """Those of ``keys`` that are there and that the caller wants and may see."""
    while True:
        try:
            async with info.root_value.operation(info.context) as operation:
                scope = _scope(operation, conditions)
                found = await operation.ask(Snapshot.records_by_id, scope.project, tuple(keys), filter=scope.filter)
                return [record for record in found if record is not None]
        except (QueryUnavailable, QueryTimeout):
            await asyncio.sleep(_AGAIN)
