"""What comes in: spans, who sent them, and why one cannot be taken."""

from collections.abc import Mapping
from typing import NamedTuple

from usage_graph.processor.reading import Found, project_in
from usage_graph.processor.values import AttributeValue


class Resource(NamedTuple):
    """Who sent the spans; ``attributes`` may be limited to ``WANTED_RESOURCE``."""

    attributes: Mapping[str, AttributeValue]


class Scope(NamedTuple):
    """The instrumentation that made the spans; ``attributes`` may be limited to ``WANTED_RESOURCE``."""

    name: str
    version: str
    attributes: Mapping[str, AttributeValue]


class Span(NamedTuple):
    """One OTLP span; ``attributes`` may be limited to ``WANTED``. Times are nanoseconds since 1970, 0 if missing.

    ``first_token_ns`` is when an event of it says that the first token came; ``found`` is what ``reading.read`` finds
    in the attributes, where that is known already.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status_code: int
    attributes: Mapping[str, AttributeValue]
    first_token_ns: int = 0
    found: Found | None = None


class Rejection(NamedTuple):
    """Why a span cannot be a record, for whoever sent it."""

    reason: str


NO_TRACE_ID = Rejection("span has no trace id (16 bytes, not all zero)")
NO_SPAN_ID = Rejection("span has no span id (8 bytes, not all zero)")
NO_START = Rejection("span has no start time (start_time_unix_nano is 0)")
NOT_NANOSECONDS = Rejection("span starts before 1971: start_time_unix_nano counts nanoseconds since 1970")
STARTS_IN_FUTURE = Rejection("span starts more than one hour in the future: check the sender's clock")
ENDS_IN_FUTURE = Rejection("span ends more than one hour in the future: check the sender's clock")

_ZERO_TRACE, ZERO_SPAN = bytes(16), bytes(8)
_HOUR_NS = 3_600 * 10**9
_YEAR_1971_NS = 365 * 24 * _HOUR_NS


def check(trace_id: bytes, span_id: bytes, start_ns: int, end_ns: int, now_ns: int) -> Rejection | None:
    """Whether any span, LLM call or not, has ids and a believable time; cheap enough to ask of each.

    Any past is fine (backfill), up to one hour in the future is a skewed clock. Before 1971 nobody called an LLM: such
    a time was sent in seconds, milliseconds or microseconds. A missing end, one before the start, or one years after
    it, is no reason to lose a call.
    """
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
        return NO_TRACE_ID
    if len(span_id) != 8 or span_id == ZERO_SPAN:
        return NO_SPAN_ID
    if start_ns < _YEAR_1971_NS:
        return NOT_NANOSECONDS if start_ns else NO_START
    if start_ns > now_ns + _HOUR_NS:
        return STARTS_IN_FUTURE
    return ENDS_IN_FUTURE if end_ns > now_ns + _HOUR_NS else None


def project_of(resource: Resource, scope: Scope, named: str | None) -> str:
    """The project of what a scope of a resource sends: the request's, already checked, else the resource's own."""
    return named or project_in(resource.attributes)
