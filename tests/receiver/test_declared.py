"""Decoders hand over declared attributes of every part, and no others, in both encodings."""

from typing import Any

import pytest

from tests.receiver.payloads import delta, llm_span, log_record, logs_request, metrics_request, request, to_json
from usage_graph.processor.semconv import WANTED
from usage_graph.receiver.encoding import JSON, PROTOBUF, Encoding
from usage_graph.receiver.logs import LogRecord
from usage_graph.receiver.metrics import Measured
from usage_graph.receiver.traces import Call, Outline

SAID = {"team": "blue", "tenant": "acme"}
DECLARED = frozenset({"team"})


def body(encoding: Encoding, message: Any) -> bytes:
    written: bytes = message.SerializeToString() if encoding is PROTOBUF else to_json(message)
    return written


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON], ids=["protobuf", "json"])
@pytest.mark.parametrize(("declared", "found"), [(DECLARED, "blue"), (frozenset(), None)])
def test_every_part(encoding: Encoding, declared: frozenset[str], found: str | None) -> None:
    spans = body(encoding, request(llm_span(1, attributes=SAID), resource=SAID))
    (call,) = encoding.decode_traces(spans, declared).parts
    assert isinstance(call, Call)
    logs = body(encoding, logs_request(log_record("claude_code.api_request", SAID), resource=SAID))
    (logged,) = encoding.decode_logs(logs, declared).parts
    assert isinstance(logged, LogRecord)
    metrics = body(encoding, metrics_request(delta("claude_code.token.usage", 5, attributes=SAID), resource=SAID))
    (measured,) = encoding.decode_metrics(metrics, declared, wants=lambda _: True).parts
    assert isinstance(measured, Measured)
    for attributes in (
        call.span.attributes,
        logged.event.attributes,
        measured.points[0].attributes,
        *(part.resource.attributes for part in (call, logged, measured)),
    ):
        assert attributes.get("team") == found
        assert "tenant" not in attributes


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON], ids=["protobuf", "json"])
def test_a_declared_attribute_makes_no_span_worth_reading(encoding: Encoding) -> None:
    span = llm_span(1, attributes=SAID)
    kept = [one for one in span.attributes if one.key not in WANTED]
    del span.attributes[:]
    span.attributes.extend(kept)
    (found,) = encoding.decode_traces(body(encoding, request(span)), DECLARED).parts
    assert isinstance(found, Outline)
    assert "blue" not in repr(found)
