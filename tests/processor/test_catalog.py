"""Which model of the price list a name means, and which it does not."""

import re
from decimal import Decimal
from functools import cache

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ClauseOr, ClauseStartsWith, ModelInfo, Provider
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.processor.calls import a_call
from usage_graph.processor import Pricing, providers
from usage_graph.processor.catalog import Catalog
from usage_graph.processor.spelling import spellings
from usage_graph.usage import from_nano

GPT_4O = 1000 * 2_500 + 100 * 10_000
"""1000 tokens in and 100 out at 2.50 and 10 dollars a million, in nano-USD."""
SELLERS = get_snapshot().providers
CATALOG = Catalog(SELLERS)


@pytest.mark.parametrize(
    ("provider", "request_model", "response_model"),
    [
        ("openai", "gpt-4o", None),
        ("openai", "GPT-4o", None),
        ("openai", "my-deployment", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4o", "a-proxy-made-this-up"),
        ("openai", "openai/gpt-4o", None),
        ("openai", "gpt-4o-2099-01-01", None),
        ("openai", "gpt-4o-20240806", None),
        ("openai", "gpt-4o-latest", None),
        ("azure", "gpt-4o", None),
        ("azure", "azure/gpt-4o", None),
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
    assert pricing.price(a_call(provider, request_model, response_model)).cost_nano == GPT_4O


@pytest.mark.parametrize(
    ("provider", "model", "dollars_a_million"),
    [
        ("anthropic", "claude-sonnet-4-5", "3"),
        ("anthropic", "claude-sonnet-4-5-20250929", "3"),
        ("anthropic", "claude-sonnet-4-5[1m]", "3"),
        ("anthropic", "claude-sonnet-4-5-latest", "3"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "3"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "3"),
        ("aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "3"),
        # Regional inference profiles of Bedrock cost a tenth more.
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
        (None, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
        (None, "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
        (
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "3.3",
        ),
        ("anthropic", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3"),
        ("gcp.gemini", "models/gemini-2.5-flash", "0.3"),
        ("gcp.gemini", "models/gemini-2.5-pro", "1.25"),
        (None, "vertex_ai/gemini-2.5-pro", "1.25"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", "0.3"),
        ("groq", "llama-3.3-70b-versatile", "0.59"),
        (None, "groq/llama-3.3-70b-versatile", "0.59"),
        ("groq", "openai/gpt-oss-120b", "0.15"),
        ("fireworks", "accounts/fireworks/models/llama-v3p1-8b-instruct", "0.2"),
        (None, "accounts/fireworks/models/llama-v3p1-8b-instruct", "0.2"),
        (None, "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct", "0.2"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "0.88"),
        (None, "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "0.88"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", "0.3"),
        ("openai", "ft:gpt-4o-mini:acme::abc", "0.3"),
    ],
)
def test_names_with_regions_vendors_and_versions(
    pricing: Pricing, provider: str | None, model: str, dollars_a_million: str
) -> None:
    call = pricing.price(a_call(provider, model, input_tokens=10_000, output_tokens=0))
    assert from_nano(call.cost_nano or 0) == Decimal(dollars_a_million) / 100


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
        # Like one that is known, and another one.
        ("openai", "gpt-4ox"),
        ("openai", "gpt-4o-custom"),
        ("openai", "gpt-4o-mini-ultra"),
        ("openai", "gpt-4o-v2"),
        ("openai", "my-gpt-4o"),
        ("openai", "gpt-9"),
        ("anthropic", "claude-sonnet-9"),
        ("gcp.gemini", "gemini-9-pro"),
        ("mistral_ai", "mistral-large-9"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-9-20991231-v1:0"),
        # A model that was made from a known one has a price of its own.
        ("openai", "ft:gpt-4.1-2025-04-14:acme::abc"),
        # What a router gives away is not what the maker sells.
        ("openrouter", "deepseek/deepseek-chat-v9:free"),
        # Routes and variants that nobody knows the price of.
        ("openrouter", "openai/gpt-4o:nitro"),
    ],
)
def test_unknown_is_unknown_not_0(pricing: Pricing, provider: str | None, model: str | None) -> None:
    assert pricing.price(a_call(provider, model)).cost_nano is None
    assert pricing.price(a_call(provider, model, input_tokens=0, output_tokens=0)).cost_nano is None


@given(
    which=st.deferred(
        lambda: st.sampled_from([(seller.id, model.id) for seller in SELLERS for model in seller.models])
    ),
    at=st.sampled_from([seller.id for seller in SELLERS if providers.fold(seller.id) is not None]),
    ending=st.sampled_from(["", "-latest", "-20251211", ":free", "-preview", "x"]),
)
@settings(deadline=None, max_examples=200)
def test_names_mean_what_genai_prices_takes_them_for(which: tuple[str, str], at: str, ending: str) -> None:
    """Wherever the package finds a model by the whole name, so do we."""
    seller = next(seller for seller in SELLERS if seller.id == at)
    theirs = seller.find_model(which[1] + ending, all_providers=SELLERS)
    ours = CATALOG.find(at, which[1] + ending, None)
    if theirs is not None:
        assert ours is not None
        assert ours.model is theirs
        assert ours.own == any(model is theirs for model in seller.models)


@cache
def bare_names() -> list[tuple[str, str]]:
    """Models whose names have nothing around them that could be taken away."""
    bare = re.compile(r"(?!ft:)[a-z0-9-]+")
    return [
        (seller.id, model.id)
        for seller in SELLERS
        if providers.fold(seller.id) is not None
        for model in seller.models
        if bare.fullmatch(model.id) and len(list(spellings(model.id))) == 1
    ]


@given(
    which=st.sampled_from(range(len(bare_names()))),
    before=st.sampled_from(["", "x", "my-"]),
    after=st.sampled_from(["", "x", "-x", "-v2", "-next", "9", "-custom"]),
)
@settings(deadline=None, max_examples=300)
def test_nothing_but_what_the_list_says_is_taken_for_a_model(which: int, before: str, after: str) -> None:
    """A name that has nothing around it is found if and only if the list says that it means a model."""
    at, model = bare_names()[which]
    seller = next(seller for seller in SELLERS if seller.id == at)
    theirs = seller.find_model(before + model + after, all_providers=SELLERS)
    ours = CATALOG.find(at, before + model + after, None)
    if theirs is None and ours is not None:
        # By its own name, which the list forgot to say of itself.
        assert (before, after, ours.model.id) == ("", "", model)


def test_the_first_matching_model_is_meant() -> None:
    """Also where a later one has exactly that name."""
    models = [
        ModelInfo(id="exact", match=ClauseEquals("Name-1")),
        ModelInfo(id="prefix", match=ClauseOr([ClauseEquals("other"), ClauseStartsWith("name-")])),
        ModelInfo(id="late", match=ClauseEquals("name-2")),
    ]
    seller = Provider(id="acme", name="Acme", api_pattern="", models=models)
    found = [Catalog([seller]).find("acme", name, None) for name in ("name-1", "name-2", "OTHER", "nothing")]
    assert [match and match.model.id for match in found] == ["exact", "prefix", "prefix", None]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("gpt-4o", ["gpt-4o"]),
        (" GPT-4o-20240806", ["gpt-4o-20240806", "gpt-4o-2024-08-06", "gpt-4o"]),
        ("a/b/c", ["a/b/c", "b/c", "c"]),
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            [
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "us.anthropic.claude-sonnet-4-5-2025-09-29-v1:0",
                "claude-sonnet-4-5-20250929",
                "claude-sonnet-4-5-2025-09-29",
                "claude-sonnet-4-5",
            ],
        ),
        ("m@20250929", ["m@20250929", "m-20250929", "m-2025-09-29", "m"]),
        ("mistral-large-latest", ["mistral-large-latest", "mistral-large"]),
        ("claude[1m]", ["claude[1m]", "claude"]),
        ("mine-v2", ["mine-v2"]),
        (
            "ft:gpt-4o-2024-08-06:acme::x",
            ["ft:gpt-4o-2024-08-06:acme::x", "ft:gpt-4o-2024-08-06", "ft:gpt-4o"],
        ),
        ("", []),
        ("/", ["/"]),
    ],
)
def test_a_name_is_written_with_less_and_less_around_it(name: str, written: list[str]) -> None:
    assert list(spellings(name)) == written


@given(st.text(max_size=60) | st.from_regex(r"[a-z./:@\[\]0-9-]{0,80}", fullmatch=True))
@example("/" * 300)
def test_any_name_has_few_spellings_each_once_the_whole_first(name: str) -> None:
    found = list(spellings(name))
    assert len(set(found)) == len(found)
    assert all(found)
    if name.strip():
        assert found[0] == name.strip().lower()
