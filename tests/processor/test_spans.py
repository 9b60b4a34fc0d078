"""Spans to records: which attribute becomes which field, defaults, rejections, and hostile input."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.conftest import CHAT, NOW, START, a_span, nanoseconds
from usage_graph.observation import Observation
from usage_graph.processor import (
    WANTED,
    WANTED_RESOURCE,
    NotACall,
    Pricing,
    Processor,
    Rejection,
    Resource,
    Scope,
    check,
    project_of,
    semconv,
)
from usage_graph.processor.documents import DOCUMENTS
from usage_graph.processor.reading import Found, Identity, Origin
from usage_graph.processor.semconv import INHERITED_FIELDS, RESOURCE_FIELDS, SPAN_FIELDS
from usage_graph.project import project_named
from usage_graph.usage import MAX_COST_NANO, MAX_CREDITS_NANO, MAX_TOKENS, UsageRecord, record_id

Call = Callable[..., UsageRecord]
IDENTITY = ("source", "name", "agent", "conversation", "user_id", "channel")


def test_a_whole_record(call: Call) -> None:
    record = call(
        {
            "usage_graph.source": "memory",
            "usage_graph.name": "Extract facts",
            "usage_graph.channel": "web",
            "usage_graph.agent": "librarian",
            "usage_graph.conversation": "c-1",
            "usage_graph.user": "u-1",
            "usage_graph.credits": "1.5",
            "usage_graph.cost": "0.25",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 800,
            "gen_ai.usage.cache_write.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 50,
        },
        resource={"service.name": "shop", "deployment.environment.name": "staging", "usage_graph.project": "acme"},
    )
    assert record == UsageRecord(
        project="acme",
        started_at=START,
        id=record_id("acme", b"\1" * 16, b"\2" * 8),
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        duration_us=2_000_000,
        failed=False,
        error_type=None,
        source="memory",
        operation="chat",
        name="Extract facts",
        agent="librarian",
        conversation="c-1",
        user_id="u-1",
        channel="web",
        service="shop",
        environment="staging",
        provider="openai",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        input_tokens=1000,
        output_tokens=100,
        cache_read_tokens=800,
        cache_write_tokens=10,
        reasoning_tokens=50,
        cost_nano=250_000_000,
        cost_reported=True,
        credits_nano=1_500_000_000,
        credits_reported=True,
    )


@pytest.mark.parametrize(
    ("attributes", "source", "agent", "name", "operation"),
    [
        ({}, "chat", None, None, "chat"),
        ({"gen_ai.operation.name": "embeddings"}, "embeddings", None, None, "embeddings"),
        ({"gen_ai.agent.name": "weather"}, "agent", "weather", None, "chat"),
        ({"gen_ai.agent.id": "a-1"}, "agent", "a-1", None, "chat"),
        ({"gen_ai.agent.name": " "}, "chat", None, None, "chat"),
        ({"usage_graph.agent": "night", "gen_ai.agent.name": "weather"}, "agent", "night", None, "chat"),
        ({"usage_graph.source": "memory"}, "memory", None, None, "chat"),
        ({"usage_graph.source": "memory", "gen_ai.agent.name": "weather"}, "memory", "weather", None, "chat"),
        ({"usage_graph.source": ""}, "chat", None, None, "chat"),
        ({"usage_graph.source": ["memory"]}, "chat", None, None, "chat"),
        ({"usage_graph.name": "Report"}, "chat", None, "Report", "chat"),
        ({"ai.telemetry.functionId": "weather-fn"}, "chat", None, "weather-fn", "chat"),
        ({"ai.telemetry.functionId": "fn", "usage_graph.name": "Report"}, "chat", None, "Report", "chat"),
        ({"traceloop.entity.path": "", "traceloop.workflow.name": "flow"}, "chat", None, "flow", "chat"),
        ({"gen_ai.prompt.name": "greeting"}, "chat", None, "greeting", "chat"),
    ],
)
def test_source_name_agent_and_operation(
    call: Call, attributes: dict[str, Any], source: str, agent: str | None, name: str | None, operation: str
) -> None:
    """A span's own name ("chat gpt-4o") is never the name of what was used."""
    record = call(attributes)
    assert (record.source, record.agent, record.name, record.operation) == (source, agent, name, operation)


@pytest.mark.parametrize(
    ("field", "attributes", "expected"),
    [
        ("conversation", {"session.id": "set by the user", "gen_ai.conversation.id": "made up"}, "set by the user"),
        ("conversation", {"session.id": "[Scrubbed due to 'session']", "gen_ai.conversation.id": "c"}, "c"),
        ("conversation", {"traceloop.association.properties.thread_id": "t"}, "t"),
        ("conversation", {"langsmith.metadata.session_id": "s"}, "s"),
        ("conversation", {"ai.telemetry.metadata.sessionId": "s"}, "s"),
        ("conversation", {"ai.settings.context.chatId": "s"}, "s"),
        ("conversation", {"metadata": '{"plan": "pro", "thread_id": "t"}'}, "t"),
        ("conversation", {"metadata": "not json"}, None),
        ("conversation", {"langsmith.trace.session_name": "a project"}, None),
        ("user_id", {"user.id": "u", "enduser.id": "e"}, "u"),
        ("user_id", {"gen_ai.request.user": "", "llm.user": "u"}, "u"),
        ("user_id", {"cursor.user.id": 42}, "42"),
        ("user_id", {"user.id": True}, None),
        ("user_id", {"ai.telemetry.metadata.userId": "u"}, "u"),
        ("user_id", {"traceloop.association.properties.user_id": "u"}, "u"),
        ("channel", {"channel": "web"}, "web"),
        ("channel", {"ai.telemetry.metadata.channel": "web"}, "web"),
        ("channel", {"langfuse.trace.metadata.channel": '"web"'}, "web"),
        ("channel", {"langfuse.trace.metadata.channel": "web"}, "web"),
        ("channel", {"metadata": '{"channel": "web"}'}, "web"),
        ("channel", {"github.copilot.initiator": "agent"}, "agent"),
        ("channel", {"query_source": "repl_main_thread"}, "repl_main_thread"),
        ("agent", {"metadata": '{"lc_agent_name": "weather"}'}, "weather"),
        ("agent", {"gen_ai.agent.name": "weather", "github.copilot.agent.type": "custom"}, "weather"),
        ("agent", {"agent_name": "weather"}, "weather"),
        ("user_id", {"metadata": '{"user_id": "u"}'}, "u"),
        ("user_id", {"mlflow.trace.user": '"u"'}, "u"),
        ("user_id", {"user.id": "", "langfuse.user.id": "u"}, "u"),
        ("conversation", {"session.id": "", "gen_ai.conversation.id": "c"}, "c"),
        ("conversation", {"gcp.vertex.agent.session_id": "s"}, "s"),
        ("conversation", {"mlflow.trace.session": "s"}, "s"),
        ("conversation", {"copilot_chat.chat_session_id": "s"}, "s"),
        ("conversation", {"ai.telemetry.metadata.thread_id": "t"}, "t"),
        ("service_tier", {"openai.response.service_tier": "flex"}, "flex"),
        ("service_tier", {"anthropic.response.service_tier": "standard"}, "standard"),
        ("service_tier", {"ai.response.providerMetadata": '{"openai": {"serviceTier": "flex"}}'}, "flex"),
        ("agent", {"traceloop.association.properties.lc_agent_name": "weather"}, "weather"),
        ("request_model", {"gen_ai.request.model": "a", "llm.model_name": "b"}, "a"),
        ("request_model", {"gen_ai.request.model": None, "ai.model.id": "a"}, "a"),
        ("response_model", {"gen_ai.response.model": "a", "llm.model_name": "b"}, "a"),
        ("response_model", {"llm.model_name": "b"}, "b"),
        ("error_type", {"error.type": "RateLimitError"}, "RateLimitError"),
        ("credits_nano", {"usage_graph.credits": 2}, 2 * 10**9),
        ("credits_nano", {"usage_graph.credits": 0, "github.copilot.nano_aiu": 5}, 0),
        ("credits_nano", {"github.copilot.nano_aiu": 5}, 5),
        ("credits_nano", {"usage_graph.credits": -2}, 0),
        ("credits_nano", {}, 0),
        ("credits_reported", {"usage_graph.credits": 0}, True),
        ("credits_reported", {"github.copilot.nano_aiu": 5}, True),
        ("credits_reported", {"usage_graph.credits": -2}, False),
        ("credits_reported", {}, False),
    ],
)
def test_where_a_field_is_read(call: Call, field: str, attributes: dict[str, Any], expected: Any) -> None:
    assert getattr(call(attributes), field) == expected


def test_our_own_attributes_win_over_all(call: Call) -> None:
    ours = {f"usage_graph.{name}": "ours" for name in ("source", "name", "agent", "conversation", "user", "channel")}
    theirs = {key: "theirs" for field in SPAN_FIELDS[:6] for key in field.keys if key not in ours}
    for attributes in ({**ours, **theirs}, {**theirs, **ours}):
        record = call(attributes, resource=dict.fromkeys(WANTED_RESOURCE, "theirs"))
        assert {getattr(record, field) for field in IDENTITY} == {"ours"}


def test_the_span_then_the_scope_then_the_resource(call: Call) -> None:
    both = {
        "resource": {"usage_graph.user": "resource", "usage_graph.channel": "resource"},
        "scope_attributes": {"usage_graph.user": "scope"},
    }
    record = call({"usage_graph.user": "span"}, **both)
    assert (record.user_id, record.channel) == ("span", "resource")
    assert call({}, **both).user_id == "scope"
    assert call({}, resource={"user.id": "u", "usage_graph.agent": "a"}).source == "agent"


def test_service_and_environment_are_the_resources_first(call: Call) -> None:
    span = {"service.name": "span", "deployment.environment": "span"}
    resource = {"service.name": "resource", "deployment.environment.name": "resource"}
    of_both, of_span = call(span, resource=resource), call(span, resource={"service.name": "unknown_service:python"})
    assert (of_both.service, of_both.environment) == ("resource", "resource")
    assert (of_span.service, of_span.environment) == ("span", "span")
    assert call({}, resource={"deployment.environment": "old"}).environment == "old"
    assert call({}, resource={"service.name": "unknown_service"}).service is None


def test_a_resources_session_and_monitoring_agent_are_not_the_calls(call: Call) -> None:
    record = call({}, resource={"session.id": "a window", "agent.name": "collector", "channel": "x"})
    assert (record.conversation, record.agent, record.channel) == (None, None, None)


def test_what_an_observation_tells_beside_its_record(observe: Callable[..., Any]) -> None:
    seen = observe(
        {**CHAT, "gen_ai.response.id": "chatcmpl-0123456789", "anthropic.request.id": "req_0123456789"},
        scope="com.anthropic.sdk.python",
        resource={"service.instance.id": "i-1", "service.name": "shop"},
        parent_span_id=b"\3" * 8,
    )
    assert seen[1:] == (
        b"\3" * 8,
        "chatcmpl-0123456789",
        "req_0123456789",
        True,
        True,
        "com.anthropic.sdk.python",
        "i-1",
    )
    assert seen.parent == record_id("default", b"\1" * 16, b"\3" * 8)


def test_a_scopes_name_is_made_storable(observe: Callable[..., Any]) -> None:
    assert observe(CHAT, scope="a\0\ud800" * 500).scope == "a\ufffd" * 128
    assert observe(CHAT, scope="").scope == ""


@pytest.mark.parametrize("parent", [b"", bytes(8), b"\3" * 7, b"\3" * 16])
def test_a_parent_that_can_be_none_is_none(observe: Callable[..., Any], parent: bytes) -> None:
    assert observe(CHAT, parent_span_id=parent).parent_span_id == b""
    assert observe({}, parent_span_id=parent).ancestor.parent_span_id == b""


@pytest.mark.parametrize(
    ("resource", "attributes", "instance"),
    [
        ({"service.instance.id": "i", "service.name": "shop"}, {}, "i"),
        ({"service.name": "shop"}, {"service.name": "other"}, "shop"),
        ({"service.name": "unknown_service:python"}, {}, None),
        ({}, {"service.name": "openlit-app"}, "openlit-app"),
        ({}, {}, None),
    ],
)
def test_the_instance_is_the_process(
    observe: Callable[..., Any], resource: dict[str, Any], attributes: dict[str, Any], instance: str | None
) -> None:
    assert observe({**CHAT, **attributes}, resource=resource).instance == instance


@pytest.mark.parametrize(
    ("scope", "trusted"),
    [
        ("com.anthropic.sdk.python", True),
        ("com.anthropic.sdk.typescript", True),
        ("com.openai.sdk.python", True),
        ("mistralai_sdk_tracer", True),
        ("com.anthropic.claude_code.tracing", False),
        ("opentelemetry.instrumentation.anthropic", False),
        ("", False),
    ],
)
def test_only_the_providers_own_sdk_is_trusted(observe: Callable[..., Any], scope: str, trusted: bool) -> None:
    assert observe({**CHAT, "span.type": "llm_request"}, scope=scope).trusted is trusted


@pytest.mark.parametrize(
    ("attributes", "resource", "derived"),
    [
        ({}, {}, True),
        ({"gen_ai.agent.name": "weather"}, {}, True),
        ({"usage_graph.source": "memory"}, {}, False),
        ({}, {"usage_graph.source": "memory"}, False),
    ],
)
def test_a_source_that_nobody_named_is_derived(
    observe: Callable[..., Any], attributes: dict[str, Any], resource: dict[str, Any], derived: bool
) -> None:
    assert observe({**CHAT, **attributes}, resource=resource).source_derived is derived


@pytest.mark.parametrize(
    ("scope", "attributes", "expected"),
    [
        ("any", {"anthropic.request.id": "req_0123456789"}, "req_0123456789"),
        ("any", {"gen_ai.response.id": "req_0123456789"}, "req_0123456789"),
        # An application's own request makes many calls.
        ("any", {"request_id": "req_0123456789"}, None),
        ("com.anthropic.claude_code.tracing", {"request_id": "req_0123456789"}, "req_0123456789"),
        ("com.anthropic.claude_code.tracing", {"request_id": "0b5e-bedrock-1"}, "0b5e-bedrock-1"),
        ("com.anthropic.claude_code.tracing", {"request_id": "undefined"}, None),
        ("com.anthropic.claude_code.tracing", {"request_id": ""}, None),
    ],
)
def test_request_ids(observe: Callable[..., Any], scope: str, attributes: dict[str, Any], expected: str | None) -> None:
    assert observe({**CHAT, "span.type": "llm_request", **attributes}, scope=scope).request_id == expected


@pytest.mark.parametrize(
    ("attributes", "identity"),
    [
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}, (None, None, "a", None)),
        (
            {
                "ai.operationId": "ai.generateText",
                "ai.settings.context.sessionId": "s",
                "ai.settings.context.userId": "u",
                "ai.settings.context.channel": "web",
            },
            ("s", "u", None, "web"),
        ),
        # Vercel 7: on steps and agents, not on the calls below them
        (
            {"gen_ai.operation.name": "agent_step", "ai.settings.context.userId": "u"},
            (None, "u", None, None),
        ),
        (
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.conversation.id": "c", "user.id": "u"},
            ("c", "u", None, None),
        ),
        ({"agent_name": "researcher", "model_name": "gpt-4o"}, (None, None, "researcher", None)),
        ({"traceloop.span.kind": "agent", "traceloop.entity.name": "planner"}, (None, None, "planner", None)),
        ({"traceloop.span.kind": "task", "traceloop.entity.name": "planner"}, (None, None, None, None)),
        (
            {"traceloop.span.kind": "agent", "traceloop.entity.name": "x", "gen_ai.agent.name": "a"},
            (None, None, "a", None),
        ),
        (
            {"openinference.span.kind": "CHAIN", "metadata": '{"thread_id": "t", "lc_agent_name": "a"}'},
            ("t", None, "a", None),
        ),
        (
            {"gen_ai.operation.name": "invoke_agent", "github.copilot.agent.type": "custom"},
            (None, None, "custom", None),
        ),
        ({"gen_ai.operation.name": "something_new", "session.id": "s"}, ("s", None, None, None)),
        ({"http.route": "/chat", "session.id": "s", "user.id": "u", "channel": "web"}, ("s", "u", None, "web")),
        ({"usage_graph.conversation": "ours", "session.id": "s"}, ("ours", None, None, None)),
    ],
)
def test_what_a_span_tells_of_the_calls_below_it(
    aside: Callable[..., NotACall], attributes: dict[str, Any], identity: tuple[str | None, ...]
) -> None:
    found = aside(attributes, parent_span_id=b"\3" * 8, project="acme").ancestor
    assert found == ("acme", b"\1" * 16, b"\2" * 8, b"\3" * 8, *identity, True)


def test_what_a_resource_tells_of_the_calls_below_its_spans(aside: Callable[..., NotACall]) -> None:
    around = {
        "usage_graph.user": "u",
        "usage_graph.agent": "a",
        "session.id": "a window",
        "usage_graph.project": "acme",
    }
    assert aside({"http.route": "/"}, resource=around).ancestor[4:8] == (None, "u", "a", None)
    assert aside({"http.route": "/", "user.id": "own"}, resource=around).ancestor.user_id == "own"
    assert aside({"http.route": "/"}, resource=around).ancestor.project == "acme"


def test_the_spans_of_agents_whose_logs_count_tell_nothing(aside: Callable[..., NotACall]) -> None:
    told = aside({"user.id": "u", "conversation.id": "c"}, scope="codex_core", resource={"usage_graph.user": "u"})
    assert told.ancestor[4:8] == (None,) * 4


def test_project(call: Call) -> None:
    own, oinf = {"usage_graph.project": "own"}, {"openinference.project.name": "oinf"}
    assert call().project == "default"
    assert call(resource={**oinf}).project == "oinf"
    assert call(resource={**oinf, **own}).project == "own"
    assert call(resource={**own}, project="header").project == "header"
    assert call(resource={"usage_graph.project": " "}).project == "default"


def test_the_project_of_what_is_not_read_further() -> None:
    own, scope = {"usage_graph.project": " own\n"}, Scope("s", "", {"usage_graph.project": "scope"})
    assert project_of(Resource({}), scope, None) == "default"
    assert project_of(Resource(own), scope, None) == "own"
    assert project_of(Resource({"openinference.project.name": "oinf"}), scope, None) == "oinf"
    assert project_of(Resource(own), scope, "header") == "header"


@pytest.mark.parametrize(
    ("named", "project"),
    [(" own ", "own"), ("o\nw\tn", "own"), ("b\xfcro", "b\xfcro"), ("\x7f\u200b", "default"), ("\x85 own", "own")],
)
def test_every_project_has_a_name_that_a_header_can_name(call: Call, named: str, project: str) -> None:
    assert call(resource={"usage_graph.project": named}).project == project
    assert call(resource={"usage_graph.project": "p\0" * 300}).project == "p" * 256
    assert call(project="header").id == record_id("header", b"\1" * 16, b"\2" * 8)


def test_another_resource_is_another_origin(processor: Processor) -> None:
    """What is remembered of the last resource and scope is not taken for the next one's."""
    resources = [Resource({"service.name": name}) for name in ("a", "b")]
    scopes = [Scope("s", "", {"usage_graph.user": user}) for user in ("u", "v")]
    for resource in resources * 2:
        for scope in scopes * 2:
            outcome = processor.observe(resource, scope, a_span(CHAT), project=None, now=NOW)
            assert isinstance(outcome, Observation)
            record = outcome.record
            assert record.service == resource.attributes["service.name"]
            assert record.user_id == scope.attributes["usage_graph.user"]


@pytest.mark.parametrize(
    ("status_code", "attributes", "failed"),
    [
        (0, {}, False),
        (1, {}, False),
        (2, {}, True),
        (0, {"error.type": "timeout"}, True),
        (0, {"error.type": ""}, False),
        (0, {"langfuse.observation.level": "ERROR"}, True),
        (0, {"langfuse.observation.level": "WARNING"}, False),
    ],
)
def test_failed(call: Call, status_code: int, attributes: dict[str, Any], failed: bool) -> None:
    assert call(attributes, status_code=status_code).failed is failed


def test_times_are_exact_to_the_microsecond(call: Call) -> None:
    start = 1_699_999_999_123_456_789
    record = call(start_ns=start, end_ns=start + 1_500_999)
    assert record.started_at == datetime(2023, 11, 14, 22, 13, 19, 123_456, UTC)
    assert record.duration_us == 1500


@pytest.mark.parametrize("end", [0, 1, nanoseconds(START) - 1])
def test_a_missing_or_wrong_end_is_no_duration(call: Call, end: int) -> None:
    assert call(end_ns=end).duration_us == 0


def test_no_call_takes_over_a_week(call: Call) -> None:
    """A bucket's sum of durations then stays within 64 bits up to 15 million calls."""
    start = nanoseconds(datetime(1971, 1, 2, tzinfo=UTC))
    week = 7 * 24 * 3_600 * 10**9
    assert call(start_ns=start, end_ns=start + week).duration_us == week // 1000
    assert call(start_ns=start, end_ns=start + week + 1).duration_us == 0
    assert call(start_ns=start, end_ns=nanoseconds(NOW)).duration_us == 0


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": b""}, "no trace id"),
        ({"trace_id": bytes(16)}, "no trace id"),
        ({"trace_id": b"\1" * 15}, "no trace id"),
        ({"span_id": b""}, "no span id"),
        ({"span_id": bytes(8)}, "no span id"),
        ({"span_id": b"\1" * 9}, "no span id"),
        ({"start_ns": 0}, "no start time"),
        ({"start_ns": -1}, "nanoseconds"),
        ({"start_ns": 1_795_000_000}, "nanoseconds"),
        ({"start_ns": 1_795_000_000_000_000}, "nanoseconds"),
        ({"start_ns": nanoseconds(NOW + HOUR) + 1}, "future"),
        ({"start_ns": 2**64 - 1}, "future"),
        ({"end_ns": nanoseconds(NOW + HOUR) + 1}, "future"),
        ({"end_ns": 2**64 - 1}, "future"),
    ],
)
def test_spans_that_can_be_no_record(observe: Callable[..., Any], changes: dict[str, Any], reason: str) -> None:
    for attributes in (CHAT, {}):
        outcome = observe(attributes, **changes)
        assert isinstance(outcome, Rejection)
        assert reason in outcome.reason
    span = a_span(CHAT, **changes)
    assert check(span.trace_id, span.span_id, span.start_ns, span.end_ns, nanoseconds(NOW)) == outcome


@pytest.mark.parametrize("at", [datetime(1971, 1, 2, tzinfo=UTC), datetime(2015, 5, 5, tzinfo=UTC), NOW, NOW + HOUR])
def test_any_past_is_fine_and_an_hour_of_the_future(call: Call, at: datetime) -> None:
    assert call(start_ns=nanoseconds(at), end_ns=nanoseconds(at)).started_at == at


def test_the_tables_and_what_is_unpacked_agree() -> None:
    assert Found._fields == (*(field.name for field in SPAN_FIELDS), "exclusive")
    assert Identity._fields == semconv.IDENTITY
    assert {name for document in DOCUMENTS for name in document.paths} <= set(Found._fields)
    assert Origin._fields == tuple(field.name for field in (*INHERITED_FIELDS, *RESOURCE_FIELDS))
    assert all(len(set(field.keys)) == len(field.keys) for field in SPAN_FIELDS)


def test_the_allow_list_names_no_content() -> None:
    content = ("messages", "prompt.", "completion.", "input.value", "output.value", "instructions", "tool", "events")
    assert {key for key in WANTED if any(word in key for word in content) and "_details." not in key} == {
        "gen_ai.prompt.name",
        "langfuse.observation.prompt.name",
    }
    assert not any(key.endswith((".", "*")) for key in WANTED | WANTED_RESOURCE)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | st.text(st.characters(categories=["Cs", "Cc"]), max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(
        ["gpt-4o", "claude-sonnet-4-5", "anthropic", "1e30", "-1", "NaN", "x" * 10_000, "{", '{"total": 1e999}']
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
usage_numbers = st.sampled_from(
    [
        0,
        1,
        100,
        101,
        10**12,
        1.5,
        "7",
        "22.0",
        " 2113 ",
        -1,
        True,
        "False",
        "",
        float("nan"),
        10**30,
        None,
        [5],
        {"a": 5},
    ]
)
amounts = st.sampled_from([0, 0.0, 0.25, "0.25", 1e-9, -1, 1e30, float("inf"), "", True, None])
numeric = ("input", "output", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning", "total")
token_keys = [key for field in SPAN_FIELDS if field.name in numeric for key in field.keys]
cost_keys = [key for field in SPAN_FIELDS if field.name.endswith("cost") for key in field.keys]
counts = st.sampled_from([0, 7, 100, 1000, 10**12, -1, 1.5, "7", None, True, 10**30])
usage_object = st.fixed_dictionaries(
    {},
    optional={
        "input": counts,
        "input_tokens": counts,
        "prompt_tokens": counts,
        "output": counts,
        "output_reasoning": counts,
        "completion_tokens": counts,
        "input_cache_read": counts,
        "cache_read_input_tokens": counts,
        "cache_read": counts,
        "total": counts,
        "total_tokens": counts,
        "input_token_details": st.fixed_dictionaries({}, optional={"cache_read": counts, "cache_creation": counts}),
        "prompt_tokens_details": st.fixed_dictionaries({}, optional={"cached_tokens": counts}) | counts,
        "cache_creation": st.fixed_dictionaries({}, optional={"ephemeral_1h_input_tokens": counts}),
        "type": st.sampled_from(["llm", "task", 5]),
        "messages": st.just([{"content": "SECRET"}]),
    },
)
documents = st.dictionaries(
    st.sampled_from(sorted(document.key for document in DOCUMENTS)),
    usage_object | usage_object.map(json.dumps) | usage_object.map(repr),
    max_size=3,
)


@given(
    leaf=st.sampled_from(
        [
            CHAT,
            {"openinference.span.kind": "LLM"},
            {"ai.operationId": "ai.embed.doEmbed"},
            {"langfuse.observation.type": "span"},
            {"gen_ai.operation.name": "invoke_agent"},
            {"gen_ai.operation.name": "something_new"},
            {"traceloop.span.kind": "agent"},
            {},
        ]
    ),
    attributes=st.dictionaries(st.sampled_from(sorted(WANTED)), anything, max_size=15),
    numbers=st.dictionaries(st.sampled_from(token_keys), usage_numbers, max_size=6),
    money=st.dictionaries(st.sampled_from(cost_keys), amounts, max_size=4),
    inside=documents,
    content=st.dictionaries(
        st.sampled_from(
            ["gen_ai.input.messages", "input.value", "gen_ai.prompt.0.content", "ai.prompt", "request_data"]
        ),
        st.sampled_from(["SECRET", ["SECRET"], {"role": "SECRET"}, '{"content": "SECRET"}']),
    ),
    resource=st.dictionaries(st.sampled_from(sorted(WANTED_RESOURCE)), anything, max_size=4),
    scope=st.sampled_from(
        [
            "",
            "ai",
            "openlit.x",
            "logfire.openai",
            "com.anthropic.claude_code.tracing",
            "com.anthropic.sdk.python",
            "codex_core",
            "gcp.vertex.agent",
            "a\0\ud800" * 500,
        ]
    ),
    status=st.integers(0, 3),
    end=st.integers(0, nanoseconds(NOW)),
    parent=st.sampled_from([b"", bytes(8), b"\3" * 8, b"\3" * 5]),
)
@settings(deadline=None, max_examples=300)
def test_whatever_comes_is_fit_to_store(pricing: Pricing, leaf: dict[str, Any], **sent: Any) -> None:
    """Invariants 5, 6 and 7: text is storable, numbers are bounded, unknown cost is not 0; nothing raises or leaks."""
    attributes = {**leaf, **sent["attributes"], **sent["numbers"], **sent["money"], **sent["inside"], **sent["content"]}
    outcome = Processor(pricing=pricing).observe(
        Resource(sent["resource"]),
        Scope(sent["scope"], "", sent["resource"]),
        a_span(attributes, status_code=sent["status"], end_ns=sent["end"], parent_span_id=sent["parent"]),
        project=None,
        now=NOW,
    )
    assert "SECRET" not in repr(outcome)
    if isinstance(outcome, NotACall):
        storable(outcome.ancestor)
        assert len(outcome.ancestor.parent_span_id) in (0, 8)
        return
    assert isinstance(outcome, Observation)
    storable(outcome.record)
    storable(outcome)
    assert len(outcome.parent_span_id) in (0, 8)
    fit(outcome.record)


def storable(row: tuple[Any, ...]) -> None:
    for text in row:
        if isinstance(text, str) and text:
            text.encode()
            assert "\0" not in text
            assert text.strip()
            assert len(text) <= 256


def fit(record: UsageRecord) -> None:
    kinds = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
    counted = [getattr(record, f"{kind}_tokens") for kind in kinds]
    assert all(count is None or (type(count) is int and 0 <= count <= MAX_TOKENS) for count in counted)
    tokens_in, tokens_out, read, write, hour, reasoning = counted
    assert tokens_in is None or (read or 0) + (write or 0) <= tokens_in
    assert tokens_out is None or (reasoning or 0) <= tokens_out
    assert (hour or 0) <= (write or 0)
    assert record.cost_nano is None or (type(record.cost_nano) is int and 0 <= record.cost_nano <= MAX_COST_NANO)
    assert not (record.cost_reported and (record.cost_nano is None or (record.cost_nano == 0 and record.total_tokens)))
    parts = [
        record.input_cost_nano,
        record.cache_read_cost_nano,
        record.cache_write_cost_nano,
        record.output_cost_nano,
    ]
    assert all(part is None or (type(part) is int and part >= 0) for part in parts)
    assert sum(part or 0 for part in parts) <= (record.cost_nano or 0)
    assert 0 <= record.credits_nano <= MAX_CREDITS_NANO
    assert 0 <= record.duration_us <= 7 * 24 * 3_600 * 10**6
    assert type(record.suspect) is bool
    assert project_named(record.project) == record.project
    assert record.operation in ("chat", "completion", "embeddings", "rerank", "image", "audio", "other")
