"""The importer as tests run it: in this process with what it says collected, or as an operator, in one of its own."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from usage_graph.importing.call import Call
from usage_graph.importing.importer import Imported, Importer, history
from usage_graph.importing.records import Format
from usage_graph.importing.sender import Answer
from usage_graph.importing.tally import Tally

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Found:
    """The calls of a history, what was counted on the way, and what was said of it."""

    def __init__(
        self, kind: str, *paths: Path, now: datetime = NOW, format: Format | None = None, strict: bool = False
    ) -> None:
        self.said: list[str] = []
        self.tally = Tally(say=self.said.append, strict=strict)
        whole = history(kind, format=format)
        whole.check(paths)
        self.calls: list[Call] = list(whole.read(paths, self.tally, now=now))

    @property
    def call(self) -> Call:
        (only,) = self.calls
        return only


class Receiver:
    """Takes everything in, and keeps it."""

    def __init__(self) -> None:
        self.batches: list[list[Span]] = []

    def __call__(self, spans: Sequence[Span]) -> Answer:
        self.batches.append(list(spans))
        return Answer(len(spans))

    @property
    def spans(self) -> list[Span]:
        return [span for batch in self.batches for span in batch]


def imported(kind: str, paths: Iterable[Path], *, send: Receiver | None = None, **more: object) -> Imported:
    importer = Importer(history=history(kind), send=send, say=lambda _: None, **more)  # type: ignore[arg-type]
    return importer.run(list(paths), now=NOW)


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this machine's user is in it: the sessions of whoever runs the tests are not to be imported."""
    mine = ("USAGE_GRAPH_", "CLAUDE_", "XDG_", "HOME")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return inherited | {"HOME": "/nonexistent"} | dict(environ or {})


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "usage_graph.cli", "import", *map(str, arguments)]


def run(*arguments: object, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """``usage-graph import`` in a process of its own."""
    return subprocess.run(
        command(*arguments),
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
