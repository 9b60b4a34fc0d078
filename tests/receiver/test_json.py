"""OTLP/JSON beyond what protobuf's JSON writer produces: what real senders and careless ones write."""

import json
from typing import Any

import pytest

from tests.receiver.payloads import llm_span, log_record, logs_request, request, to_json
from usage_graph.errors import MalformedRequest
from usage_graph.processor.measurements import METRICS, Point
from usage_graph.processor.span import Rejection
from usage_graph.receiver.encoding import JSON
from usage_graph.receiver.logs import LogRecord
from usage_graph.receiver.metrics import Measured, Uncounted
from usage_graph.receiver.traces import Call, Outline

_VALUE = "gen_ai.usage.input_tokens"


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(to_json(request(llm_span(1))))
    return loaded


def decode(changes: dict[str, Any]) -> Any:
    """The one span of a request whose span has ``changes``."""
    made = document()
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(changes)
    (found,) = JSON.decode_traces(json.dumps(made).encode()).parts
    return found


def decode_value(value: Any, key: str = _VALUE) -> Any:
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": key, "value": value},
    ]
    found = decode({"attributes": attributes})
    assert isinstance(found, Call), found
    return found.span.attributes[key]


@pytest.mark.parametrize(
    ("value", "means"),
    [
        ({"intValue": 7}, 7),
        ({"intValue": "7"}, 7),
        ({"intValue": "-7"}, -7),
        ({"intValue": 7.0}, 7),
        ({"intValue": 0}, 0),
        ({"intValue": 2**70}, 2**70),
        ({"doubleValue": 1.5}, 1.5),
        ({"doubleValue": 2}, 2.0),
        ({"doubleValue": "1.5"}, 1.5),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"doubleValue": "-Infinity"}, float("-inf")),
        ({"boolValue": False}, False),
        ({"stringValue": ""}, ""),
        ({"stringValue": None, "intValue": "3"}, 3),
        ({"bytesValue": "AAE="}, b"\0\1"),
        ({"arrayValue": {"values": [{"intValue": 1}, {}, None]}}, [1, None, None]),
        ({"arrayValue": {"values": None}}, []),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}, {"key": None}]}}, {"a": 1, "": None}),
        ({"intValue": "seven"}, None),
        ({"intValue": "9" * 5000}, None),
        ({"intValue": 7.5}, None),
        ({"doubleValue": "much"}, None),
        ({"doubleValue": 10**400}, None),
        ({"newValue": 1}, None),
        ({}, None),
        (None, None),
    ],
    ids=lambda case: str(case)[:40],
)
def test_values(value: Any, means: Any) -> None:
    found = decode_value(value)
    assert (type(found), found) == (type(means), means)


@pytest.mark.parametrize(
    "value",
    [
        {"intValue": True},
        {"stringValue": 7},
        {"boolValue": "true"},
        {"bytesValue": "?"},
        {"arrayValue": [1]},
        "bare",
        7,
    ],
    ids=lambda case: str(case)[:40],
)
def test_wrongly_typed_values_reject_the_span(value: Any) -> None:
    attributes = [{"key": "gen_ai.operation.name", "value": value}]
    assert decode({"attributes": attributes}) == Rejection("span does not follow OTLP/JSON")


def test_values_that_nobody_wants_are_not_looked_at() -> None:
    attributes = document()["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    attributes.append({"key": "gen_ai.input.messages", "value": {"intValue": "not a number"}})
    found = decode({"attributes": attributes})
    assert isinstance(found, Call)
    assert "gen_ai.input.messages" not in found.span.attributes


@pytest.mark.parametrize(
    ("changes", "field", "means"),
    [
        ({"traceId": "ABCDEF0123456789abcdef0123456789"}, "trace_id", bytes.fromhex("abcdef0123456789" * 2)),
        ({"traceId": None}, "trace_id", b""),
        ({"parentSpanId": ""}, "parent_span_id", b""),
        ({"kind": "SPAN_KIND_CLIENT"}, "kind", 3),
        ({"kind": "SPAN_KIND_NEW"}, "kind", 0),
        ({"kind": None}, "kind", 0),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "status_code", 2),
        ({"status": {"code": 2}}, "status_code", 2),
        ({"status": {}}, "status_code", 0),
        ({"status": None}, "status_code", 0),
        ({"startTimeUnixNano": "1784000000000000001"}, "start_ns", 1784000000000000001),
        ({"startTimeUnixNano": 1784000000000000001}, "start_ns", 1784000000000000001),
        ({"startTimeUnixNano": 1.784e18}, "start_ns", 1784000000000000000),
        ({"startTimeUnixNano": ""}, "start_ns", 0),
        ({"name": None}, "name", ""),
        ({"unknown": {"nested": [1, "\ud800"]}}, "kind", 3),
    ],
    ids=str,
)
def test_fields(changes: dict[str, Any], field: str, means: Any) -> None:
    found = decode(changes)
    assert isinstance(found, Call), found
    assert getattr(found.span, field) == means


@pytest.mark.parametrize("identifier", ["0g" * 16, "abc", "AAECAwQFBgcICQoLDA0ODw==", "ab cd", "٣٣"])
@pytest.mark.parametrize("field", ["traceId", "spanId", "parentSpanId"])
def test_ids_that_are_not_hexadecimal(field: str, identifier: str) -> None:
    assert decode({field: identifier}) == Rejection("span has an id that is not hexadecimal")


@pytest.mark.parametrize(
    "changes",
    [{"startTimeUnixNano": "yesterday"}, {"startTimeUnixNano": 0.5}, {"name": 7}, {"attributes": {}}, {"status": 2}],
    ids=str,
)
def test_wrongly_typed_fields_reject_the_span(changes: dict[str, Any]) -> None:
    assert decode(changes) == Rejection("span does not follow OTLP/JSON")


@pytest.mark.parametrize("bad", [None, 7, [], "span", {"traceId": 7}], ids=str)
def test_a_bad_span_harms_only_itself(bad: Any) -> None:
    made = document()
    made["resourceSpans"][0]["scopeSpans"][0]["spans"].insert(0, bad)
    first, second = JSON.decode_traces(json.dumps(made).encode()).parts
    assert isinstance(first, Rejection)
    assert isinstance(second, Call)


@pytest.mark.parametrize("place", ["resource", "scope"])
def test_a_bad_resource_or_scope_rejects_its_own_calls_only(place: str) -> None:
    made = document()
    bad = document()["resourceSpans"][0]
    (bad if place == "resource" else bad["scopeSpans"][0])[place] = {"attributes": 7}
    made["resourceSpans"].append(bad)
    first, second = JSON.decode_traces(json.dumps(made).encode()).parts
    assert isinstance(first, Call)
    assert second == Rejection(f"span is in a {place} that does not follow OTLP/JSON")


@pytest.mark.parametrize(
    "nothing", [{}, {"resourceSpans": None}, {"resourceSpans": []}, {"resourceSpans": [{}]}], ids=str
)
def test_empty_requests(nothing: Any) -> None:
    assert list(JSON.decode_traces(json.dumps(nothing).encode()).parts) == []


@pytest.mark.parametrize(
    "nothing", [{"scopeSpans": None}, {"scopeSpans": [{"spans": None}]}, {"resource": None}], ids=str
)
def test_absent_parts(nothing: Any) -> None:
    assert list(JSON.decode_traces(json.dumps({"resourceSpans": [nothing]}).encode()).parts) == []


@pytest.mark.parametrize(
    ("escaped", "means"),
    [
        (r"\ud83d", "\ufffd"),
        (r"\ude00", "\ufffd"),
        (r"\uD83Dx", "\ufffdx"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ud83d\ude00\ude00", "\U0001f600\ufffd"),
        (r"\\ud83d\ude00", "\\ud83d\ufffd"),
        (r"\\\ud83d", "\\\ufffd"),
        (r"\\ud83d \ud800", "\\ud83d \ufffd"),
    ],
)
def test_lone_surrogates_become_replacement_characters(escaped: str, means: str) -> None:
    body = to_json(request(llm_span(1, attributes={"usage_graph.name": "@"}))).replace(b'"@"', f'"{escaped}"'.encode())
    (found,) = JSON.decode_traces(body).parts
    assert isinstance(found, Call)
    assert found.span.attributes["usage_graph.name"] == means


def _deep(depth: int) -> bytes:
    """A request of two calls, the operation of the first nested ``depth`` times."""
    nested = b'{"arrayValue":{"values":[' * depth + b"{}" + b"]}}" * depth
    first = to_json(request(llm_span(1, attributes={"gen_ai.operation.name": "@"}), llm_span(2)))
    return first.replace(b'{"stringValue": "@"}', nested)


@pytest.mark.parametrize("depth", [1, 50, 300])
def test_deep_values_harm_at_most_their_span(depth: int) -> None:
    first, second = JSON.decode_traces(_deep(depth)).parts
    assert isinstance(first, Call | Rejection)
    assert isinstance(second, Call)


@pytest.mark.parametrize("depth", [1_000, 40_000])
def test_bottomless_values_are_malformed(depth: int) -> None:
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        JSON.decode_traces(_deep(depth))


def test_a_span_that_is_no_call_keeps_only_what_is_checked() -> None:
    found = decode({"attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}}]})
    assert isinstance(found, Outline)
    assert found.span_id == b"\0\0\0\0\0\0\0\1"


def log_document(changes: dict[str, Any]) -> Any:
    """The one log record of a request whose record has ``changes``."""
    message = logs_request(
        log_record("claude_code.api_request", {"model": "m"}, trace_id=b"\1" * 16, span_id=b"\2" * 8)
    )
    made = json.loads(to_json(message))
    made["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].update(changes)
    (found,) = JSON.decode_logs(json.dumps(made).encode()).parts
    return found


@pytest.mark.parametrize(
    ("changes", "field", "means"),
    [
        ({"timeUnixNano": 1784000000000000001}, "time_ns", 1784000000000000001),
        ({"timeUnixNano": None, "observedTimeUnixNano": "5"}, "observed_ns", 5),
        ({"timeUnixNano": ""}, "time_ns", 0),
        ({"traceId": None}, "trace_id", b""),
        ({"spanId": "AB" * 8}, "span_id", b"\xab" * 8),
        ({"eventName": None, "body": {"stringValue": "named"}}, "name", "named"),
        ({"eventName": "", "body": {"stringValue": "\u4e2d" * 256}}, "name", "\u4e2d" * 256),
        ({"eventName": None, "body": {"stringValue": "x" * 257}}, "name", ""),
        ({"eventName": None, "body": {"stringValue": None}}, "name", ""),
        ({"eventName": None, "body": {"intValue": "not a number"}}, "name", ""),
        ({"eventName": None, "body": None}, "name", ""),
        ({"eventName": None, "body": ["too long to be looked at" * 200]}, "name", ""),
        ({"body": "not an AnyValue"}, "name", "claude_code.api_request"),
        ({"severityNumber": {"unknown": []}}, "attributes", {"model": "m"}),
        ({"attributes": None}, "attributes", {}),
    ],
    ids=lambda case: str(case)[:60],
)
def test_log_records(changes: dict[str, Any], field: str, means: Any) -> None:
    found = log_document(changes)
    assert isinstance(found, LogRecord), found
    assert getattr(found.event, field) == means


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timeUnixNano": "yesterday"}, "does not follow OTLP/JSON"),
        ({"eventName": 7}, "does not follow OTLP/JSON"),
        ({"eventName": None, "body": "not an AnyValue"}, "does not follow OTLP/JSON"),
        ({"attributes": [{"key": "model", "value": {"stringValue": 7}}]}, "does not follow OTLP/JSON"),
        ({"traceId": "0g"}, "has an id that is not hexadecimal"),
    ],
    ids=str,
)
def test_bad_log_records_are_rejected(changes: dict[str, Any], reason: str) -> None:
    assert log_document(changes) == Rejection(f"log record {reason}")


def metric_document(metric: Any) -> list[Any]:
    """What is measured by a request whose one metric is ``metric``."""
    made = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    return list(JSON.decode_metrics(json.dumps(made).encode(), wants=lambda _: True).parts)


_METRIC = min(METRICS)


@pytest.mark.parametrize(
    ("kind", "point", "value"),
    [
        ("sum", {"asInt": 7}, 7),
        ("sum", {"asInt": "7"}, 7),
        ("sum", {"asDouble": 7}, 7.0),
        ("sum", {"asDouble": "Infinity"}, float("inf")),
        ("sum", {"asInt": None, "asDouble": 1.5}, 1.5),
        ("histogram", {"sum": 7.5, "count": "3", "bucketCounts": ["3"]}, 7.5),
        ("histogram", {"sum": 0}, 0.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("delta", [1, "AGGREGATION_TEMPORALITY_DELTA"])
def test_points(kind: str, point: dict[str, Any], value: float, delta: int | str) -> None:
    times = {"startTimeUnixNano": "1", "timeUnixNano": 2}
    (found,) = metric_document(
        {"name": _METRIC, kind: {"aggregationTemporality": delta, "dataPoints": [times | point]}}
    )
    assert isinstance(found, Measured), found
    assert found.points == [Point(_METRIC, 1, 2, value, {})]
    assert type(found.points[0].value) is type(value)


@pytest.mark.parametrize(
    ("held", "points", "cumulative"),
    [
        ({"sum": {"aggregationTemporality": 2, "dataPoints": [{"asInt": 1}] * 3}}, 3, True),
        ({"sum": {"aggregationTemporality": "NEW", "dataPoints": [{"asInt": 1}]}}, 1, True),
        ({"sum": {"dataPoints": [{"asInt": 1}]}}, 1, True),
        ({"sum": {"aggregationTemporality": 1, "dataPoints": [{"asInt": "seven"}]}}, 1, False),
        ({"sum": {"aggregationTemporality": 1, "dataPoints": [{}]}}, 1, False),
        ({"sum": {"aggregationTemporality": 1, "dataPoints": None}}, 1, False),
        ({"sum": None, "gauge": {"dataPoints": [{"asInt": 1}] * 3}}, 1, False),
        ({}, 1, False),
    ],
    ids=lambda case: str(case)[:60],
)
def test_points_that_do_not_count(held: Any, points: int, cumulative: bool) -> None:
    (found,) = metric_document({"name": _METRIC, **held})
    assert isinstance(found, Uncounted), found
    assert (found.points, found.cumulative) == (points, cumulative)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (7, "is in a metric that does not follow OTLP/JSON"),
        ({"name": _METRIC, "sum": []}, "is in a metric that does not follow OTLP/JSON"),
        ({"name": _METRIC, "sum": {"aggregationTemporality": 1, "dataPoints": [7]}}, "does not follow OTLP/JSON"),
        (
            {"name": _METRIC, "sum": {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": "now"}]}},
            "does not follow OTLP/JSON",
        ),
    ],
    ids=str,
)
def test_bad_points_are_rejected(metric: Any, reason: str) -> None:
    assert metric_document(metric) == [Rejection(f"data point {reason}")]
