"""One table of cases, the same over every way in."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.receiver.payloads import llm_span, other_span, request, with_raw_part
from tests.receiver.running import INTAKE, MAX_BODY, QUEUE_SPANS, Receiver
from tests.receiver.wire import WIRES, Answer, Wire
from usage_graph.errors import StoreUnavailable

_HOUR = 3600 * 10**9
_DAY = 24 * _HOUR
_HUGE = 10**15


class Case(NamedTuple):
    """Spans sent together, the numbers of those that become records, and how many are rejected for which reason."""

    spans: Callable[[], Sequence[Span]]
    stored: Sequence[int] = ()
    rejected: int = 0
    reason: str = ""


def _from_now(ns: int) -> dict[str, Any]:
    start = time.time_ns() + ns
    return {"start_time_unix_nano": start, "end_time_unix_nano": start + 10**9}


CASES = {
    "empty request": Case(list),
    "one call": Case(lambda: [llm_span(1)], stored=[1]),
    "many calls": Case(lambda: [llm_span(n) for n in range(1, 301)], stored=range(1, 301)),
    "a span twice": Case(lambda: [llm_span(1), llm_span(1)], stored=[1]),
    "spans that are no calls": Case(lambda: [other_span(1), llm_span(2), other_span(3)], stored=[2]),
    "ten years ago": Case(lambda: [llm_span(1, **_from_now(-3650 * _DAY))], stored=[1]),
    "a clock 50 minutes fast": Case(lambda: [llm_span(1, **_from_now(50 * _HOUR // 60))], stored=[1]),
    "no end": Case(lambda: [llm_span(1, end_time_unix_nano=0)], stored=[1]),
    "end before start": Case(lambda: [llm_span(1, end_time_unix_nano=time.time_ns() - _DAY)], stored=[1]),
    "no trace id": Case(lambda: [llm_span(1), llm_span(2, trace_id=b"")], [1], 1, "no trace id"),
    "short trace id": Case(lambda: [llm_span(1), llm_span(2, trace_id=b"\1" * 8)], [1], 1, "no trace id"),
    "zero trace id": Case(lambda: [llm_span(1), llm_span(2, trace_id=bytes(16))], [1], 1, "no trace id"),
    "no span id": Case(lambda: [llm_span(1), llm_span(2, span_id=b"")], [1], 1, "no span id"),
    "zero span id": Case(lambda: [llm_span(1), llm_span(0)], [1], 1, "no span id"),
    "no start": Case(lambda: [llm_span(1), llm_span(2, start_time_unix_nano=0)], [1], 1, "no start time"),
    "seconds": Case(lambda: [llm_span(1), llm_span(2, start_time_unix_nano=int(time.time()))], [1], 1, "nanoseconds"),
    "tomorrow": Case(lambda: [llm_span(1), llm_span(2, **_from_now(_DAY))], [1], 1, "in the future"),
    "end of time": Case(lambda: [llm_span(1), llm_span(2, start_time_unix_nano=2**64 - 1)], [1], 1, "in the future"),
    "a bad span that is no call": Case(lambda: [llm_span(1), other_span(0)], [1], 1, "no span id"),
    "several reasons": Case(
        lambda: [llm_span(1), llm_span(0), llm_span(0), llm_span(2, trace_id=b"")], [1], 3, "2 x span has no span id"
    ),
    "NUL": Case(lambda: [llm_span(1, attributes={"usage_graph.name": "a\0b"}), llm_span(2)], [1, 2]),
    "a fortune": Case(lambda: [llm_span(1, attributes={"usage_graph.cost": 1e30}), llm_span(2)], [1, 2]),
    "NaN": Case(
        lambda: [llm_span(1, attributes={"usage_graph.cost": math.nan, "gen_ai.usage.input_tokens": math.nan})], [1]
    ),
    "infinity": Case(lambda: [llm_span(1, attributes={"gen_ai.usage.output_tokens": math.inf})], [1]),
    "negative": Case(lambda: [llm_span(1, attributes={"gen_ai.usage.input_tokens": -5})], [1]),
    "absurd": Case(lambda: [llm_span(1, attributes={"gen_ai.usage.input_tokens": _HUGE})], [1]),
}

_GARBAGE = b"\xff\xff\xff\xff not an OTLP request {"


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest, receiver: Receiver) -> Wire:
    return WIRES[request.param](receiver)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, wire: Wire, receiver: Receiver) -> None:
    case = CASES[name]
    answer = wire.send(request(*case.spans()))
    assert answer[:3] == ("OK", answer.message, case.rejected)
    assert case.reason in answer.message
    assert bool(answer.message) == bool(case.rejected)
    assert receiver.numbers == list(case.stored)


def test_absurd_numbers_are_unknown(wire: Wire, receiver: Receiver) -> None:
    bad = {"gen_ai.usage.input_tokens": -5, "gen_ai.usage.output_tokens": math.nan, "usage_graph.cost": 1e30}
    wire.send(request(llm_span(1, attributes=bad)))
    (stored,) = receiver.records
    assert (stored.input_tokens, stored.output_tokens, stored.cost_nano) == (None, None, None)


def test_malformed(wire: Wire) -> None:
    answer = wire.send_bytes(_GARBAGE)
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.message.startswith("The body is not an OTLP request")


def test_too_large(wire: Wire, receiver: Receiver) -> None:
    answer = wire.send(request(llm_span(1, attributes={"padding": "x" * MAX_BODY})))
    assert answer.code == "RESOURCE_EXHAUSTED"
    assert answer.retry_after is None
    assert receiver.numbers == []


def test_absent_database(wire: Wire, receiver: Receiver) -> None:
    receiver.store.error = StoreUnavailable("The database is away.", retry_after=3)
    assert wire.send(request(llm_span(1))) == Answer("UNAVAILABLE", "The database is away.", retry_after=3)
    receiver.store.error = None
    assert wire.send(request(llm_span(1))) == Answer("OK")
    assert receiver.numbers == [1]


def test_defect_in_the_store(wire: Wire, receiver: Receiver) -> None:
    receiver.store.error = KeyError("secret of the server")
    answer = wire.send(request(llm_span(1)))
    assert (answer.code, answer.retry_after) == ("UNAVAILABLE", 1)
    assert "secret" not in answer.message


def test_sent_again_changes_nothing(wire: Wire, receiver: Receiver) -> None:
    message = request(llm_span(1), llm_span(2))
    for _ in range(3):
        assert wire.send(message) == Answer("OK")
    assert receiver.numbers == [1, 2]


def test_project(wire: Wire, receiver: Receiver) -> None:
    resource = {"usage_graph.project": "from the resource"}
    assert wire.send(request(llm_span(1), resource=resource), project="named") == Answer("OK")
    assert wire.send(request(llm_span(2), resource=resource)) == Answer("OK")
    assert wire.send(request(llm_span(3))) == Answer("OK")
    assert [record.project for record in receiver.records] == ["named", "from the resource", "default"]


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_bad_project(name: str, wire: Wire, receiver: Receiver) -> None:
    answer = wire.send(request(llm_span(1)), project=name)
    assert answer.code == "INVALID_ARGUMENT"
    assert "x-usage-graph-project" in answer.message
    assert receiver.numbers == []


@pytest.mark.parametrize("way", ["http-protobuf", "grpc"])
@pytest.mark.parametrize(
    "raw",
    [
        llm_span(2).SerializeToString().replace(b"gpt-4o-mini", b"gpt-4o-\xff\xffni"),
        other_span(2).SerializeToString().replace(b"GET", b"\xff\xff\xff"),
        llm_span(2).SerializeToString()[:-3],
        b"\xff\xff\xff",
        b"\x22\x7f",
    ],
    ids=["bad UTF-8", "bad UTF-8 in no call", "cut short", "garbage", "overlong field"],
)
def test_a_span_that_cannot_be_parsed_is_rejected_alone(way: str, raw: bytes, receiver: Receiver) -> None:
    answer = WIRES[way](receiver).send_bytes(with_raw_part(request(llm_span(1), llm_span(3)), raw))
    assert (answer.code, answer.rejected) == ("OK", 1)
    assert "not valid" in answer.message
    assert receiver.numbers == [1, 3]


@contextmanager
def held(receiver: Receiver, *messages: ExportTraceServiceRequest) -> Iterator[None]:
    """The store keeps everyone waiting, and ``messages`` wait for it."""
    receiver.run(receiver.store.open.clear)
    try:
        with ThreadPoolExecutor(len(messages)) as senders:
            try:
                for message in messages:
                    senders.submit(WIRES["http-protobuf"](receiver).send, message)
                receiver.wait(lambda: receiver.waiting == sum(map(_count, messages)))
                yield
            finally:
                receiver.run(receiver.store.open.set)
    finally:
        receiver.wait(lambda: receiver.waiting == 0)


def _count(message: ExportTraceServiceRequest) -> int:
    return sum(len(scope.spans) for group in message.resource_spans for scope in group.scope_spans)


def test_queue_full(wire: Wire, receiver: Receiver) -> None:
    with held(receiver, request(*(llm_span() for _ in range(QUEUE_SPANS)))):
        answer = wire.send(request(llm_span(1)))
    assert (answer.code, answer.retry_after) == ("UNAVAILABLE", 1)
    assert "queue is full" in answer.message
    assert wire.send(request(llm_span(1))) == Answer("OK")


def test_no_room_for_more_bodies(wire: Wire, receiver: Receiver) -> None:
    def large(number: int) -> ExportTraceServiceRequest:
        return request(llm_span(number, attributes={"padding": "x" * (MAX_BODY * 9 // 10)}))

    with held(receiver, *map(large, range(1, 1 + INTAKE * 10 // 9 // MAX_BODY))):
        answer = wire.send(large(9))
    assert (answer.code, answer.retry_after) == ("UNAVAILABLE", 1)
    assert "bytes of other requests" in answer.message
    assert wire.send(large(9)) == Answer("OK")
