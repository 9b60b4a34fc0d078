"""The points of a series, as they are answered."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from usage_graph.graph.types import UsageSeriesGroup
from usage_graph.question import Point, SeriesGroup
from usage_graph.usage import Totals
from usage_graph.window import Window


class Frame:
    """The buckets of one series: the points that its whole and each of its groups fill."""

    def __init__(self, bounds: Sequence[datetime], window: Window, now: datetime) -> None:
        self._starts, self._ends = bounds[:-1], bounds[1:]
        self._partial = [False] * len(self._ends)
        over = bisect_right(self._ends, min(window.end, now))
        self._partial[over:] = [True] * (len(self._ends) - over)
        if self._partial and self._starts[0] < window.start:  # no other bucket can begin before it
            self._partial[0] = True

    def points(self, totals: Sequence[Totals]) -> list[Point]:
        return [*map(Point._make, zip(self._starts, self._ends, self._partial, totals, strict=True))]

    def group(self, group: SeriesGroup) -> UsageSeriesGroup:
        return UsageSeriesGroup(
            key=group.key,
            label=group.key,
            share=group.share,
            totals=group.totals,
            points=self.points(group.points),
        )
