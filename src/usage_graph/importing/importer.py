"""A history from its files to the server: read, told apart, sent in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from usage_graph.errors import ImportFailed
from usage_graph.importing import claude_code, lines, litellm, records
from usage_graph.importing.call import Call, ids
from usage_graph.importing.sender import Answer
from usage_graph.importing.span import span
from usage_graph.importing.tally import Tally

BATCH = 400
"""Spans in a request."""


class _Read(Protocol):
    def __call__(self, files: Sequence[Path], tally: Tally, *, now: datetime) -> Iterator[Call]: ...


class History(NamedTuple):
    """A kind of history: what its files are called, whether they can be read, and their calls."""

    name: str
    suffixes: tuple[str, ...]
    check: Callable[[Sequence[Path]], None]
    read: _Read


def history(kind: str, *, format: records.Format | None = None) -> History:
    """The history of that name; ``format`` is for records."""
    match kind:
        case "claude-code":
            return History(kind, claude_code.SUFFIXES, lambda _: None, claude_code.read)
        case "litellm":
            return History(kind, litellm.SUFFIXES, litellm.check, litellm.read)
        case "records":
            return History(
                kind,
                records.SUFFIXES,
                partial(records.check, format=format),
                partial(records.read, format=format),
            )
    raise ValueError(kind)


class Progress(NamedTuple):
    """How far an import is: bytes of its files, and calls; ``whole`` is 0 where it is not known."""

    read: int
    whole: int
    calls: int
    sent: int
    known: int = 0
    """Calls in all, where that is known before they are sent."""


@dataclass(slots=True)
class Sum:
    """What calls add up to; tokens and costs that are not known add nothing."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost: Decimal = Decimal()
    with_cost: int = 0

    def add(self, call: Call) -> None:
        self.calls += 1
        self.input_tokens += call.input_tokens or 0
        self.output_tokens += call.output_tokens or 0
        self.cache_read_tokens += call.cache_read_tokens or 0
        self.cache_write_tokens += call.cache_write_tokens or 0
        if call.cost is not None:
            self.cost += call.cost
            self.with_cost += 1


@dataclass(slots=True)
class Imported:
    """What came of an import, or of reading alone. ``too_early``: calls before the date that was asked for."""

    tally: Tally
    total: Sum = field(default_factory=Sum)
    by_model: dict[str | None, Sum] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    too_early: int = 0
    repeated: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, call: Call) -> None:
        self.total.add(call)
        self.by_model.setdefault(call.model, Sum()).add(call)
        self.first = min(self.first or call.started_at, call.started_at)
        self.last = max(self.last or call.started_at, call.started_at)

    def answered(self, answer: Answer) -> None:
        self.sent += answer.accepted + answer.rejected
        self.accepted += answer.accepted
        self.rejected += answer.rejected
        if answer.rejected and answer.reason not in ("", *self.reasons):
            self.reasons.append(answer.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Imports one history. Without ``send`` it only reads. ``tell`` is told the progress, ``say`` each problem."""

    history: History
    send: Callable[[Sequence[Span]], Answer] | None
    say: Callable[[str], None]
    tell: Callable[[Progress], None] = lambda _: None
    since: datetime | None = None
    strict: bool = False

    def run(self, paths: Sequence[Path], *, now: datetime) -> Imported:
        """Returns when the server has answered for every call.

        Raises:
            ImportFailed: nothing is there; the server is not, or refuses; or a line is wrong and the import strict.
                Says how many calls were accepted until then.
        """
        size = 0
        tally = Tally(say=self.say, strict=self.strict, tell=lambda: tell())
        imported = Imported(tally)

        def tell() -> None:
            self.tell(Progress(tally.bytes, size, imported.total.calls, imported.sent, tally.calls))

        files = lines.find(paths, self.history.suffixes, tally)
        self.history.check(files)
        if not any(path.name.lower().endswith(lines.GZIP) for path in files):
            size = sum(path.stat().st_size for path in files)
        try:
            self._import(self.history.read(files, tally, now=now), imported, tell)
        except ImportFailed as error:
            if not imported.accepted:
                raise
            raise ImportFailed(f"{error}\n{_kept(imported.accepted)}") from error
        except KeyboardInterrupt:
            if imported.accepted:
                self.say(_kept(imported.accepted))
            raise
        return imported

    def _import(self, calls: Iterator[Call], imported: Imported, tell: Callable[[], None]) -> None:
        met: set[bytes] = set()
        batch: list[Span] = []
        for call in calls:
            _, span_id = ids(self.history.name, call)
            if span_id in met:
                imported.repeated += 1
                continue
            met.add(span_id)
            if self.since is not None and call.started_at < self.since:
                imported.too_early += 1
                continue
            imported.add(call)
            if self.send is None:
                continue
            batch.append(span(self.history.name, call))
            if len(batch) == BATCH:
                imported.answered(self.send(batch))
                batch.clear()
                tell()
        if self.send is not None and batch:
            imported.answered(self.send(batch))
        tell()


def _kept(accepted: int) -> str:
    """What is said when an import ends early."""
    return f"{accepted:,} calls were accepted before. Import the same again to go on: what is there counts once."
