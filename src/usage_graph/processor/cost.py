"""What a call cost: as reported on the span, else computed from the price list, else unknown. Never 0 for unknown."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from usage_graph.processor.catalog import Catalog
from usage_graph.processor.rates import RateCard, card_of
from usage_graph.processor.reading import Found
from usage_graph.processor.semconv import COST_KEYS
from usage_graph.processor.tokens import Tokens
from usage_graph.processor.values import AttributeValue, usd
from usage_graph.usage import MAX_COST_NANO

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

MODELS_REMEMBERED = 4096
"""Resolved (provider, models) triples, hits and misses: the names come from clients, so there must be a bound."""


def reported_nano(found: Found, used: Tokens, attributes: Mapping[str, AttributeValue]) -> int | None:
    """The cost that the span reports, in nano-USD: a total above 0, else the sum of its input and output parts.

    A reported 0 is believed only where tokens were measured and none was used. With tokens, it is what emitters write
    for a model that they have no price for; with unknown tokens, what they write for a call that failed.
    """
    if found.cost is not None:
        return found.cost
    if found.input_cost is not None and found.output_cost is not None:
        parts = found.input_cost + found.output_cost
        if 0 < parts <= MAX_COST_NANO:
            return parts
    if used.none_used and any(usd(attributes.get(key)) == 0 for key in COST_KEYS):
        return 0
    return None


class _Offer:
    """A model in the price list, with a rate card for each set of prices it has had, or has by time of day."""

    def __init__(self, model: "ModelInfo", *, own: bool) -> None:
        self._model = model
        standard = model.prices if isinstance(model.prices, list) else []
        # A seller's special prices hold for its own models, not for those it resells at the maker's price.
        variants = (model.price_variants or []) if own else []
        constraints = [price.constraint for price in standard] + [variant.constraint for variant in variants]
        self._constraints = tuple(constraint for constraint in constraints if constraint is not None)
        self._tiers = frozenset(tier for variant in variants if (tier := variant.when.get("service_tier")))
        self._cards: dict[tuple[str | None, tuple[bool, ...]], RateCard | None] = {}

    def card(self, at: datetime, service_tier: str | None) -> RateCard | None:
        """The card in force ``at`` that instant; unknown service tiers are the standard one."""
        tier = service_tier if service_tier in self._tiers else None
        key = tier, tuple([constraint.active(at) for constraint in self._constraints])
        try:
            return self._cards[key]
        except KeyError:
            context = {"service_tier": tier} if tier else None
            prices = self._model.get_prices(at, context)
            card = self._cards[key] = card_of(prices, free=self._model.id.endswith(":free"))
            return card


class Pricing:
    """Costs from the price list that ``genai-prices`` ships. Reads no network.

    Building one imports that package (about half a second), so that nothing else has to.
    """

    def __init__(self) -> None:
        from genai_prices.data_snapshot import get_snapshot

        self._catalog = Catalog(get_snapshot().providers)
        self._offers: dict[tuple[int, bool], _Offer] = {}
        self._offer = lru_cache(MODELS_REMEMBERED)(self._find_offer)

    def cost_nano(
        self,
        provider: str | None,
        request_model: str | None,
        response_model: str | None,
        at: datetime,
        input_tokens: int | None,
        output_tokens: int | None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        *,
        cache_write_1h: int | None = None,
        reasoning: int | None = None,
        service_tier: str | None = None,
    ) -> int | None:
        """What the call costs by the price list, in nano-USD; ``None`` where that is unknown.

        Tokens are inclusive; for the names see ``Catalog.find``. Unknown, besides unknown models: both counts unknown;
        one unknown that the model charges for; more than a million USD. Unknown cache and reasoning counts are taken
        for none: such tokens are then priced as plain input and output.
        """
        if input_tokens is None and output_tokens is None:
            return None
        offer = self._offer(provider, request_model, response_model)
        card = offer.card(at, service_tier) if offer is not None else None
        if card is None:
            return None
        nano = card.cost_nano(
            input_tokens, output_tokens, cache_read or 0, cache_write or 0, cache_write_1h or 0, reasoning or 0
        )
        return nano if nano is not None and nano <= MAX_COST_NANO else None

    def _find_offer(self, provider: str | None, request_model: str | None, response_model: str | None) -> _Offer | None:
        found = self._catalog.find(provider, request_model, response_model)
        if found is None:
            return None
        model, own = found
        return self._offers.setdefault((id(model), own), _Offer(model, own=own))
