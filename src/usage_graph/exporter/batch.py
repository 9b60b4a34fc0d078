"""Whole requests that share one transaction. Pure: time and limits are arguments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from usage_graph.usage import UsageRecord

Key = tuple[str, bytes, bytes]
"""What a record is identified by: project, trace id, span id."""

Ticket = TypeVar("Ticket")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Ticket]):
    """One request: its records, its size in bytes, and the ticket by which its sender is answered."""

    records: Sequence[UsageRecord]
    size: int
    ticket: Ticket


@dataclass(slots=True)
class Batch(Generic[Ticket]):
    """Requests in order of arrival; a request is never split over two batches."""

    opened: float
    requests: list[Waiting[Ticket]] = field(default_factory=list)
    spans: int = 0

    def takes(self, records: int, *, max_spans: int) -> bool:
        """Whether a request of ``records`` still fits; the first one always does, however large."""
        return not self.requests or self.spans + records <= max_spans

    def add(self, request: Waiting[Ticket]) -> None:
        self.requests.append(request)
        self.spans += len(request.records)

    def due_in(self, now: float, *, max_spans: int, timeout: float) -> float:
        """Seconds until the batch should be written: 0 when it is full or has waited for ``timeout``."""
        return 0.0 if self.spans >= max_spans else max(0.0, self.opened + timeout - now)


def distinct(requests: Iterable[Sequence[UsageRecord]]) -> list[UsageRecord]:
    """All records in order, without those whose key came before: the first sending of a span wins."""
    found: dict[Key, UsageRecord] = {}
    for records in requests:
        for record in records:
            found.setdefault((record.project, record.trace_id, record.span_id), record)
    return list(found.values())
