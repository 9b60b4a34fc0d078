"""The data points of a metrics request, of those services whose metrics count; the metrics of others stay unread."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from usage_graph.processor.measurements import METRICS, Point
from usage_graph.processor.span import Rejection, Resource, Scope
from usage_graph.receiver.request import GroupReader, Unreadable, walk

_PAUSE_EVERY = 256
"""Metrics or points that are read before a pause: some 2 ms."""

MAX_POINTS = 2**12
"""Points that one request may bring to be counted; a coding agent sends tens."""
_TOO_MANY = Rejection(f"data point is beyond the first {MAX_POINTS} of its request; send fewer per request")


class Series(NamedTuple):
    """One metric, its points not read yet: those of a sum or a histogram, else none.

    ``read`` makes a point of what it is given with the metric's name; ``None`` of one without a value.
    """

    name: str
    delta: bool
    points: Sequence[Any]
    read: Callable[[str, Any], Point | None]


class MetricReader(GroupReader, Protocol):
    def series(self, raw: Any, /) -> Series: ...


class Measured(NamedTuple):
    """All points of one scope that count."""

    resource: Resource
    scope: Scope
    points: list[Point]


class Uncounted(NamedTuple):
    """Points that count nothing; one for each metric that was not looked into.

    ``cumulative``: they would, were they not sums since some start, which are sent again and again.
    """

    resource: Resource
    scope: Scope
    points: int
    cumulative: bool = False


Metered = Measured | Uncounted | Rejection


def measured(
    resources: Iterable[Any] | None, reader: MetricReader, *, wants: Callable[[Resource], bool]
) -> Iterator[Metered | None]:
    """What a request measured, in order, with pauses. ``wants`` says whose metrics count."""
    room = MAX_POINTS
    for group in walk(resources, reader, noun="data point"):
        if group is None:
            yield None
        elif isinstance(group.origin, Rejection):
            for _ in group.parts:
                yield group.origin
        elif not wants(group.origin[0]):
            yield Uncounted(*group.origin, len(group.parts))
        else:
            points: list[Point] = []
            for found in _points(group.origin, group.parts, reader):
                if not isinstance(found, Point):
                    yield found
                elif len(points) < room:
                    points.append(found)
                else:
                    yield _TOO_MANY
            room -= len(points)
            if points:
                yield Measured(*group.origin, points)


def _points(
    origin: tuple[Resource, Scope], metrics: Sequence[Any], reader: MetricReader
) -> Iterator[Point | Uncounted | Rejection | None]:
    for number, raw in enumerate(metrics, 1):
        if number % _PAUSE_EVERY == 0:
            yield None
        try:
            series = reader.series(raw)
        except Unreadable as wrong:
            yield Rejection(f"data point is in a metric that {wrong}")
            continue
        if series.name not in METRICS or not series.points:
            yield Uncounted(*origin, 1)
        elif not series.delta:
            yield Uncounted(*origin, len(series.points), cumulative=True)
        else:
            yield from _read(origin, series)


def _read(origin: tuple[Resource, Scope], series: Series) -> Iterator[Point | Uncounted | Rejection | None]:
    for number, raw in enumerate(series.points, 1):
        if number % _PAUSE_EVERY == 0:
            yield None
        try:
            point = series.read(series.name, raw)
        except Unreadable as wrong:
            yield Rejection(f"data point {wrong}")
        else:
            yield point or Uncounted(*origin, 1)
