"""The user's own prices: how they are said, and which of them a call goes by."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal

from usage_graph.errors import ConfigError
from usage_graph.price import Origin, OwnPrice
from usage_graph.processor import providers
from usage_graph.processor.spelling import dashed, spellings

MAX_MODEL = 256
MAX_RATE = 10**6
"""USD per million tokens, or per call: nobody asks for a dollar a token."""
MAX_DIGITS = 12
"""Digits of a rate after the point."""

_NUMBER = re.compile(r"\d{1,9}(?:\.\d*)?|\.\d+", re.ASCII)
_ANY = "*"


def own_price(
    *,
    model: object,
    provider: object = None,
    since: object = None,
    rates: Mapping[str, object],
    origin: Origin,
    project: str | None = None,
) -> OwnPrice:
    """A price as somebody said it; names and rates are folded to how they are kept.

    ``rates`` by the names in ``price.RATES``, as whole numbers, ``Decimal`` or text; ``since`` as a date, a time or
    text, without an offset in UTC; ``project`` as it is already checked.

    Raises:
        ConfigError: with everything that is wrong with it.
    """
    problems: list[str] = []
    amounts: dict[str, Decimal] = {}
    for name, value in rates.items():
        try:
            amounts[name] = _rate(value)
        except ValueError as error:
            problems.append(f"{name}: {value!r} {error}.")
    name = model.strip().lower() if isinstance(model, str) else ""
    if not _is_name(name) or _ANY in name[:-1]:
        problems.append(
            f"model: {model!r} is no name of a model (at most {MAX_MODEL} characters, a * only at its end)."
        )
    if provider is not None and not (isinstance(provider, str) and _is_name(provider.strip())):
        problems.append(f"provider: {provider!r} is no name of a provider.")
    elif provider is not None and providers.fold(provider) is None:
        problems.append(f"provider: {provider!r} only passes calls on; leave it out, or say whom they are sent to.")
    try:
        start = None if since is None else instant(since)
    except ValueError:
        problems.append(f"from: {since!r} is no date, such as 2026-01-31 or 2026-01-31T12:00:00Z.")
    # What is left out is easily forgotten, so nothing of what is billed most is free by silence.
    missing = [name for name in ("input", "output") if name not in rates and "per_call" not in rates]
    problems += [f"{name}: missing; say 0 if it costs nothing." for name in missing]
    if problems:
        raise ConfigError(problems)
    amounts = {"input": Decimal(0), "output": Decimal(0), **amounts}
    folded = _folded(provider) if isinstance(provider, str) else None
    return OwnPrice(model=dashed(name), provider=folded, since=start, origin=origin, project=project, **amounts)


def instant(value: object, zone: tzinfo = UTC) -> datetime:
    """A time as somebody said it, without an offset in ``zone``; a day is its first moment. In UTC.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=zone)
        try:
            return aware.astimezone(UTC)
        except OverflowError:
            raise ValueError from None
    if isinstance(value, date):
        return datetime.combine(value, time(), zone).astimezone(UTC)
    raise ValueError


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_MODEL and text.isprintable()


def _folded(provider: str) -> str:
    return providers.fold(provider) or provider.strip().lower()


def _rate(value: object) -> Decimal:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        text = Decimal(text)
    if isinstance(text, bool) or not isinstance(text, int | Decimal):
        raise ValueError("is no amount: write USD, such as 0.25")
    amount = Decimal(text)
    if not amount.is_finite() or amount < 0 or amount > MAX_RATE:
        raise ValueError(f"is no amount from 0 to {MAX_RATE:,} USD")
    if amount != round(amount, MAX_DIGITS):
        raise ValueError(f"has more than {MAX_DIGITS} digits after the point")
    return round(amount, MAX_DIGITS).normalize()


class OwnPrices:
    """All of them, by what they are of.

    Those of the call's project come before those of all, and of these those of the database before those of the file;
    in each the response model before the request model, a name in full before one with less around it, those before
    ``name*``, the longest of these first; then one of the call's provider before one of any, and the newest that is not
    from after the call.
    """

    def __init__(self, prices: Iterable[OwnPrice] = ()) -> None:
        found = list(prices)
        self.projects = frozenset(price.project for price in found if price.project is not None)
        self._shelves = {
            project: [
                _Shelf([price for price in found if (price.project, price.origin) == (project, origin)])
                for origin in Origin
            ]
            for project in (None, *self.projects)
        }

    def of(self, provider: str | None, names: Sequence[str], *, project: str | None = None) -> list[OwnPrice]:
        """Those of a call with these names: the first of them that is not from after the call is the call's."""
        seller = _folded(provider) if provider else None
        shelves = self._shelves[None]
        if project in self.projects:
            shelves = [*self._shelves[project], *shelves]
        return [price for shelf in shelves for name in names for price in shelf.of(name, seller)]


class _Shelf:
    """Those of one origin."""

    def __init__(self, prices: Sequence[OwnPrice]) -> None:
        self._by_name: dict[str, list[OwnPrice]] = {}
        for price in sorted(prices, key=_newest_first):
            self._by_name.setdefault(price.model, []).append(price)
        self._beginnings = sorted((name[:-1] for name in self._by_name if name.endswith(_ANY)), key=len, reverse=True)

    def of(self, name: str, seller: str | None) -> Iterator[OwnPrice]:
        written = list(spellings(name))
        keys = [*written, *(start + _ANY for start in self._beginnings if any(w.startswith(start) for w in written))]
        for key in keys:
            prices = [price for price in self._by_name.get(key, ()) if price.provider in (None, seller)]
            yield from sorted(prices, key=lambda price: price.provider is None)


def _newest_first(price: OwnPrice) -> float:
    return -price.since.timestamp() if price.since else float("inf")
