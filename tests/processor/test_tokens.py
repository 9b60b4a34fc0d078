"""Inclusive or exclusive: what emitters report becomes input with cache and output with reasoning."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor.semconv import WANTED
from usage_graph.processor.tokens import Tokens, inclusive
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
    assert inclusive(most, total=None, excludes_cache=False, gemini=False) == Tokens(output=5)
    most = Tokens(input=5, output=MAX_TOKENS - 1, reasoning=MAX_TOKENS)
    assert inclusive(most, total=None, excludes_cache=False, gemini=True) == Tokens(input=5)


count = st.none() | st.integers(0, 50) | st.integers(0, MAX_TOKENS)


@given(
    reported=st.builds(Tokens, count, count, count, count, count, count),
    total=count,
    excludes_cache=st.booleans(),
    gemini=st.booleans(),
)
def test_parts_never_exceed_their_whole(
    reported: Tokens, total: int | None, excludes_cache: bool, gemini: bool
) -> None:
    used = inclusive(reported, total=total, excludes_cache=excludes_cache, gemini=gemini)
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
