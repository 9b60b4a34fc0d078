"""The demo's sender, started by ``stage`` in a process of its own; see ``replay`` for why."""

import argparse
import sys
import time
from datetime import datetime
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from usage_graph.demo import replay, workload
from usage_graph.errors import DemoError


def main(argv: list[str] | None = None) -> int:
    """Send the calls and say how many they are; 1 if the server did not take all of it."""
    parser = argparse.ArgumentParser(prog="python -m usage_graph.demo", description=__doc__)
    parser.add_argument("--http", required=True, help="base URL of OTLP/HTTP")
    parser.add_argument("--grpc", help="URL of OTLP/gRPC; without it everything goes by HTTP")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True, help="when the last of them ends")
    given = parser.parse_args(argv)

    started = time.monotonic()
    story = workload.history(seed=given.seed, now=given.now)
    calls, spans = sum(1 for _ in workload.calls(story)), replay.span_count(story)
    columns = (TextColumn("Sending spans"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=spans)
        replay.send(
            story,
            exporter_of=partial(replay.exporter_for, to=replay.Destination(http=given.http, grpc=given.grpc)),
            seed=given.seed,
            on_delivered=lambda count: progress.advance(task, count),
        )
    by = "OTLP/HTTP and OTLP/gRPC" if given.grpc else "OTLP/HTTP"
    seconds = time.monotonic() - started
    print(f"Sent {calls:,} LLM calls in {spans:,} spans by {by} in {seconds:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
