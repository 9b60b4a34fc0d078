"""What became of everything that was sent, as GraphQL types; the domain's objects are answered as they are."""

from datetime import datetime

import strawberry

from usage_graph import health
from usage_graph.graph.enums import MergeReason
from usage_graph.graph.scalars import BigInt

_MANY = f"`{health.OTHER}` stands for all that came after the first {health.MAX_DETAILS}."


def _count(description: str) -> int:
    return strawberry.field(name="count", graphql_type=BigInt, description=description)  # type: ignore[no-any-return]


@strawberry.type(description="Observations that told of calls which were known, for one reason.")
class IngestMerge:
    reason: MergeReason = strawberry.field(description="Why they were taken for observations of those calls.")
    number: int = _count("How many.")


@strawberry.type(description="What was rejected for one reason.")
class IngestRejection:
    reason: str = strawberry.field(description=f"What was wrong with it. {_MANY}")
    number: int = _count("How many.")
    last_seen: datetime = strawberry.field(description="When the last of them came.")


@strawberry.type(description="What has token counts but follows no known convention, of one instrumentation.")
class IngestUnrecognised:
    scope: str = strawberry.field(
        description=f"The name of the instrumentation scope; `unknown` where it has none. {_MANY}"
    )
    number: int = _count("How many.")
    last_seen: datetime = strawberry.field(description="When the last of them came.")


@strawberry.type(
    description="What became of everything that was sent to the project: spans, log records and data points. Some "
    "seconds old, over all servers of the database; what a server counted in its last seconds is lost when it is "
    "killed. `accepted` is what came in; every other number says what became of it: a span may be a call, or tell of "
    "one, or be none, and a request that was sent again is counted again."
)
class IngestHealth:
    """The shape in which ``health.IngestHealth`` is answered; never instantiated."""

    since: datetime | None = strawberry.field(description="When counting began; null where nothing came yet.")
    last_seen: datetime | None = strawberry.field(description="When something came last; null where nothing came yet.")
    accepted: BigInt = strawberry.field(description="What was received, whatever became of it then.")
    stored: BigInt = strawberry.field(description="Calls that were new.")
    repeated: BigInt = strawberry.field(description="What was stored already, span for span.")
    merged: BigInt = strawberry.field(description="What told of a call that was known from another span or signal.")
    merged_by: list[health.Merged] = strawberry.field(
        graphql_type=list[IngestMerge], description="The same by reason, largest first."
    )
    completed: BigInt = strawberry.field(
        description="Calls that learned whom they were for, such as user or conversation, from a span above them."
    )
    not_llm: BigInt = strawberry.field(description="What is no LLM call, or repeats one that is counted elsewhere.")
    rejected: BigInt = strawberry.field(description="What could not be stored.")
    rejected_by: list[health.Rejected] = strawberry.field(
        graphql_type=list[IngestRejection], description="The same by reason, largest first."
    )
    unrecognised: BigInt = strawberry.field(
        description="What has token counts but follows no known convention: usage that is missing from every sum."
    )
    unrecognised_by: list[health.Unrecognised] = strawberry.field(
        graphql_type=list[IngestUnrecognised], description="The same by instrumentation, largest first."
    )
