"""Work that takes a while, in the terminal: how far it is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

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


class Stand(NamedTuple):
    """``done`` of ``whole`` (0: nobody knows) in a bar, and in words."""

    title: str
    done: int
    whole: int
    amount: str


def stand_of(progress: Progress) -> Stand:
    amount = f"{progress.done:,} of {progress.whole:,}" if progress.whole else ""
    return Stand(str(progress.step).capitalize(), progress.done, progress.whole, amount)


Told = TypeVar("Told")


@contextmanager
def shown(
    console: Console, stand: Callable[[Told], Stand], *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Told], None]]:
    """What work tells its progress to: a bar in a terminal, else a line now and then."""
    if not console.is_terminal:
        yield _lines(console, stand, clock)
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

        def tell(progress: Told) -> None:
            title, done, whole, amount = stand(progress)
            bar.update(task, description=title, completed=done, total=whole or None, amount=amount)

        yield tell


def _lines(console: Console, stand: Callable[[Told], Stand], clock: Callable[[], float]) -> Callable[[Told], None]:
    said = clock()

    def tell(progress: Told) -> None:
        nonlocal said
        if clock() - said >= _EVERY:
            said = clock()
            title, _, _, amount = stand(progress)
            console.print(f"{title}{f': {amount}' if amount else ''}", highlight=False, soft_wrap=True)

    return tell
