"""Requests made to hurt: bounded time and memory, and an answer that fits."""

import json as plain_json
import time
import tracemalloc

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from tests.receiver.payloads import llm_span, request, to_json
from usage_graph.errors import MalformedRequest, QueueFull
from usage_graph.processor.spans import Rejection
from usage_graph.processor.values import MAX_DOCUMENT
from usage_graph.receiver import json, protobuf
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.request import Call, Outline

_MANY = 100_000


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _nested(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


def _outer(spans: bytes) -> bytes:
    return _nested(0x0A, _nested(0x12, spans))


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_very_many_empty_spans(encoding: str) -> None:
    if encoding == "protobuf":
        request, body = protobuf.decode_traces, _outer(b"\x12\x00" * _MANY)
    else:
        request = json.decode_traces
        body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"{}"] * _MANY) + b"]}]}]}"
    tracemalloc.start()
    try:
        started = time.process_time()
        count = sum(isinstance(decoded, Outline) for decoded in request(body).spans)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == _MANY
    assert time.process_time() - started < 10
    assert peak < 2**25


def test_a_hundred_thousand_attributes() -> None:
    attributes = {"gen_ai.operation.name": "chat"} | {f"key.{n}": n for n in range(100_000)}
    body = request(llm_span(1, attributes=attributes), llm_span(2)).SerializeToString()
    first, second = protobuf.decode_traces(body).spans
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert first.span.attributes == second.span.attributes


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("part", ["resourceSpans", "scopeSpans"])
def test_very_many_groups_without_a_span_leave_pauses(encoding: str, part: str) -> None:
    if encoding == "protobuf":
        request = protobuf.decode_traces
        body = b"\x0a\x00" * _MANY if part == "resourceSpans" else _nested(0x0A, b"\x12\x00" * _MANY)
    else:
        request = json.decode_traces
        groups: dict[str, list[dict[str, str]]] = {part: [{}] * _MANY}
        body = plain_json.dumps(groups if part == "resourceSpans" else {"resourceSpans": [groups]}).encode()
    steps = list(request(body).spans)
    assert set(steps) == {None}
    assert len(steps) >= _MANY // 1024


_LONG_VALUES = {
    "array": AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)] * MAX_DOCUMENT)),
    "kvlist": AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=str(n)) for n in range(MAX_DOCUMENT)])),
    "text": AnyValue(string_value="x" * 2 * MAX_DOCUMENT),
}


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize(("kind", "read"), [("array", 0), ("kvlist", 0), ("text", 2 * MAX_DOCUMENT)])
def test_of_long_values_only_text_is_read(encoding: str, kind: str, read: int) -> None:
    span = llm_span(1)
    span.attributes.append(KeyValue(key="metadata", value=_LONG_VALUES[kind]))
    message = request(span)
    (found,) = (
        protobuf.decode_traces(message.SerializeToString())
        if encoding == "protobuf"
        else json.decode_traces(to_json(message))
    ).spans
    assert isinstance(found, Call)
    value = found.span.attributes["metadata"]
    assert (len(value) if isinstance(value, str) else value) == (read or None)


def test_recursion_in_protobuf_rejects_the_span_alone() -> None:
    value = b""
    for _ in range(5_000):
        value = _nested(0x2A, _nested(0x0A, value))  # AnyValue.array_value { values: ... }
    attribute = _nested(0x4A, _nested(0x0A, b"gen_ai.operation.name") + _nested(0x12, value))
    good = _nested(0x12, llm_span(1).SerializeToString())
    first, second = protobuf.decode_traces(_outer(_nested(0x12, attribute) + good)).spans
    assert isinstance(first, Rejection)
    assert isinstance(second, Call)


def test_runs_of_backslashes_take_linear_time() -> None:
    body = b'{"resourceSpans":"' + b"\\\\" * _MANY + b'\\ud800"'
    started = time.process_time()
    with pytest.raises(MalformedRequest):
        json.decode_traces(body)
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
