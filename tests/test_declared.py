"""Which attributes may be declared: names that are short, and none that conventions put content under."""

from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.test_privacy import CONTENT, PAYLOADS
from usage_graph.config import load
from usage_graph.declared import MAX_ATTRIBUTES, MAX_KEY, holds_content
from usage_graph.errors import ConfigError

SETTING = "USAGE_GRAPH_ATTRIBUTES"


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("team", ("team",)),
        (" team, feature,,team ", ("team", "feature")),
        ("langfuse.trace.metadata.tenant,A b,größe", ("langfuse.trace.metadata.tenant", "A b", "größe")),
        ("gen_ai.prompt.name,prompt_version,output.type", ("gen_ai.prompt.name", "prompt_version", "output.type")),
        ("x" * MAX_KEY, ("x" * MAX_KEY,)),
        (",".join(map(str, range(MAX_ATTRIBUTES))), tuple(map(str, range(MAX_ATTRIBUTES)))),
        ("", ()),
        (",", ()),
    ],
)
def test_what_is_declared(value: str, keys: tuple[str, ...]) -> None:
    assert load({SETTING: value}).attributes == keys


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x" * 101, f"names '{'x' * 20}'..., which has 101 characters: a key has at most 100."),
        (",".join(map(str, range(21))), "names 21 attributes: at most 20 can be kept."),
        ("te\x00am", r"names 'te\x00am', which has characters that cannot be printed."),
        (
            "team,gen_ai.input.messages",
            "names 'gen_ai.input.messages', a key of what people wrote or models answered: that is never kept.",
        ),
        ("prompt", "names 'prompt', a key of what people wrote or models answered: that is never kept."),
    ],
)
def test_what_cannot_be_declared(value: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({SETTING: value})
    assert caught.value.problems == (f"{SETTING}: {value!r} {problem}",)


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.prompt",
        "gen_ai.completion.0.content",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "llm.prompt_template.variables",
        "llm.input_messages.1.message.content",
        "input.value",
        "traceloop.entity.output",
        "langfuse.observation.input",
        "mlflow.spanInputs",
        "ai.toolCall.args",
        "ai.response.text",
        "ai.response.toolCalls",
        "user_prompt",
        "exception.message",
        "db.statement",
        "logfire.msg",
        "metadata",
    ],
)
def test_keys_of_content(key: str) -> None:
    assert holds_content(key)


@pytest.mark.parametrize(
    "key",
    [
        "team",
        "tenant.id",
        "customer_plan",
        "featureFlag",
        "gen_ai.request.model",
        "gen_ai.system",
        "gen_ai.usage.input_tokens",
        "langfuse.observation.prompt.name",
        "service.namespace",
        "context",
        "region",
        "größe",
        "東京",
        "42",
        "...",
    ],
)
def test_other_keys(key: str) -> None:
    assert not holds_content(key)


def _pairs(message: ExportTraceServiceRequest | ExportLogsServiceRequest) -> Iterator[KeyValue]:
    if isinstance(message, ExportTraceServiceRequest):
        for resource in message.resource_spans:
            yield from resource.resource.attributes
            for scope in resource.scope_spans:
                for span in scope.spans:
                    yield from span.attributes
        return
    for logged in message.resource_logs:
        yield from logged.resource.attributes
        for log_scope in logged.scope_logs:
            for record in log_scope.log_records:
                yield from record.attributes


@cache
def captured() -> Iterable[KeyValue]:
    """Every attribute of the captured spans and log records."""
    found: list[KeyValue] = []
    for path in sorted(PAYLOADS.glob("*__*__*.binpb")):
        signal = path.name.split("__")[1]
        if signal != "metrics":
            kind = ExportTraceServiceRequest if signal == "traces" else ExportLogsServiceRequest
            found += _pairs(kind.FromString(path.read_bytes()))
    return found


def test_no_key_that_content_was_captured_under_can_be_declared() -> None:
    keys = {pair.key for pair in captured() if any(phrase in str(pair.value) for phrase in CONTENT)}
    assert len(keys) > 20
    assert [key for key in sorted(keys) if not holds_content(key)] == []
