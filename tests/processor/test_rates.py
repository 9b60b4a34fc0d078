"""Rate cards: the arithmetic of a cost and its parts."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.calls import a_call, parts
from usage_graph.price import OwnPrice
from usage_graph.processor import Pricing, providers
from usage_graph.processor.rates import card_of, card_of_own
from usage_graph.usage import MAX_COST_NANO, MAX_TOKENS, UsageRecord

SELLERS = get_snapshot().providers
TOKEN_PRICES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok")


@cache
def priced_models() -> list[tuple[str, str]]:
    """Those that the price list finds by their own id, of sellers who are providers (``providers.FRAMEWORKS``)."""
    return [
        (seller.id, model.id)
        for seller in SELLERS
        if providers.fold(seller.id) is not None
        for model in seller.models
        if seller.find_model(model.id)
    ]


def by_the_token(price: ModelPrice) -> bool:
    return any(getattr(price, kind) is not None for kind in TOKEN_PRICES)


models = st.deferred(lambda: st.sampled_from(priced_models()))
times = st.datetimes(datetime(2023, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))
tiers = st.sampled_from([None, "flex", "priority", "default", "batch"])


@st.composite
def calls(draw: st.DrawFn) -> UsageRecord:
    """Of any model of the list, with counts that do not contradict each other."""
    seller, model = draw(models)
    plain, cached, written = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6)), draw(st.integers(0, 10**5))
    thought, said = draw(st.integers(0, 10**5)), draw(st.integers(0, 10**5))
    return a_call(
        seller,
        model,
        at=draw(times),
        input_tokens=plain + cached + written,
        output_tokens=thought + said,
        read=cached,
        written=written,
        hour=min(draw(st.integers(0, 10**5)), written),
        reasoning=thought,
        service_tier=draw(tiers),
    )


def assert_priced_as_by_the_package(pricing: Pricing, call: UsageRecord) -> bool:
    """Returns whether the model has a price by the token."""
    tier = call.service_tier
    oracle = calc_price(
        Usage(
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cache_read_tokens=call.cache_read_tokens,
            cache_write_tokens=call.cache_write_tokens,
            cache_write_1h_tokens=call.cache_write_1h_tokens,
            output_reasoning_tokens=call.reasoning_tokens,
        ),
        call.request_model or "",
        provider_id=call.provider,
        genai_request_timestamp=call.started_at,
        price_context={"service_tier": tier, "processing": tier} if tier else None,
    )
    ours = pricing.price(call).cost_nano
    if ours is None:
        assert not by_the_token(oracle.model_price) or oracle.total_price > MAX_COST_NANO / 10**9
        return False
    assert abs(ours - oracle.total_price.scaleb(9)) <= Decimal("0.5"), call
    return True


@given(calls())
@settings(deadline=None, max_examples=300)
def test_rate_cards_agree_with_genai_prices(pricing: Pricing, call: UsageRecord) -> None:
    assert_priced_as_by_the_package(pricing, call)


@pytest.mark.parametrize("tier", [None, "batch", "priority"])
@pytest.mark.parametrize("times", [1, 400])
def test_they_agree_on_every_model(pricing: Pricing, tier: str | None, times: int) -> None:
    """400 times as many tokens are above all limits for long contexts."""
    used = {"input_tokens": 1001 * times, "output_tokens": 333 * times, "service_tier": tier}
    parts_of_it = {"read": 307 * times, "written": 203 * times, "hour": 101 * times, "reasoning": 77 * times}
    compared = [
        assert_priced_as_by_the_package(pricing, a_call(seller, model, at=at, **used, **parts_of_it))  # type: ignore[arg-type]
        for seller, model in priced_models()
        for at in (datetime(2025, 3, 1, 3, tzinfo=UTC), datetime(2026, 11, 1, 18, tzinfo=UTC))
    ]
    assert sum(compared) > 3000


@given(calls())
@settings(deadline=None, max_examples=300)
def test_the_parts_add_up_to_the_cost(pricing: Pricing, call: UsageRecord) -> None:
    priced = pricing.price(call)
    if priced.cost_nano is None:
        assert parts(priced) == (None,) * 4
        return
    found = [part for part in parts(priced) if part is not None]
    assert len(found) == 4
    # What the list charges per call is in no part.
    quote = pricing.quote(call.provider, call.request_model or "", call.started_at, service_tier=call.service_tier)
    assert quote is not None
    per_call = max(Decimal(rates.call) / quote.card.unit for _, rates in quote.card.steps)
    assert abs(priced.cost_nano - sum(found) - per_call) <= (1 if per_call else 0)
    assert (priced.cost_nano == sum(found)) or per_call
    # Nothing that was not used costs anything.
    used = (
        (call.input_tokens or 0) - (call.cache_read_tokens or 0) - (call.cache_write_tokens or 0),
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.output_tokens,
    )
    assert all(part == 0 for part, tokens in zip(found, used, strict=True) if not tokens)


@given(calls(), st.sampled_from(["plain", "read", "written", "said"]), st.integers(1, 10**5))
@settings(deadline=None, max_examples=300)
def test_more_tokens_never_cost_less(pricing: Pricing, call: UsageRecord, kind: str, more: int) -> None:
    less = pricing.price(call).cost_nano
    changes: dict[str, Any] = {"input_tokens": (call.input_tokens or 0) + more}
    if kind == "read":
        changes["cache_read_tokens"] = (call.cache_read_tokens or 0) + more
    elif kind == "written":
        changes["cache_write_tokens"] = (call.cache_write_tokens or 0) + more
    elif kind == "said":
        changes = {"output_tokens": (call.output_tokens or 0) + more}
    cost = pricing.price(call._replace(**changes)).cost_nano
    if cost is not None:
        assert less is not None
        assert less <= cost


amounts = st.decimals(0, 10**6, places=12) | st.decimals(0, 100, places=3)
counts = st.none() | st.integers(0, MAX_TOKENS) | st.integers(0, 5)
own_prices = st.builds(
    OwnPrice,
    st.just("m"),
    st.none(),
    st.none(),
    amounts,
    amounts,
    st.none() | amounts,
    st.none() | amounts,
    st.none() | amounts,
    st.none() | amounts,
    st.just(Decimal(0)) | amounts,
)


@given(own_prices, st.tuples(*[counts] * 6))
def test_whatever_the_price_and_the_counts(price: OwnPrice, used: tuple[int | None, ...]) -> None:
    """Also counts that contradict each other: no part is negative, and the cost is the exact sum, rounded once."""
    read, written, hour, thought = (count or 0 for count in used[2:])
    charge = card_of_own(price).charge(used[0], used[1], read, written, hour, thought)
    if charge is None:
        assert (used[0] is None and price.input) or (used[1] is None and price.output)
        return
    assert min(charge) >= 0
    of_parts = charge.input + charge.cache_read + charge.cache_write + charge.output
    if not price.per_call:
        assert of_parts == charge.cost
    hour, thought = min(hour, written), min(thought, used[1] or 0)
    write = price.input if price.cache_write is None else price.cache_write
    whole = (
        max((used[0] or 0) - read - written, 0) * price.input
        + read * (price.input if price.cache_read is None else price.cache_read)
        + (written - hour) * write
        + hour * (write if price.cache_write_1h is None else price.cache_write_1h)
        + ((used[1] or 0) - thought) * price.output
        + thought * (price.output if price.reasoning is None else price.reasoning)
    )
    exact = (whole.scaleb(3) if whole else Decimal(0)) + price.per_call.scaleb(9)
    assert abs(charge.cost - exact) <= Decimal("0.5") + abs(exact) * Decimal("1e-27")


def test_halves_are_rounded_to_even_once() -> None:
    """0.5 nano-USD a token: rounded part by part, the sum would be off."""
    price = OwnPrice("m", None, None, Decimal("0.0005"), Decimal("0.0005"), Decimal("0.0005"), Decimal("0.0005"))
    card = card_of_own(price)

    def charge(plain: int, read: int, written: int, out: int) -> tuple[int, ...]:
        found = card.charge(plain + read + written, out, read, written, 0, 0)
        assert found is not None
        return found

    assert charge(1, 0, 0, 0) == (0, 0, 0, 0, 0)
    assert charge(3, 0, 0, 0) == (2, 2, 0, 0, 0)
    assert charge(1, 1, 0, 0) == (1, 1, 0, 0, 0)
    assert charge(0, 1, 0, 1) == (1, 0, 1, 0, 0)
    assert charge(1, 1, 1, 1) == (2, 1, 1, 0, 0)
    assert charge(3, 1, 1, 0) == (2, 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("prices", "free", "known"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"requests_kcount": Decimal(5)}, True, False),
        ({"input_mtok": Decimal(0), "output_mtok": Decimal(0)}, False, True),
    ],
)
def test_an_entry_without_a_price_is_free_only_where_it_says_so(
    prices: dict[str, Decimal], free: bool, known: bool
) -> None:
    card = card_of(ModelPrice(**prices), free=free)
    assert (card is not None) == known
    if card is not None:
        charge = card.charge(1000, 100, 0, 0, 0, 0)
        assert charge is not None
        assert charge.cost == 0
