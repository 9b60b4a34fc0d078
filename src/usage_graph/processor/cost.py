"""What a call costs where nobody reported it: computed from prices, else unknown. Never 0 for unknown."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

from usage_graph.price import OwnPrice
from usage_graph.processor.catalog import Catalog, Listed
from usage_graph.processor.own import OwnPrices
from usage_graph.processor.rates import Charge, RateCard, card_of, card_of_own
from usage_graph.processor.tokens import Tokens
from usage_graph.usage import MAX_COST_NANO, UsageRecord

UNKNOWN = (None, None, None, None, None)
"""In place of a ``Charge``."""
_TIER_KEYS = ("service_tier", "processing", "speed")
"""What the price list calls the classes of service that emitters call tiers: `priority`, `batch`, `fast`."""

MODELS_REMEMBERED = 4096
"""Resolved (project, provider, models), hits and misses: the names come from clients, so there must be a bound."""


class Quote(NamedTuple):
    """What a call is priced by: ``own``, a price that the user set, else ``listed``, a model of the price list."""

    card: RateCard
    own: OwnPrice | None
    listed: Listed | None


class _Offer:
    """A model in the price list, with a rate card for each set of prices it has had, or has by time of day."""

    def __init__(self, listed: Listed) -> None:
        model = listed.model
        self._model = model
        standard = model.prices if isinstance(model.prices, list) else []
        # A seller's special prices hold for its own models, not for those it resells at the maker's price.
        variants = (model.price_variants or []) if listed.own else []
        constraints = [price.constraint for price in standard] + [variant.constraint for variant in variants]
        self._constraints = tuple(constraint for constraint in constraints if constraint is not None)
        self._tiers = frozenset(tier for variant in variants for key in _TIER_KEYS if (tier := variant.when.get(key)))
        self._cards: dict[tuple[str | None, tuple[bool, ...]], RateCard | None] = {}

    def card(self, at: datetime, service_tier: str | None) -> RateCard | None:
        """The card in force ``at`` that instant; unknown service tiers are the standard one."""
        tier = service_tier.lower() if service_tier and self._tiers else None
        tier = tier if tier in self._tiers else None
        key = tier, tuple([constraint.active(at) for constraint in self._constraints])
        try:
            return self._cards[key]
        except KeyError:
            context = dict.fromkeys(_TIER_KEYS, tier) if tier else None
            prices = self._model.get_prices(at, context)
            card = self._cards[key] = card_of(prices, free=self._model.id.endswith(":free"))
            return card


class _Choice(NamedTuple):
    """What calls with certain names can be priced by, whenever they were."""

    own: list[tuple[OwnPrice, RateCard]]
    listed: Listed | None
    offer: _Offer | None

    def card(self, at: datetime, service_tier: str | None) -> RateCard | None:
        for price, card in self.own:
            if price.since is None or price.since <= at:
                return card
        return self.offer.card(at, service_tier) if self.offer is not None else None


class Pricing:
    """Costs from the user's own prices, else from the price list that ``genai-prices`` ships. Reads no network.

    Building one imports that package (about half a second), so that nothing else has to.
    """

    def __init__(self, own: Iterable[OwnPrice] = ()) -> None:
        from genai_prices.data_snapshot import get_snapshot

        self._catalog = Catalog(get_snapshot().providers)
        self._offers: dict[tuple[int, bool], _Offer] = {}
        self.use(own)

    def use(self, own: Iterable[OwnPrice]) -> None:
        """Price by these own prices from now on, and by no others; a call is priced by the old or the new ones."""
        prices = OwnPrices(own)
        self._projects = prices.projects
        self._choice = lru_cache(MODELS_REMEMBERED)(partial(self._choose, prices))

    def price(self, record: UsageRecord) -> UsageRecord:
        """``record`` with what it costs, and the parts of that; a reported cost stays as it is. See ``charge``."""
        if record.cost_reported:
            return record
        used = Tokens(
            record.input_tokens,
            record.output_tokens,
            record.cache_read_tokens,
            record.cache_write_tokens,
            record.cache_write_1h_tokens,
            record.reasoning_tokens,
        )
        names = record.provider, record.request_model, record.response_model
        charge = self.charge(
            *names, record.started_at, record.service_tier, used, failed=record.failed, project=record.project
        )
        cost, input_, cache_read, cache_write, output = charge or UNKNOWN
        return record._replace(
            cost_nano=cost,
            input_cost_nano=input_,
            cache_read_cost_nano=cache_read,
            cache_write_cost_nano=cache_write,
            output_cost_nano=output,
        )

    def charge(
        self,
        provider: str | None,
        request_model: str | None,
        response_model: str | None,
        at: datetime,
        service_tier: str | None,
        used: Tokens,
        *,
        failed: bool,
        project: str | None = None,
    ) -> Charge | None:
        """What a call of ``project`` costs that nobody reported the cost of; ``None`` is unknown.

        The prices are those in force ``at`` its start. For the names see ``OwnPrices`` and ``Catalog.find``. Unknown
        are, besides the costs of unknown models: those of calls of which a count is unknown that the model charges for;
        of ``failed`` calls without any count; more than ``MAX_COST_NANO``. Unknown cache and reasoning counts are taken
        for none: such tokens are then priced as plain input and output.
        """
        card = self._chosen(project, provider, request_model, response_model).card(at, service_tier)
        if card is None:
            return None
        charge = card.charge(
            used.input,
            used.output,
            used.cache_read or 0,
            used.cache_write or 0,
            used.cache_write_1h or 0,
            used.reasoning or 0,
        )
        if charge is None or charge.cost > MAX_COST_NANO:
            return None
        # Nobody knows whether a failed call without counts was answered, and so charged for.
        return None if charge.cost and failed and used.input is None and used.output is None else charge

    def quote(
        self,
        provider: str | None,
        model: str,
        at: datetime,
        *,
        service_tier: str | None = None,
        project: str | None = None,
    ) -> Quote | None:
        """What a call of that time, model, provider and project is priced by; ``None`` if its cost is unknown."""
        choice = self._chosen(project, provider, model, None)
        card = choice.card(at, service_tier)
        if card is None:
            return None
        own = next((price for price, of in choice.own if of is card), None)
        return Quote(card, own, choice.listed if own is None else None)

    def _chosen(
        self, project: str | None, provider: str | None, request_model: str | None, response_model: str | None
    ) -> _Choice:
        # Projects without prices of their own share what is remembered.
        return self._choice(project if project in self._projects else None, provider, request_model, response_model)

    def _choose(
        self,
        own: OwnPrices,
        project: str | None,
        provider: str | None,
        request_model: str | None,
        response_model: str | None,
    ) -> _Choice:
        prices = own.of(provider, [name for name in (response_model, request_model) if name], project=project)
        listed = self._catalog.find(provider, request_model, response_model)
        offer = None
        if listed is not None:
            key = id(listed.model), listed.own
            offer = self._offers.get(key) or self._offers.setdefault(key, _Offer(listed))
        return _Choice([(price, card_of_own(price)) for price in prices], listed, offer)
