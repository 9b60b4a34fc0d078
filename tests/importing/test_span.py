"""Calls as spans: what is sent, and ids that stay what they are."""

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from usage_graph.importing import span as spans
from usage_graph.importing.call import Call, ids
from usage_graph.importing.records import OPERATIONS
from usage_graph.processor import WANTED

AT = datetime(2026, 10, 5, 9, 0, 0, 250_001, tzinfo=UTC)


def attributes(span: Span) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@pytest.mark.parametrize(
    ("kind", "trace_id", "span_id"),
    [
        ("claude-code", "bec6e352eab7fdbfc11a3c28270a3d4f", "16715699d07914ad"),
        ("litellm", "3dfbcd20f7a68f27fe308021214720c3", "79e488a4afbfb9d6"),
        ("records", "1cd4c7bdbdb69ed496756ff97fc8e5d0", "36f770d01e1c9156"),
    ],
)
def test_ids_are_the_same_in_every_version(kind: str, trace_id: str, span_id: str) -> None:
    """Else what was imported before would count again."""
    trace, span = ids(kind, Call("msg_0123456789", AT))
    assert (trace.hex(), span.hex()) == (trace_id, span_id)


@given(st.text(), st.text())
def test_other_identities_have_other_ids(one: str, other: str) -> None:
    assert (ids("records", Call(one, AT)) == ids("records", Call(other, AT))) == (one == other)


def test_ids_of_a_span_are_kept() -> None:
    given_ids = bytes(range(1, 17)), bytes(range(1, 9))
    assert ids("records", Call("x", AT, span=given_ids)) == given_ids


def test_a_whole_call() -> None:
    call = Call(
        identity="x",
        started_at=AT,
        duration=timedelta(milliseconds=2.5),
        source="s",
        name="n",
        agent="a",
        conversation="c",
        user="u",
        channel="ch",
        service="sv",
        environment="e",
        provider="p",
        request_model="rm",
        response_model="m",
        failed=True,
        error_type="E",
        input_tokens=10,
        output_tokens=0,
        cache_read_tokens=1,
        cache_write_tokens=2,
        cache_write_1h_tokens=1,
        reasoning_tokens=0,
        cost=Decimal("1E-9"),
        credits=Decimal("2.5"),
        service_tier="t",
        response_id="r",
        request_id="q",
    )
    made = spans.span("records", call)

    assert (made.name, made.kind, made.status.code) == ("chat m", Span.SPAN_KIND_CLIENT, 2)
    assert made.start_time_unix_nano == 1_791_190_800_250_001_000
    assert made.end_time_unix_nano - made.start_time_unix_nano == 2_500_000
    assert attributes(made) == {
        "gen_ai.operation.name": "chat",
        "usage_graph.source": "s",
        "usage_graph.name": "n",
        "usage_graph.agent": "a",
        "usage_graph.conversation": "c",
        "usage_graph.user": "u",
        "usage_graph.channel": "ch",
        "service.name": "sv",
        "deployment.environment.name": "e",
        "gen_ai.provider.name": "p",
        "gen_ai.request.model": "rm",
        "gen_ai.response.model": "m",
        "gen_ai.response.id": "r",
        "anthropic.request.id": "q",
        "gen_ai.response.service_tier": "t",
        "error.type": "E",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 0,
        "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 1,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "usage_graph.cost": "0.000000001",
        "usage_graph.credits": "2.5",
    }


def test_what_is_unknown_is_not_sent() -> None:
    made = spans.span("records", Call("x", AT))
    assert attributes(made) == {"gen_ai.operation.name": "chat"}
    assert (made.name, made.status.code, made.end_time_unix_nano) == ("chat", 0, made.start_time_unix_nano)


def test_the_server_reads_everything_that_is_sent() -> None:
    assert {*spans._TEXTS.values(), *spans._COUNTS.values(), *spans._AMOUNTS.values()} <= WANTED


def test_every_operation_can_be_sent() -> None:
    assert set(spans._OPERATIONS) == set(OPERATIONS)


def test_a_request_is_gzipped_otlp_and_the_same_each_time() -> None:
    made = [spans.span("records", Call(str(number), AT)) for number in range(3)]
    body = spans.request(made)

    message = ExportTraceServiceRequest.FromString(gzip.decompress(body))
    assert list(message.resource_spans[0].scope_spans[0].spans) == made
    assert body == spans.request(made)
