"""What instrumentations tell of LLM calls: one call may be observed by several of them, in spans and in log events.

A usage record is made of all observations of its call. Which ones belong together, and what the record takes from
which, is decided where they are stored, as they arrive in any order and at any time.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from usage_graph.usage import UsageRecord, record_id


class MergeReason(StrEnum):
    """Why two observations are of one call."""

    RESPONSE_ID = "response_id"
    REQUEST_ID = "request_id"
    NESTED = "nested"
    """One span is the other's parent, and their tokens do not say that they are two calls."""
    FINGERPRINT = "fingerprint"
    """Two instrumentations of one process saw calls of the same size at the same time."""


def derived_source(agent: str | None, operation: str) -> str:
    """The source of a call that nobody named one for."""
    return "agent" if agent else operation


class Observation(NamedTuple):
    """One instrumentation's word on one call.

    ``record`` is what the call's usage record is, were there no other observation. ``response_id`` and ``request_id``
    are the provider's, or ``None``. ``trusted``: made by the provider's own SDK, which counts tokens best.
    ``source_derived``: nobody named the source, it follows from agent and operation. ``scope`` is the instrumentation's
    name, ``instance`` the process that it runs in (``service.instance.id``, else ``service.name``).
    """

    record: UsageRecord
    parent_span_id: bytes = b""
    response_id: str | None = None
    request_id: str | None = None
    trusted: bool = False
    source_derived: bool = False
    scope: str = ""
    instance: str | None = None

    @property
    def key(self) -> int:
        """Names the span (or event) in its project: what would be the id of the call's record."""
        return self.record.id

    @property
    def parent(self) -> int | None:
        """The ``key`` of the span above, if there is one."""
        if not self.parent_span_id:
            return None
        return record_id(self.record.project, self.record.trace_id, self.parent_span_id)


class Ancestor(NamedTuple):
    """A span that is no LLM call but may be above some: it says whom they were for, or leads to a span that does.

    One that is not ``certain`` is worth storing only where something below it is stored.
    """

    project: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes = b""
    conversation: str | None = None
    user_id: str | None = None
    agent: str | None = None
    channel: str | None = None
    certain: bool = True

    @property
    def telling(self) -> bool:
        """Whether it says anything of whom calls below it were for."""
        return (self.conversation, self.user_id, self.agent, self.channel) != (None, None, None, None)

    @property
    def key(self) -> int:
        return record_id(self.project, self.trace_id, self.span_id)

    @property
    def parent(self) -> int | None:
        return record_id(self.project, self.trace_id, self.parent_span_id) if self.parent_span_id else None


Item = Observation | Ancestor
"""What requests are made of, once they are decoded."""


class Written(NamedTuple):
    """What became of the observations of one project in one transaction.

    ``stored`` calls are new, ``repeated`` observations were known, ``merged`` ones told of calls that are known (by
    reason), ``completed`` calls learned from a span above them whom they were for. ``new``: which calls are, each by
    when it started and its id.
    """

    stored: int = 0
    repeated: int = 0
    merged: dict[MergeReason, int] = {}  # noqa: RUF012
    completed: int = 0
    new: tuple[tuple[datetime, int], ...] = ()
