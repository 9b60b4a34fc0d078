"""``usage-graph import``: its arguments, and what it does. What it needs is imported when it runs."""

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from usage_graph.config import load
from usage_graph.errors import ConfigError

KINDS = {
    "claude-code": "session logs of Claude Code (default PATH: where it keeps them)",
    "litellm": "LiteLLM's table LiteLLM_SpendLogs as CSV",
    "records": "calls in files of your own, NDJSON or CSV",
}


def add_arguments(command: argparse.ArgumentParser) -> None:
    kinds = "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
    command.add_argument("kind", choices=KINDS, metavar="KIND", help=kinds)
    command.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files, or directories of them; .gz too")
    command.add_argument("--endpoint", metavar="URL", help="where the server is (default: http://HOST:PORT as set)")
    command.add_argument("--project", metavar="NAME", help="whose calls they become (default: those of no named one)")
    command.add_argument("--dry-run", action="store_true", help="say what is there, and send nothing")
    command.add_argument("--strict", action="store_true", help="stop at the first line that cannot be read")
    command.add_argument(
        "--since", type=_since, metavar="DATE", help="only calls from then on, such as 2026-11-01 (UTC)"
    )
    command.add_argument("--format", choices=("ndjson", "csv"), help="of records whose file names do not tell")


def _since(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{value!r} is not a date such as 2026-11-01") from None


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Import as ``given``. 1 where the server rejected calls or a file could not be read; bad lines are skipped.

    Raises:
        ConfigError: settings or arguments that cannot be.
        ImportFailed: nothing can be imported, or not all of it.
    """
    settings = load(environ)
    if given.format and given.kind != "records":
        raise ConfigError(["--format is for records; the other kinds have one format."])
    if not given.paths and given.kind != "claude-code":
        raise ConfigError([f"Which files to import? Say import {given.kind} PATH."])
    from rich.console import Console

    from usage_graph.importing import claude_code
    from usage_graph.importing.importer import Importer, history
    from usage_graph.importing.records import Format
    from usage_graph.importing.sender import Sender
    from usage_graph.importing.summary import stand_of, summary
    from usage_graph.report.progress import shown

    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def wait(seconds: float, why: str) -> None:
        console.print(f"The server takes nothing now: {why}. Again in {seconds:.0f} s.")
        time.sleep(seconds)

    sender = Sender(
        given.endpoint or settings.http,
        project=given.project,
        key=settings.api_key,
        certificate=None if given.endpoint else settings.tls_cert,
        wait=wait,
    )
    started = time.monotonic()
    with shown(console, stand_of) as tell:
        importer = Importer(
            history=history(given.kind, format=Format(given.format) if given.format else None),
            send=None if given.dry_run else sender.send,
            say=console.print,
            tell=tell,
            since=given.since,
            strict=given.strict,
        )
        imported = importer.run(given.paths or claude_code.default_paths(environ), now=datetime.now(UTC))
    endpoint = None if given.dry_run else sender.url
    print("\n".join(summary(imported, endpoint=endpoint, seconds=time.monotonic() - started)))
    return 1 if imported.rejected or imported.tally.unreadable else 0
