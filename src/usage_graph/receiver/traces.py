"""The spans of a traces request: those that may be LLM calls or say whom calls were for, and outlines of all others."""

from typing import Any, NamedTuple, Protocol

from usage_graph.processor.span import Rejection, Resource, Scope, Span
from usage_graph.receiver.request import GroupReader


class Call(NamedTuple):
    """A span that may be an LLM call, with those of its attributes that the processor asks for."""

    resource: Resource
    scope: Scope
    span: Span


class Outline(NamedTuple):
    """What is left of a span that cannot be an LLM call: enough to check it, and to know what is above what.

    ``tokens``: it has attributes that look like token counts all the same.
    """

    resource: Resource
    scope: Scope
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_ns: int
    end_ns: int
    tokens: bool


Decoded = Call | Outline | Rejection


class SpanReader(GroupReader, Protocol):
    def span(self, resource: Resource, scope: Scope, raw: Any, /) -> Call | Outline: ...
