"""The points of a series, as they are answered."""

from datetime import datetime
from itertools import pairwise

from usage_graph.graph.types import UsagePoint, UsageSeriesGroup
from usage_graph.question import SeriesGroup
from usage_graph.usage import Totals
from usage_graph.window import Window


class Frame:
    """The buckets of one series: the points that its whole and each of its groups fill."""

    def __init__(self, bounds: list[datetime], window: Window, now: datetime) -> None:
        self._buckets = [
            (start, end, start < window.start or end > window.end or end > now) for start, end in pairwise(bounds)
        ]

    def points(self, totals: list[Totals]) -> list[UsagePoint]:
        return [
            UsagePoint(start=start, end=end, partial=partial, totals=sums)
            for (start, end, partial), sums in zip(self._buckets, totals, strict=True)
        ]

    def group(self, group: SeriesGroup) -> UsageSeriesGroup:
        return UsageSeriesGroup(
            key=group.key,
            label=group.key,
            share=group.share,
            totals=group.totals,
            points=self.points(group.points),
        )
