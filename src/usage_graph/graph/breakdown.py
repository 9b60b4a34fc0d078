"""Usage by one or two dimensions, beside what it was in another window where that is asked for."""

from typing import Self
from zoneinfo import ZoneInfo

import strawberry

from usage_graph.graph.comparison import UsageComparison
from usage_graph.graph.types import SHARE, UsageTotals
from usage_graph.question import Breakdown, Group, Scope
from usage_graph.usage import Totals


@strawberry.type(description="One value of a dimension, or of each of two.")
class UsageGroup:
    key: str | None = strawberry.field(
        description="The value; null for calls that do not have one, and for the rest in `other`."
    )
    label: str | None = strawberry.field(description="The value for display; null where `key` is.")
    then_key: str | None = strawberry.field(
        description="The value of the second dimension; null where there is no second one, for calls that do not have "
        "it, and for the rest in `other`."
    )
    then_label: str | None = strawberry.field(description="That value for display; null where `thenKey` is.")
    share: float | None = strawberry.field(description=SHARE)
    totals: Totals = strawberry.field(graphql_type=UsageTotals, description="Sums over the calls of the group.")
    previous: UsageComparison | None = strawberry.field(
        description="The same group in the window to compare with; null without one."
    )

    @classmethod
    def of(cls, group: Group, previous: Scope | None, zone: ZoneInfo) -> Self:
        compared = None
        if previous is not None and group.previous is not None:
            compared = UsageComparison(scope=previous, zone=zone, now=group.totals, before=group.previous)
        return cls(
            key=group.key,
            label=group.key,
            then_key=group.then_key,
            then_label=group.then_key,
            share=group.share,
            totals=group.totals,
            previous=compared,
        )


@strawberry.type(
    description="Usage by one or two dimensions. The groups and `other` add up to the totals, also to those of the "
    "window to compare with."
)
class UsageBreakdown:
    groups: list[UsageGroup] = strawberry.field(description="The `first` groups by the metric, largest first.")
    other: UsageGroup | None = strawberry.field(
        description="The rest; null where there is none, in the window to compare with neither."
    )

    @classmethod
    def of(cls, found: Breakdown, previous: Scope | None, zone: ZoneInfo) -> Self:
        """``previous`` is what was compared with, in the calendar of ``zone``."""
        return cls(
            groups=[UsageGroup.of(group, previous, zone) for group in found.groups],
            other=UsageGroup.of(found.other, previous, zone) if found.other else None,
        )
