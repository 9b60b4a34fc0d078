"""Money: reported, computed or unknown, and exact to the nano-dollar."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.calls import a_call, parts
from tests.processor.conftest import START
from tests.processor.payloads import captured
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Processor
from usage_graph.processor.cost import MODELS_REMEMBERED
from usage_graph.usage import MAX_COST_NANO, MAX_TOKENS, CostStatus, UsageRecord

Call = Callable[..., UsageRecord]
USED = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
GPT_4O = 1000 * 2_500 + 100 * 10_000
"""1000 tokens in and 100 out at 2.50 and 10 dollars a million, in nano-USD."""
UNKNOWN = {"gen_ai.request.model": "no-such-model"}


@pytest.mark.parametrize(
    ("attributes", "nano"),
    [
        ({"gen_ai.usage.cost": 0.5}, 500_000_000),
        ({"gen_ai.usage.cost": "0.5"}, 500_000_000),
        ({"gen_ai.usage.total_cost": 0.5}, 500_000_000),
        ({"gen_ai.cost.total_cost": 0.00029085}, 290_850),
        ({"llm.cost.total": 0.5}, 500_000_000),
        ({"operation.cost": 0.0048475}, 4_847_500),
        ({"usage_graph.cost": "0.25", "gen_ai.usage.cost": 0.5}, 250_000_000),
        ({"gen_ai.usage.cost": 0.5, "usage_graph.cost": 0.25}, 250_000_000),
        ({"usage_graph.cost": "free", "gen_ai.usage.cost": 0.5}, 500_000_000),
        ({"usage_graph.cost": 0, "operation.cost": 0.5}, 500_000_000),
        ({"gen_ai.usage.input_cost": 0.1, "gen_ai.usage.output_cost": 0.2}, 300_000_000),
        ({"llm.cost.prompt": 0.1, "llm.cost.completion": 0.0}, 100_000_000),
        ({"mlflow.llm.cost": '{"total_cost": 0.5}'}, 500_000_000),
    ],
)
def test_a_reported_cost_is_taken(call: Call, attributes: dict[str, Any], nano: int) -> None:
    record = call({**USED, **attributes})
    assert (record.cost_nano, record.cost_status) == (nano, CostStatus.REPORTED)


@pytest.mark.parametrize(
    "reported",
    [
        {"usage_graph.cost": 0},
        {"gen_ai.usage.cost": 0.0},
        {"operation.cost": "0"},
        {"gen_ai.usage.cost": -1},
        {"gen_ai.usage.cost": 1e30},
        {"gen_ai.usage.cost": float("nan")},
        {"gen_ai.usage.cost": float("inf")},
        {"gen_ai.usage.cost": True},
        {"gen_ai.usage.cost": [0.5]},
        {"llm.cost.prompt": 0.0, "llm.cost.completion": 0.0},
        {"llm.cost.prompt": 0.1},
        {"llm.cost.prompt": 900_000, "llm.cost.completion": 900_000},
        {},
    ],
)
def test_what_is_no_cost_is_computed_or_unknown(call: Call, reported: dict[str, Any]) -> None:
    computed = call({**USED, **reported})
    assert (computed.cost_nano, computed.cost_status) == (GPT_4O, CostStatus.COMPUTED)
    unknown = call({**USED, **UNKNOWN, **reported})
    assert (unknown.cost_nano, unknown.cost_status) == (None, CostStatus.UNPRICED)


def test_a_reported_zero_is_believed_where_no_token_was_used(call: Call) -> None:
    zero = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "gen_ai.usage.cost": 0}
    assert call({**UNKNOWN, **zero}).cost_status is CostStatus.REPORTED
    assert call({**UNKNOWN, **zero}).cost_nano == 0
    # Failed calls, with tokens unknown: the 0 is the emitter's default, not a measurement.
    assert call({"gen_ai.usage.cost": 0}, status_code=2).cost_nano is None


def test_a_call_without_tokens_has_no_computed_cost(call: Call) -> None:
    assert call().cost_nano is None
    assert call(status_code=2).cost_nano is None
    assert call({"gen_ai.usage.cost": 0.5}, status_code=2).cost_nano == 500_000_000


def test_one_unknown_count_matters_only_if_the_model_charges_for_it(call: Call) -> None:
    embedding = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
    assert call({**embedding, "gen_ai.usage.input_tokens": 1000}).cost_nano == 20_000
    assert call({"gen_ai.usage.input_tokens": 1000}).cost_nano is None
    assert call({"gen_ai.usage.output_tokens": 100}).cost_nano is None


def test_a_model_that_is_free_costs_nothing(pricing: Pricing) -> None:
    free = a_call("openrouter", "cohere/north-mini-code:free")
    assert pricing.price(free).cost_nano == 0
    assert parts(pricing.price(free)) == (0, 0, 0, 0)
    # However many tokens it used.
    assert pricing.price(free._replace(input_tokens=None, output_tokens=None)).cost_nano == 0


def test_an_absurd_cost_is_unknown(pricing: Pricing) -> None:
    call = pricing.price(a_call("openai", "gpt-4o", input_tokens=MAX_TOKENS, output_tokens=MAX_TOKENS))
    assert (call.cost_nano, *parts(call)) == (None,) * 5


def test_a_reported_cost_is_left_alone_and_a_computed_one_is_not(pricing: Pricing) -> None:
    reported = a_call("openai", "gpt-4o", cost_nano=7, cost_reported=True, input_cost_nano=3)
    assert pricing.price(reported) == reported
    assert pricing.price(a_call("openai", "gpt-4o", cost_nano=7)).cost_nano == GPT_4O
    # What is not known any more is not kept, in whole or in part.
    lost = pricing.price(a_call("openai", "no-such-model", cost_nano=7, output_cost_nano=7))
    assert (lost.cost_nano, *parts(lost)) == (None,) * 5
    once = pricing.price(a_call("openai", "gpt-4o"))
    assert pricing.price(once) == once


def test_prices_by_date_by_hour_and_by_length(pricing: Pricing) -> None:
    def cost(model: str, at: datetime, tokens: int) -> int:
        return pricing.price(a_call(None, model, at=at, input_tokens=tokens, output_tokens=0)).cost_nano or 0

    early, late = datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)
    assert cost("o3", datetime(2025, 6, 1, tzinfo=UTC), 1000) == 5 * cost("o3", late, 1000)
    day, night = datetime(2025, 5, 1, 12, tzinfo=UTC), datetime(2025, 5, 1, 20, tzinfo=UTC)
    assert cost("deepseek-chat", day, 1000) > cost("deepseek-chat", night, 1000) > 0
    # 16:30 is when the night's price begins: an hour is too coarse.
    before, after = datetime(2025, 5, 1, 16, 29, 59, tzinfo=UTC), datetime(2025, 5, 1, 16, 30, tzinfo=UTC)
    assert cost("deepseek-chat", before, 1000) == cost("deepseek-chat", day, 1000)
    assert cost("deepseek-chat", after, 1000) == cost("deepseek-chat", night, 1000)
    # All tokens of a long call are dearer, not only those above the limit.
    assert cost("gemini-2.5-pro", early, 200_000) == 200_000 * 1_250
    assert cost("gemini-2.5-pro", early, 200_001) == 200_001 * 2_500


CLAUDE = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
HOUR = {"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 100}


@pytest.mark.parametrize(
    ("plain", "out", "hour", "nano", "of_parts"),
    [
        (22, 100, HOUR, 3_530_400, (66_000, 614_400, 1_350_000, 1_500_000)),
        (25, 109, HOUR, 3_674_400, (75_000, 614_400, 1_350_000, 1_635_000)),
        (22, 100, {}, 3_305_400, (66_000, 614_400, 1_125_000, 1_500_000)),
    ],
)
def test_cache_is_priced_apart_an_hours_cache_too(
    call: Call, plain: int, out: int, hour: dict[str, int], nano: int, of_parts: tuple[int, ...]
) -> None:
    """The worked example: 2048 tokens read, 200 written for five minutes and 100 for an hour (or 300 for five minutes),
    at 3, 0.30, 3.75, 6 and 15 dollars a million."""
    used = {
        "gen_ai.usage.input_tokens": plain + 2048 + 300,
        "gen_ai.usage.cache_read.input_tokens": 2048,
        "gen_ai.usage.cache_write.input_tokens": 300,
        "gen_ai.usage.output_tokens": out,
    }
    record = call({**CLAUDE, **used, **hour})
    assert (record.cost_nano, parts(record)) == (nano, of_parts)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "times"),
    [
        ("openai", "gpt-5-mini", "flex", "0.5"),
        ("openai", "gpt-5-mini", "batch", "0.5"),
        ("openai", "gpt-5-mini", "priority", "1.8"),
        ("openai", "gpt-5-mini", "default", "1"),
        ("openai", "gpt-5-mini", "something new", "1"),
        ("anthropic", "claude-sonnet-4-5", "batch", "0.5"),
        ("anthropic", "claude-sonnet-4-5", "standard", "1"),
        ("gcp.gemini", "gemini-2.5-flash", "BATCH", "0.5"),
        # Sold by another one, who may not have such a tier.
        ("azure", "gpt-5-mini", "flex", "1"),
    ],
)
def test_service_tiers_have_their_prices(pricing: Pricing, provider: str, model: str, tier: str, times: str) -> None:
    standard = a_call(provider, model, output_tokens=0)
    cost = pricing.price(standard._replace(service_tier=tier)).cost_nano
    assert cost == Decimal(times) * (pricing.price(standard).cost_nano or 0)
    assert cost


def test_the_service_tier_on_a_span_counts(call: Call) -> None:
    model = {**USED, "gen_ai.request.model": "gpt-5-mini"}
    assert call({**model, "openai.response.service_tier": "flex"}).cost_nano == (call(model).cost_nano or 0) / 2


@pytest.mark.parametrize("case", ["pai-openai-vdefault", "pai-anthropic", "logfire"])
def test_our_computed_cost_is_what_careful_libraries_report(case: str, processor: Processor, pricing: Pricing) -> None:
    compared = 0
    for span in captured(case):
        outcome = processor.observe(*span[:3], project=None, now=START.replace(year=2027))
        if isinstance(outcome, Observation) and outcome.record.cost_reported:
            computed = pricing.price(outcome.record._replace(cost_nano=None, cost_reported=False))
            assert computed.cost_nano == outcome.record.cost_nano
            compared += 1
    assert compared >= 3


@given(
    names=st.tuples(
        *[st.none() | st.text(max_size=40) | st.sampled_from(["gpt-4o", "a/b/c", "us.anthropic.", "@", "-v1"])] * 3
    ),
    counts=st.tuples(*[st.none() | st.integers(0, MAX_TOKENS)] * 2),
)
@settings(deadline=None, max_examples=100)
def test_names_from_clients_never_raise(
    pricing: Pricing, names: tuple[str | None, str | None, str | None], counts: tuple[int | None, int | None]
) -> None:
    call = a_call(*names, input_tokens=counts[0], output_tokens=counts[1])
    cost = pricing.price(call).cost_nano
    assert cost is None or 0 <= cost <= MAX_COST_NANO


def test_what_is_remembered_of_clients_names_is_bounded(pricing: Pricing) -> None:
    remembered = pricing._choice.cache_info
    for number in range(50):
        assert pricing.price(a_call("openai", f"unheard-of-{number}")).cost_nano is None
    assert remembered().maxsize == MODELS_REMEMBERED
    hits = remembered().hits
    assert pricing.price(a_call("openai", "unheard-of-49")).cost_nano is None
    assert remembered().hits == hits + 1
    snapshot = get_snapshot()
    assert not any("unheard-of" in str(key) for key in (*snapshot._lookup_cache, *snapshot._provider_misses))


def test_importing_the_processor_loads_no_prices() -> None:
    program = (
        "import sys, usage_graph.processor as p; assert 'genai_prices' not in sys.modules; p.Pricing(); print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
