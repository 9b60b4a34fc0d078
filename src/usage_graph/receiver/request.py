"""An OTLP request as the service sees it: its parts, decoded one by one while they are iterated.

The requests of the three signals are alike: resources hold scopes, scopes hold spans, log records or metrics.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import count
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from usage_graph.processor.span import Rejection, Resource, Scope

T = TypeVar("T")

_PAUSE_EVERY = 1024
"""Groups, empty or not, that are walked before a pause: some 2 ms."""


class Signal(StrEnum):
    """What OTLP carries."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def noun(self) -> str:
        """What is counted of it: what OTLP counts when it is rejected."""
        return _NOUNS[self]


_NOUNS = {Signal.TRACES: "span", Signal.LOGS: "log record", Signal.METRICS: "data point"}


class Request(NamedTuple, Generic[T]):
    """``parts`` can be iterated once; ``size`` is that of the body in bytes, decompressed.

    ``None`` among the parts is a pause: much was read that holds none, and others should get a turn.
    """

    parts: Iterator[T | None]
    size: int


class Unreadable(Exception):
    """A part that its reader cannot read; the message says what is wrong with it, as in "does not follow OTLP/JSON"."""


class GroupReader(Protocol):
    """Reads in one encoding whom the parts of a request are from.

    Raises:
        Unreadable: the parts concerned are rejected, and no others.
    """

    def resource(self, raw: Any, /) -> Resource: ...

    def scope(self, raw: Any, /) -> Scope: ...


class Group(NamedTuple):
    """What one scope of one resource holds, not read yet. ``origin`` is a rejection where either cannot be read."""

    origin: tuple[Resource, Scope] | Rejection
    parts: Sequence[Any]


def walk(resources: Iterable[Any] | None, reader: GroupReader, *, noun: str) -> Iterator[Group | None]:
    """Every group that holds something, in order, with pauses. The encodings share the names of the fields walked."""
    walked = count(1)
    for held in resources or ():
        if next(walked) % _PAUSE_EVERY == 0:
            yield None
        if not held.scopes:
            continue
        resource = _read(reader.resource, held.resource, f"{noun} is in a resource that")
        for scoped in held.scopes:
            if next(walked) % _PAUSE_EVERY == 0:
                yield None
            if not scoped.parts:
                continue
            scope = _read(reader.scope, scoped.scope, f"{noun} is in a scope that")
            if isinstance(resource, Rejection):
                yield Group(resource, scoped.parts)
            elif isinstance(scope, Rejection):
                yield Group(scope, scoped.parts)
            else:
                yield Group((resource, scope), scoped.parts)


def _read(read: Callable[[Any], T], raw: Any, what: str) -> T | Rejection:
    try:
        return read(raw)
    except Unreadable as wrong:
        return Rejection(f"{what} {wrong}")


def each(
    resources: Iterable[Any] | None,
    reader: GroupReader,
    read: Callable[[Resource, Scope, Any], T],
    *,
    noun: str,
) -> Iterator[T | Rejection | None]:
    """Every part of a request as ``read`` makes it, in order, with pauses; in place of what is unreadable, why."""
    for group in walk(resources, reader, noun=noun):
        if group is None:
            yield None
        elif isinstance(group.origin, Rejection):
            for _ in group.parts:
                yield group.origin
        else:
            resource, scope = group.origin
            for raw in group.parts:
                try:
                    part: T | Rejection = read(resource, scope, raw)
                except Unreadable as wrong:
                    part = Rejection(f"{noun} {wrong}")
                yield part
