"""Which model of the price list the names on a span mean.

``genai-prices`` has look-ups of its own. They remember every name they were ever asked for, and try hundreds of models
one by one for a name that nobody has; the names come from clients.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from usage_graph.processor import providers
from usage_graph.processor.spelling import spellings

if TYPE_CHECKING:
    from genai_prices.types import MatchLogic, ModelInfo, Provider

# Our provider names -> genai-prices' ids, where they differ.
_SELLERS = {
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}

# Ends the name of a model that a router gives away; whoever else has the model does not.
_GIVEN_AWAY = ":free"


class Listed(NamedTuple):
    """A model of the price list. ``own``: the seller offers it as its own rather than at its maker's price.

    ``seller`` is whose list it was found in, ``spelling`` the name that it was found by.
    """

    model: "ModelInfo"
    own: bool
    seller: str
    spelling: str


class Catalog:
    """The models of all sellers."""

    def __init__(self, sellers: "Sequence[Provider]") -> None:
        self._sellers = sellers
        self._shelves = {seller.id: _Shelf(seller.models) for seller in sellers}
        self._by_id = {seller.id: seller for seller in sellers}

    def find(self, provider: str | None, request_model: str | None, response_model: str | None) -> Listed | None:
        """The model that the names on a call mean.

        The response model is looked for before the request model, each by its ``spellings``: in the provider's list, in
        that of the vendor in ``vendor/model``, and, where the provider is unknown, in that of the model's maker; never
        for a server that one runs oneself.
        """
        for name in (response_model, request_model):
            if not name:
                continue
            name = name.strip().lower()
            for seller in self._sellers_of(provider, name):
                for spelling in spellings(name):
                    if model := self._shelves[seller.id].find(spelling):
                        return Listed(model, True, seller.id, spelling)
                    for maker in seller.fallback_model_providers or ():
                        if model := self._shelves[maker].find(spelling):
                            return Listed(model, False, maker, spelling)
        return None

    def _sellers_of(self, provider: str | None, model: str) -> "Iterator[Provider]":
        name = provider and providers.fold(provider)
        if name in providers.SELF_HOSTED:
            return
        known = self._seller(name) if name else None
        if known:
            yield known
            if model.endswith(_GIVEN_AWAY):
                return
        maker = providers.of_model(model)
        if maker and ("/" in model or not known) and (seller := self._seller(maker)) and seller is not known:
            yield seller
        elif not known and not maker:
            yield from (s for s in self._sellers if s.model_match is not None and s.model_match.is_match(model))

    def _seller(self, name: str) -> "Provider | None":
        """By our name of a provider."""
        name = _SELLERS.get(name, name)
        return self._by_id.get(name) or next(
            (s for s in self._sellers if s.provider_match is not None and s.provider_match.is_match(name)), None
        )


class _Shelf:
    """One seller's models, of which the first that matches a name is meant. Most match by equality: no need to try."""

    def __init__(self, models: "Sequence[ModelInfo]") -> None:
        self._models = models
        self._exact: dict[str, int] = {}
        self._tried: list[int] = []
        for position, model in enumerate(models):
            names = _equal_to(model.match)
            if names is None:
                self._tried.append(position)
            for name in names or ():
                self._exact.setdefault(name, position)
        # The list's own name of a model is one that nothing need match, such as that of any fine-tuned one.
        self._ids = {model.id.lower(): model for model in reversed(models)}

    def find(self, name: str) -> "ModelInfo | None":
        """``name`` in lower case."""
        exact = self._exact.get(name)
        for position in self._tried:
            if exact is not None and exact < position:
                break
            if self._models[position].is_match(name):
                return self._models[position]
        return self._ids.get(name) if exact is None else self._models[exact]


def _equal_to(match: "MatchLogic") -> list[str] | None:
    """The names that ``match`` is true for, if they can be told; in lower case, as names are compared."""
    if (name := getattr(match, "equals", None)) is not None:
        return [str(name).lower()]
    found: list[str] = []
    clauses = getattr(match, "or_", None)
    for clause in clauses or ():
        names = _equal_to(clause)
        if names is None:
            return None
        found += names
    return None if clauses is None else found
