"""``usage-graph export``: its arguments, and what it does. What it needs is imported when it runs."""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from usage_graph.config import load
from usage_graph.errors import ConfigError, QueryError
from usage_graph.exporting.counting import COUNTERS
from usage_graph.flags import add_choice
from usage_graph.window import Bucket, CalendarPeriod, time_zone

if TYPE_CHECKING:
    from usage_graph.exporting.download import Downloaded, Progress
    from usage_graph.report.progress import Stand

TABLES = {
    "records": "one row per call, oldest first",
    "conversations": "one row per conversation that has calls then, in the order in which they began",
    "series": "one row per point in time, or per point and group with --by",
}
_LAST = "P30D"


def add_arguments(command: argparse.ArgumentParser) -> None:
    tables = "; ".join(f"{table}: {what}" for table, what in TABLES.items())
    command.add_argument("table", choices=TABLES, metavar="WHAT", help=tables)
    window = command.add_mutually_exclusive_group()
    window.add_argument("--last", metavar="DURATION", help=f"PT24H, P7D, P1M ... (default: {_LAST})")
    add_choice(window, "--period", CalendarPeriod, default=None)
    window.add_argument("--from", dest="since", metavar="TIME", help="from then on, such as 2026-03-01")
    command.add_argument("--to", dest="until", metavar="TIME", help="with --from: before then (default: now)")
    command.add_argument("--timezone", metavar="ZONE", help="IANA name such as Europe/Berlin (default: this machine's)")
    command.add_argument("--filter", metavar="JSON", help="which calls, as GraphQL's UsageFilter has it")
    command.add_argument("--format", choices=COUNTERS, default="csv", help="(default: %(default)s)")
    command.add_argument(
        "--keep-formulas", action="store_true", help="csv: leave texts alone that a spreadsheet takes for formulas"
    )
    conversations = command.add_argument_group("conversations")
    conversations.add_argument("--search", metavar="TEXT", help="a text in the title, agent, user or conversation")
    series = command.add_argument_group("series")
    add_choice(series, "--bucket", Bucket, default=None)
    series.add_argument("--by", metavar="DIMENSION", type=_name, help="a row for each group: model, agent, user ...")
    series.add_argument("--attribute", metavar="KEY", help="with --by attribute: which one")
    series.add_argument("--metric", metavar="METRIC", type=_name, help="what groups are ranked by (default: cost)")
    series.add_argument("--top", metavar="NUMBER", help="how many groups there are; the rest is one more (default: 8)")
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="file or directory to write to, - for stdout (default: a new file)"
    )
    command.add_argument("--force", action="store_true", help="replace the file if it is there")
    command.add_argument("--endpoint", metavar="URL", help="where the server is (default: http://HOST:PORT as set)")
    command.add_argument("--project", metavar="NAME", help="whose calls (default: those of no named project)")
    command.add_argument("--key", metavar="KEY", help="what the server wants; safer in [USAGE_GRAPH_API_KEY]")


def _name(text: str) -> str:
    """A name of the API in the manner of a command line: ``input-tokens`` for ``INPUT_TOKENS``."""
    return text.upper().replace("-", "_")


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Export as ``given``.

    Raises:
        ConfigError: settings or arguments that cannot be.
        DownloadError: there is no file, or not all of it.
    """
    settings = load(environ)
    from rich.console import Console

    from usage_graph.exporting.download import Wanted, download
    from usage_graph.report.progress import shown
    from usage_graph.report.zone import local_zone

    wanted = Wanted(
        endpoint=given.endpoint or settings.http,
        table=given.table,
        format=given.format,
        parameters=_parameters(given, given.timezone or local_zone(environ)),
        project=given.project,
        key=given.key or settings.api_key,
        certificate=None if given.endpoint else settings.tls_cert,
        output=given.output,
        force=given.force,
    )
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    started = time.monotonic()
    with shown(console, stand_of) as tell:
        done = download(wanted, tell=tell)
    print(summary(given.table, done, seconds=time.monotonic() - started), file=sys.stderr)
    return 0


def _parameters(given: argparse.Namespace, zone: str) -> dict[str, str]:
    """Those of the URL, without what was not said; what belongs to another table is for the server to refuse."""
    found = {
        "last": None if given.period or given.since else given.last or _LAST,
        "period": given.period,
        "from": given.since and _instant("--from", given.since, zone),
        "to": given.until and _instant("--to", given.until, zone),
        "timezone": zone,
        "filter": given.filter,
        "formulas": "keep" if given.keep_formulas else None,
        "search": given.search,
        "bucket": given.bucket,
        "by": given.by,
        "attribute": given.attribute,
        "metric": given.metric,
        "top": given.top,
    }
    if given.until and not given.since:
        raise ConfigError(["--to goes with --from."])
    return {name: str(value) for name, value in found.items() if value is not None}


def _instant(flag: str, text: str, zone: str) -> str:
    """A day or a time, without an offset by the clocks of ``zone``, as the API wants it."""
    from usage_graph.processor.own import instant

    try:
        return instant(text, time_zone(zone)).isoformat().replace("+00:00", "Z")
    except QueryError as error:
        raise ConfigError([f"--timezone: {error}"]) from None
    except ValueError:
        raise ConfigError([f"{flag}: {text!r} is not a time such as 2026-03-01 or 2026-03-01T12:30."]) from None


def stand_of(progress: "Progress") -> "Stand":
    from usage_graph.report.progress import Stand

    rows = "" if progress.rows is None else f"{progress.rows:,}{_of(progress.whole)} rows, "
    counted = progress.rows is not None and progress.whole is not None
    done, whole = (progress.rows, progress.whole) if counted else (0, 0)
    return Stand("Exporting", done or 0, whole or 0, f"{rows}{_size(progress.size)}")


def _of(whole: int | None) -> str:
    return "" if whole is None else f" of {whole:,}"


def summary(table: str, done: "Downloaded", *, seconds: float) -> str:
    """What came of it, in a line."""
    rows = "" if done.rows is None else f"{done.rows:,} row{'' if done.rows == 1 else 's'}, "
    return f"Exported {table}: {rows}{_size(done.size)} in {seconds:.1f} s{f', {done.path}' if done.path else ''}."


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
