"""Log events to observations: the captured agents, which events count, ids, times, and hostile input."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.conftest import NOW, nanoseconds
from tests.processor.payloads import manifest
from tests.processor.signals import Logged, logged, texts
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Rejection, Resource, Scope
from usage_graph.processor.agents import EVENT_RULES, READERS, TWINS, Said
from usage_graph.processor.events import EVENT_WANTED, Event, EventProcessor, Ignored, name_of
from usage_graph.usage import UsageRecord, from_nano, record_id

AGENTS = ("claude-code", "codex", "gemini-cli")
LIBRARIES = ("openlit-openai", "adk", "otel-botocore", "otelv2-default")

END = datetime(2026, 11, 20, tzinfo=UTC)
TRACE, SPAN = b"\1" * 16, b"\2" * 8

CLAUDE_SCOPE = "com.anthropic.claude_code.events"
CLAUDE: dict[str, Any] = {
    "event.name": "api_request",
    "event.sequence": 7,
    "session.id": "s-1",
    "user.id": "a hash",
    "model": "claude-sonnet-4-5-20250929",
    "input_tokens": 22,
    "output_tokens": 100,
    "cache_read_tokens": 2048,
    "cache_creation_tokens": 300,
    "cost_usd": 0.0035304,
    "duration_ms": 1500,
    "request_id": "req_011CABCDEFGHJK",
    "query_source": "repl_main_thread",
}
CODEX: dict[str, Any] = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "event.timestamp": "2026-11-20T00:00:00.000Z",
    "conversation.id": "c-1",
    "originator": "codex_cli_rs",
    "model": "gpt-5-mini",
    "input_token_count": "2113",
    "output_token_count": "417",
    "cached_token_count": 1536,
    "reasoning_token_count": 256,
    "tool_token_count": "2530",
}
GEMINI: dict[str, Any] = {
    "event.name": "gemini_cli.api_response",
    "session.id": "s-1",
    "model": "gemini-2.5-flash",
    "duration_ms": 121,
    "input_token_count": 1519,
    "output_token_count": 125,
    "cached_content_token_count": 1000,
    "thoughts_token_count": 80,
    "tool_token_count": 0,
    "total_token_count": 1724,
}
CURSOR_SCOPE = "cursor.telemetry"
CURSOR: dict[str, Any] = {
    "cursor.event.id": "customer-telemetry:v1:1",
    "cursor.usage_event.id": "ue-1",
    "cursor.conversation.id": "c-1",
    "cursor.model.name": "claude-4.5-sonnet",
    "cursor.api.request.input_tokens": 22,
    "cursor.api.request.output_tokens": 100,
    "cursor.api.request.cache_read_tokens": 2048,
    "cursor.api.request.cache_creation_tokens": 300,
}

Outcome = Observation | Rejection | Ignored
Observe = Callable[..., Outcome]


@pytest.fixture
def processor(pricing: Pricing) -> EventProcessor:
    return EventProcessor(pricing=pricing)


@pytest.fixture
def observe(processor: EventProcessor) -> Observe:
    """What becomes of an event with these attributes; ``changes`` are of the event's fields."""

    def run(
        attributes: dict[str, Any], scope: str = "", resource: dict[str, Any] | None = None, **changes: Any
    ) -> Outcome:
        event = Event(
            name_of(attributes.get("event.name"), "", changes.pop("body", None)),
            nanoseconds(END),
            0,
            TRACE,
            SPAN,
            attributes,
        )._replace(**changes)
        return processor.observe(Resource(resource or {}), Scope(scope, "1", {}), event, project=None, now=NOW)

    return run


@pytest.fixture
def call(observe: Observe) -> Callable[..., Observation]:
    """Like ``observe``; the event must be one of a call."""

    def run(*args: Any, **changes: Any) -> Observation:
        outcome = observe(*args, **changes)
        assert isinstance(outcome, Observation), outcome
        return outcome

    return run


def outcomes(processor: EventProcessor, case: str) -> list[Outcome]:
    return [processor.observe(*record[:3], project=None, now=NOW) for record in logged(case)]


def observations(processor: EventProcessor, case: str) -> list[Observation]:
    return [outcome for outcome in outcomes(processor, case) if isinstance(outcome, Observation)]


# --- the captures


def shown(record: UsageRecord) -> dict[str, Any]:
    """A record in the manifest's words, which has no ids for events."""
    return {
        "provider": record.provider,
        "request_model": record.request_model,
        "response_model": record.response_model,
        "input_tokens": record.input_tokens,
        "cache_read": record.cache_read_tokens,
        "cache_write": record.cache_write_tokens,
        "output_tokens": record.output_tokens,
        "reasoning": record.reasoning_tokens,
        "cost_usd_reported": from_nano(record.cost_nano or 0) if record.cost_reported else None,
        "status": record.status.lower(),
        "session": record.conversation,
        "user": record.user_id,
        "agent": record.agent,
    }


@pytest.mark.parametrize("case", AGENTS)
def test_each_call_of_an_agent(case: str, processor: EventProcessor) -> None:
    expected = []
    for row in manifest()[case]["expected_records"]:
        cost = row["cost_usd_reported"]
        row = {name: value for name, value in row.items() if name not in ("trace_id", "span_id", "response_id")}
        expected.append({**row, "cost_usd_reported": cost and round(Decimal(repr(cost)), 9)})
    assert [shown(observation.record) for observation in observations(processor, case)] == expected


@pytest.mark.parametrize("case", AGENTS)
def test_what_is_sent_again_or_in_another_order_has_the_same_ids(case: str, processor: EventProcessor) -> None:
    forth = outcomes(processor, case)
    back = [processor.observe(*record[:3], project=None, now=NOW) for record in reversed(logged(case))]
    assert forth == back[::-1]


@pytest.mark.parametrize("case", LIBRARIES)
def test_the_log_events_of_libraries_are_no_calls(case: str, processor: EventProcessor) -> None:
    """Spans tell of the calls; what the conventions' own events repeat is known, and nothing in them is new."""
    assert logged(case)
    assert set(outcomes(processor, case)) == {Ignored(unrecognised=False)}


@pytest.mark.parametrize("case", AGENTS)
def test_the_other_events_of_agents_are_nothing_new(case: str, processor: EventProcessor) -> None:
    others = [outcome for outcome in outcomes(processor, case) if not isinstance(outcome, Observation)]
    assert others
    assert set(others) == {Ignored(unrecognised=False)}


@pytest.mark.parametrize("case", [*AGENTS, *LIBRARIES])
def test_nothing_but_the_allow_list_is_read(case: str, processor: EventProcessor) -> None:
    for record in logged(case):
        wanted = {key: value for key, value in record.event.attributes.items() if key in EVENT_WANTED}
        bare = record.event._replace(attributes=wanted)
        assert processor.observe(*record[:3], project=None, now=NOW) == processor.observe(
            record.resource, record.scope, bare, project=None, now=NOW
        )


def unwanted_texts(record: Logged) -> list[str]:
    attributes = record.event.attributes
    allowed = repr([value for key, value in attributes.items() if key in EVENT_WANTED])
    unwanted = [*record.texts, *texts({key: value for key, value in attributes.items() if key not in EVENT_WANTED})]
    return [text for text in unwanted if len(text) > 16 and text not in allowed]


@pytest.mark.parametrize("case", AGENTS)
def test_no_content_gets_into_a_record(case: str, processor: EventProcessor) -> None:
    for record in logged(case):
        outcome = repr(processor.observe(*record[:3], project=None, now=NOW))
        assert not [text for text in unwanted_texts(record) if text in outcome]


def test_the_captures_hold_content_that_could_leak() -> None:
    held = [text for case in AGENTS for record in logged(case) for text in unwanted_texts(record)]
    assert any("You are a non-interactive CLI agent" in text for text in held)
    assert any("prompt" in text.lower() and len(text) > 10_000 for text in held)


def test_the_claude_code_event_and_its_span_have_one_request_id(processor: EventProcessor) -> None:
    (observation,) = observations(processor, "claude-code")
    (event,) = [record.event for record in logged("claude-code") if record.event.name == "api_request"]
    assert observation.request_id == "req_011fakeSSE0001"
    assert observation.record.trace_id == event.trace_id
    assert observation.parent_span_id == event.span_id != observation.record.span_id
    # The request's span began 6 ms before the 45 ms that the event tells of, and ended 1 ms after them.
    assert observation.record.started_at == datetime(2026, 11, 22, 1, 8, 3, 465_000, tzinfo=UTC)
    assert observation.record.duration_us == 45_000


def test_a_codex_event_without_a_time_has_that_of_its_attribute(processor: EventProcessor) -> None:
    (observation,) = observations(processor, "codex")
    assert observation.record.started_at == datetime(2026, 11, 22, 1, 5, 19, 547_000, tzinfo=UTC)
    assert observation.parent_span_id == b""
    assert any(observation.record.trace_id)


# --- fields


def test_a_whole_record(call: Callable[..., Observation]) -> None:
    resource = {
        "service.name": "claude-code",
        "service.instance.id": "i-1",
        "deployment.environment.name": "staging",
        "usage_graph.project": "acme",
    }
    observation = call({**CLAUDE, "agent.name": "reviewer", "user.email": "ada@example.com"}, CLAUDE_SCOPE, resource)
    span_id = observation.record.span_id
    assert observation == Observation(
        UsageRecord(
            project="acme",
            started_at=END - timedelta(milliseconds=1500),
            id=record_id("acme", TRACE, span_id),
            trace_id=TRACE,
            span_id=span_id,
            duration_us=1_500_000,
            failed=False,
            error_type=None,
            source="agent",
            operation="chat",
            name=None,
            agent="reviewer",
            conversation="s-1",
            user_id="ada@example.com",
            channel="repl_main_thread",
            service="claude-code",
            environment="staging",
            provider="anthropic",
            request_model="claude-sonnet-4-5-20250929",
            response_model="claude-sonnet-4-5-20250929",
            input_tokens=2370,
            output_tokens=100,
            cache_read_tokens=2048,
            cache_write_tokens=300,
            reasoning_tokens=None,
            cost_nano=3_530_400,
            cost_reported=True,
            credits_nano=0,
        ),
        parent_span_id=SPAN,
        request_id="req_011CABCDEFGHJK",
        trusted=True,
        source_derived=True,
        scope=CLAUDE_SCOPE,
        instance="i-1",
    )


def test_the_account_is_the_user_before_the_installation(call: Callable[..., Observation]) -> None:
    known = ["user.account_uuid", "user.account_id", "user.email", "user.id"]
    users = [call({**CLAUDE, **{key: key for key in known[i:]}}, CLAUDE_SCOPE).record.user_id for i in range(4)]
    assert users == known


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"cost_usd": 0.25}, (250_000_000, True)),
        ({"cost_usd": "0.25"}, (250_000_000, True)),
        ({"cost_usd": 0, "cost_usd_micros": 3530}, (3_530_000, True)),
        ({"cost_usd": "NaN", "cost_usd_micros": "3530"}, (3_530_000, True)),
        # 22 at 3, 2048 read at 0.30, 300 written at 3.75, 100 at 15 USD a million.
        ({"cost_usd": 0}, (3_305_400, False)),
        ({"cost_usd": None}, (3_305_400, False)),
        ({"cost_usd": 0, "model": "nobody-has-heard-of-it"}, (None, False)),
    ],
)
def test_cost(call: Callable[..., Observation], attributes: dict[str, Any], expected: tuple[int | None, bool]) -> None:
    record = call({**CLAUDE, **attributes}, CLAUDE_SCOPE).record
    assert (record.cost_nano, record.cost_reported) == expected


@pytest.mark.parametrize(
    ("sent", "request_id"),
    [
        ("req_011CABCDEFGHJK", "req_011CABCDEFGHJK"),
        ("5a1f0c1e-9d0b-4a57-8f1d-2f0e0a3b1c5d", "5a1f0c1e-9d0b-4a57-8f1d-2f0e0a3b1c5d"),
        ("undefined", None),
        ("1", None),
        ("", None),
        (None, None),
        ({"id": "req_011CABCDEFGHJK"}, None),
    ],
)
def test_what_may_be_a_request_id(call: Callable[..., Observation], sent: Any, request_id: str | None) -> None:
    assert call({**CLAUDE, "request_id": sent}, CLAUDE_SCOPE).request_id == request_id


def test_a_small_cache_is_still_not_in_the_input(call: Callable[..., Observation]) -> None:
    """Here the numbers alone would not tell."""
    for attributes, scope in ((CLAUDE, CLAUDE_SCOPE), (CURSOR, CURSOR_SCOPE)):
        few = {key: 5 if "cache" in key else value for key, value in attributes.items()}
        record = call(few, scope, body="api_request").record
        assert (record.input_tokens, record.cache_read_tokens, record.cache_write_tokens) == (32, 5, 5)
        assert not record.suspect


@pytest.mark.parametrize(
    ("attributes", "used", "output"),
    [
        ({}, 1519, 205),
        ({"total_token_count": None}, 1519, 205),
        ({"total_token_count": 1519 + 125}, 1519, 125),
        ({"tool_token_count": 10, "total_token_count": 1734}, 1529, 205),
        ({"tool_token_count": 10, "total_token_count": 1519 + 125 + 10}, 1529, 125),
        ({"tool_token_count": 10, "total_token_count": 99}, 1519, 205),
        ({"thoughts_token_count": 500, "total_token_count": None}, 1519, 625),
        ({"output_token_count": None}, 1519, None),
    ],
)
def test_gemini_counts_thoughts_and_tools_apart(
    call: Callable[..., Observation], attributes: dict[str, Any], used: int, output: int | None
) -> None:
    record = call({**GEMINI, **attributes}).record
    assert (record.input_tokens, record.output_tokens) == (used, output)


def test_counts_that_contradict_each_other_are_suspect(call: Callable[..., Observation]) -> None:
    assert not call(CODEX).record.suspect
    assert call({**CODEX, "cached_token_count": 3000}).record.suspect
    record = call({**CODEX, "reasoning_token_count": 3000}).record
    assert record.suspect
    assert (record.output_tokens, record.reasoning_tokens) == (417, 417)


def test_what_whoever_starts_the_agent_says_goes_first(call: Callable[..., Observation]) -> None:
    named = {f"usage_graph.{name}": name for name in ("source", "name", "agent", "conversation", "user", "channel")}
    for attributes, resource in ((named, {}), ({}, named)):
        own = {key: value for key, value in CLAUDE.items() if key not in ("session.id", "user.id", "query_source")}
        observation = call({**own, **attributes}, CLAUDE_SCOPE, resource)
        record = observation.record
        assert not observation.source_derived
        assert (record.source, record.name, record.agent) == ("source", "name", "agent")
        assert (record.conversation, record.user_id, record.channel) == ("conversation", "user", "channel")


def test_a_cursor_call(call: Callable[..., Observation]) -> None:
    observation = call(CURSOR, CURSOR_SCOPE, {"cursor.user.id": 99}, body="api_request", trace_id=b"", span_id=b"")
    record = observation.record
    assert (record.provider, record.request_model, record.response_model) == ("anthropic", "claude-4.5-sonnet", None)
    assert (record.input_tokens, record.output_tokens, record.conversation, record.user_id) == (2370, 100, "c-1", "99")
    assert observation.parent_span_id == b""


# --- which events count


@pytest.mark.parametrize(
    ("attributes", "scope", "body"),
    [
        (CLAUDE, CLAUDE_SCOPE, None),
        ({**CLAUDE, "event.name": None}, CLAUDE_SCOPE, "claude_code.api_request"),
        ({**CLAUDE, "event.name": "claude_code.api_request"}, "somebody.else", None),
        (CODEX, "", None),
        (GEMINI, "gemini-cli", "API response from gemini-2.5-flash. Status: 200."),
        (CURSOR, CURSOR_SCOPE, "api_request"),
        ({**CURSOR, "event.name": "cursor.api.request"}, "", "api_request"),
    ],
)
def test_an_event_of_a_call(
    call: Callable[..., Observation], attributes: dict[str, Any], scope: str, body: str | None
) -> None:
    record = call(attributes, scope, body=body).record
    assert not record.failed
    assert record.input_tokens


@pytest.mark.parametrize(
    ("attributes", "scope", "error_type"),
    [
        (
            {"event.name": "api_error", "model": "claude-x", "status_code": "529", "error": "Overloaded"},
            CLAUDE_SCOPE,
            "529",
        ),
        ({"event.name": "api_error", "model": "claude-x", "status_code": "undefined"}, CLAUDE_SCOPE, None),
        ({"event.name": "gemini_cli.api_error", "model_name": "gemini-x", "error_type": "ApiError"}, "", "ApiError"),
        ({"event.name": "gemini_cli.api_error", "model": "gemini-x", "status_code": 503}, "", "503"),
        ({"event.name": "codex.api_request", "endpoint": "/responses", "http.response.status_code": 429}, "", "429"),
        ({"event.name": "codex.api_request", "endpoint": "/responses"}, "", None),
        (
            {"event.name": "codex.sse_event", "event.kind": "response.completed", "error.message": "stream ended"},
            "",
            None,
        ),
    ],
)
def test_an_event_of_a_call_that_failed(
    call: Callable[..., Observation], attributes: dict[str, Any], scope: str, error_type: str | None
) -> None:
    record = call({"duration_ms": "250", "duration": 250, **attributes}, scope).record
    assert (record.failed, record.error_type) == (True, error_type)
    assert (record.total_tokens, record.cost_nano, record.cost_reported) == (None, None, False)
    assert "Overloaded" not in repr(record)
    assert "stream ended" not in repr(record)


@pytest.mark.parametrize(
    ("attributes", "scope", "body"),
    [
        # What is logged once more of a stream that is counted by its counts.
        ({**CODEX, "input_token_count": None}, "", None),
        ({**CODEX, "event.kind": "response.output_item.done", "input_token_count": None}, "", None),
        ({"event.name": "codex.sse_event", "event.kind": "response.failed", "error.message": "x"}, "", None),
        # Not refused, or not a call.
        ({"event.name": "codex.api_request", "endpoint": "/responses", "http.response.status_code": 200}, "", None),
        ({"event.name": "codex.api_request", "endpoint": "/models", "http.response.status_code": 500}, "", None),
        ({"event.name": "gemini_cli.api_request", "model": "gemini-2.5-flash"}, "", None),
        ({"event.name": "api_request"}, "somebody.else", None),
        ({"event.name": "claude_code.api_retries_exhausted", "model": "claude-x"}, CLAUDE_SCOPE, None),
        # See `agents` for why.
        ({"cursor.event.id": "e", "cursor.usage_event.id": "ue-1"}, CURSOR_SCOPE, "api_error"),
        (
            {
                "cursor.event.id": "e",
                "cursor.usage_event.id": "ue-1",
                "cursor.api.correction.kind": "not_billed_errored",
            },
            CURSOR_SCOPE,
            "api_correction_not_billed_errored",
        ),
        ({}, "", "a short log line"),
        ({}, "", None),
    ],
)
def test_no_event_of_a_call(observe: Observe, attributes: dict[str, Any], scope: str, body: str | None) -> None:
    attributes = {key: value for key, value in attributes.items() if value is not None}
    if attributes.get("event.name") == "codex.sse_event":
        attributes = {key: value for key, value in attributes.items() if "token" not in key}
    assert observe(attributes, scope, body=body) == Ignored(unrecognised=False)


@pytest.mark.parametrize("name", sorted(TWINS))
def test_twins_of_calls_that_are_counted_elsewhere(observe: Observe, name: str) -> None:
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.request.model": "gpt-4o"}
    assert observe({"event.name": name, **usage}, tokens=True) == Ignored(unrecognised=False)
    assert observe({"event.name": "gen_ai.new.event", **usage}) == Ignored(unrecognised=True)


def test_events_with_token_counts_that_no_rule_knows(observe: Observe) -> None:
    assert observe({"event.name": "other-agent.answer"}, tokens=True) == Ignored(unrecognised=True)
    assert observe({"event.name": "api_request", "input_tokens": 5}, "other-agent") == Ignored(unrecognised=True)
    assert observe({**CODEX, "input_token_count": "many"}) == Ignored(unrecognised=True)
    assert observe({"event.name": "other-agent.answer"}) == Ignored(unrecognised=False)


@pytest.mark.parametrize(
    ("attribute", "field", "body", "name"),
    [
        ("codex.sse_event", "event otel/src/events.rs:1", None, "codex.sse_event"),
        (None, "cursor.api.request", "api_request", "cursor.api.request"),
        (None, "", "claude_code.api_request", "claude_code.api_request"),
        ("", "", "api_request", "api_request"),
        (5, None, {"not": "text"}, ""),
        (None, "", "x" * 257, ""),
        ("x" * 257, "", "api_request", "api_request"),
    ],
)
def test_name(attribute: Any, field: Any, body: Any, name: str) -> None:
    assert name_of(attribute, field, body) == name


# --- times


@pytest.mark.parametrize(
    ("changes", "stamp", "ended"),
    [
        ({"time_ns": nanoseconds(END)}, "2020-01-01T00:00:00Z", END),
        ({"time_ns": 0}, "2026-11-19T12:00:00.250Z", datetime(2026, 11, 19, 12, 0, 0, 250_000, tzinfo=UTC)),
        ({"time_ns": 0}, "2026-11-19T12:00:00+02:00", datetime(2026, 11, 19, 10, tzinfo=UTC)),
        ({"time_ns": 0}, "2026-11-19T12:00:00", datetime(2026, 11, 19, 12, tzinfo=UTC)),
        ({"time_ns": 0, "observed_ns": nanoseconds(END)}, "soon", END),
        ({"time_ns": 0, "observed_ns": nanoseconds(END)}, None, END),
        ({"time_ns": 0, "observed_ns": nanoseconds(END)}, 17, END),
    ],
)
def test_when_a_call_ended(
    call: Callable[..., Observation], changes: dict[str, int], stamp: Any, ended: datetime
) -> None:
    record = call({**CODEX, "event.timestamp": stamp}, **changes).record
    assert (record.started_at, record.duration_us) == (ended, 0)


@pytest.mark.parametrize(
    ("duration", "microseconds"),
    [(45, 45_000), ("45", 45_000), (45.9, 45_000), (-1, 0), (None, 0), ("soon", 0), (10**10, 0), (True, 0)],
)
def test_when_a_call_began(call: Callable[..., Observation], duration: Any, microseconds: int) -> None:
    record = call({**CLAUDE, "duration_ms": duration}, CLAUDE_SCOPE).record
    assert record.duration_us == microseconds
    assert record.started_at == END - timedelta(microseconds=microseconds)


@pytest.mark.parametrize(
    ("time_ns", "says"),
    [
        (0, "has no time"),
        (1_795_000_000, "nanoseconds"),
        (nanoseconds(NOW + timedelta(hours=2)), "in the future"),
    ],
)
def test_no_believable_time(observe: Observe, time_ns: int, says: str) -> None:
    outcome = observe({**CLAUDE, "event.timestamp": None}, CLAUDE_SCOPE, time_ns=time_ns)
    assert isinstance(outcome, Rejection)
    assert outcome.reason.startswith("log record ")
    assert says in outcome.reason
    # What is no call's may have any time.
    assert observe({}, time_ns=time_ns) == Ignored(unrecognised=False)


# --- ids


def key(observation: Observation) -> tuple[bytes, bytes]:
    return observation.record.trace_id, observation.record.span_id


@pytest.mark.parametrize(
    ("attributes", "scope", "change"),
    [
        (CLAUDE, CLAUDE_SCOPE, {"event.sequence": 8}),
        (CLAUDE, CLAUDE_SCOPE, {"request_id": "req_011CABCDEFGHJX"}),
        (CLAUDE, CLAUDE_SCOPE, {"session.id": "s-2"}),
        (CLAUDE, CLAUDE_SCOPE, {"event.name": "api_error"}),
        (CODEX, "", {"output_token_count": "418"}),
        (CODEX, "", {"conversation.id": "c-2"}),
        (CODEX, "", {"event.timestamp": "2026-11-20T00:00:00.001Z"}),
        (GEMINI, "", {"model": "gemini-2.5-pro"}),
        (CURSOR, CURSOR_SCOPE, {"cursor.event.id": "customer-telemetry:v1:2"}),
    ],
)
def test_events_of_one_span_and_one_millisecond_are_told_apart(
    call: Callable[..., Observation], attributes: dict[str, Any], scope: str, change: dict[str, Any]
) -> None:
    one, again, other = (
        call(these, scope, body="api_request") for these in (attributes, dict(attributes), {**attributes, **change})
    )
    assert key(one) == key(again)
    assert key(one) != key(other)
    assert len(one.record.trace_id) == 16
    assert len(one.record.span_id) == 8
    assert SPAN not in (one.record.span_id, other.record.span_id)


def test_events_of_other_times_are_told_apart(call: Callable[..., Observation]) -> None:
    """Also where the agent does not number them."""
    unnumbered = {name: value for name, value in CLAUDE.items() if name not in ("event.sequence", "request_id")}
    one, other = (call(unnumbered, CLAUDE_SCOPE, time_ns=nanoseconds(END) + later) for later in (0, 1))
    assert key(one) != key(other)


def test_an_event_with_an_id_of_its_own_is_known_by_it_alone(call: Callable[..., Observation]) -> None:
    """It is delivered at least once, and maybe not by the same server."""
    one = call(CURSOR, CURSOR_SCOPE, body="api_request", trace_id=b"")
    other = call(CURSOR, CURSOR_SCOPE, body="api_request", trace_id=b"", time_ns=nanoseconds(END) + 10**9)
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("ids", "trace_is_kept", "parent"),
    [
        ({}, True, SPAN),
        ({"span_id": b""}, True, b""),
        ({"span_id": bytes(8)}, True, b""),
        ({"span_id": b"\2" * 5}, True, b""),
        ({"trace_id": b""}, False, b""),
        ({"trace_id": bytes(16)}, False, b""),
        ({"trace_id": b"\1" * 15}, False, b""),
    ],
)
def test_the_span_in_which_an_event_was_made_is_its_parent(
    call: Callable[..., Observation], ids: dict[str, bytes], trace_is_kept: bool, parent: bytes
) -> None:
    observation = call(CLAUDE, CLAUDE_SCOPE, **ids)
    assert (observation.record.trace_id == TRACE) is trace_is_kept
    assert observation.parent_span_id == parent
    assert observation.parent != observation.key


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), unique=True, max_size=40))
def test_as_many_calls_as_different_events(pricing: Pricing, counts: list[tuple[int, ...]]) -> None:
    processor = EventProcessor(pricing=pricing)
    keys = set()
    for session, sequence, used, output in counts:
        change: dict[str, Any] = {
            "session.id": str(session),
            "event.sequence": sequence,
            "input_tokens": used,
            "output_tokens": output,
        }
        event = Event("api_request", nanoseconds(END), 0, TRACE, SPAN, {**CLAUDE, **change})
        for _ in range(2):
            outcome = processor.observe(Resource({}), Scope(CLAUDE_SCOPE, "", {}), event, project=None, now=NOW)
            assert isinstance(outcome, Observation)
            keys.add(key(outcome))
    assert len(keys) == len(counts)


# --- hostile input

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
EVENTS = [(CLAUDE, CLAUDE_SCOPE), (CODEX, ""), (GEMINI, ""), (CURSOR, CURSOR_SCOPE)]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(sorted(EVENT_WANTED)), values, max_size=12),
    st.integers(0, 2**64 - 1) | st.just(nanoseconds(END)),
    st.binary(max_size=20),
    st.binary(max_size=10),
)
def test_any_value_may_stand_under_any_key(
    pricing: Pricing,
    event: tuple[dict[str, Any], str],
    changes: dict[str, Any],
    time_ns: int,
    trace_id: bytes,
    span_id: bytes,
) -> None:
    attributes, scope = {**event[0], **changes}, event[1]
    name = name_of(attributes.get("event.name"), "", "api_request")
    outcome = EventProcessor(pricing=pricing).observe(
        Resource(changes),
        Scope(scope, "", changes),
        Event(name, time_ns, 0, trace_id, span_id, attributes),
        project=None,
        now=NOW,
    )
    if not isinstance(outcome, Observation):
        return
    record = outcome.record
    texts_held = [value for value in record if isinstance(value, str)]
    assert all(0 < len(text) <= 256 and "\0" not in text for text in texts_held)
    assert len(record.trace_id) == 16
    assert len(record.span_id) == 8
    cached = (record.cache_read_tokens or 0) + (record.cache_write_tokens or 0)
    assert record.input_tokens is None or cached <= record.input_tokens <= 10**12
    assert record.output_tokens is None or (record.reasoning_tokens or 0) <= record.output_tokens <= 10**12
    assert record.cost_nano is None or 0 <= record.cost_nano <= 10**13
    assert record.started_at.tzinfo is UTC


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(EVENTS), st.text(max_size=300), st.text(max_size=40))
def test_what_is_not_in_the_table_gets_nowhere(
    pricing: Pricing, event: tuple[dict[str, Any], str], content: str, name: str
) -> None:
    content, name = f"SECRET {content}", f"not.in.the.table {name}"
    attributes, scope = event
    leaking = {name: content, "prompt": content, "response_text": content, "error": content, "error.message": content}
    outcome = EventProcessor(pricing=pricing).observe(
        Resource({"process.command_args": [content], name: content}),
        Scope(scope, "", {name: content}),
        Event(attributes.get("event.name", "api_request"), nanoseconds(END), 0, TRACE, SPAN, {**attributes, **leaking}),
        project=None,
        now=NOW,
    )
    assert isinstance(outcome, Observation)
    assert "SECRET" not in repr(outcome)


def test_the_table_is_complete() -> None:
    assert READERS.keys() == set(Said._fields)
    for rule in EVENT_RULES:
        assert rule.keys.keys() <= READERS.keys(), rule.agent
        assert bool(rule.short) == bool(rule.scope), rule.agent
        assert {key for keys in rule.keys.values() for key in keys} <= EVENT_WANTED
