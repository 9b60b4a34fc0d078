"""Whole requests that share one transaction. Pure: time and limits are arguments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from usage_graph.observation import Ancestor, Item, Observation

Key = tuple[str, bytes, bytes]
"""What an item is identified by: project, trace id, span id."""

Ticket = TypeVar("Ticket")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Ticket]):
    """One request: its items, its size in bytes, and the ticket by which its sender is answered."""

    items: Sequence[Item]
    size: int
    ticket: Ticket


@dataclass(slots=True)
class Batch(Generic[Ticket]):
    """Requests in order of arrival; a request is never split over two batches."""

    opened: float
    requests: list[Waiting[Ticket]] = field(default_factory=list)
    spans: int = 0

    def takes(self, spans: int, *, max_spans: int) -> bool:
        """Whether a request of so many ``spans`` still fits; the first one always does, however large."""
        return not self.requests or self.spans + spans <= max_spans

    def add(self, request: Waiting[Ticket]) -> None:
        self.requests.append(request)
        self.spans += len(request.items)

    def join(self, later: "Batch[Ticket]") -> None:
        """Add the requests of a batch that was opened later."""
        self.requests += later.requests
        self.spans += later.spans

    def due_in(self, now: float, *, max_spans: int, timeout: float) -> float:
        """Seconds until the batch should be written: 0 when it is full or has waited for ``timeout``."""
        return 0.0 if self.spans >= max_spans else max(0.0, self.opened + timeout - now)


def key_of(item: Item) -> Key:
    spanned = item.record if isinstance(item, Observation) else item
    return spanned.project, spanned.trace_id, spanned.span_id


def distinct(requests: Iterable[Sequence[Item]]) -> list[Item]:
    """All items in order, without those whose key came before: the first sending of a span wins.

    Unless it was doubtful then, and has become certain.
    """
    found: dict[Key, Item] = {}
    for items in requests:
        for item in items:
            known = found.setdefault(key_of(item), item)
            if isinstance(known, Ancestor) and not known.certain:
                found[key_of(item)] = item
    return list(found.values())
