"""``record_call``: what one reported call looks like as a span, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.instrument.conftest import Recorder
from usage_graph.instrument import record_call, usage

BEGAN = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
BEGAN_NS = 1_769_853_600_123_456_000
MICROSECOND = 1000
SECOND = 10**9


class Calls:
    """Records calls with a provider that has no processor of ours."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def record(self, **arguments: Any) -> ReadableSpan:
        self.exporter.clear()
        record_call(**{"model": "m", **arguments}, tracer_provider=self.provider)
        [span] = self.exporter.get_finished_spans()
        return span

    def attributes(self, **arguments: Any) -> dict[str, Any]:
        return dict(self.record(**arguments).attributes or {})


@pytest.fixture
def calls() -> Iterator[Calls]:
    made = Calls()
    yield made
    made.provider.shutdown()


def test_a_whole_call(calls: Calls) -> None:
    span = calls.record(
        model="claude-haiku-4-5",
        provider="anthropic",
        operation="chat",
        response_model="claude-haiku-4-5-20251001",
        response_id="msg_01",
        input_tokens=2370,
        output_tokens=106,
        cache_read_tokens=2048,
        cache_write_tokens=300,
        reasoning_tokens=6,
        cost=Decimal("0.0011318"),
        credits=2,
        started_at=BEGAN,
        duration=1.25,
        first_token=0.25,
        source="agent",
        name="Nightly report",
        conversation="c1",
        user="u1",
        channel="api",
        agent="reporter",
        turn="t1",
    )
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-haiku-4-5",
        "gen_ai.response.model": "claude-haiku-4-5-20251001",
        "gen_ai.response.id": "msg_01",
        "gen_ai.usage.input_tokens": 2370,
        "gen_ai.usage.output_tokens": 106,
        "gen_ai.usage.cache_read.input_tokens": 2048,
        "gen_ai.usage.cache_write.input_tokens": 300,
        "gen_ai.usage.reasoning.output_tokens": 6,
        "usage_graph.cost": "0.0011318",
        "usage_graph.credits": 2,
        "usage_graph.first_token_ms": 250.0,
        "usage_graph.source": "agent",
        "usage_graph.name": "Nightly report",
        "usage_graph.conversation": "c1",
        "usage_graph.user": "u1",
        "usage_graph.channel": "api",
        "usage_graph.agent": "reporter",
        "usage_graph.turn": "t1",
    }
    assert span.name == "chat claude-haiku-4-5"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert (span.start_time, span.end_time) == (BEGAN_NS, BEGAN_NS + SECOND * 5 // 4)
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "usage_graph.instrument"


def test_what_is_not_known_is_not_sent_and_zero_is(calls: Calls) -> None:
    assert calls.attributes() == {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    assert calls.attributes(input_tokens=0, output_tokens=0)["gen_ai.usage.input_tokens"] == 0


def test_the_surrounding_labels_apply_and_those_given_win(calls: Calls, recorder: Recorder) -> None:
    with usage(source="agent", user="u1"):
        bare = calls.attributes(user="u2")
        record_call(model="m", user="u2", tracer_provider=recorder.provider)
    assert bare["usage_graph.source"] == "agent"
    assert bare["usage_graph.user"] == "u2"
    assert recorder.labels == [{"source": "agent", "user": "u2"}]


def test_it_is_a_child_of_the_current_span(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("request") as parent:
        record_call(model="m", tracer_provider=recorder.provider)
    call, _ = recorder.exporter.get_finished_spans()
    assert call.parent is not None
    assert call.parent.span_id == parent.get_span_context().span_id


# Money


@pytest.mark.parametrize(
    ("given_cost", "sent"),
    [
        (Decimal("0.00012340"), "0.0001234"),
        (Decimal("1E+3"), "1000"),
        ("0.1", "0.1"),
        ("1e-9", "0.000000001"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (3, "3"),
        (0, "0"),
        ("-0", "0"),
        (Decimal("1E-1000000"), "0"),
        (10_000, "10000"),
    ],
)
def test_a_cost_is_sent_in_plain_notation(calls: Calls, given_cost: Any, sent: str) -> None:
    assert calls.attributes(cost=given_cost)["usage_graph.cost"] == sent


@given(st.decimals(0, 10_000, places=12))
def test_a_cost_arrives_to_the_last_digit(cost: Decimal) -> None:
    with localcontext() as application:
        application.prec = 3
        sent = Calls().attributes(cost=cost)["usage_graph.cost"]
    assert Decimal(sent) == cost
    assert "E" not in sent


@pytest.mark.parametrize(("given_credits", "sent"), [(2, 2), ("2.50", 2.5), (Decimal("0.1"), 0.1), (1.0, 1)])
def test_credits_are_sent_as_a_number(calls: Calls, given_credits: Any, sent: float) -> None:
    found = calls.attributes(credits=given_credits)["usage_graph.credits"]
    assert found == sent
    assert type(found) is type(sent)


@pytest.mark.parametrize("field", ["cost", "credits"])
@pytest.mark.parametrize(
    "value", ["", "a lot", "nan", float("nan"), float("inf"), Decimal("sNaN"), -0.01, "1e7", 10**7]
)
def test_an_impossible_amount_is_refused(calls: Calls, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"record_call\({field}="):
        calls.record(**{field: value})


@pytest.mark.parametrize("field", ["cost", "credits"])
@pytest.mark.parametrize("value", [True, [1], Fraction(1, 2), b"1"])
def test_an_amount_of_another_type_is_refused(calls: Calls, field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"record_call\({field}=\.\.\.\) must be a Decimal, str, int or float, not"):
        calls.record(**{field: value})


# Tokens

COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


@pytest.mark.parametrize("field", COUNTS)
@pytest.mark.parametrize("value", ["12", 1.0, True, Decimal(1)])
def test_a_count_that_is_no_whole_number_is_refused(calls: Calls, field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"record_call\({field}=\.\.\.\) must be a whole number, not"):
        calls.record(**{field: value})


@pytest.mark.parametrize("field", COUNTS)
@pytest.mark.parametrize("value", [-1, 10**12 + 1])
def test_an_impossible_count_is_refused(calls: Calls, field: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"record_call\({field}={value}\)"):
        calls.record(**{field: value})


def test_a_number_type_of_another_library_is_a_count(calls: Calls) -> None:
    class Int64:
        def __index__(self) -> int:
            return 7

    assert calls.attributes(input_tokens=Int64())["gen_ai.usage.input_tokens"] == 7


def test_cached_tokens_are_part_of_the_input(calls: Calls) -> None:
    """As Anthropic counts, cached tokens come apart; passing its numbers unchanged would undercount."""
    with pytest.raises(ValueError, match="input_tokens includes"):
        calls.record(input_tokens=22, cache_read_tokens=2048)
    with pytest.raises(ValueError, match="output_tokens includes"):
        calls.record(output_tokens=125, reasoning_tokens=126)
    whole = calls.attributes(
        input_tokens=30, cache_read_tokens=20, cache_write_tokens=10, output_tokens=5, reasoning_tokens=5
    )
    assert whole["gen_ai.usage.cache_read.input_tokens"] == 20


# Failure


class QuotaError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("what the user asked was ..."), "TimeoutError"),
        (QuotaError("key sk-123"), f"{__name__}.QuotaError"),
        ("429", "429"),
        ("", "_OTHER"),
    ],
)
def test_a_failed_call_has_an_error_type_and_no_message(calls: Calls, error: Any, kind: str) -> None:
    span = calls.record(error=error)
    assert (span.attributes or {})["error.type"] == kind
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert not span.events


# Time


def interval(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


@pytest.mark.parametrize(
    "times",
    [
        {"started_at": BEGAN, "ended_at": BEGAN + timedelta(seconds=2)},
        {"started_at": BEGAN, "duration": 2},
        {"started_at": BEGAN, "duration": timedelta(seconds=2)},
        {"ended_at": BEGAN + timedelta(seconds=2), "duration": 2.0},
    ],
)
def test_any_two_times_say_when_it_was(calls: Calls, times: dict[str, Any]) -> None:
    assert interval(calls.record(**times)) == (BEGAN_NS, BEGAN_NS + 2 * SECOND)


def test_without_an_end_it_is_over_now(calls: Calls) -> None:
    before = datetime.now(UTC)
    began, ended = interval(calls.record(started_at=before - timedelta(seconds=3)))
    assert 3 * SECOND <= ended - began < 13 * SECOND
    began, ended = interval(calls.record(duration=1.5))
    assert ended - began == SECOND * 3 // 2
    began, ended = interval(calls.record())
    assert began == ended
    assert began >= int(before.timestamp()) * SECOND


def test_a_clock_a_little_ahead_makes_no_negative_duration(calls: Calls) -> None:
    began, ended = interval(calls.record(started_at=datetime.now(UTC) + timedelta(minutes=5)))
    assert began == ended


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2026, 1, 1), timezones=st.timezones()),
    st.timedeltas(timedelta(0), timedelta(hours=1)),
)
def test_times_are_exact_to_the_microsecond(began: datetime, duration: timedelta) -> None:
    if began.astimezone(UTC).year < 1970:
        began = began.astimezone(UTC).replace(year=1970)
    start, end = interval(Calls().record(started_at=began, duration=duration))
    exact = (began - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert start == exact * MICROSECOND
    assert end - start == duration // timedelta(microseconds=1) * MICROSECOND


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"started_at": BEGAN.replace(tzinfo=None)}, "needs a time zone"),
        ({"started_at": BEGAN, "ended_at": BEGAN - timedelta(seconds=1)}, "ended_at lies before started_at"),
        ({"started_at": BEGAN, "ended_at": BEGAN, "duration": 0}, "give two of"),
        ({"started_at": BEGAN}, "over a day ago"),
        ({"started_at": datetime(9999, 1, 1, tzinfo=UTC)}, "lies in the future"),
        ({"ended_at": datetime(9999, 1, 1, tzinfo=UTC)}, "lies in the future"),
        ({"started_at": datetime(1969, 1, 1, tzinfo=UTC), "duration": 1}, "before 1970"),
        ({"duration": 10**11}, "before 1970"),
        ({"started_at": BEGAN, "ended_at": BEGAN + timedelta(days=7, microseconds=1)}, "over a week"),
        ({"duration": -1}, "must not be negative"),
        ({"duration": float("nan")}, "not a number of seconds"),
        ({"duration": 10**30}, "not a number of seconds"),
        ({"duration": 1, "first_token": 1.000001}, "longer than the call took"),
        ({"duration": 1, "first_token": timedelta(microseconds=-1)}, r"first_token=\.\.\.\) must not be negative"),
        ({"duration": 1, "first_token": float("inf")}, "not a number of seconds"),
    ],
)
def test_impossible_times_are_refused(calls: Calls, times: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calls.record(**times)


@pytest.mark.parametrize(
    "times",
    [
        {"started_at": 1769853600},
        {"ended_at": "2026-01-31T12:00:00Z"},
        {"duration": "1.5"},
        {"duration": True},
        {"first_token": "1"},
    ],
)
def test_times_of_another_type_are_refused(calls: Calls, times: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(times))):
        calls.record(**times)


# Words


@pytest.mark.parametrize("field", ["model", "provider", "response_model", "response_id", "source", "user", "error"])
def test_a_word_of_another_type_is_refused(calls: Calls, field: str) -> None:
    with pytest.raises(TypeError, match=rf"record_call\({field}=\.\.\.\) must be a string, not int"):
        calls.record(**{field: 42})


def test_a_model_and_a_known_operation_are_needed(calls: Calls) -> None:
    with pytest.raises(ValueError, match="without a model"):
        calls.record(model="")
    with pytest.raises(ValueError, match="use one of chat, text_completion"):
        calls.record(operation="invoke_agent")


def test_there_is_no_place_for_content() -> None:
    with pytest.raises(TypeError, match="prompt"):
        record_call(model="m", prompt="secret")  # type: ignore[call-arg]


def test_without_a_provider_nothing_happens() -> None:
    record_call(model="m", input_tokens=1)
