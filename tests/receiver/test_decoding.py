"""The reduced schema, the JSON reader and the full protobuf schema see the same spans."""

import json
import math
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests.receiver.payloads import CAPTURED, to_json
from usage_graph.processor import leaf
from usage_graph.processor.semconv import LEAF_KEYS, WANTED, WANTED_RESOURCE
from usage_graph.processor.values import AttributeValue
from usage_graph.receiver import json as otlp_json
from usage_graph.receiver import protobuf
from usage_graph.receiver.request import Call, Decoded, Outline


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


def _all(attributes: Any, wanted: frozenset[str]) -> dict[str, Any]:
    return {item.key: _unwrap(item.value) for item in attributes if item.key in wanted}


def reference(message: ExportTraceServiceRequest) -> Iterator[tuple[Any, ...]]:
    """What the full schema sees, in the order and with the attributes that the decoders promise."""
    for group in message.resource_spans:
        resource = _all(group.resource.attributes, WANTED_RESOURCE)
        for scope_spans in group.scope_spans:
            scope = scope_spans.scope
            for span in scope_spans.spans:
                ids = (span.trace_id, span.span_id)
                times = (span.start_time_unix_nano, span.end_time_unix_nano)
                if not LEAF_KEYS & {item.key for item in span.attributes}:
                    yield (*ids, *times)
                    continue
                scoped = (scope.name, scope.version, _all(scope.attributes, WANTED_RESOURCE))
                rest = (span.parent_span_id, span.name, span.kind, *times, span.status.code)
                yield resource, scoped, (*ids, *rest, _all(span.attributes, WANTED))


def plain(decoded: Decoded | None) -> tuple[Any, ...]:
    match decoded:
        case Call(resource, scope, span):
            return resource.attributes, tuple(scope), tuple(span)
        case Outline():
            return tuple(decoded)
        case _:
            raise AssertionError(f"no span: {decoded}")


def same(left: Any, right: Any) -> bool:
    """Equality in which NaN equals itself and 1, 1.0 and True differ."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def assert_all_agree(message: ExportTraceServiceRequest) -> None:
    expected = list(reference(message))
    for decode, body in (
        (protobuf.decode_traces, message.SerializeToString()),
        (otlp_json.decode_traces, to_json(message)),
    ):
        found = [plain(decoded) for decoded in decode(body).spans]
        assert same(found, expected), decode.__module__


def _load(path: Path) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
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
        key: b64encode(bytes.fromhex(item)).decode()
        if key in ("traceId", "spanId", "parentSpanId")
        else _ids_in_base64(item)
        for key, item in value.items()
    }


@pytest.mark.parametrize("path", sorted(CAPTURED.glob("*__traces__*")), ids=lambda path: path.name)
def test_captured_payloads_decode_alike(path: Path) -> None:
    message = _load(path)
    assert message.resource_spans
    assert_all_agree(message)
    if path.suffix == ".json":
        found = [plain(decoded) for decoded in otlp_json.decode_traces(path.read_bytes()).spans]
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
_keys = st.one_of(
    st.sampled_from(sorted(LEAF_KEYS)),
    st.sampled_from(sorted(WANTED)),
    st.sampled_from(sorted(WANTED_RESOURCE)),
    st.text(max_size=5),
)
_attributes = st.lists(st.builds(KeyValue, key=_keys, value=_values), max_size=6)
_times = st.integers(0, 2**64 - 1)
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
    attributes=_attributes,
    events=st.lists(st.builds(Span.Event, name=st.text(max_size=5), attributes=_attributes), max_size=1),
    links=st.lists(st.builds(Span.Link, trace_id=st.binary(max_size=16)), max_size=1),
    status=st.builds(Status, message=st.text(max_size=5), code=st.integers(0, 2)),
)
_scope_spans = st.builds(
    ScopeSpans,
    scope=st.builds(
        InstrumentationScope, name=st.text(max_size=9), version=st.text(max_size=9), attributes=_attributes
    ),
    spans=st.lists(_spans, max_size=3),
)


@st.composite
def _requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        group = ResourceSpans(scope_spans=draw(st.lists(_scope_spans, max_size=2)))
        group.resource.attributes.extend(draw(_attributes))
        made.resource_spans.append(group)
    return made


@settings(max_examples=80, deadline=None)
@given(_requests())
def test_any_request_decodes_alike(message: ExportTraceServiceRequest) -> None:
    assert_all_agree(message)


@given(st.dictionaries(_keys, st.one_of(st.just("chat"), st.just("llm_request"), st.just("LLM"), st.integers(0, 9))))
def test_every_llm_call_has_a_leaf_key(attributes: dict[str, AttributeValue]) -> None:
    for scope in ("", "com.anthropic.claude_code.tracing"):
        if leaf.operation(scope, attributes) is not None:
            assert not LEAF_KEYS.isdisjoint(attributes)
