"""The user's own prices: how they are said, and which of them a call goes by."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processor.calls import a_call, parts
from tests.processor.conftest import START
from usage_graph.errors import ConfigError
from usage_graph.price import Origin, OwnPrice
from usage_graph.processor import Pricing
from usage_graph.processor.own import OwnPrices, own_price

GPT_4O = 1000 * 2_500 + 100 * 10_000
MARCH, MAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


def price(model: str, dollars: int | str, *, origin: Origin = Origin.DATABASE, **said: Any) -> OwnPrice:
    """Input for so many dollars a million, output for nothing."""
    rates = {"input": dollars, "output": 0} | {name: said.pop(name) for name in list(said) if name not in WORDS}
    return own_price(model=model, rates=rates, origin=origin, **said)


WORDS = ("provider", "since", "project")


def dollars(pricing: Pricing, *names: str | None, at: datetime = START) -> Decimal | None:
    """What a million tokens of input cost."""
    cost = pricing.price(a_call(*names, at=at, input_tokens=10**6, output_tokens=0)).cost_nano
    return None if cost is None else Decimal(cost).scaleb(-9)


FILE, DATABASE = Origin.FILE, Origin.DATABASE


@pytest.mark.parametrize(
    ("prices", "names", "wanted"),
    [
        # Over the price list, and where that knows nothing.
        ([price("gpt-4o", 7)], ("openai", "gpt-4o"), 7),
        ([price("house", 7)], (None, "house"), 7),
        ([price("house", 7)], ("ollama", "house"), 7),
        ([price("house", 0)], ("vllm", "house"), 0),
        ([price("house", 7)], (None, "household"), None),
        ([price("house", 7)], (None, "my-house"), None),
        ([price("house", 7)], (None, "house-v2"), None),
        # However the call writes it, and the price.
        ([price("GPT-4o", 7)], ("openai", "gpt-4o-2024-08-06"), 7),
        ([price("gpt-4o-20240806", 7)], ("openai", "gpt-4o-2024-08-06"), 7),
        ([price("gpt-4o-2024-08-06", 7)], ("openai", "gpt-4o"), "2.5"),
        ([price("claude-sonnet-4-5", 7)], (None, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"), 7),
        ([price("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 7)], (None, "claude-sonnet-4-5"), 6),
        ([price("ft:gpt-4o-mini", 7)], ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x"), 7),
        # The most specific name first, the response model before the request model.
        ([price("gpt-4o", 7), price("gpt-4o-2024-08-06", 8)], ("openai", "gpt-4o-2024-08-06"), 8),
        ([price("openai/gpt-4o", 7), price("gpt-4o", 8)], (None, "openai/gpt-4o"), 7),
        ([price("deployment", 7)], ("azure", "deployment", "gpt-4o-2024-08-06"), 7),
        ([price("deployment", 7), price("gpt-4o", 8)], ("azure", "deployment", "gpt-4o-2024-08-06"), 8),
        # Beginnings of names after whole ones, the longest first.
        ([price("house-*", 7)], (None, "house-large"), 7),
        ([price("house-*", 7)], (None, "house"), None),
        ([price("house-*", 7), price("house-large-*", 8)], (None, "house-large-2"), 8),
        ([price("house-*", 7), price("house-large", 8)], (None, "acme/house-large"), 8),
        ([price("*", 0, provider="ollama")], ("ollama", "anything:7b"), 0),
        ([price("*", 0, provider="ollama")], ("openai", "gpt-4o"), "2.5"),
        # By provider, whatever it is called, before any provider.
        ([price("house", 7, provider="Azure.AI.OpenAI"), price("house", 8)], ("azure", "house"), 7),
        ([price("house", 7, provider="azure"), price("house", 8)], ("openai", "house"), 8),
        ([price("house", 7, provider="azure")], (None, "house"), None),
        # The database before the file, whatever else.
        ([price("house", 7, origin=FILE), price("house", 8)], (None, "house"), 8),
        ([price("house-large", 7, origin=FILE, provider="azure"), price("house-*", 8)], ("azure", "house-large"), 8),
    ],
)
def test_which_price_a_call_goes_by(prices: list[OwnPrice], names: tuple[str | None, ...], wanted: Any) -> None:
    for order in (prices, prices[::-1]):
        assert dollars(Pricing(order), *names) == (None if wanted is None else Decimal(wanted))


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (MARCH - timedelta(microseconds=1), "2.5"),
        (MARCH, "7"),
        (MAY - timedelta(microseconds=1), "7"),
        (MAY, "8"),
        (MAY + timedelta(days=1000), "8"),
    ],
)
def test_the_newest_that_is_not_from_after_the_call(at: datetime, wanted: str) -> None:
    pricing = Pricing([price("gpt-4o", 7, since=MARCH), price("gpt-4o", 8, since=MAY)])
    assert dollars(pricing, "openai", "gpt-4o", at=at) == Decimal(wanted)
    # What goes before says nothing of the time before itself.
    layers = [price("gpt-4o", 7, since=MARCH), price("gpt-4o", 9, origin=FILE), price("gpt-4o", 8, since=MAY)]
    assert dollars(Pricing(layers), "openai", "gpt-4o", at=at) == (9 if at < MARCH else Decimal(wanted))


def test_each_kind_of_token_has_its_rate_or_falls_back() -> None:
    rates = {"input": "1", "output": "10", "cache_read": "0.1", "cache_write": "2", "cache_write_1h": "4"}
    rates |= {"reasoning": "20", "per_call": "0.001"}
    call = a_call(None, "m", input_tokens=1000, output_tokens=100, read=400, written=300, hour=100, reasoning=60)

    def priced(**said: Any) -> tuple[int | None, ...]:
        found = Pricing([own_price(model="m", rates=said, origin=DATABASE)]).price(call)
        return found.cost_nano, *parts(found)

    whole = (300_000, 40_000, 400_000 + 400_000, 400_000 + 1_200_000)
    assert priced(**rates) == (sum(whole) + 1_000_000, *whole)
    # Writes for an hour fall back to writes, caches to input, reasoning to output.
    assert priced(input=1, output=10, cache_write=2)[3] == 600_000
    assert priced(input=1, output=10) == (2_000_000, 300_000, 400_000, 300_000, 1_000_000)
    assert priced(per_call="0.04") == (40_000_000, 0, 0, 0, 0)


def test_a_price_per_call_needs_no_tokens_but_an_answer() -> None:
    pricing = Pricing([price("image", 0, per_call="0.04"), price("chat", 3, per_call="0.04"), price("free", 0)])
    unmeasured: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
    assert pricing.price(a_call(None, "image", **unmeasured)).cost_nano == 40_000_000
    assert pricing.price(a_call(None, "image", **unmeasured, failed=True)).cost_nano is None
    assert pricing.price(a_call(None, "image", failed=True)).cost_nano == 40_000_000
    assert pricing.price(a_call(None, "chat", **unmeasured)).cost_nano is None
    assert pricing.price(a_call(None, "free", **unmeasured, failed=True)).cost_nano == 0


@pytest.mark.parametrize(
    ("prices", "wanted"),
    [
        ([price("gpt-4o", 7), price("gpt-4o", 8, project="ours")], 8),
        ([price("gpt-4o", 7), price("gpt-4o", 8, project="theirs")], 7),
        ([price("gpt-4o", 8, project="theirs")], "2.5"),
        ([price("gpt-4o", 7, origin=FILE), price("gpt-4o", 8, project="ours")], 8),
        # However little it says of the model, and however much one of all projects does.
        ([price("gpt-4o", 7, provider="openai"), price("*", 8, project="ours")], 8),
        # What goes before says nothing of the time before itself.
        ([price("gpt-4o", 7), price("gpt-4o", 8, project="ours", since=MAY + timedelta(days=999))], 7),
    ],
)
def test_a_project_s_own_prices_go_before_those_of_all(prices: list[OwnPrice], wanted: Any) -> None:
    call = a_call("openai", "gpt-4o", input_tokens=10**6, output_tokens=0, project="ours")
    for order in (prices, prices[::-1]):
        pricing = Pricing(order)
        cost = pricing.price(call).cost_nano
        assert cost is not None
        assert Decimal(cost).scaleb(-9) == Decimal(wanted)
        quote = pricing.quote("openai", "gpt-4o", START, project="ours")
        assert quote is not None
        assert quote.card.usd_per_million(quote.card.steps[0][1].input) == Decimal(wanted)


def test_projects_without_prices_of_their_own_share_what_is_remembered() -> None:
    pricing = Pricing([price("gpt-4o", 8, project="ours")])
    for project in ("ours", "theirs", "hers"):
        assert pricing.price(a_call("openai", "gpt-4o", project=project)).cost_nano
    assert pricing._choice.cache_info().currsize == 2


def test_prices_are_exchanged_all_at_once_and_forgotten_whole() -> None:
    pricing = Pricing()
    assert dollars(pricing, "openai", "gpt-4o") == Decimal("2.5")
    assert dollars(pricing, None, "house") is None
    pricing.use([price("gpt-4o", 7), price("house", 8)])
    assert (dollars(pricing, "openai", "gpt-4o"), dollars(pricing, None, "house")) == (Decimal(7), Decimal(8))
    pricing.use([])
    assert (dollars(pricing, "openai", "gpt-4o"), dollars(pricing, None, "house")) == (Decimal("2.5"), None)


def test_what_a_call_is_priced_by_is_told() -> None:
    own = price("gpt-4o", 7, since=MARCH)
    pricing = Pricing([own])
    quote = pricing.quote("openai", "gpt-4o-2024-08-06", MARCH)
    assert quote is not None
    assert (quote.own, quote.listed) == (own, None)
    before = pricing.quote("openai", "openai/gpt-4o-2024-08-06", MARCH - timedelta(days=1))
    assert before is not None
    assert before.own is None
    assert before.listed is not None
    assert (before.listed.seller, before.listed.spelling) == ("openai", "gpt-4o-2024-08-06")
    assert pricing.quote("openai", "no-such-model", MARCH) is None


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ({"input": "abc", "output": 1}, ["input: 'abc' is no amount: write USD, such as 0.25."]),
        ({"input": -1, "output": "1e3"}, ["input: -1 is no amount from 0 to 1,000,000 USD.", "output: '1e3' is no"]),
        ({"input": 10**6 + 1, "output": True}, ["input: 1000001 is no amount", "output: True is no amount"]),
        ({"input": Decimal("NaN"), "output": Decimal("Infinity")}, ["input: Decimal('NaN')", "output: Decimal('Inf"]),
        ({"input": "0.0000000000001", "output": None}, ["has more than 12 digits after the point", "output: None is"]),
        ({"input": 1}, ["output: missing; say 0 if it costs nothing."]),
        ({"cache_read": 1}, ["input: missing", "output: missing"]),
        ({"model": " "}, ["model: ' ' is no name of a model"]),
        ({"model": "a*b"}, ["model: 'a*b' is no name of a model"]),
        ({"model": "a\nb"}, ["model: 'a\\nb' is no name of a model"]),
        ({"model": "x" * 257}, ["is no name of a model (at most 256 characters"]),
        ({"model": 4, "provider": ""}, ["model: 4 is no name", "provider: '' is no name of a provider."]),
        ({"provider": "LangChain"}, ["provider: 'LangChain' only passes calls on; leave it out"]),
        ({"since": "yesterday"}, ["from: 'yesterday' is no date, such as 2026-01-31"]),
        ({"since": 2026}, ["from: 2026 is no date"]),
        ({"since": "0001-01-01T00:00:00+14:00"}, ["from: "]),
    ],
)
def test_everything_that_is_wrong_with_a_price_is_said(said: dict[str, Any], problems: list[str]) -> None:
    words = {"model": "m"} | {word: said.pop(word) for word in ("model", *WORDS) if word in said}
    with pytest.raises(ConfigError) as caught:
        own_price(**words, rates=said or {"input": 1, "output": 1}, origin=FILE)
    assert len(caught.value.problems) == len(problems)
    for found, wanted in zip(caught.value.problems, problems, strict=True):
        assert wanted in found


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("2026-03-01", MARCH),
        (MARCH.date(), MARCH),
        ("2026-03-01T00:00:00Z", MARCH),
        ("2026-03-01T02:00:00+02:00", MARCH),
        (datetime(2026, 3, 1), MARCH),
        (None, None),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(said: object, since: datetime | None) -> None:
    assert own_price(model="m", since=said, rates={"per_call": 1}, origin=FILE).since == since


@given(st.text(max_size=300), st.none() | st.text(max_size=30), st.text(max_size=20), st.text(max_size=30))
def test_whatever_is_said_it_is_a_price_or_a_clear_no(model: str, provider: str | None, rate: str, since: str) -> None:
    try:
        found = own_price(
            model=model, provider=provider, since=since, rates={"input": rate, "output": 1}, origin=DATABASE
        )
    except ConfigError:
        return
    assert 0 <= found.input <= 10**6
    assert OwnPrices([found]).of(found.provider, [found.model]) == [found]
