"""Which spans are LLM calls, and that nothing else is ever counted."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.conftest import NOW, a_span
from usage_graph.observation import Observation
from usage_graph.processor import IDENTITY_KEYS, LEAF_KEYS, TELLING_KEYS, WANTED, NotACall, Processor, Resource, Scope
from usage_graph.processor.leaf import AROUND, ELSEWHERE, NEW, PLAIN, NoCall, judge

USED = {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 7}
MODEL = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}


CALLS = {
    "gen_ai.operation.name": {
        "chat": "chat",
        "Chat": "chat",
        "generate_content": "chat",
        "generate": "chat",
        "text_completion": "completion",
        "completion": "completion",
        "embeddings": "embeddings",
        "embedding": "embeddings",
        "rerank": "rerank",
        "image_generation": "image",
        "speech": "audio",
        "transcription": "audio",
        "decide": "other",
        "chat.completions": "chat",
        "text.streaming_completions": "completion",
    },
    "openinference.span.kind": {"LLM": "chat", "EMBEDDING": "embeddings", "RERANKER": "rerank", "DECISION": "other"},
    "langfuse.observation.type": {"generation": "chat", "embedding": "embeddings"},
    "langsmith.span.kind": {"llm": "chat", "embedding": "embeddings"},
    "ai.operationId": {
        "ai.generateText.doGenerate": "chat",
        "ai.streamObject.doStream": "chat",
        "ai.embedMany.doEmbed": "embeddings",
        "ai.rerank.doRerank": "rerank",
        "ai.generateImage.doGenerate": "image",
        "ai.generateSpeech.doGenerate": "audio",
        "ai.transcribe.doTranscribe": "audio",
        "ai.something.doSomethingNew": "other",
    },
    "llm.request.type": {"chat": "chat", "completion": "completion", "embedding": "embeddings", "rerank": "rerank"},
    "mlflow.spanType": {"CHAT_MODEL": "chat", '"LLM"': "chat", '"EMBEDDING"': "embeddings", "RERANKER": "rerank"},
    "braintrust.span_attributes.type": {"llm": "chat"},
    "braintrust.span_attributes": {'{"type": "llm", "name": "x"}': "chat"},
}

AROUND_CALLS = {
    "gen_ai.operation.name": (
        "invoke_agent create_agent invoke_workflow execute_tool agent_step plan chain execute_task "
        "execute_event_loop_cycle llm_call retrieval search_memory update_memory compact_events execute_hook "
        "fetch_response invoke_swarm orchestrate_tools framework"
    ),
    "openinference.span.kind": "AGENT CHAIN TOOL RETRIEVER GUARDRAIL EVALUATOR PROMPT UNKNOWN",
    "langfuse.observation.type": "span event agent tool chain retriever evaluator guardrail",
    "langsmith.span.kind": "chain tool retriever prompt parser",
    "ai.operationId": "ai.generateText ai.streamText ai.toolCall ai.embed ai.x.done",
    "traceloop.span.kind": "workflow task agent tool whatever",
    "mlflow.spanType": 'AGENT "CHAIN" TOOL "RETRIEVER" PARSER',
    "braintrust.span_attributes.type": "task tool function eval score",
    "braintrust.span_attributes": '{"type":"task"} {"type":"tool"}',
}


@pytest.mark.parametrize(("key", "value", "expected"), [(key, *call) for key in CALLS for call in CALLS[key].items()])
def test_calls(key: str, value: str, expected: str) -> None:
    assert judge("any.scope", {key: value}) == expected


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key in AROUND_CALLS for value in AROUND_CALLS[key].split()]
)
def test_what_is_around_calls_is_none_whatever_it_used(key: str, value: str, aside: Callable[..., NotACall]) -> None:
    outcome = aside({key: value, **MODEL, **USED})
    assert (outcome.certain, outcome.unrecognised) == (True, False)


@pytest.mark.parametrize("key", [key for key in CALLS if key != "ai.operationId"])
def test_a_new_word_is_shown_only_where_tokens_were_used(key: str, aside: Callable[..., NotACall]) -> None:
    assert aside({key: "something_new", **MODEL, **USED}) == aside({key: "something_new", **USED})
    assert aside({key: "something_new", **USED})[1:] == (True, True)
    assert aside({key: "something_new"})[1:] == (True, False)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # the first mark decides
        ({"openinference.span.kind": "AGENT", "gen_ai.operation.name": "chat", **MODEL, **USED}, AROUND),
        ({"openinference.span.kind": "LLM", "gen_ai.operation.name": "text_completion"}, "completion"),
        ({"openinference.span.kind": "LLM", "gen_ai.operation.name": "something_new"}, "chat"),
        ({"langfuse.observation.type": "generation", "gen_ai.operation.name": "invoke_agent"}, "chat"),
        ({"langsmith.span.kind": "chain", "gen_ai.operation.name": "chat"}, AROUND),
        ({"gen_ai.operation.name": "invoke_agent", "ai.operationId": "ai.generateText.doGenerate"}, AROUND),
        ({"gen_ai.operation.name": "invoke_agent", "llm.request.type": "chat"}, AROUND),
        ({"traceloop.span.kind": "task", "llm.request.type": "chat"}, AROUND),
        ({"ai.operationId": "ai.generateText", "llm.request.type": "chat"}, AROUND),
        # Langfuse's Python SDK up to 3.3
        ({"langfuse.observation.type": "span", "langfuse.observation.model.name": "gpt-4o"}, "chat"),
        ({"langfuse.observation.type": "span", "langfuse.observation.usage_details": '{"input": 5}'}, "chat"),
        ({"langfuse.observation.type": "span", **MODEL, **USED}, AROUND),
        ({"langfuse.observation.type": "agent", "langfuse.observation.model.name": "gpt-4o"}, AROUND),
        # without a mark: provider, model and tokens
        ({**MODEL, **USED}, "other"),
        ({"gen_ai.model.provider": "openai", "gen_ai.request.model": "gpt-4o", **USED}, "other"),
        ({"gen_ai.llm.provider": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.token.usage.input": 5}, "other"),
        ({**MODEL, "mlflow.chat.tokenUsage": '{"input_tokens": 5}'}, "other"),
        ({**MODEL, **USED, "agent_name": "weather"}, "other"),
        ({**MODEL}, NEW),
        ({"gen_ai.request.model": "gpt-4o", **USED}, PLAIN),
        ({"gen_ai.system": "openai", "model_name": "gpt-4o", **USED}, NEW),
        ({"model_name": "gpt-4o", "agent_name": "weather", **USED}, AROUND),
        # a mark that says nothing is none
        ({"gen_ai.operation.name": "", **MODEL, **USED}, "other"),
        ({"gen_ai.operation.name": None, **MODEL, **USED}, "other"),
        ({"gen_ai.operation.name": ["chat"], **MODEL}, NEW),
        ({"gen_ai.operation.name": 7, "llm.request.type": "chat"}, "chat"),
        ({"braintrust.span_attributes": {"type": "llm"}}, "chat"),
        ({"braintrust.span_attributes": '{"name": "x"}'}, PLAIN),
        ({"braintrust.span_attributes": "{nonsense"}, PLAIN),
        ({"gen_ai.operation.name": "chat", "logfire.span_type": "pending_span"}, ELSEWHERE),
        ({"http.request.method": "POST"}, PLAIN),
        # The context of `usage_graph.instrument.usage` stamps every span inside it; that makes none an LLM call.
        ({"usage_graph.source": "agent", "usage_graph.name": "Report", "http.request.method": "POST"}, PLAIN),
        ({"usage_graph.cost": 1, "usage_graph.credits": 1}, PLAIN),
        ({}, PLAIN),
    ],
)
def test_leaf_rule(attributes: dict[str, Any], expected: str | NoCall) -> None:
    assert judge("any.scope", attributes) == expected


@pytest.mark.parametrize(
    ("scope", "attributes", "expected"),
    [
        ("codex_core", {"gen_ai.operation.name": "chat"}, ELSEWHERE),
        ("codex_exec", {**MODEL, **USED}, ELSEWHERE),
        ("gemini-cli", {"gen_ai.operation.name": "llm_call", **USED}, ELSEWHERE),
        ("com.anthropic.claude_code.tracing", {"span.type": "llm_request"}, "chat"),
        ("com.anthropic.claude_code.tracing", {"span.type": "interaction", **MODEL, **USED}, AROUND),
        ("com.anthropic.claude_code.tracing", {"span.type": "tool", "gen_ai.operation.name": "chat"}, AROUND),
        ("elsewhere", {"span.type": "llm_request"}, PLAIN),
        ("gcp.vertex.agent", {"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini", **USED}, "chat"),
        ("gcp.vertex.agent", {"gen_ai.system": "gcp.vertex.agent", "gcp.vertex.agent.session_id": "s"}, NEW),
    ],
)
def test_scopes_that_decide(scope: str, attributes: dict[str, Any], expected: str | NoCall) -> None:
    assert judge(scope, attributes) == expected


def test_the_spans_of_agents_whose_logs_count_are_never_shown(aside: Callable[..., NotACall]) -> None:
    for scope in ("codex_core", "gemini-cli"):
        assert aside({"gen_ai.operation.name": "new", **MODEL, **USED, "user.id": "u"}, scope=scope)[1:] == (
            False,
            False,
        )


def test_plain_spans_with_tokens_are_shown(aside: Callable[..., NotACall]) -> None:
    assert aside({"gen_ai.request.model": "gpt-4o", **USED})[1:] == (False, True)
    assert aside({"gen_ai.system": "openai", **USED})[1:] == (True, True)
    assert aside({"gen_ai.system": "openai", "gen_ai.usage.input_tokens": 0})[1:] == (True, False)
    assert aside({"langfuse.observation.usage_details": '{"input": 5}'})[1:] == (False, True)
    assert aside({"user.id": "u"})[1:] == (False, False)


def test_a_streamed_call_of_logfire_counts_once(process: Callable[..., Any], aside: Callable[..., NotACall]) -> None:
    asked = {"gen_ai.operation.name": "chat", **MODEL}
    assert aside(asked, scope="logfire.openai")[1:] == (True, False)
    assert process({**asked, **USED}, scope="logfire.openai").input_tokens == 5
    assert process(asked, scope="logfire.openai", status_code=2).failed
    assert process(asked, scope="logfire").input_tokens is None


def test_a_remote_agent_is_no_call(aside: Callable[..., NotACall]) -> None:
    """Nor is one of kind CLIENT (3), whose calls nobody else may see: others of that kind repeat what they contain."""
    assert not aside({"gen_ai.operation.name": "invoke_agent", **MODEL, **USED}, kind=3).unrecognised


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
        shared_processor.observe(Resource({}), Scope("s", "", {}), a_span(span), project=None, now=NOW)
        for span in spans
    ]
    records = [outcome.record for outcome in outcomes if isinstance(outcome, Observation)]
    assert len(records) == len(used)
    assert sum(record.input_tokens or 0 for record in records) == whole[0]
    assert sum(record.output_tokens or 0 for record in records) == whole[1]


@pytest.fixture(scope="module")
def shared_processor(pricing: Any) -> Processor:
    return Processor(pricing=pricing)


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
def test_a_span_without_a_telling_key_tells_nothing(
    shared_processor: Processor, scope: str, attributes: dict[str, Any]
) -> None:
    """What lets decoders leave spans unread."""
    span = a_span(attributes)
    outcome = shared_processor.observe(Resource({}), Scope(scope, "", {}), span, project=None, now=NOW)
    if isinstance(outcome, Observation):
        assert not LEAF_KEYS.isdisjoint(attributes)
        assert LEAF_KEYS <= TELLING_KEYS
    elif isinstance(outcome, NotACall) and TELLING_KEYS.isdisjoint(attributes):
        bare = shared_processor.observe(
            Resource({}), Scope(scope, "", {}), span._replace(attributes={}), project=None, now=NOW
        )
        assert outcome._replace(unrecognised=False) == bare
    assert IDENTITY_KEYS <= WANTED
