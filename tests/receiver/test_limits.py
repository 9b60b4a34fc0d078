"""Requests made to hurt: bounded time and memory, and an answer that fits."""

import json
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from tests.receiver.payloads import delta, llm_span, metrics_request, request, to_json
from usage_graph.errors import MalformedRequest, QueueFull
from usage_graph.processor.measurements import METRICS
from usage_graph.processor.span import Rejection
from usage_graph.processor.values import MAX_DOCUMENT
from usage_graph.receiver.encoding import JSON, PROTOBUF, Encoding
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.logs import LogRecord
from usage_graph.receiver.metrics import MAX_POINTS, Measured, Uncounted
from usage_graph.receiver.request import Signal
from usage_graph.receiver.traces import Call, Outline

_MANY = 100_000
_NAMES = {
    Signal.TRACES: ("resourceSpans", "scopeSpans", "spans"),
    Signal.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    Signal.METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}


def decode(encoding: Encoding, signal: Signal, body: bytes) -> Iterator[Any]:
    match signal:
        case Signal.TRACES:
            return encoding.decode_traces(body).parts
        case Signal.LOGS:
            return encoding.decode_logs(body).parts
        case Signal.METRICS:
            return encoding.decode_metrics(body, wants=lambda _: True).parts


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _nested(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


def _outer(parts: bytes) -> bytes:
    return _nested(0x0A, _nested(0x12, parts))


encodings = pytest.mark.parametrize("encoding", [PROTOBUF, JSON], ids=["protobuf", "json"])


@encodings
@pytest.mark.parametrize(
    ("signal", "kind"), [(Signal.TRACES, Outline), (Signal.LOGS, LogRecord), (Signal.METRICS, Uncounted)]
)
def test_very_many_empty_parts(signal: Signal, kind: type, encoding: Encoding) -> None:
    if encoding is PROTOBUF:
        body = _outer(b"\x12\x00" * _MANY)
    else:
        resources, scopes, parts = _NAMES[signal]
        empty = b",".join([b"{}"] * _MANY).decode()
        body = f'{{"{resources}":[{{"{scopes}":[{{"{parts}":[{empty}]}}]}}]}}'.encode()
    tracemalloc.start()
    try:
        started = time.process_time()
        count = sum(isinstance(decoded, kind) for decoded in decode(encoding, signal, body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == _MANY
    assert time.process_time() - started < 10
    assert peak < 2**25


def test_a_hundred_thousand_attributes() -> None:
    attributes = {"gen_ai.operation.name": "chat"} | {f"key.{n}": n for n in range(100_000)}
    body = request(llm_span(1, attributes=attributes), llm_span(2)).SerializeToString()
    first, second = PROTOBUF.decode_traces(body).parts
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert first.span.attributes == second.span.attributes


@encodings
@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("depth", [0, 1], ids=["resources", "scopes"])
def test_very_many_empty_groups_leave_pauses(signal: Signal, encoding: Encoding, depth: int) -> None:
    if encoding is PROTOBUF:
        body = _nested(0x0A, b"\x12\x00" * _MANY) if depth else b"\x0a\x00" * _MANY
    else:
        resources, scopes, _ = _NAMES[signal]
        empty: list[dict[str, str]] = [{}] * _MANY
        body = json.dumps({resources: [{scopes: empty}] if depth else empty}).encode()
    steps = list(decode(encoding, signal, body))
    assert set(steps) == {None}
    assert len(steps) >= _MANY // 1024


@encodings
def test_very_many_points_leave_pauses_and_are_bounded(encoding: Encoding) -> None:
    message = metrics_request(delta(min(METRICS), *[1] * _MANY))
    body = message.SerializeToString() if encoding is PROTOBUF else to_json(message)
    found = list(decode(encoding, Signal.METRICS, body))
    (measured,) = (part for part in found if isinstance(part, Measured))
    assert len(measured.points) == MAX_POINTS
    assert sum(isinstance(part, Rejection) for part in found) == _MANY - MAX_POINTS
    assert found.count(None) >= _MANY // 1024


_LONG_VALUES = {
    "array": AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)] * MAX_DOCUMENT)),
    "kvlist": AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=str(n)) for n in range(MAX_DOCUMENT)])),
    "text": AnyValue(string_value="x" * 2 * MAX_DOCUMENT),
}


@encodings
@pytest.mark.parametrize(("kind", "read"), [("array", 0), ("kvlist", 0), ("text", 2 * MAX_DOCUMENT)])
def test_of_long_values_only_text_is_read(encoding: Encoding, kind: str, read: int) -> None:
    span = llm_span(1)
    span.attributes.append(KeyValue(key="metadata", value=_LONG_VALUES[kind]))
    message = request(span)
    (found,) = encoding.decode_traces(message.SerializeToString() if encoding is PROTOBUF else to_json(message)).parts
    assert isinstance(found, Call)
    value = found.span.attributes["metadata"]
    assert (len(value) if isinstance(value, str) else value) == (read or None)


def test_recursion_in_protobuf_rejects_the_span_alone() -> None:
    value = b""
    for _ in range(5_000):
        value = _nested(0x2A, _nested(0x0A, value))  # AnyValue.array_value { values: ... }
    attribute = _nested(0x4A, _nested(0x0A, b"gen_ai.operation.name") + _nested(0x12, value))
    good = _nested(0x12, llm_span(1).SerializeToString())
    first, second = PROTOBUF.decode_traces(_outer(_nested(0x12, attribute) + good)).parts
    assert isinstance(first, Rejection)
    assert isinstance(second, Call)


def test_runs_of_backslashes_take_linear_time() -> None:
    body = b'{"resourceSpans":"' + b"\\\\" * _MANY + b'\\ud800"'
    started = time.process_time()
    with pytest.raises(MalformedRequest):
        JSON.decode_traces(body)
    assert time.process_time() - started < 5


def test_intake_refuses_what_does_not_fit_and_takes_it_later() -> None:
    intake = Intake(max_bytes=100)
    with intake.hold() as first:
        first.grow(60)
        with intake.hold() as second:
            second.grow(40)
            with pytest.raises(QueueFull, match="60 bytes of other requests"):
                second.grow(1)
        with intake.hold() as third:
            third.grow(40)
    with intake.hold() as again:
        again.grow(100)


def test_intake_takes_a_request_of_any_size_when_it_is_alone() -> None:
    intake = Intake(max_bytes=100)
    with intake.hold() as alone:
        alone.grow(60)
        alone.grow(1000)
        with intake.hold() as other, pytest.raises(QueueFull):
            other.grow(1)
    with intake.hold() as after, intake.hold() as beside:
        after.grow(50)
        beside.grow(50)
