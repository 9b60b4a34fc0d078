"""An OTLP traces request as the service sees it: spans, decoded one by one while they are iterated."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple, Protocol

from usage_graph.processor.spans import Rejection, Resource, Scope, Span


class Outline(NamedTuple):
    """What is left of a span that cannot be an LLM call: the arguments of ``processor.spans.check``."""

    trace_id: bytes
    span_id: bytes
    start_ns: int
    end_ns: int


class Call(NamedTuple):
    """A span that may be an LLM call, with those of its attributes that the processor asks for."""

    resource: Resource
    scope: Scope
    span: Span


Decoded = Call | Outline | Rejection

_PAUSE_EVERY = 1024
"""Groups of spans, empty or not, that are walked before a pause: some 2 ms."""


class TraceRequest(NamedTuple):
    """``spans`` can be iterated once; ``size`` is that of the body in bytes, decompressed.

    ``None`` among the spans is a pause: much was read that holds none, and others should get a turn.
    """

    spans: Iterator[Decoded | None]
    size: int


class Reader(Protocol):
    """Reads the parts of a request in one encoding. What it cannot read is a rejection of the spans concerned."""

    def resource(self, raw: Any, /) -> Resource | Rejection: ...

    def scope(self, raw: Any, /) -> Scope | Rejection: ...

    def span(self, raw: Any, /) -> Span | Outline | Rejection: ...


def walk(resource_spans: Iterable[Any] | None, reader: Reader) -> Iterator[Decoded | None]:
    """Every span of a request, in order, with pauses. The encodings share the names of the fields walked here."""
    groups = count(1)
    for group in resource_spans or ():
        if next(groups) % _PAUSE_EVERY == 0:
            yield None
        if not group.scope_spans:
            continue
        resource = reader.resource(group.resource)
        for scope_spans in group.scope_spans:
            if next(groups) % _PAUSE_EVERY == 0:
                yield None
            if not scope_spans.spans:
                continue
            scope = reader.scope(scope_spans.scope)
            for raw in scope_spans.spans:
                span = reader.span(raw)
                if not isinstance(span, Span):
                    yield span
                elif isinstance(resource, Rejection):
                    yield resource
                elif isinstance(scope, Rejection):
                    yield scope
                else:
                    yield Call(resource, scope, span)
