"""Rate cards: a model's prices as integers, so that pricing a call is a handful of exact multiplications.

A rate is USD per token in units of 1e-12 (pico-USD), or finer where the price data is; a cost is rounded once, half to
even, to nano-USD.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from usage_graph.price import OwnPrice

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

PICO = 12
NANO = 9
_PER_MILLION = 6
_PER_THOUSAND = 3

# What a token is priced as, and as what if the model has no price of its own for that.
_KINDS = (
    ("input_mtok", None),
    ("cache_read_mtok", "input_mtok"),
    ("cache_write_mtok", "input_mtok"),
    ("cache_write_1h_mtok", "cache_write_mtok"),
    ("output_mtok", None),
    ("output_reasoning_mtok", "output_mtok"),
)
_PER_CALL = "requests_kcount"


_Parts = tuple[int, int, int, int]


class Charge(NamedTuple):
    """What a call costs, and the parts of it that are of its tokens: nano-USD, cache writes of any lifetime in one.

    The parts add up to the cost less what is charged per call. The cost is rounded, half to even; of each part what is
    below 1e-9 is cut off, and of the units that are then missing the parts with the most cut off get one each.
    """

    cost: int
    input: int
    cache_read: int
    cache_write: int
    output: int


class Rates(NamedTuple):
    """Prices per token by kind and per call, in the units of their card. 0 where the model charges nothing."""

    input: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    output: int
    reasoning: int
    call: int


class RateCard(NamedTuple):
    """``steps``: the rates for calls with more than so many input tokens, most first; ``unit``: how many make 1e-9 USD.

    All tokens of a call are priced at its step, not only those above it.
    """

    steps: tuple[tuple[int, Rates], ...]
    unit: int

    def charge(
        self,
        input_tokens: int | None,
        output_tokens: int | None,
        cache_read: int,
        cache_write: int,
        cache_write_1h: int,
        reasoning: int,
    ) -> Charge | None:
        """The cost of inclusive tokens; ``None`` where a count that the model charges for is unknown.

        A part that is more than its whole is taken for all of it.
        """
        plain, read, write, write_1h, answer, thought, call = self._rates(input_tokens or 0)
        if (input_tokens is None and plain) or (output_tokens is None and answer):
            return None
        output = output_tokens or 0
        fresh = max((input_tokens or 0) - cache_read - cache_write, 0) * plain
        written = answered = 0
        if cache_write:
            written_1h = min(cache_write_1h, cache_write)
            written = (cache_write - written_1h) * write + written_1h * write_1h
        if output:
            answered = output * answer + min(reasoning, output) * (thought - answer)
        return self._rounded(fresh, cache_read * read, written, answered, call)

    def _rounded(self, fresh: int, read: int, written: int, answered: int, call: int) -> Charge:
        """These units of the four parts and of the call."""
        unit = self.unit
        cost, rest = divmod(fresh + read + written + answered + call, unit)
        if rest:
            cost += 2 * rest + (cost & 1) > unit
        whole = fresh // unit, read // unit, written // unit, answered // unit
        missing = cost - sum(whole) - call // unit
        if missing:
            whole = _completed(whole, (fresh, read, written, answered, call), unit, missing)
        return Charge(cost, *whole)

    def usd_per_million(self, rate: int) -> Decimal:
        """One of the card's rates as it is said."""
        return Decimal(rate).scaleb(_PER_MILLION - NANO) / Decimal(self.unit)

    def _rates(self, input_tokens: int) -> Rates:
        for above, rates in self.steps[:-1]:
            if input_tokens > above:
                return rates
        return self.steps[-1][1]


def card_of(price: "ModelPrice", *, free: bool) -> RateCard | None:
    """The card of one of ``genai-prices``' entries; ``None`` if it has no price of tokens.

    ``free``: an entry without any price is one of a model that costs nothing.
    """
    found = {kind: (_base(value), _steps(value)) for kind, _ in _KINDS if (value := getattr(price, kind)) is not None}
    if not found and not (free and not any(value is not None for value in vars(price).values())):
        return None
    thousand_calls: Decimal | None = getattr(price, _PER_CALL)
    return _card(found, thousand_calls.scaleb(-_PER_THOUSAND) if thousand_calls else Decimal(0))


def card_of_own(price: OwnPrice) -> RateCard:
    """The card of a price that the user set: the same for calls of any length."""
    amounts = (price.input, price.cache_read, price.cache_write, price.cache_write_1h, price.output, price.reasoning)
    none: Sequence[tuple[int, Decimal]] = ()
    found = {kind: (of, none) for (kind, _), of in zip(_KINDS, amounts, strict=True) if of is not None}
    return _card(found, price.per_call)


def _card(found: Mapping[str, tuple[Decimal, Sequence[tuple[int, Decimal]]]], call: Decimal) -> RateCard:
    """From base prices and steps by kind, in USD per million tokens, and USD per call."""
    prices = [amount for base, steps in found.values() for amount in (base, *(amount for _, amount in steps))]
    scale = max([PICO, _digits(call), *(_PER_MILLION + _digits(price) for price in prices)])
    bounds = sorted({start for _, steps in found.values() for start, _ in steps}, reverse=True)

    def rates(above: int) -> Rates:
        """At more than ``above`` input tokens."""
        of: dict[str | None, int] = {None: 0}
        for kind, otherwise in _KINDS:
            if kind not in found:
                of[kind] = of[otherwise]
                continue
            base, steps = found[kind]
            amount = next((amount for start, amount in reversed(steps) if above >= start), base)
            of[kind] = int(amount.scaleb(scale - _PER_MILLION))
        return Rates._make((*(of[kind] for kind, _ in _KINDS), int(call.scaleb(scale))))

    return RateCard(tuple((above, rates(above)) for above in (*bounds, -1)), 10 ** (scale - NANO))


def _completed(whole: _Parts, units: Sequence[int], unit: int, missing: int) -> _Parts:
    """The ``whole`` of each part, and one more of as many as are missing: of those with the most cut off."""
    parts = [*whole, 0]
    # Sorting is stable: among equals the first gets it.
    for index in sorted(range(len(units)), key=lambda i: -(units[i] % unit))[:missing]:
        parts[index] += 1
    return parts[0], parts[1], parts[2], parts[3]


def _base(price: "Decimal | TieredPrices") -> Decimal:
    return price if isinstance(price, Decimal) else price.base


def _steps(price: "Decimal | TieredPrices") -> Sequence[tuple[int, Decimal]]:
    """(above so many input tokens, price), least first."""
    return () if isinstance(price, Decimal) else [(tier.start, tier.price) for tier in price.tiers]


def _digits(amount: Decimal) -> int:
    """Digits after the point."""
    exponent = amount.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
