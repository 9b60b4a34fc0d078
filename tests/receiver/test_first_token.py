"""The time of the first token, where only an event of the span tells of it: in both encodings, and from captures."""

from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.receiver.payloads import CAPTURED, llm_span, other_span, request, to_json, with_raw_part
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Processor
from usage_graph.receiver.encoding import JSON, PROTOBUF, Encoding
from usage_graph.receiver.traces import Call

START = 1_795_309_000_000_000_000
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPENINFERENCE = "First Token Stream Event"
TRACELOOP = "gen_ai.content.completion.chunk"


def event(name: str, at: int) -> Span.Event:
    return Span.Event(name=name, time_unix_nano=at)


def calls(encoding: Encoding, *spans: Span) -> list[Call]:
    sent: Any = request(*spans)
    body = to_json(sent) if encoding is JSON else sent.SerializeToString()
    return [part for part in encoding.decode_traces(body).parts if isinstance(part, Call)]


@pytest.fixture(params=[PROTOBUF, JSON], ids=["protobuf", "json"])
def encoding(request: pytest.FixtureRequest) -> Encoding:
    chosen: Encoding = request.param
    return chosen


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], 0),
        ([event(OPENINFERENCE, START + 5)], START + 5),
        ([event("exception", START + 1), event(OPENINFERENCE, START + 5)], START + 5),
        ([event(TRACELOOP, START + 9), event(TRACELOOP, START + 7)], START + 7),
        ([event("llm.content.completion.chunk", START + 3)], START + 3),
        ([event("First Token Stream Event, or so", START + 3)], 0),
    ],
)
def test_the_first_event_that_tells_of_it(encoding: Encoding, events: list[Span.Event], expected: int) -> None:
    (call,) = calls(encoding, llm_span(1, start_time_unix_nano=START, events=events))
    assert call.span.first_token_ns == expected


def test_a_text_that_looks_like_such_an_event_is_none(encoding: Encoding) -> None:
    (call,) = calls(encoding, llm_span(1, name=OPENINFERENCE, attributes={"note": OPENINFERENCE}))
    assert call.span.first_token_ns == 0


def test_what_is_no_call_is_not_looked_through(encoding: Encoding) -> None:
    assert calls(encoding, other_span(1, events=[event(OPENINFERENCE, START)])) == []


@pytest.mark.parametrize(
    "broken",
    [
        b"\x5a\x05\x12\x7f" + OPENINFERENCE.encode()[:3],
        b"\x5a\x1a\x12\x18" + OPENINFERENCE.encode(),
        b"\x5a\x1d\x12\x18" + OPENINFERENCE.encode() + b"\x09\x00\xff",
    ],
)
def test_broken_events_cost_no_call(broken: bytes) -> None:
    """Events are not read with the span: what is wrong with them is nobody else's trouble."""
    raw = llm_span(2, start_time_unix_nano=START).SerializeToString() + broken
    parts = list(PROTOBUF.decode_traces(with_raw_part(request(llm_span(1)), raw)).parts)
    read = [part.span.first_token_ns for part in parts if isinstance(part, Call)]
    assert read == [0, 0]


@pytest.mark.parametrize("when", ['"soon"', "[]", "1e400", "{}"])
def test_broken_events_in_json_cost_no_call(when: str) -> None:
    sent = request(llm_span(1, start_time_unix_nano=START, events=[event(OPENINFERENCE, START + 5)]))
    body = to_json(sent).replace(f'"timeUnixNano": "{START + 5}"'.encode(), f'"timeUnixNano": {when}'.encode())
    assert body != to_json(sent)
    (call,) = JSON.decode_traces(body).parts
    assert isinstance(call, Call)
    assert call.span.first_token_ns == 0


CAPTURES = {
    "claude-code": 1,
    "langfuse": 1,
    "lc-oinf-both": 1,
    "oinf-anthropic": 2,
    "oinf-openai": 3,
    "openlit-openai": 9,
    "otelgenai-openai": 3,
    "strands": 4,
    "tlold-openai": 2,
    "traceloop-openai": 2,
    "vercel-ai4": 1,
    "vercel-ai5": 1,
    "vercel-ai7": 1,
    "vercel-ai7-legacy": 1,
    # sent by instrumentations that say nothing of it
    "litellm": 0,
}


@pytest.mark.parametrize("case", CAPTURES)
def test_what_instrumentations_really_send(case: str) -> None:
    processor = Processor(pricing=Pricing())
    body = (CAPTURED / f"{case}__traces__01.binpb").read_bytes()
    parts = PROTOBUF.decode_traces(body).parts
    seen = [processor.observe(*part, project=None, now=NOW) for part in parts if isinstance(part, Call)]
    found = [one.record for one in seen if isinstance(one, Observation)]
    told = [record for record in found if record.first_token_us is not None]
    assert len(told) == CAPTURES[case]
    assert all(0 < (record.first_token_us or 0) <= record.duration_us for record in told)
