"""A copy in the terminal: how far it is, and what came of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from usage_graph.report.numbers import plain
from usage_graph.report.text import printable
from usage_graph.store.copy import Compared, Copied, Progress
from usage_graph.usage import Totals

_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""
_SHOWN = 20
"""Projects that are told apart; more would bury what is said of all of them."""


@contextmanager
def shown(console: Console, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[Progress], None]]:
    """What a copy tells its progress to: a bar in a terminal, else a line now and then."""
    if not console.is_terminal:
        yield _lines(console, clock)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, amount="")

        def tell(progress: Progress) -> None:
            bar.update(
                task,
                description=_named(progress),
                completed=progress.done,
                total=progress.whole or None,
                amount=_amount(progress),
            )

        yield tell


def _lines(console: Console, clock: Callable[[], float]) -> Callable[[Progress], None]:
    said = clock()

    def tell(progress: Progress) -> None:
        nonlocal said
        if clock() - said >= _EVERY:
            said = clock()
            amount = _amount(progress)
            console.print(f"{_named(progress)}{f': {amount}' if amount else ''}", highlight=False, soft_wrap=True)

    return tell


def _named(progress: Progress) -> str:
    return str(progress.step).capitalize()


def _amount(progress: Progress) -> str:
    return f"{progress.done:,} of {progress.whole:,}" if progress.whole else ""


def summary(copied: Copied, *, seconds: float) -> list[str]:
    """What came of a copy, in lines."""
    pairs = copied.projects.values()
    whole = _sum(pair.source for pair in pairs)
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


def _sum(parts: Iterator[Totals]) -> Totals:
    whole = Totals()
    for part in parts:
        whole = whole.plus(part)
    return whole
