import pytest

from usage_graph.receiver.hints import MARK, is_token_count


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.usage.input_tokens",
        "ai.usage.completionTokens",
        "llm.token_count.prompt",
        "new.outputTokenCount",
        "generate.InputTokens",
        "usage.tokens.prompt",
    ],
)
def test_counts_whatever_their_dialect(key: str) -> None:
    assert is_token_count(key)
    assert MARK in key.encode()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "input",
        "tokens",
        "auth.token",
        "gen_ai.request.max_output_tokens",
        "llm.input_token_limit",
        "output_token_price",
        "cost_per_input_token",
        "input_tokens" * 100,
    ],
)
def test_bounds_prices_and_secrets_are_no_counts(key: str) -> None:
    assert not is_token_count(key)
