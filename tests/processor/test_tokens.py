"""Inclusive or exclusive: what emitters report becomes input with cache and output with reasoning."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor import spans
from usage_graph.processor.reading import read
from usage_graph.processor.semconv import WANTED
from usage_graph.processor.tokens import Tokens, habits, inclusive, written
from usage_graph.usage import MAX_TOKENS, UsageRecord

Call = Callable[..., UsageRecord]


def read_tokens(record: UsageRecord) -> tuple[int | None, ...]:
    """input, output, cache read, cache write, reasoning"""
    return (
        record.input_tokens,
        record.output_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
    )


CACHED = {"gen_ai.usage.cache_read.input_tokens": 30, "gen_ai.usage.cache_write.input_tokens": 10}


def used(tokens_in: Any, tokens_out: Any = 5) -> dict[str, Any]:
    return {"gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out}


@pytest.mark.parametrize(
    ("scope", "attributes", "expected_input"),
    [
        # 1. cache is more than input: certain
        ("any", {**used(22), **CACHED}, 62),
        ("any", {**used(39), **CACHED}, 79),
        ("any", {**used(40), **CACHED}, 40),
        # 2. emitters that are known for it
        ("openlit.instrumentation.anthropic", {**used(100), **CACHED, "gen_ai.provider.name": "anthropic"}, 140),
        ("openlit.otel.tracing", {**used(100), **CACHED, "gen_ai.response.model": "claude-haiku-4-5"}, 140),
        ("openlit.instrumentation.openai", {**used(100), **CACHED}, 100),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", {**used(100), **CACHED}, 140),
        ("opentelemetry.instrumentation.botocores", {**used(100), **CACHED}, 100),
        ("ai", {**used(100), **CACHED, "gen_ai.provider.name": "anthropic.messages"}, 140),
        ("ai", {**used(100), **CACHED, "gen_ai.provider.name": "amazon-bedrock"}, 140),
        (
            "ai",
            {
                **used(100),
                **CACHED,
                "gen_ai.provider.name": "anthropic.messages",
                "ai.usage.inputTokenDetails.noCacheTokens": 60,
            },
            100,
        ),
        ("ai", {**used(100), **CACHED, "gen_ai.provider.name": "openai.chat"}, 100),
        ("airline", {**used(100), **CACHED, "gen_ai.provider.name": "anthropic"}, 100),
        # 3. the total says so
        ("any", {**used(100), **CACHED, "gen_ai.usage.total_tokens": 145}, 140),
        ("any", {**used(100), **CACHED, "llm.usage.total_tokens": "145"}, 140),
        ("any", {**used(100), **CACHED, "gen_ai.usage.total_tokens": 105}, 100),
        ("any", {**used(100, None), **CACHED, "gen_ai.usage.total_tokens": 140}, 100),
        # 4. the conventions
        ("any", {**used(100), **CACHED}, 100),
        ("any", {**used(None), **CACHED}, None),
    ],
)
def test_input_contains_cache(call: Call, scope: str, attributes: dict[str, Any], expected_input: int | None) -> None:
    record = call(attributes, scope=scope)
    assert record.input_tokens == expected_input
    assert (record.cache_read_tokens, record.cache_write_tokens) == (30, 10)


def test_claude_code_leaves_cache_out(process: Callable[..., Any]) -> None:
    attributes = {
        "span.type": "llm_request",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "input_tokens": 100,
        "output_tokens": 5,
        "cache_read_tokens": 30,
        "cache_creation_tokens": "10",
    }
    record = process(attributes, scope="com.anthropic.claude_code.tracing")
    assert read_tokens(record) == (140, 5, 30, 10, None)
    assert record.provider == "anthropic"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ('{"input": 100, "output": 5, "cache_read_input_tokens": 30}', (130, 5, 30, None, None)),
        ('{"input": 100, "output": 5, "input_cached_tokens": 30}', (130, 5, 30, None, None)),
        (
            '{"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 30}}',
            (100, 5, 30, None, None),
        ),
        ('{"prompt_tokens": "many"}', (None, None, None, None, None)),
        # what the callback for LangChain makes of its usage: classes that do not overlap
        (
            '{"input": 60, "input_cache_read": 30, "input_cache_creation": 10,'
            ' "output": 3, "output_reasoning": 2, "total": 105}',
            (100, 5, 30, 10, 2),
        ),
        ('{"input": 0, "input_modality_TEXT": 100, "output": 5, "total": 105}', (100, 5, None, None, None)),
        ('{"input": 100, "output": 5, "cache_read_input_tokens": 30, "input_audio": 7}', (137, 5, 30, None, None)),
        ('{"input_tokens": 100, "output_tokens": 5, "input_cached_tokens": 30}', (130, 5, 30, None, None)),
        ("[1, 2]", (None, None, None, None, None)),
        ({"input": 100, "output": 5}, (100, 5, None, None, None)),
    ],
)
def test_usage_in_a_document(process: Callable[..., Any], usage: Any, expected: tuple[int | None, ...]) -> None:
    marks = {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o"}
    assert read_tokens(process({**marks, "langfuse.observation.usage_details": usage})) == expected


@pytest.mark.parametrize(
    ("provider", "output", "reasoning", "total", "expected"),
    [
        ("gcp.gemini", 125, 80, 1724, (205, 80)),
        ("gcp.gemini", 205, 80, 1724, (205, 80)),
        ("gcp.gemini", 50, 80, None, (130, 80)),
        ("vertex_ai", 125, 80, 1724, (205, 80)),
        ("openai", 125, 80, 1724, (125, 80)),
        ("openai", 50, 80, None, (50, 50)),
        ("openai", None, 80, None, (None, 80)),
        # xAI's API counts as Gemini's does
        ("xai", 9, 94, 1622, (103, 94)),
        ("xai", 103, 94, 1622, (103, 94)),
        # whoever sells it
        ("openrouter", 125, 80, 1724, (125, 80)),
    ],
)
def test_output_contains_reasoning(
    call: Call, provider: str, output: int | None, reasoning: int, total: int | None, expected: tuple[int | None, ...]
) -> None:
    record = call(
        {
            **used(1519, output),
            "gen_ai.provider.name": provider,
            "gen_ai.usage.reasoning.output_tokens": reasoning,
            "gen_ai.usage.total_tokens": total,
        }
    )
    assert (record.output_tokens, record.reasoning_tokens) == expected


def test_as_many_tokens_thought_as_were_cached(call: Call) -> None:
    """The total is then that of a cache beside the input, too; but Gemini counts thoughts so, not its cache."""
    counts = {"gen_ai.usage.cache_read.input_tokens": 1000, "gen_ai.usage.reasoning.output_tokens": 1000}
    total = {"gen_ai.usage.total_tokens": 1519 + 125 + 1000}
    record = call({**used(1519, 125), **counts, **total, "gen_ai.provider.name": "gcp.gemini"})
    assert read_tokens(record) == (1519, 1125, 1000, None, 1000)


@pytest.mark.parametrize("model", ["google/gemini-2.5-flash", "x-ai/grok-4"])
def test_a_model_tells_how_its_provider_counts(call: Call, model: str) -> None:
    sold = {"gen_ai.provider.name": "a-gateway", "gen_ai.request.model": model, "gen_ai.usage.total_tokens": 1724}
    assert call({**used(1519, 125), **sold, "gen_ai.usage.reasoning.output_tokens": 80}).output_tokens == 205


def test_adk_before_2_passes_on_what_gemini_counts(process: Callable[..., UsageRecord]) -> None:
    old = {
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.request.model": "gemini-2.5-flash",
        **used(1519, 125),
        "gen_ai.usage.experimental.reasoning_tokens": 80,
    }
    assert read_tokens(process(old, scope="gcp.vertex.agent")) == (1519, 205, None, None, 80)
    # Where a total says that it is in there, it is.
    assert read_tokens(process({**old, "gen_ai.usage.total_tokens": 1644}, scope="gcp.vertex.agent"))[1] == 125
    both = {**old, **used(1519, 205), "gen_ai.usage.reasoning.output_tokens": 80}
    assert read_tokens(process(both, scope="gcp.vertex.agent")) == (1519, 205, None, None, 80)


@pytest.mark.parametrize(
    ("attributes", "write", "hour"),
    [
        ({"gen_ai.usage.cache_write.input_tokens": 300}, 300, None),
        (
            {
                "gen_ai.usage.cache_write.input_tokens": 300,
                "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 200,
                "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 100,
            },
            300,
            100,
        ),
        (
            {"gen_ai.usage.details.ephemeral_1h_input_tokens": 100, "gen_ai.usage.details.cache_write_tokens": 300},
            300,
            100,
        ),
        # langchain-anthropic: the sum is 0 where the lifetimes are told
        (
            {
                "gen_ai.usage.input_token_details": (
                    "{'cache_creation': 0, 'ephemeral_5m_input_tokens': 200, 'ephemeral_1h_input_tokens': 100}"
                )
            },
            300,
            100,
        ),
        ({"anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 200}, 200, None),
        (
            {
                "gen_ai.usage.raw": (
                    '{"cache_creation_input_tokens": 300, "cache_creation": {"ephemeral_1h_input_tokens": 100}}'
                )
            },
            300,
            100,
        ),
    ],
)
def test_cache_writes_by_lifetime(call: Call, attributes: dict[str, Any], write: int, hour: int | None) -> None:
    record = call({**used(1000), **attributes})
    assert (record.input_tokens, record.cache_write_tokens, record.cache_write_1h_tokens) == (1000, write, hour)
    assert not record.suspect


READ, REASONING = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens"
WRITE, HOUR = "gen_ai.usage.cache_write.input_tokens", "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
FIVE, TOTAL = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens", "gen_ai.usage.total_tokens"


@pytest.mark.parametrize(
    ("attributes", "suspect"),
    [
        ({}, False),
        (used(100), False),
        # cache is more than the input of a provider that counts it there
        ({**used(22), READ: 30}, True),
        ({**used(22), READ: 30, "gen_ai.provider.name": "anthropic"}, False),
        ({**used(22), READ: 30, "gen_ai.request.model": "claude-sonnet-4-5"}, False),
        ({**used(22), READ: 30, "gen_ai.provider.name": "acme"}, False),
        ({**used(22), READ: 30, TOTAL: 57}, False),
        ({**used(22), READ: 30, TOTAL: 27}, True),
        ({**used(30), READ: 30}, False),
        ({**used(None), READ: 30}, False),
        # reasoning is more than the output it is in
        ({**used(100, 50), REASONING: 80}, True),
        ({**used(100, 50), REASONING: 80, "gen_ai.provider.name": "gcp.gemini"}, False),
        ({**used(100, 80), REASONING: 80}, False),
        ({**used(100, None), REASONING: 80}, False),
        # totals that emitters make
        ({**used(100), TOTAL: 105}, False),
        ({**used(100), READ: 30, WRITE: 10, TOTAL: 145}, False),
        ({**used(100), READ: 30, WRITE: 10, TOTAL: 135}, False),
        ({**used(100), REASONING: 3, TOTAL: 108}, False),
        ({**used(100), TOTAL: 0}, False),
        ({**used(100, None), TOTAL: 100}, False),
        ({**used(100), TOTAL: 150, "gen_ai.provider.name": "gcp.gemini"}, False),
        # and one that none makes
        ({**used(100), TOTAL: 104}, True),
        ({**used(100), TOTAL: 1518}, True),
        ({**used(0, 0), TOTAL: 1518}, True),
        ({**used(100), TOTAL: 90, "gen_ai.provider.name": "gcp.gemini"}, True),
        # cache writes by lifetime are more than all cache writes
        ({**used(100), WRITE: 10, HOUR: 10}, False),
        ({**used(100), WRITE: 10, HOUR: 11}, True),
        ({**used(100), WRITE: 10, FIVE: 8, HOUR: 8}, True),
        # no call can have used that
        ({**used(MAX_TOKENS), READ: MAX_TOKENS, WRITE: 1}, True),
    ],
)
def test_counts_that_contradict_each_other(call: Call, attributes: dict[str, Any], suspect: bool) -> None:
    assert call(attributes).suspect is suspect


def test_totals_and_sums_of_agents_are_no_tokens(call: Call) -> None:
    never = {
        "gen_ai.usage.total_tokens": 9,
        "llm.token_count.total": 9,
        "gen_ai.client.token.usage": 9,
        "gen_ai.aggregated_usage.input_tokens": 9,
        "gen_ai.usage.text.input_tokens": 9,
    }
    assert read_tokens(call(never)) == (None,) * 5
    assert not {key for key in WANTED if "aggregated" in key or "client.token" in key or ".text." in key}


def test_the_first_readable_key_wins_and_0_is_a_value(call: Call) -> None:
    older = {"gen_ai.usage.prompt_tokens": 7, "llm.token_count.prompt": 8}
    assert call({**older, "gen_ai.usage.input_tokens": 0}).input_tokens == 0
    assert call({"gen_ai.usage.input_tokens": 0, **older}).input_tokens == 0
    assert call({**older, "gen_ai.usage.input_tokens": -1}).input_tokens == 7
    assert call({**older, "gen_ai.usage.input_tokens": None}).input_tokens == 7
    assert call({**older, "gen_ai.usage.input_tokens": float("nan")}).input_tokens == 7


def test_unreadable_tokens_are_unknown_not_0(call: Call) -> None:
    assert read_tokens(call(used("many", [1]))) == (None,) * 5


def test_a_sum_that_no_call_can_have_used_is_unknown() -> None:
    most = Tokens(input=MAX_TOKENS, output=5, cache_read=MAX_TOKENS, cache_write=1)
    assert inclusive(most, total=None, excludes_cache=False, gemini=False) == Tokens(output=5, suspect=True)
    most = Tokens(input=5, output=MAX_TOKENS - 1, reasoning=MAX_TOKENS)
    assert inclusive(most, total=None, excludes_cache=False, gemini=True) == Tokens(input=5, suspect=True)


count = st.none() | st.integers(0, 50) | st.integers(0, MAX_TOKENS)


@given(kept=st.tuples(count, count, count))
def test_lifetimes_make_a_sum_only_where_there_is_none(kept: tuple[int | None, int | None, int | None]) -> None:
    write, hour, suspect = written(*kept)
    assert write is None or write <= MAX_TOKENS
    if kept[0]:
        assert (write, hour) == (kept[0], kept[2])
    elif write:
        assert (write, suspect) == ((kept[1] or 0) + (kept[2] or 0), False)


@given(
    reported=st.builds(Tokens, count, count, count, count, count, count),
    total=count,
    excludes_cache=st.booleans(),
    gemini=st.booleans(),
    excludes_reasoning=st.booleans(),
    counts_cache=st.booleans(),
)
def test_parts_never_exceed_their_whole(reported: Tokens, **known: Any) -> None:
    used = inclusive(reported, **known)
    if used.input is not None:
        assert (used.cache_read or 0) + (used.cache_write or 0) <= used.input <= MAX_TOKENS
    if used.output is not None:
        assert (used.reasoning or 0) <= used.output <= MAX_TOKENS
    assert (used.cache_write_1h or 0) <= (used.cache_write or 0)
    # Nothing that was used is lost, except where the parts together are absurd.
    cached = (reported.cache_read or 0) + (reported.cache_write or 0)
    for whole, alone, parts in (
        (used.input, reported.input, cached),
        (used.output, reported.output, reported.reasoning or 0),
    ):
        if whole is None:
            assert alone is None or alone + parts > MAX_TOKENS
        else:
            assert alone is not None
            assert whole in (alone, alone + parts)


@given(
    scope=st.sampled_from(["", "openlit", "opentelemetry.instrumentation.botocore.bedrock"]),
    provider=st.sampled_from(["openai", "anthropic", "gcp.gemini", None]),
    said=st.fixed_dictionaries(
        {
            name: st.sampled_from([None, 0, 3, 10])
            for name in (
                "input",
                "output",
                "cache_read",
                "cache_write",
                "cache_write_5m",
                "cache_write_1h",
                "reasoning",
            )
        }
        | {"total": st.sampled_from([None, 0, 3, 6, 10, 13, 20])}
    ),
)
def test_calls_without_parts_take_a_short_way_to_the_same_counts(
    scope: str, provider: str | None, said: dict[str, Any]
) -> None:
    found = read({})._replace(**said)
    unless, counts_cache, gemini = habits(scope, provider, None)
    write, hour, suspect = written(found.cache_write, found.cache_write_5m, found.cache_write_1h)
    assert spans._tokens(scope, provider, found, {}) == inclusive(
        Tokens(found.input, found.output, found.cache_read, write, hour, found.reasoning, suspect),
        total=found.total,
        excludes_cache=unless is not None,
        gemini=gemini,
        counts_cache=counts_cache,
    )
