"""Work that takes a while, in the terminal: how far it is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


class Progress(Protocol):
    """What is being done, and ``done`` of ``whole`` calls; 0 of 0 where they are not counted."""

    @property
    def step(self) -> StrEnum: ...
    @property
    def done(self) -> int: ...
    @property
    def whole(self) -> int: ...


@contextmanager
def shown(console: Console, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[Progress], None]]:
    """What work tells its progress to: a bar in a terminal, else a line now and then."""
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
