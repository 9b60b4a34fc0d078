"""Metrics in, observations out: for services that tell of their usage in no other way, if they are asked for by name.

A metric sums up an interval, so each observation is of an interval, not of a call: all that one series (a model of a
session of a user, ...) used between two exports. Where such a record is counted as a call, one interval is meant. Its
source is ``metrics`` unless somebody named one, its duration is 0, and its name is that of the metric. Where its cost
is computed, it is as if one call had used it all: prices that rise with the size of a call may come out too high.

Only DELTA sums can be counted: a cumulative one repeats at every export what it said before. No I/O; the clock is an
argument.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from usage_graph.observation import Observation
from usage_graph.processor.attributes import DeclaredAttributes, Pairs
from usage_graph.processor.charging import Charging
from usage_graph.processor.cost import Pricing
from usage_graph.processor.events import provider_of, read
from usage_graph.processor.made import ids_of
from usage_graph.processor.marks import GEN_AI_OPERATION
from usage_graph.processor.meters import (
    COST,
    METERS,
    METRICS,
    MODALITY,
    POINT_WANTED,
    SERIES_KEYS,
    SERIES_READERS,
    Meter,
    Series,
)
from usage_graph.processor.reading import Origin, origin
from usage_graph.processor.span import Rejection, Resource, Scope
from usage_graph.processor.tally import Tally
from usage_graph.processor.values import AttributeValue, tokens, usd
from usage_graph.project import DEFAULT_PROJECT
from usage_graph.usage import MAX_COST_NANO, UsageRecord, record_id

__all__ = ["METRICS", "POINT_WANTED", "SOURCE", "MeasurementProcessor", "Point"]

SOURCE = "metrics"
"""The source of a record that is made of data points, where nobody named another."""

NOT_NANOSECONDS = Rejection("data point is from before 1971: time_unix_nano counts nanoseconds since 1970")
IN_FUTURE = Rejection("data point is from more than one hour in the future: check the sender's clock")

_HOUR_NS = 3_600 * 10**9
_YEAR_1971_NS = 365 * 24 * _HOUR_NS
_LONGEST_NS = 7 * 24 * _HOUR_NS
"""No export sums up more than a week: such a start is a wrong clock."""
_ONE_EXPORT_NS = 10**9
"""Instruments are read one after another: their points of one export are at most so far apart."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Point(NamedTuple):
    """One data point of DELTA temporality: a sum's value, or a histogram's sum. Times are nanoseconds since 1970.

    ``attributes`` may be limited to ``POINT_WANTED``.
    """

    metric: str
    start_ns: int
    time_ns: int
    value: int | float
    attributes: Mapping[str, AttributeValue]


class _Count(NamedTuple):
    """A point that counts: which kind of what."""

    point: Point
    kind: str
    split: bool
    """By ``MODALITY``."""


class MeasurementProcessor:
    """Turns data points into observations; ``sources`` are the services (``service.name``) whose metrics count.

    ``attributes``: keys of those whose values records keep; they tell series apart.
    """

    def __init__(
        self,
        *,
        pricing: Pricing,
        charging: Charging | None = None,
        sources: frozenset[str],
        attributes: Collection[str] = (),
    ) -> None:
        self._pricing = pricing
        self._charging = charging or Charging()
        self._sources = sources
        self._declared = DeclaredAttributes(attributes)

    def wants(self, resource: Resource) -> bool:
        """Whether the resource is one of the services whose metrics count."""
        service = resource.attributes.get("service.name")
        return isinstance(service, str) and service in self._sources

    def observe(
        self, resource: Resource, scope: Scope, points: Iterable[Point], *, project: str | None, now: datetime
    ) -> list[Observation | Rejection]:
        """What the points of one resource and scope in one request tell; a ``Rejection`` for each that has no time.

        One observation for each series and export that used anything. Where metrics repeat each other, only one of
        them is read. A cost is read where the tokens that it is of are there. Never raises, whatever points hold.
        """
        now_ns = int(now.timestamp() * 10**9)
        around = origin(resource.attributes, scope.attributes)
        told: list[Observation | Rejection] = []
        counts: dict[tuple[Series, Pairs], list[_Count]] = defaultdict(list)
        believed = []
        for point in points:
            if point.metric not in METERS:
                continue
            if rejection := _check(point, now_ns):
                told.append(rejection)
            else:
                believed.append(point)
        family = _family(believed)
        for point in believed:
            meter = METERS[point.metric]
            series = Series(**read(SERIES_KEYS, SERIES_READERS, point.attributes))
            if meter.family == family and (count := _count(meter, point)) and _is_of_calls(series):
                kept = self._declared.read(point.attributes, scope.attributes, resource.attributes)
                counts[series, kept].append(count)
        for (series, kept), counted in counts.items():
            for export in _exports(counted):
                record = self._record(around, scope, series, kept, export, project)
                if record is not None:
                    told.append(Observation(record, scope=scope.name, instance=around.instance or around.service))
        return told

    def _record(
        self, around: Origin, scope: Scope, series: Series, kept: Pairs, export: list[_Count], project: str | None
    ) -> UsageRecord | None:
        """The export's record; ``None`` if nothing was used, or only a cost is known."""
        sums = _sums(export)
        cost = sums.pop(COST, None) or None
        if cost is not None and cost > MAX_COST_NANO:
            cost = None
        if not any(sums.values()):
            return None
        first = next(count.point for count in export if count.kind != COST)
        meter = METERS[first.metric]
        used = Tally(**sums).used(excludes_cache=meter.excludes_cache, excludes_thoughts=meter.excludes_thoughts)
        end_ns = max(count.point.time_ns for count in export)
        start_ns = min(_start(count.point) for count in export)
        ids = ids_of(
            around.service,
            scope.name,
            *series,
            *kept,
            *sorted((c.kind, c.point.metric, c.point.start_ns, c.point.time_ns, repr(c.point.value)) for c in export),
        )
        project = project or around.project or DEFAULT_PROJECT
        record = UsageRecord(
            project=project,
            started_at=_EPOCH + timedelta(microseconds=min(start_ns, end_ns) // 1000),
            id=record_id(project, *ids),
            trace_id=ids.trace_id,
            span_id=ids.span_id,
            duration_us=0,
            failed=False,
            error_type=None,
            source=series.source or around.source or SOURCE,
            operation=_operation(series) or "other",
            name=series.name or around.name or first.metric,
            agent=series.agent or around.agent,
            conversation=series.conversation or around.conversation,
            user_id=series.user or around.user,
            channel=series.channel or around.channel,
            service=around.service,
            environment=around.environment,
            provider=series.provider or provider_of(series.response_model, series.request_model),
            request_model=series.request_model,
            response_model=series.response_model,
            input_tokens=used.input,
            output_tokens=used.output,
            cache_read_tokens=used.cache_read,
            cache_write_tokens=used.cache_write,
            reasoning_tokens=used.reasoning,
            cost_nano=cost,
            cost_reported=cost is not None,
            credits_nano=0,
            service_tier=series.service_tier,
            suspect=used.suspect,
            attributes=kept,
        )
        return self._charging.charge(self._pricing.price(record))


def _check(point: Point, now_ns: int) -> Rejection | None:
    if point.time_ns < _YEAR_1971_NS:
        return NOT_NANOSECONDS
    return IN_FUTURE if point.time_ns > now_ns + _HOUR_NS else None


def _start(point: Point) -> int:
    """When the point's interval began; its end where that is not told, or cannot be."""
    return point.start_ns if 0 <= point.time_ns - point.start_ns <= _LONGEST_NS else point.time_ns


def _family(points: Iterable[Point]) -> str | None:
    """Of the metrics that count tokens here, the family that counts best."""
    found = [meter for point in points if (meter := METERS[point.metric]).kind != COST]
    return min(found, key=lambda meter: meter.rank).family if found else None


def _count(meter: Meter, point: Point) -> _Count | None:
    kind = meter.kind
    if kind is None:
        by = point.attributes.get(meter.by)
        kind = meter.kinds.get(by) if isinstance(by, str) else None
    return _Count(point, kind, MODALITY in point.attributes) if kind is not None else None


def _operation(series: Series) -> str | None:
    return GEN_AI_OPERATION(series.operation) if series.operation else None


def _is_of_calls(series: Series) -> bool:
    """What an agent is said to have used, its calls used."""
    return series.operation is None or _operation(series) is not None


def _exports(counts: Iterable[_Count]) -> Iterable[list[_Count]]:
    """The counts of one series, those of one export together."""
    export: list[_Count] = []
    for count in sorted(counts, key=lambda count: count.point.time_ns):
        if export and count.point.time_ns - export[0].point.time_ns > _ONE_EXPORT_NS:
            yield export
            export = []
        export.append(count)
    if export:
        yield export


def _sums(export: Iterable[_Count]) -> dict[str, int]:
    """Tokens by kind, and the cost; a kind that is there unsplit is not counted split."""
    whole = {count.kind for count in export if not count.split}
    sums: dict[str, int] = defaultdict(int)
    for point, kind, split in export:
        value = usd(point.value) if kind == COST else tokens(point.value)
        if value is not None and not (split and kind in whole):
            sums[kind] += value
    return dict(sums)
