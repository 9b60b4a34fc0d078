"""Which spans are LLM calls, and that nothing else is ever counted."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from tests.processor.conftest import NOW, a_span
from usage_graph.processor import LEAF_KEYS, WANTED, Processor, Resource, Scope
from usage_graph.processor.leaf import operation
from usage_graph.usage import UsageRecord

USED = {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 7}
MODEL = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"gen_ai.operation.name": "chat"}, "chat"),
        ({"gen_ai.operation.name": "Chat"}, "chat"),
        ({"gen_ai.operation.name": "generate_content"}, "chat"),
        ({"gen_ai.operation.name": "text_completion"}, "completion"),
        ({"gen_ai.operation.name": "embeddings"}, "embeddings"),
        ({"gen_ai.operation.name": "embedding"}, "embeddings"),
        ({"gen_ai.operation.name": "rerank"}, "rerank"),
        ({"gen_ai.operation.name": "image_generation"}, "image"),
        ({"gen_ai.operation.name": "speech"}, "audio"),
        ({"gen_ai.operation.name": "decide"}, "other"),
        ({"gen_ai.operation.name": "invoke_agent", **MODEL, **USED}, None),
        ({"gen_ai.operation.name": "execute_event_loop_cycle", **MODEL, **USED}, None),
        ({"gen_ai.operation.name": "something_new", **MODEL, **USED}, None),
        ({"openinference.span.kind": "LLM"}, "chat"),
        ({"openinference.span.kind": "EMBEDDING"}, "embeddings"),
        ({"openinference.span.kind": "RERANKER"}, "rerank"),
        ({"openinference.span.kind": "AGENT", "gen_ai.operation.name": "chat", **MODEL, **USED}, None),
        ({"openinference.span.kind": "LLM", "gen_ai.operation.name": "text_completion"}, "completion"),
        ({"openinference.span.kind": "LLM", "gen_ai.operation.name": "something_new"}, "chat"),
        ({"ai.operationId": "ai.generateText.doGenerate"}, "chat"),
        ({"ai.operationId": "ai.streamObject.doStream"}, "chat"),
        ({"ai.operationId": "ai.embedMany.doEmbed"}, "embeddings"),
        ({"ai.operationId": "ai.generateImage.doSomethingNew"}, "other"),
        ({"ai.operationId": "ai.generateText", **MODEL, **USED}, None),
        ({"ai.operationId": "ai.toolCall"}, None),
        ({"ai.operationId": "ai.x.done", **MODEL, **USED}, None),
        ({"traceloop.span.kind": "workflow", **MODEL, **USED}, None),
        ({"llm.request.type": "chat", **MODEL}, "chat"),
        ({"llm.request.type": "rerank", **MODEL}, "rerank"),
        ({"langsmith.span.kind": "chain", **MODEL, **USED}, None),
        ({"langsmith.span.kind": "llm"}, "chat"),
        ({"langfuse.observation.type": "span", **MODEL, **USED}, None),
        ({"langfuse.observation.type": "generation"}, "chat"),
        ({**MODEL, **USED}, "other"),
        ({**MODEL}, None),
        ({"gen_ai.request.model": "gpt-4o", **USED}, None),
        ({"gen_ai.system": "openai", "model_name": "gpt-4o", **USED}, None),
        ({"gen_ai.operation.name": "", **MODEL, **USED}, "other"),
        ({"gen_ai.operation.name": ["chat"], **MODEL}, None),
        ({"gen_ai.operation.name": "chat", "logfire.span_type": "pending_span"}, None),
        ({"http.request.method": "POST"}, None),
        # The context of `usage_graph.instrument.usage` stamps every span inside it; that makes none an LLM call.
        ({"usage_graph.source": "agent", "usage_graph.name": "Report", "http.request.method": "POST"}, None),
        ({"usage_graph.cost": 1, "usage_graph.credits": 1}, None),
        ({}, None),
    ],
)
def test_leaf_rule(attributes: dict[str, Any], expected: str | None) -> None:
    assert operation("any.scope", attributes) == expected


@pytest.mark.parametrize(
    ("scope", "attributes", "expected"),
    [
        ("codex_core", {"gen_ai.operation.name": "chat"}, None),
        ("gemini-cli", {"gen_ai.operation.name": "chat"}, None),
        ("com.anthropic.claude_code.tracing", {"span.type": "llm_request"}, "chat"),
        ("com.anthropic.claude_code.tracing", {"span.type": "interaction", **MODEL, **USED}, None),
        ("elsewhere", {"span.type": "llm_request"}, None),
    ],
)
def test_scopes_that_decide(scope: str, attributes: dict[str, Any], expected: str | None) -> None:
    assert operation(scope, attributes) == expected


def test_a_streamed_call_of_logfire_counts_once(process: Callable[..., Any]) -> None:
    asked = {"gen_ai.operation.name": "chat", **MODEL}
    assert process(asked, scope="logfire.openai") is None
    assert process({**asked, **USED}, scope="logfire.openai").input_tokens == 5
    assert process(asked, scope="logfire.openai", status_code=2).failed
    assert process(asked, scope="logfire").input_tokens is None


# Parents as the dialects write them; each repeats its children's sums, whatever its keys.
PARENTS: list[dict[str, Any]] = [
    {"openinference.span.kind": "AGENT", "llm.model_name": "gpt-4o", "llm.system": "openai"},
    {"openinference.span.kind": "CHAIN", "gen_ai.operation.name": "chat", **MODEL},
    {"gen_ai.operation.name": "invoke_agent", **MODEL},
    {"gen_ai.operation.name": "agent_step", **MODEL},
    {"gen_ai.operation.name": "invoke_workflow", **MODEL},
    {"ai.operationId": "ai.generateText", "ai.model.id": "gpt-4o", "ai.model.provider": "openai.chat", **MODEL},
    {"traceloop.span.kind": "workflow", **MODEL},
    {"langfuse.observation.type": "agent", **MODEL},
    {"model_name": "gpt-4o", "agent_name": "weather"},
]
LEAVES: list[dict[str, Any]] = [
    {"gen_ai.operation.name": "chat", **MODEL},
    {"openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o"},
    {"ai.operationId": "ai.streamText.doStream", "ai.model.id": "gpt-4o", "ai.model.provider": "openai.chat"},
    {"llm.request.type": "chat", **MODEL},
    {**MODEL},
]
SUMS = (
    ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"),
    ("llm.token_count.prompt", "llm.token_count.completion"),
    ("ai.usage.inputTokens", "ai.usage.outputTokens"),
)
STAMP = {"usage_graph.source": "agent", "usage_graph.name": "Nightly report", "session.id": "s", "user.id": "u"}

counts = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))
used_leaves = st.tuples(st.sampled_from(LEAVES), st.sampled_from(SUMS), counts)
trees = st.recursive(
    used_leaves.map(lambda leaf: [leaf]),
    lambda inner: st.tuples(
        st.sampled_from(PARENTS), st.sampled_from(SUMS), st.lists(inner, min_size=1, max_size=4)
    ).map(lambda parent: [(parent[0], parent[1], None), *(span for child in parent[2] for span in child)]),
    max_leaves=12,
)


@given(tree=trees, stamped=st.booleans(), seed=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_what_parents_repeat_is_not_counted(
    shared_processor: Processor, tree: list[Any], stamped: bool, seed: Any
) -> None:
    """Invariant 3: calls and tokens are those of the leaves, in any order of arrival."""
    used = [count for _, _, count in tree if count is not None]
    whole = tuple(map(sum, zip(*used, strict=True)))
    spans = [
        {**marks, **dict(zip(keys, whole if count is None else count, strict=True)), **(STAMP if stamped else {})}
        for marks, keys, count in tree
    ]
    seed.shuffle(spans)
    outcomes = [
        shared_processor.record(Resource({}), Scope("s", "", {}), a_span(span), project=None, now=NOW) for span in spans
    ]
    records = [outcome for outcome in outcomes if isinstance(outcome, UsageRecord)]
    assert len(records) == len(used)
    assert sum(record.input_tokens or 0 for record in records) == whole[0]
    assert sum(record.output_tokens or 0 for record in records) == whole[1]


@pytest.fixture(scope="module")
def shared_processor(pricing: Any) -> Processor:
    return Processor(pricing=pricing)


def serialized(attributes: dict[str, Any]) -> bytes:
    def any_value(value: Any) -> AnyValue:
        match value:
            case str():
                return AnyValue(string_value=value)
            case bool():
                return AnyValue(bool_value=value)
            case int():
                return AnyValue(int_value=value)
            case list():
                return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        return AnyValue()

    pairs = [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]
    return ProtoSpan(name="x", attributes=pairs).SerializeToString()


words = st.sampled_from(
    [
        "chat",
        "LLM",
        "generation",
        "llm",
        "llm_request",
        "ai.generateText.doGenerate",
        "completion",
        "gpt-4o",
        "openai",
        "",
    ]
)
scopes = st.sampled_from(["", "ai", "codex", "logfire.openai", "com.anthropic.claude_code.tracing", "openlit"])


@given(
    scope=scopes,
    attributes=st.dictionaries(
        st.sampled_from(sorted(WANTED)), words | st.integers(0, 99) | st.lists(words, max_size=2), max_size=12
    ),
)
@settings(deadline=None, max_examples=200)
def test_a_span_without_a_leaf_key_is_no_call(scope: str, attributes: dict[str, Any]) -> None:
    """What lets decoders leave spans unread."""
    if operation(scope, attributes) is not None:
        assert not LEAF_KEYS.isdisjoint(attributes)
