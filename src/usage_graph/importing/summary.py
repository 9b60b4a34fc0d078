"""An import in the terminal: how far it is, and what came of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from usage_graph.importing.importer import Imported, Progress, Sum
from usage_graph.report.numbers import plain
from usage_graph.report.text import printable

_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""
_MODELS = 20
"""Models that are told apart."""
_REASONS = 10


@contextmanager
def shown(console: Console, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[Progress], None]]:
    """What an import tells its progress to: a bar in a terminal, else a line now and then."""
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
        task = bar.add_task("Reading", total=None, amount="")

        def tell(progress: Progress) -> None:
            done, whole = (progress.sent, progress.known) if progress.known else (progress.read, progress.whole)
            bar.update(
                task,
                description=_named(progress),
                completed=min(done, whole) if whole else done,
                total=whole or None,
                amount=_amount(progress),
            )

        yield tell


def _lines(console: Console, clock: Callable[[], float]) -> Callable[[Progress], None]:
    said = clock()

    def tell(progress: Progress) -> None:
        nonlocal said
        if clock() - said >= _EVERY:
            said = clock()
            console.print(f"{_named(progress)}: {_amount(progress)}", highlight=False, soft_wrap=True)

    return tell


def _named(progress: Progress) -> str:
    return "Sending" if progress.sent else "Reading"


def _amount(progress: Progress) -> str:
    if progress.sent:
        return f"{_counted(progress.sent, 'call')} sent"
    return _counted(progress.calls, "call") if progress.calls else f"{progress.read / 1e6:,.0f} MB"


def summary(imported: Imported, *, endpoint: str | None, seconds: float) -> list[str]:
    """What came of an import, in lines; ``endpoint`` is ``None`` where nothing was to be sent."""
    return [
        _head(imported, endpoint, seconds),
        *_period(imported),
        *_models(imported),
        *_left_out(imported),
        *_wrong(imported),
    ]


def _head(imported: Imported, endpoint: str | None, seconds: float) -> str:
    tally = imported.tally
    files = f"{_counted(tally.files, 'file')}, {_counted(tally.lines, 'line')}"
    if endpoint is None:
        return f"Found {_counted(imported.total.calls, 'call')} in {files}. Nothing was sent."
    return (
        f"Sent {_counted(imported.sent, 'call')} from {files} in {seconds:.1f} s: {imported.accepted:,} accepted, "
        f"{imported.rejected:,} rejected. Those that the server knew already count once."
    )


def _period(imported: Imported) -> list[str]:
    if imported.first is None or imported.last is None:
        return []
    return [f"From {imported.first:%Y-%m-%d %H:%M} to {imported.last:%Y-%m-%d %H:%M} UTC."]


def _models(imported: Imported) -> list[str]:
    ranked = sorted(imported.by_model.items(), key=lambda item: (-item[1].calls, item[0] or ""))
    told = [f"{printable(model or '') or 'unknown model'}: {_figures(total)}." for model, total in ranked[:_MODELS]]
    if len(ranked) > _MODELS:
        told.append(f"And {len(ranked) - _MODELS:,} more models.")
    if len(ranked) > 1:
        told.append(f"All: {_figures(imported.total)}.")
    return told


def _figures(total: Sum) -> str:
    said = [
        _counted(total.calls, "call"),
        f"{total.input_tokens:,} input tokens (cache read {total.cache_read_tokens:,}, "
        f"write {total.cache_write_tokens:,})",
        f"{total.output_tokens:,} output tokens",
    ]
    if total.with_cost:
        told = "" if total.with_cost == total.calls else f" for {_counted(total.with_cost, 'call')}"
        said.append(f"{plain(str(total.cost))} USD reported{told}")
    return ", ".join(said)


def _left_out(imported: Imported) -> list[str]:
    said = [f"Left out: {what} ({number:,})." for what, number in imported.tally.left_out.most_common()]
    if imported.repeated:
        said.append(f"Left out: calls that were there already ({imported.repeated:,}).")
    if imported.too_early:
        said.append(f"Left out: calls before the date of --since ({imported.too_early:,}).")
    return said


def _wrong(imported: Imported) -> list[str]:
    tally = imported.tally
    said = [f"Rejected: {reason}." for reason in imported.reasons[:_REASONS]]
    if len(imported.reasons) > _REASONS:
        said.append(f"And {len(imported.reasons) - _REASONS:,} more reasons.")
    if tally.bad_lines:
        said.append(f"Skipped: {_counted(tally.bad_lines, 'line')} that cannot be read.")
    if tally.unreadable:
        said.append(f"NOT READ, or not to the end: {_counted(tally.unreadable, 'file')}.")
    if tally.unsaid:
        said.append(f"{tally.unsaid:,} of these problems are not told one by one.")
    return said


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
