"""Prices and differences of costs in lines of text. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from usage_graph.price import Origin, OwnPrice
from usage_graph.processor.cost import Quote
from usage_graph.processor.rates import RateCard
from usage_graph.report.numbers import plain
from usage_graph.report.text import printable
from usage_graph.store.reprice import Difference, Differences
from usage_graph.usage import from_nano

_NAMES = {
    "input": "input",
    "cache_read": "cache read",
    "cache_write": "cache write",
    "cache_write_1h": "cache write (1 h)",
    "output": "output",
    "reasoning": "reasoning",
}
_SHOWN = 40
"""Models that are told apart."""


def described(price: OwnPrice) -> str:
    """One price on a line."""
    rates = [f"{_NAMES[name]} {_usd(rate)}" for name in _NAMES if (rate := getattr(price, name)) is not None]
    per_call = f", and {_usd(price.per_call)} USD per call" if price.per_call else ""
    return f"{_named(price)}: {', '.join(rates)} USD per million tokens{per_call}."


def listed(prices: Sequence[OwnPrice]) -> list[str]:
    """All of them as a table."""
    if not prices:
        return ["There are no prices of your own. Set one: usage-graph prices set MODEL --input USD --output USD"]
    rows = [["model", "provider", "project", "from", *_NAMES.values(), "per call", "said in"]]
    rows += [
        [
            printable(price.model),
            printable(price.provider or "any"),
            printable(price.project or "all"),
            _time(price.since) if price.since else "ever",
            *("-" if (rate := getattr(price, name)) is None else _usd(rate) for name in _NAMES),
            _usd(price.per_call),
            "the database" if price.origin is Origin.DATABASE else "the file",
        ]
        for price in prices
    ]
    return [*table(rows, left=4), "USD per million tokens. -: as input, cache write or output."]


def explained(quote: Quote | None, provider: str | None, model: str, at: datetime) -> list[str]:
    """What a call is priced by, and why."""
    call = f"A call of {printable(model)}, {f'provider {printable(provider)}' if provider else 'of no known provider'}"
    call = f"{call}, at {_time(at)}"
    if quote is None:
        return [
            f"{call}, has no price.",
            f"Set one: usage-graph prices set {printable(model)} --input USD --output USD",
        ]
    return [f"{call}, is priced by {_why(quote)}.", *_rates(quote.card)]


def _why(quote: Quote) -> str:
    if quote.own is not None:
        where = "the database" if quote.own.origin is Origin.DATABASE else "the file"
        return f"your own price in {where}, of {_named(quote.own)}"
    assert quote.listed is not None  # noqa: S101 (one of both is)
    model, own, seller, spelling = quote.listed
    resold = "" if own else ", at its maker's price"
    return f"the price list (genai-prices): {model.id} of {seller}, found as {printable(spelling)}{resold}"


def _rates(card: RateCard) -> list[str]:
    """A column for each step, the one for the fewest input tokens first."""
    steps = card.steps[::-1]
    bounds = [above for above, _ in steps[1:]]
    titles = [f"over {bound:,} input tokens" for bound in bounds]
    rows = [["USD per million tokens", f"up to {bounds[0]:,} input tokens" if bounds else "", *titles]]
    for kind, name in _NAMES.items():
        rows.append([name, *(_usd(card.usd_per_million(getattr(rates, kind))) for _, rates in steps)])
    if any(rates.call for _, rates in steps):
        rows.append(["USD per call", *(_usd(card.usd_per_million(rates.call).scaleb(-6)) for _, rates in steps)])
    return table(rows, left=1)


def differences(found: Differences) -> list[str]:
    """What repricing changes, by model, the largest difference first, and in credits; nothing where there is none."""
    changed = {model: one for model, one in found.items() if one.changed}
    split = sum(one.split for one in found.values())
    lines: list[str] = []
    if changed:
        ranked = sorted(
            changed.items(), key=lambda named: (-abs(named[1].new_nano - named[1].old_nano), named[0] or "")
        )
        rows = [["model", "calls", "change", "newly priced", "now unpriced", "old USD", "new USD", "difference"]]
        rows += [_row(printable(model) if model is not None else "(unknown)", one) for model, one in ranked[:_SHOWN]]
        if len(ranked) > _SHOWN:
            rows.append(_row(f"{len(ranked) - _SHOWN:,} more models", _sum([one for _, one in ranked[_SHOWN:]])))
        rows.append(_row("all of these", _sum(list(changed.values()))))
        lines += table(rows, left=1)
    if split:
        lines.append(f"{split:,} calls keep their cost, and get it by component (input, cache, output).")
    if (whole := _sum(list(found.values()))).recharged:
        old, new = (_usd(from_nano(nano)) for nano in (whole.old_credits_nano, whole.new_credits_nano))
        lines.append(f"{whole.recharged:,} calls get other credits: {new} in place of {old}.")
    return lines


def _row(name: str, one: Difference) -> list[str]:
    old, new = from_nano(one.old_nano), from_nano(one.new_nano)
    counts = [f"{count:,}" for count in (one.calls, one.changed, one.priced, one.unpriced)]
    return [name, *counts, _usd(old), _usd(new), f"{'+' if new > old else ''}{_usd(new - old)}"]


def _sum(parts: Sequence[Difference]) -> Difference:
    whole = Difference()
    for part in parts:
        whole = whole.plus(part)
    return whole


def _named(price: OwnPrice) -> str:
    provider = f" at {printable(price.provider)}" if price.provider else ""
    project = f" in project {printable(price.project)}" if price.project else ""
    return f"{printable(price.model)}{provider}{project}{f' from {_time(price.since)} on' if price.since else ''}"


def _time(at: datetime) -> str:
    midnight = at.time() == at.time().min
    return f"{at:%Y-%m-%d}" if midnight else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _usd(amount: Decimal) -> str:
    return plain(str(amount))


def table(rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Columns in line, the first ``left`` of them to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
