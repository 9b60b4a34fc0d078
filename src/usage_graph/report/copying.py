"""A copy in the terminal: what came of it."""

from usage_graph.report.numbers import plain
from usage_graph.report.text import printable
from usage_graph.store.copy import Compared, Copied
from usage_graph.usage import Totals, sum_of

_SHOWN = 20
"""Projects that are told apart; more would bury what is said of all of them."""


def summary(copied: Copied, *, seconds: float) -> list[str]:
    """What came of a copy, in lines."""
    pairs = copied.projects.values()
    whole = sum_of(pair.source for pair in pairs)
    said = [
        f"Copied {_counted(copied.stored, 'call')} in {seconds:.1f} s. The source has {whole.calls:,} in "
        f"{_counted(len(pairs), 'project')}."
    ]
    unequal = sorted((name, pair) for name, pair in copied.projects.items() if not pair.equal)
    if not unequal:
        return [*said, f"Both databases hold the same: {_figures(whole)}."]
    # What is wrong comes first.
    unequal.sort(key=lambda named: not named[1].differs)
    said += [_unequal(name, pair) for name, pair in unequal[:_SHOWN]]
    if len(unequal) > _SHOWN:
        said.append(f"And {len(unequal) - _SHOWN:,} more projects.")
    return said


def _unequal(name: str, pair: Compared) -> str:
    why = (
        "DIFFERS: the target had some of these calls already, in other words, or was changed meanwhile"
        if pair.differs
        else "the target has calls of its own on the same days"
    )
    figures = f"Source: {_figures(pair.source)}. Target, same days: {_figures(pair.target)}."
    return f"Project {printable(name)}: {why}. {figures}"


def _figures(totals: Totals) -> str:
    cost = "cost unknown" if totals.cost is None else f"{plain(str(totals.cost))} USD"
    credits_ = plain(str(totals.credits))
    return f"{_counted(totals.calls, 'call')}, {totals.total_tokens:,} tokens, {cost}, {credits_} credits"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
