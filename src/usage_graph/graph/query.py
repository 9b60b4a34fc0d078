"""What can be asked: ``usage``, and any record or conversation again by its id."""

from typing import Annotated
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types import Info
from strawberry.types.unset import UNSET

from usage_graph import health
from usage_graph.errors import Forbidden, LimitExceeded
from usage_graph.graph.conversations import (
    conversation_nodes,
)
from usage_graph.graph.cursors import read_global_id
from usage_graph.graph.fields import resolved
from usage_graph.graph.ingest import IngestHealth
from usage_graph.graph.inputs import UsageFilter, WindowInput
from usage_graph.graph.latency import selects_latency
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.types import (
    Node,
    UsageRecord,
)
from usage_graph.graph.usage import Usage, usage_of

MAX_NODES = 100

Context = Info[Operation, None]


@strawberry.type(description="Where did the tokens and the money go?")
class Query:
    @resolved("Usage in a window of time.")
    def usage(
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
    ) -> Usage:
        return usage_of(info.context, window=window, timezone=timezone, filter=filter)

    @resolved("What became of everything that was sent to the project.", graphql_type=IngestHealth)
    async def ingest_health(self, info: Context) -> health.IngestHealth:
        if info.context.grant.is_bound:
            raise Forbidden("A key that is bound to a user or an agent is not told what became of others' calls.")
        return await info.context.ask(Snapshot.ingest_health, info.context.project)

    @resolved("The object with this id; null where there is none in the project.")
    async def node(
        self, info: Context, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        return (await _nodes(info.context, [id], latency=selects_latency(info)))[0]

    @resolved("The objects with these ids, in their order; null where there is none.")
    async def nodes(
        self,
        info: Context,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")],
    ) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise LimitExceeded(f"`ids` may have at most {MAX_NODES} items, not {len(ids)}.")
        return await _nodes(info.context, ids, latency=selects_latency(info))


async def _nodes(operation: Operation, ids: list[strawberry.ID], *, latency: bool) -> list[Node | None]:
    operation.reserve(len(ids))
    conversations = await conversation_nodes(operation, ids, latency=latency)
    found: dict[str, Node] = {**await _records(operation, ids), **conversations}
    return [found.get(id) for id in ids]


async def _records(operation: Operation, ids: list[strawberry.ID]) -> dict[str, UsageRecord]:
    """Those of ``ids`` that are of records that the caller may see."""
    keys = {id: key for id in ids if (key := read_global_id(id, UsageRecord.__name__)) is not None}
    if not keys:
        return {}
    wanted = tuple(dict.fromkeys(keys.values()))
    found = await operation.ask(Snapshot.records_by_id, operation.project, wanted, filter=operation.grant.filter)
    records = dict(zip(wanted, found, strict=True))
    return {id: UsageRecord.of(record) for id, key in keys.items() if (record := records[key]) is not None}
