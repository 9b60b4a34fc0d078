"""The reduced schema, the JSON reader and the full protobuf schema see the same spans, log records and data points."""

import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests.receiver.payloads import CAPTURED, IDS, to_json
from usage_graph.processor import leaf
from usage_graph.processor.events import EVENT_WANTED, name_of
from usage_graph.processor.measurements import METRICS, POINT_WANTED
from usage_graph.processor.reading import read
from usage_graph.processor.semconv import TELLING_KEYS, WANTED, WANTED_RESOURCE
from usage_graph.processor.values import AttributeValue, tokens
from usage_graph.receiver import logs, traces
from usage_graph.receiver.encoding import BY_MEDIA_TYPE, JSON, Encoding
from usage_graph.receiver.hints import FIRST_TOKEN_EVENTS, is_token_count
from usage_graph.receiver.metrics import Measured, Uncounted
from usage_graph.receiver.request import Signal

REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}


def _unwrap(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_unwrap(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _unwrap(item.value) for item in value.kvlist_value.values}
        case field:
            return getattr(value, field)


def _all(attributes: Any, wanted: frozenset[str] | None = None) -> dict[str, Any]:
    return {item.key: _unwrap(item.value) for item in attributes if wanted is None or item.key in wanted}


def _counts_tokens(attributes: Any) -> bool:
    return any(is_token_count(key) and tokens(value) for key, value in _all(attributes).items())


def reference(message: Any) -> Iterator[tuple[Any, ...]]:
    """What the full schema sees, in the order and with the attributes that the decoders promise."""
    groups, scopes, parts, see = _holds(message)
    for group in groups:
        resource = _all(group.resource.attributes, WANTED_RESOURCE)
        for scoped in getattr(group, scopes):
            scope = scoped.scope.name, scoped.scope.version, _all(scoped.scope.attributes, WANTED_RESOURCE)
            seen = [one for part in getattr(scoped, parts) for one in see(part)]
            yield from ((resource, scope, *one) for one in seen if one[0] != "point")
            if points := [one[1:] for one in seen if one[0] == "point"]:
                yield resource, scope, points


def _holds(message: Any) -> tuple[Any, str, str, Callable[[Any], Iterator[tuple[Any, ...]]]]:
    if isinstance(message, ExportTraceServiceRequest):
        return message.resource_spans, "scope_spans", "spans", _span
    if isinstance(message, ExportLogsServiceRequest):
        return message.resource_logs, "scope_logs", "log_records", _log_record
    return message.resource_metrics, "scope_metrics", "metrics", _metric


def _span(span: Span) -> Iterator[tuple[Any, ...]]:
    ids, times = (
        (span.trace_id, span.span_id, span.parent_span_id),
        (span.start_time_unix_nano, span.end_time_unix_nano),
    )
    if TELLING_KEYS.isdisjoint(_all(span.attributes)):
        yield (*ids, *times, _counts_tokens(span.attributes))
    else:
        first = [event.time_unix_nano for event in span.events if event.name.encode() in FIRST_TOKEN_EVENTS]
        attributes = _all(span.attributes, WANTED)
        yield ((*ids, span.name, span.kind, *times, span.status.code, attributes, min(first, default=0)),)


def _log_record(record: LogRecord) -> Iterator[tuple[Any, ...]]:
    attributes = _all(record.attributes, EVENT_WANTED)
    name = name_of(attributes.get("event.name"), record.event_name, record.body.string_value)
    times, ids = (record.time_unix_nano, record.observed_time_unix_nano), (record.trace_id, record.span_id)
    yield ((name, *times, *ids, attributes, _counts_tokens(record.attributes)),)


def _metric(metric: metrics_pb2.Metric) -> Iterator[tuple[Any, ...]]:
    found: Any = metric.sum if metric.sum.data_points else metric.histogram
    if metric.name not in METRICS or not found.data_points:
        yield 1, False
    elif found.aggregation_temporality != metrics_pb2.AGGREGATION_TEMPORALITY_DELTA:
        yield len(found.data_points), True
    else:
        for point in found.data_points:
            if found is metric.sum:
                field = point.WhichOneof("value")
                value = getattr(point, field) if field else None
            else:
                value = point.sum if point.HasField("sum") else None
            if value is None:
                yield 1, False
            else:
                times = point.start_time_unix_nano, point.time_unix_nano
                yield "point", metric.name, *times, value, _all(point.attributes, POINT_WANTED)


def decode(encoding: Encoding, signal: Signal, body: bytes) -> list[Any]:
    match signal:
        case Signal.TRACES:
            return list(encoding.decode_traces(body).parts)
        case Signal.LOGS:
            return list(encoding.decode_logs(body).parts)
        case Signal.METRICS:
            return list(encoding.decode_metrics(body, wants=lambda _: True).parts)


def plain(decoded: Any) -> tuple[Any, ...]:
    assert isinstance(decoded, traces.Call | traces.Outline | logs.LogRecord | Measured | Uncounted), decoded
    resource, scope, *rest = decoded
    if isinstance(decoded, traces.Call):
        *parts, found = decoded.span
        assert found is None or same(found, read(decoded.span.attributes))
        return resource.attributes, tuple(scope), tuple(parts)
    return resource.attributes, tuple(scope), *rest


def same(left: Any, right: Any) -> bool:
    """Equality in which NaN equals itself and 1, 1.0 and True differ."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def assert_all_agree(signal: Signal, message: Message) -> None:
    expected = list(reference(message))
    for encoding in BY_MEDIA_TYPE.values():
        body = to_json(message) if encoding is JSON else message.SerializeToString()
        found = [plain(decoded) for decoded in decode(encoding, signal, body)]
        assert same(found, expected), encoding.media_type


def _load(signal: Signal, path: Path) -> Message:
    message = REQUESTS[signal]()
    if path.suffix == ".binpb":
        message.ParseFromString(path.read_bytes())
    else:
        document = _ids_in_base64(json.loads(path.read_bytes()))
        ParseDict(document, message, ignore_unknown_fields=True)
    return message


def _ids_in_base64(value: Any) -> Any:
    """What protobuf's own JSON reader wants instead of hexadecimal."""
    if isinstance(value, list):
        return [_ids_in_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: b64encode(bytes.fromhex(item)).decode() if key in IDS else _ids_in_base64(item)
        for key, item in value.items()
    }


@pytest.mark.parametrize("path", sorted(CAPTURED.glob("*__*__*")), ids=lambda path: path.name)
def test_captured_payloads_decode_alike(path: Path) -> None:
    signal = Signal(path.name.split("__")[1])
    message = _load(signal, path)
    assert message.ByteSize()
    assert_all_agree(signal, message)
    if path.suffix == ".json":
        found = [plain(decoded) for decoded in decode(JSON, signal, path.read_bytes())]
        assert same(found, list(reference(message)))


_scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=st.text(max_size=20)),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=20)),
)


def _nested(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    items = st.builds(KeyValue, key=st.text(max_size=3), value=values)
    return st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(values, max_size=3))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=st.lists(items, max_size=3))),
    )


_values = st.recursive(_scalars, _nested, max_leaves=6)


def _attributes(wanted: frozenset[str]) -> st.SearchStrategy[list[KeyValue]]:
    known = (TELLING_KEYS, wanted, WANTED_RESOURCE, {"new.input_tokens", "outputTokenCount", "max_output_tokens"})
    keys = st.one_of(*(st.sampled_from(sorted(keys)) for keys in known), st.text(max_size=5))
    return st.lists(st.builds(KeyValue, key=keys, value=_values), max_size=6)


_times = st.integers(0, 2**64 - 1)
_event_names = st.text(max_size=5) | st.sampled_from(sorted(FIRST_TOKEN_EVENTS)).map(bytes.decode)
_resources = st.builds(Resource, attributes=_attributes(WANTED_RESOURCE))
_scopes = st.builds(
    InstrumentationScope, name=st.text(max_size=9), version=st.text(max_size=9), attributes=_attributes(WANTED_RESOURCE)
)
_spans = st.builds(
    Span,
    trace_id=st.binary(max_size=17),
    span_id=st.binary(max_size=9),
    parent_span_id=st.binary(max_size=9),
    trace_state=st.text(max_size=5),
    name=st.text(max_size=20),
    kind=st.integers(0, 5),
    start_time_unix_nano=_times,
    end_time_unix_nano=_times,
    attributes=_attributes(WANTED),
    events=st.lists(
        st.builds(Span.Event, name=_event_names, time_unix_nano=_times, attributes=_attributes(WANTED)), max_size=2
    ),
    links=st.lists(st.builds(Span.Link, trace_id=st.binary(max_size=16)), max_size=1),
    status=st.builds(Status, message=st.text(max_size=5), code=st.integers(0, 2)),
)
_log_records = st.builds(
    LogRecord,
    time_unix_nano=_times,
    observed_time_unix_nano=_times,
    severity_number=st.integers(0, 24),
    severity_text=st.text(max_size=5),
    body=st.one_of(
        _values, st.builds(AnyValue, string_value=st.text("aé\u4e2d\U0001f600", min_size=250, max_size=260))
    ),
    attributes=_attributes(EVENT_WANTED),
    trace_id=st.binary(max_size=17),
    span_id=st.binary(max_size=9),
    event_name=st.one_of(st.just(""), st.text(max_size=5)),
)
_temporalities = st.sampled_from(metrics_pb2.AggregationTemporality.values())
_point_fields: dict[str, Any] = {
    "start_time_unix_nano": _times,
    "time_unix_nano": _times,
    "attributes": _attributes(POINT_WANTED),
}
_numbers = st.lists(
    st.one_of(
        st.builds(metrics_pb2.NumberDataPoint, **_point_fields),
        st.builds(metrics_pb2.NumberDataPoint, as_int=st.integers(-(2**63), 2**63 - 1), **_point_fields),
        st.builds(metrics_pb2.NumberDataPoint, as_double=st.floats(), **_point_fields),
    ),
    max_size=2,
)
_distributions = st.lists(
    st.one_of(
        st.builds(metrics_pb2.HistogramDataPoint, **_point_fields),
        st.builds(metrics_pb2.HistogramDataPoint, sum=st.floats(), count=_times, **_point_fields),
    ),
    max_size=2,
)
_names = {"name": st.one_of(st.sampled_from(sorted(METRICS)), st.text(max_size=5))}
_metrics = st.one_of(
    st.builds(
        metrics_pb2.Metric,
        sum=st.builds(metrics_pb2.Sum, data_points=_numbers, aggregation_temporality=_temporalities),
        **_names,
    ),
    st.builds(
        metrics_pb2.Metric,
        histogram=st.builds(metrics_pb2.Histogram, data_points=_distributions, aggregation_temporality=_temporalities),
        **_names,
    ),
    st.builds(metrics_pb2.Metric, gauge=st.builds(metrics_pb2.Gauge, data_points=_numbers), **_names),
)


def _requests() -> dict[Signal, st.SearchStrategy[Message]]:
    def few(what: Any) -> Any:
        return st.lists(what, max_size=2)

    spans = st.builds(ScopeSpans, scope=_scopes, spans=few(_spans))
    records = st.builds(ScopeLogs, scope=_scopes, log_records=few(_log_records))
    metrics = st.builds(metrics_pb2.ScopeMetrics, scope=_scopes, metrics=few(_metrics))
    return {
        Signal.TRACES: st.builds(
            ExportTraceServiceRequest,
            resource_spans=few(st.builds(ResourceSpans, resource=_resources, scope_spans=few(spans))),
        ),
        Signal.LOGS: st.builds(
            ExportLogsServiceRequest,
            resource_logs=few(st.builds(ResourceLogs, resource=_resources, scope_logs=few(records))),
        ),
        Signal.METRICS: st.builds(
            ExportMetricsServiceRequest,
            resource_metrics=few(
                st.builds(metrics_pb2.ResourceMetrics, resource=_resources, scope_metrics=few(metrics))
            ),
        ),
    }


@pytest.mark.parametrize("signal", Signal)
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_request_decodes_alike(signal: Signal, data: st.DataObject) -> None:
    assert_all_agree(signal, data.draw(_requests()[signal]))


_said = st.one_of(st.just("chat"), st.just("llm_request"), st.just("LLM"), st.integers(0, 9))


@given(st.dictionaries(st.sampled_from(sorted(WANTED)), _said))
def test_every_llm_call_has_a_telling_key(attributes: dict[str, AttributeValue]) -> None:
    for scope in ("", "com.anthropic.claude_code.tracing"):
        if isinstance(leaf.judge(scope, attributes), str):
            assert not TELLING_KEYS.isdisjoint(attributes)
