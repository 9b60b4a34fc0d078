"""An import in the terminal: how far it is, and what came of it."""

from usage_graph.importing.importer import Imported, Progress, Sum
from usage_graph.report.numbers import plain
from usage_graph.report.progress import Stand
from usage_graph.report.text import printable

_MODELS = 20
"""Models that are told apart."""
_REASONS = 10


def stand_of(progress: Progress) -> Stand:
    """How far an import is: by calls where all are known, else by bytes of its files."""
    done, whole = (progress.sent, progress.known) if progress.known else (progress.read, progress.whole)
    return Stand(
        "Sending" if progress.sent else "Reading", min(done, whole) if whole else done, whole, _amount(progress)
    )


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
