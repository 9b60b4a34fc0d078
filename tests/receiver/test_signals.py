"""Logs and metrics over every way in: what counts, what does not, what is told, and what is never kept."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    AGGREGATION_TEMPORALITY_UNSPECIFIED,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from tests.receiver.payloads import (
    CAPTURED,
    delta,
    log_record,
    logs_request,
    metrics_request,
    other_span,
    request,
    span_id,
    with_raw_part,
)
from tests.receiver.running import METERED, Receiver
from tests.receiver.wire import WIRES, Answer, Wire, signal_of
from usage_graph.errors import StoreUnavailable
from usage_graph.health import Outcome
from usage_graph.receiver.request import Signal

EVENTS = "com.anthropic.claude_code.events"
TOKENS = "claude_code.token.usage"
PROMPT = "tell nobody of the blue elephant"


def text(value: str) -> AnyValue:
    return AnyValue(string_value=value)


def api_request(number: int = 1, *, attributes: Mapping[str, Any] | None = None, **changes: Any) -> LogRecord:
    """The event of a call of ``number`` input tokens."""
    said = {"event.name": "api_request", "model": "claude-sonnet-4-5", "input_tokens": number, "output_tokens": 1}
    return log_record("", said | {"request_id": f"req_{number}"} | dict(attributes or {}), **changes)


def used(kind: str, *values: int | float, **how: Any) -> Metric:
    return delta(TOKENS, *values, attributes={"type": kind, "model": "claude-sonnet-4-5"}, **how)


def logs(*records: LogRecord) -> Message:
    return logs_request(*records, resource={"service.name": METERED}, scope=EVENTS)


def metrics(*found: Metric, service: str = METERED) -> Message:
    return metrics_request(*found, resource={"service.name": service}, scope="meter")


class Case(NamedTuple):
    """A request, the input tokens of the calls that it becomes, what is rejected, and what else is told of it."""

    message: Callable[[], Message]
    calls: list[int]
    rejected: int = 0
    reason: str = ""
    told: Mapping[tuple[Outcome, str], int] = {}


_NOT_LLM = (Outcome.NOT_LLM, "")

LOGS = {
    "nothing": Case(logs, []),
    "a call": Case(lambda: logs(api_request(7)), [7]),
    "an event named by its own field": Case(
        lambda: logs(api_request(7, attributes={"event.name": ""}, event_name="claude_code.api_request")), [7]
    ),
    "an event named by its body": Case(
        lambda: logs(api_request(7, attributes={"event.name": ""}, body=text("claude_code.api_request"))), [7]
    ),
    "a name that is a place in the source": Case(
        lambda: logs(api_request(7, event_name="event src/telemetry.rs:324", body=text("anything"))), [7]
    ),
    "a longer body is no name": Case(
        lambda: logs(api_request(7, attributes={"event.name": ""}, body=text("claude_code.api_request" + " " * 300))),
        [],
        told={(Outcome.UNRECOGNISED, EVENTS): 1},
    ),
    "a structured body is no name": Case(
        lambda: logs(log_record("", body=AnyValue(bytes_value=b"claude_code.api_request"))), [], told={_NOT_LLM: 1}
    ),
    "other events": Case(
        lambda: logs(log_record("tool_result"), api_request(7), log_record("", body=text("hello"))),
        [7],
        told={_NOT_LLM: 2},
    ),
    "an event with tokens that no rule knows": Case(
        lambda: logs(log_record("new.call", {"new.input_tokens": 5})), [], told={(Outcome.UNRECOGNISED, EVENTS): 1}
    ),
    "the same from nobody": Case(
        lambda: logs_request(log_record("new.call", {"new.outputTokenCount": "5"})),
        [],
        told={(Outcome.UNRECOGNISED, "unknown"): 1},
    ),
    "no time": Case(lambda: logs(api_request(7), api_request(8, time_unix_nano=0)), [7], 1, "no time"),
    "tomorrow": Case(
        lambda: logs(api_request(7), api_request(8, time_unix_nano=time.time_ns() + 10**14)), [7], 1, "in the future"
    ),
}

METRICS = {
    "a sum of each kind is one call": Case(lambda: metrics(used("input", 7), used("output", 2)), [7]),
    "doubles": Case(lambda: metrics(used("input", 7.0), used("output", 2.0)), [7]),
    "points": Case(lambda: metrics(used("input", 3, 4)), [7]),
    "other metrics": Case(
        lambda: metrics(delta("http.server.duration", 1, 2), used("input", 7)), [7], told={_NOT_LLM: 1}
    ),
    "another service": Case(
        lambda: metrics(used("input", 7), used("output", 2), service="other"), [], told={_NOT_LLM: 2}
    ),
    "cumulative": Case(
        lambda: metrics(used("input", 7, 8, temporality=AGGREGATION_TEMPORALITY_CUMULATIVE)), [], told={_NOT_LLM: 2}
    ),
    "of no temporality": Case(
        lambda: metrics(used("input", 7, temporality=AGGREGATION_TEMPORALITY_UNSPECIFIED)), [], told={_NOT_LLM: 1}
    ),
    "a gauge": Case(
        lambda: metrics(Metric(name=TOKENS, gauge=Gauge(data_points=[NumberDataPoint(as_int=7)]))),
        [],
        told={_NOT_LLM: 1},
    ),
    "a point without a value": Case(
        lambda: metrics(
            Metric(
                name=TOKENS,
                histogram=Histogram(
                    data_points=[HistogramDataPoint()], aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA
                ),
            )
        ),
        [],
        told={_NOT_LLM: 1},
    ),
    "nothing used": Case(lambda: metrics(used("input", 0)), [], told={_NOT_LLM: 1}),
    "no time": Case(
        lambda: metrics(
            Metric(
                name=TOKENS,
                sum=Sum(data_points=[NumberDataPoint(as_int=7)], aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA),
            )
        ),
        [],
        1,
        "1971",
    ),
}


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest, receiver: Receiver) -> Wire:
    return WIRES[request.param](receiver)


@pytest.mark.parametrize(
    "case", [*LOGS.values(), *METRICS.values()], ids=[*LOGS, *(f"{name}, metric" for name in METRICS)]
)
def test_case(case: Case, wire: Wire, receiver: Receiver) -> None:
    answer = wire.send(case.message())
    assert answer[:3] == ("OK", answer.message, case.rejected)
    assert case.reason in answer.message
    assert sorted(record.input_tokens or 0 for record in receiver.records) == case.calls
    noted = {
        (outcome, detail): count
        for (_, outcome, detail), count in receiver.told.items()
        if outcome not in (Outcome.ACCEPTED, Outcome.REJECTED)
    }
    assert noted == dict(case.told)
    rejected = sum(count for (_, outcome, _), count in receiver.told.items() if outcome is Outcome.REJECTED)
    assert rejected == case.rejected


@pytest.mark.parametrize(
    ("message", "noun"),
    [
        (lambda: logs(api_request(7), api_request(8, time_unix_nano=0)), "log record"),
        (
            lambda: metrics(used("input", 7), delta(TOKENS, 1, attributes={"type": "input"}, time_ns=10**9)),
            "data point",
        ),
    ],
    ids=["logs", "metrics"],
)
def test_partial_success_names_what_was_rejected(
    message: Callable[[], Message], noun: str, wire: Wire, receiver: Receiver
) -> None:
    answer = wire.send(message())
    assert (answer.code, answer.rejected) == ("OK", 1)
    assert answer.message.startswith(f"1 {noun} rejected: 1 x {noun} ")
    assert len(receiver.records) == 1


_GARBAGE = b"\xff\xff\xff\xff not an OTLP request {"


@pytest.mark.parametrize("signal", Signal)
def test_malformed(signal: Signal, wire: Wire) -> None:
    answer = wire.send_bytes(_GARBAGE, signal)
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.message.startswith("The body is not an OTLP request")


@pytest.mark.parametrize("message", [logs(api_request(7)), metrics(used("input", 7))], ids=["logs", "metrics"])
def test_absent_database(message: Message, wire: Wire, receiver: Receiver) -> None:
    receiver.store.error = StoreUnavailable("The database is away.", retry_after=3)
    assert wire.send(message) == Answer("UNAVAILABLE", "The database is away.", retry_after=3)
    assert not receiver.told
    receiver.store.error = None
    assert wire.send(message) == Answer("OK")
    assert wire.send(message) == Answer("OK")
    assert len(receiver.records) == 1


@pytest.mark.parametrize("message", [logs(api_request(7)), metrics(used("input", 7))], ids=["logs", "metrics"])
def test_project(message: Any, wire: Wire, receiver: Receiver) -> None:
    assert wire.send(message, project="named") == Answer("OK")
    assert [record.project for record in receiver.records] == ["named"]
    assert {project for project, _, _ in receiver.told} == {"named"}


@pytest.mark.parametrize("way", ["http-protobuf", "grpc"])
@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (logs(api_request(7)), api_request(8).SerializeToString().replace(b"claude", b"cl\xff\xffde")),
        (
            logs(api_request(7)),
            log_record("", body=text("hello")).SerializeToString().replace(b"hello", b"he\xff\xffo"),
        ),
        (logs(api_request(7)), api_request(8).SerializeToString()[:-3]),
        (metrics(used("input", 7)), used("input", 8).SerializeToString()[:-3]),
        (metrics(used("input", 7)), b"\xff\xff\xff"),
    ],
    ids=["bad UTF-8", "bad UTF-8 in a short body", "cut short", "metric cut short", "garbage for a metric"],
)
def test_a_part_that_cannot_be_parsed_is_rejected_alone(way: str, message: Any, raw: bytes, receiver: Receiver) -> None:
    answer = WIRES[way](receiver).send_bytes(with_raw_part(message, raw), signal_of(message))
    assert (answer.code, answer.rejected) == ("OK", 1)
    assert "not valid" in answer.message
    assert len(receiver.records) == 1


def test_the_long_body_of_a_log_record_is_not_even_parsed(receiver: Receiver) -> None:
    raw = log_record("", body=text("hello" * 300)).SerializeToString().replace(b"hello", b"he\xff\xffo")
    answer = WIRES["grpc"](receiver).send_bytes(with_raw_part(logs(api_request(7)), raw), Signal.LOGS)
    assert answer == Answer("OK")


def test_cumulative_sums_are_warned_of_once_per_source(caplog: pytest.LogCaptureFixture) -> None:
    cumulative = metrics(used("input", 7, temporality=AGGREGATION_TEMPORALITY_CUMULATIVE))
    with Receiver() as receiver, caplog.at_level(logging.WARNING, "usage_graph"):
        for way in WIRES.values():
            way(receiver).send(cumulative)
    (warned,) = caplog.records
    assert METERED in warned.message
    assert "TEMPORALITY_PREFERENCE=delta" in warned.message


_BODIES = {
    "short": text(PROMPT),
    "long": text(PROMPT * 100),
    "structured": AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="content", value=text(PROMPT))])),
}


@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES)
@pytest.mark.parametrize("tokens", [0, 5], ids=["no tokens", "tokens"])
@pytest.mark.parametrize("name", ["", "new.event", "claude_code.api_request", "claude_code.user_prompt"])
def test_what_was_said_is_never_kept(
    name: str, tokens: int, body: AnyValue, wire: Wire, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"input_tokens": tokens, "prompt": PROMPT, "gen_ai.input.messages": PROMPT, "new.input_tokens": PROMPT}
    with caplog.at_level(logging.DEBUG):
        answer = wire.send(logs(log_record(name, said, body=body), log_record(name, said, body=body, time_unix_nano=0)))
    assert answer.code == "OK"
    assert PROMPT not in answer.message
    assert PROMPT not in repr((receiver.store.batches, receiver.told))
    assert PROMPT not in caplog.text


def test_an_event_makes_the_spans_above_it_worth_keeping(receiver: Receiver) -> None:
    wire, trace_id = WIRES["http-protobuf"](receiver), uuid4().bytes
    assert wire.send(request(other_span(1, trace_id=trace_id))) == Answer("OK")
    assert receiver.ancestors == []
    assert wire.send(logs(api_request(7, trace_id=trace_id, span_id=span_id(1)))) == Answer("OK")
    assert [(ancestor.trace_id, ancestor.span_id) for ancestor in receiver.ancestors] == [(trace_id, span_id(1))]


@pytest.mark.parametrize("path", sorted(CAPTURED.glob("*__[lm]*__*")), ids=lambda path: path.name)
def test_of_captured_bodies_every_part_has_one_fate(path: Path, receiver: Receiver) -> None:
    signal = Signal(path.name.split("__")[1])
    ways = ["http-json"] if path.suffix == ".json" else ["http-protobuf", "grpc"]
    for way in ways:
        receiver.reset()
        assert WIRES[way](receiver).send_bytes(path.read_bytes(), signal) == Answer("OK")
        fates = Counter[Outcome]()
        for (_, outcome, _), count in receiver.told.items():
            fates[outcome] += count
        assert fates[Outcome.ACCEPTED] > 0
        counted = sum(len(batch) for batch in receiver.store.batches)
        others = fates[Outcome.NOT_LLM] + fates[Outcome.UNRECOGNISED]
        if signal is Signal.LOGS:
            assert fates[Outcome.ACCEPTED] == counted + others
        else:
            assert counted <= fates[Outcome.ACCEPTED] - others
        expected = (path.name.split("__")[0] in _AGENTS) if signal is Signal.LOGS else METERED in path.name
        assert bool(receiver.records) == expected


_AGENTS = ("claude-code", "codex", "gemini-cli")
