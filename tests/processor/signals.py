"""The captured log records and data points of ``tests/data/otlp``, decoded in full, independently of the receiver."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.processor.payloads import DIRECTORY, manifest
from usage_graph.processor import Resource, Scope
from usage_graph.processor.events import Event, name_of
from usage_graph.processor.measurements import Point


class Logged(NamedTuple):
    """One log record of a case; ``texts`` are all texts of its body."""

    resource: Resource
    scope: Scope
    event: Event
    texts: list[str]


class Measured(NamedTuple):
    """The points of one scope; ``temporality`` is 1 for DELTA, 2 for CUMULATIVE, as in each point's metric."""

    resource: Resource
    scope: Scope
    points: list[tuple[int, Point]]

    def delta(self) -> list[Point]:
        return [point for temporality, point in self.points if temporality == 1]


def unwrapped(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [unwrapped(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes(value.kvlist_value.values)
        case kind:
            return getattr(value, kind)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: unwrapped(pair.value) for pair in pairs}


def texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in texts(item)]
        case dict():
            return [text for item in value.values() for text in texts(item)]
    return []


def _in_base64(value: Any) -> Any:
    """OTLP/JSON has ids in hexadecimal, where protobuf's JSON has base64."""
    if isinstance(value, list):
        return [_in_base64(item) for item in value]
    if isinstance(value, dict):
        return {
            key: b64encode(bytes.fromhex(item)).decode() if key in ("traceId", "spanId") else _in_base64(item)
            for key, item in value.items()
        }
    return value


def _requests(case: str, signal: str, request: type[Any]) -> Iterator[Any]:
    for file in manifest()[case]["files"]:
        path: Path = DIRECTORY / file["file"]
        if file["signal"] != signal:
            continue
        if path.suffix == ".json":
            yield ParseDict(_in_base64(json.loads(path.read_text())), request(), ignore_unknown_fields=True)
        else:
            yield request.FromString(path.read_bytes())


@cache
def logged(case: str) -> tuple[Logged, ...]:
    """All log records of a case, in the order they were sent."""
    return tuple(
        Logged(
            Resource(attributes(held.resource.attributes)),
            Scope(scoped.scope.name, scoped.scope.version, attributes(scoped.scope.attributes)),
            _event(record),
            texts(unwrapped(record.body)),
        )
        for request in _requests(case, "logs", ExportLogsServiceRequest)
        for held in request.resource_logs
        for scoped in held.scope_logs
        for record in scoped.log_records
    )


def _event(record: Any) -> Event:
    found = attributes(record.attributes)
    return Event(
        name_of(found.get("event.name"), record.event_name, unwrapped(record.body)),
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.trace_id,
        record.span_id,
        found,
    )


@cache
def measured(case: str) -> tuple[tuple[Measured, ...], ...]:
    """What each metrics request of a case holds, scope by scope."""
    return tuple(
        tuple(
            Measured(
                Resource(attributes(held.resource.attributes)),
                Scope(scoped.scope.name, scoped.scope.version, attributes(scoped.scope.attributes)),
                [found for metric in scoped.metrics for found in _points(metric)],
            )
            for held in request.resource_metrics
            for scoped in held.scope_metrics
        )
        for request in _requests(case, "metrics", ExportMetricsServiceRequest)
    )


def _points(metric: Any) -> Iterator[tuple[int, Point]]:
    kind = metric.WhichOneof("data")
    if kind not in ("sum", "histogram"):
        return
    data = getattr(metric, kind)
    for point in data.data_points:
        value = point.sum if kind == "histogram" else getattr(point, point.WhichOneof("value"))
        found = attributes(point.attributes)
        yield (
            data.aggregation_temporality,
            Point(metric.name, point.start_time_unix_nano, point.time_unix_nano, value, found),
        )
