"""The captured OTLP bodies of ``tests/data/otlp``, decoded in full: simple, slow, and independent of the receiver."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from usage_graph.processor import Resource, Scope, Span

DIRECTORY = Path(__file__).parent.parent / "data" / "otlp"


class Captured(NamedTuple):
    """One span of a case; ``raw`` is the span as protobuf (empty for a body that was JSON)."""

    resource: Resource
    scope: Scope
    span: Span
    raw: bytes


@cache
def manifest() -> dict[str, dict[str, Any]]:
    """The manifest's cases by name."""
    cases = json.loads((DIRECTORY / "manifest.json").read_text())["cases"]
    return {case["case"]: case for case in cases}


@cache
def captured(case: str) -> tuple[Captured, ...]:
    """All spans of a case, in the order they were sent."""
    files = [DIRECTORY / file["file"] for file in manifest()[case]["files"] if file["signal"] == "traces"]
    return tuple(
        span for file in files for span in (_from_json(file) if file.suffix == ".json" else _from_protobuf(file))
    )


def _any_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_any_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _any_value(pair.value) for pair in pairs}


def _from_protobuf(file: Path) -> Iterator[Captured]:
    for resource_spans in ExportTraceServiceRequest.FromString(file.read_bytes()).resource_spans:
        resource = Resource(_attributes(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            for span in scope_spans.spans:
                yield Captured(
                    resource,
                    Scope(scope.name, scope.version, _attributes(scope.attributes)),
                    Span(
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id,
                        span.name,
                        span.kind,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        span.status.code,
                        _attributes(span.attributes),
                    ),
                    span.SerializeToString(),
                )


def _json_value(value: dict[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "arrayValue":
            return [_json_value(item) for item in content.get("values", ())]
        if kind == "kvlistValue":
            return _json_attributes(content.get("values", ()))
        return int(content) if kind == "intValue" else content
    return None


def _json_attributes(pairs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _json_value(pair["value"]) for pair in pairs}


def _from_json(file: Path) -> Iterator[Captured]:
    for resource_spans in json.loads(file.read_text())["resourceSpans"]:
        resource = Resource(_json_attributes(resource_spans["resource"]["attributes"]))
        for scope_spans in resource_spans["scopeSpans"]:
            scope = Scope(scope_spans["scope"]["name"], scope_spans["scope"].get("version", ""), {})
            for span in scope_spans["spans"]:
                yield Captured(
                    resource,
                    scope,
                    Span(
                        bytes.fromhex(span["traceId"]),
                        bytes.fromhex(span["spanId"]),
                        bytes.fromhex(span.get("parentSpanId", "")),
                        span["name"],
                        span["kind"],
                        int(span["startTimeUnixNano"]),
                        int(span["endTimeUnixNano"]),
                        span["status"].get("code", 0),
                        _json_attributes(span["attributes"]),
                    ),
                    b"",
                )
