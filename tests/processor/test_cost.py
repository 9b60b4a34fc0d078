"""Money: reported, computed or unknown, and exact to the nano-dollar."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ClauseOr, ClauseStartsWith, ModelInfo, ModelPrice, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.conftest import START
from tests.processor.payloads import captured
from usage_graph.processor import Pricing, Processor
from usage_graph.processor.catalog import Catalog
from usage_graph.processor.cost import MODELS_REMEMBERED
from usage_graph.usage import MAX_COST_NANO, MAX_TOKENS, CostStatus, UsageRecord, from_nano

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


@pytest.mark.parametrize(
    ("provider", "request_model", "response_model"),
    [
        ("openai", "gpt-4o", None),
        ("openai", "GPT-4o", None),
        ("openai", "my-deployment", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4o", "a-proxy-made-this-up"),
        ("openai", "openai/gpt-4o", None),
        ("openai", "gpt-4o-2099-01-01", None),
        ("azure", "gpt-4o", None),
        ("azure.ai.openai", "my-deployment", "gpt-4o-2024-08-06"),
        (None, "gpt-4o", None),
        (None, "openai/gpt-4o", None),
        ("some-gateway", "gpt-4o", None),
        ("some-gateway", "openai/gpt-4o", None),
        ("langchain", "gpt-4o", None),
    ],
)
def test_spellings_of_a_model(
    pricing: Pricing, provider: str | None, request_model: str, response_model: str | None
) -> None:
    assert pricing.cost_nano(provider, request_model, response_model, START, 1000, 100) == GPT_4O


@pytest.mark.parametrize(
    ("provider", "model", "dollars_a_million"),
    [
        ("anthropic", "claude-sonnet-4-5", "3"),
        ("anthropic", "claude-sonnet-4-5-20250929", "3"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "3"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "3"),
        # Regional inference profiles of Bedrock cost a tenth more.
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
        (None, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
        ("anthropic", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3"),
        ("gcp.gemini", "models/gemini-2.5-flash", "0.3"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", "0.3"),
    ],
)
def test_names_with_regions_vendors_and_versions(
    pricing: Pricing, provider: str | None, model: str, dollars_a_million: str
) -> None:
    assert (
        from_nano(pricing.cost_nano(provider, model, None, START, 10_000, 0) or 0) == Decimal(dollars_a_million) / 100
    )


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "no-such-model"),
        ("openai", "gpt-flaky"),
        ("no-such-provider", "no-such-model"),
        (None, None),
        ("openai", None),
        (None, ""),
        ("ollama", "gpt-4o"),
        ("vllm", "mistral-large-latest"),
        # An entry without any price is not one of 0 dollars.
        ("cerebras", "qwen-3-coder-480b"),
        # Priced, but not by the token.
        ("openai", "whisper-1"),
    ],
)
def test_unknown_is_unknown_not_0(pricing: Pricing, provider: str | None, model: str | None) -> None:
    assert pricing.cost_nano(provider, model, None, START, 1000, 100) is None
    assert pricing.cost_nano(provider, model, None, START, 0, 0) is None


def test_a_model_that_is_free_costs_nothing(pricing: Pricing) -> None:
    assert pricing.cost_nano("openrouter", "cohere/north-mini-code:free", None, START, 1000, 100) == 0


def test_an_absurd_cost_is_unknown(pricing: Pricing) -> None:
    assert pricing.cost_nano("openai", "gpt-4o", None, START, MAX_TOKENS, MAX_TOKENS) is None


def test_prices_by_date_by_hour_and_by_length(pricing: Pricing) -> None:
    def cost(model: str, at: datetime, tokens: int) -> int | None:
        return pricing.cost_nano(None, model, None, at, tokens, 0)

    early, late = datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)
    assert cost("o3", datetime(2025, 6, 1, tzinfo=UTC), 1000) == 5 * (cost("o3", late, 1000) or 0)
    day, night = datetime(2025, 5, 1, 12, tzinfo=UTC), datetime(2025, 5, 1, 20, tzinfo=UTC)
    assert (cost("deepseek-chat", day, 1000) or 0) > (cost("deepseek-chat", night, 1000) or 0) > 0
    # 16:30 is when the night's price begins: an hour is too coarse.
    before, after = datetime(2025, 5, 1, 16, 29, 59, tzinfo=UTC), datetime(2025, 5, 1, 16, 30, tzinfo=UTC)
    assert cost("deepseek-chat", before, 1000) == cost("deepseek-chat", day, 1000)
    assert cost("deepseek-chat", after, 1000) == cost("deepseek-chat", night, 1000)
    assert cost("gemini-2.5-pro", early, 200_000) == 200_000 * 1_250
    assert cost("gemini-2.5-pro", early, 200_001) == 200_001 * 2_500


def test_cache_is_priced_apart_an_hours_cache_too(call: Call) -> None:
    claude = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": 2370,
        "gen_ai.usage.cache_read.input_tokens": 2048,
        "gen_ai.usage.cache_write.input_tokens": 300,
        "gen_ai.usage.output_tokens": 100,
    }
    five_minutes = 22 * 3000 + 2048 * 300 + 300 * 3750 + 100 * 15_000
    assert call(claude).cost_nano == five_minutes == 3_305_400
    hour = call({**claude, "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 100})
    assert hour.cost_nano == five_minutes + 100 * (6000 - 3750) == 3_530_400


def test_service_tiers_have_their_prices(call: Call) -> None:
    model = {**USED, "gen_ai.request.model": "gpt-5-mini"}
    standard = call(model).cost_nano or 0
    assert call({**model, "openai.response.service_tier": "flex"}).cost_nano == standard / 2
    assert call({**model, "openai.response.service_tier": "default"}).cost_nano == standard
    assert call({**model, "openai.response.service_tier": "something new"}).cost_nano == standard


@pytest.mark.parametrize("case", ["pai-openai-vdefault", "pai-anthropic", "logfire"])
def test_our_computed_cost_is_what_careful_libraries_report(case: str, processor: Processor, pricing: Pricing) -> None:
    compared = 0
    for span in captured(case):
        record = processor.record(*span[:3], project=None, now=START.replace(year=2027))
        if isinstance(record, UsageRecord) and record.cost_reported:
            bare = {key: value for key, value in span.span.attributes.items() if key != "operation.cost"}
            again = processor.record(
                span.resource,
                span.scope,
                span.span._replace(attributes=bare),
                project=None,
                now=START.replace(year=2027),
            )
            assert isinstance(again, UsageRecord)
            assert (again.cost_nano, again.cost_reported) == (record.cost_nano, False)
            compared += 1
    assert compared >= 3


SELLERS = get_snapshot().providers


@cache
def priced_models() -> list[tuple[str, str]]:
    """Those that the price list finds by their own id."""
    return [(seller.id, model.id) for seller in SELLERS for model in seller.models if seller.find_model(model.id)]


@given(
    which=st.deferred(
        lambda: st.sampled_from([(seller.id, model.id) for seller in SELLERS for model in seller.models])
    ),
    at=st.sampled_from([seller.id for seller in SELLERS]),
    ending=st.sampled_from(["", "-latest", "-20251211", ":free", "-preview", "x"]),
)
@settings(deadline=None, max_examples=200)
def test_names_mean_what_genai_prices_takes_them_for(which: tuple[str, str], at: str, ending: str) -> None:
    """Wherever the package finds a model by the whole name, so do we."""
    seller = next(seller for seller in SELLERS if seller.id == at)
    theirs = seller.find_model(which[1] + ending, all_providers=SELLERS)
    ours = Catalog(SELLERS).find(at, which[1] + ending, None)
    if theirs is not None:
        assert ours is not None
        assert ours[0] is theirs
        assert ours[1] == any(model is theirs for model in seller.models)


def test_the_first_matching_model_is_meant() -> None:
    """Also where a later one has exactly that name."""
    models = [
        ModelInfo(id="exact", match=ClauseEquals("Name-1")),
        ModelInfo(id="prefix", match=ClauseOr([ClauseEquals("other"), ClauseStartsWith("name-")])),
        ModelInfo(id="late", match=ClauseEquals("name-2")),
    ]
    seller = Provider(id="acme", name="Acme", api_pattern="", models=models)
    found = [Catalog([seller]).find("acme", name, None) for name in ("name-1", "name-2", "OTHER", "nothing")]
    assert [match and match[0].id for match in found] == ["exact", "prefix", "prefix", None]


token_prices = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok")


def by_the_token(price: ModelPrice) -> bool:
    return any(getattr(price, kind) is not None for kind in token_prices)


@given(
    which=st.deferred(lambda: st.sampled_from(priced_models())),
    at=st.datetimes(datetime(2023, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC)),
    plain=st.integers(0, 10**6),
    cached=st.integers(0, 10**6),
    written=st.integers(0, 10**5),
    hour=st.integers(0, 10**5),
    thought=st.integers(0, 10**5),
    said=st.integers(0, 10**5),
    tier=st.sampled_from([None, "flex", "priority", "default"]),
)
@settings(deadline=None, max_examples=200)
def test_rate_cards_agree_with_genai_prices(
    pricing: Pricing,
    which: tuple[str, str],
    at: datetime,
    plain: int,
    cached: int,
    written: int,
    hour: int,
    thought: int,
    said: int,
    tier: str | None,
) -> None:
    seller, model = which
    hour = min(hour, written)
    oracle = calc_price(
        Usage(
            input_tokens=plain + cached + written,
            output_tokens=thought + said,
            cache_read_tokens=cached,
            cache_write_tokens=written,
            cache_write_1h_tokens=hour,
            output_reasoning_tokens=thought,
        ),
        model,
        provider_id=seller,
        genai_request_timestamp=at,
        price_context={"service_tier": tier} if tier else None,
    )
    ours = pricing.cost_nano(
        seller,
        model,
        None,
        at,
        plain + cached + written,
        thought + said,
        cached,
        written,
        cache_write_1h=hour,
        reasoning=thought,
        service_tier=tier,
    )
    if ours is None:
        assert not by_the_token(oracle.model_price) or oracle.total_price > MAX_COST_NANO / 10**9
    else:
        assert abs(ours - oracle.total_price.scaleb(9)) <= Decimal("0.5")


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
    provider, request_model, response_model = names
    cost = pricing.cost_nano(provider, request_model, response_model, START, counts[0], counts[1])
    assert cost is None or 0 <= cost <= MAX_COST_NANO


def test_what_is_remembered_of_clients_names_is_bounded(pricing: Pricing) -> None:
    remembered = pricing._offer.cache_info
    for number in range(50):
        assert pricing.cost_nano("openai", f"unheard-of-{number}", None, START, 1, 1) is None
    assert remembered().maxsize == MODELS_REMEMBERED
    hits = remembered().hits
    assert pricing.cost_nano("openai", "unheard-of-49", None, START, 1, 1) is None
    assert remembered().hits == hits + 1
    snapshot = get_snapshot()
    assert not any("unheard-of" in str(key) for key in (*snapshot._lookup_cache, *snapshot._provider_misses))


def test_importing_the_processor_loads_no_prices() -> None:
    program = (
        "import sys, usage_graph.processor as p; assert 'genai_prices' not in sys.modules; p.Pricing(); print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
