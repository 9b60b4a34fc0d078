"""Finding the items that the database refuses, so that no other item suffers for them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from usage_graph.errors import RefusedRecords
from usage_graph.exporter.batch import distinct
from usage_graph.observation import Item, Observation

Write = Callable[[Sequence[Item]], Awaitable[None]]
"""Returns after COMMIT; idempotent by key; raises ``RefusedRecords`` or ``StoreUnavailable``."""


class Rejected(NamedTuple):
    """An item that the database refused, and why."""

    item: Item
    reason: str


async def write_all(write: Write, requests: Sequence[Sequence[Item]]) -> list[list[Rejected]]:
    """Store the items of ``requests`` in one transaction; returns one list of rejections per request.

    Where the database refuses the data, the batch is halved until the guilty items stand alone: first between
    requests, so that a request without a guilty item stays in one transaction, then within the guilty one. Calls
    that are too old are told apart at once: they come in masses.
    Repeats are dropped only at the write itself: when the first sending of a span is refused, the second still counts.

    Raises:
        StoreUnavailable: and whatever else ``write`` raises besides ``RefusedRecords``; any part may be stored then.
    """
    batch = distinct(requests)
    try:
        if batch:
            await write(batch)
    except RefusedRecords as refusal:
        reason, before = str(refusal), refusal.before
    else:
        return [[] for _ in requests]
    if before is not None and any(_is_before(item, before) for item in batch):
        return await _write_since(before, write, requests, reason)
    if len(requests) > 1:
        middle = len(requests) // 2
        return await write_all(write, requests[:middle]) + await write_all(write, requests[middle:])
    (items,) = requests
    if len(items) == 1:
        return [[Rejected(items[0], reason)]]
    middle = len(items) // 2
    (left,) = await write_all(write, [items[:middle]])
    (right,) = await write_all(write, [items[middle:]])
    return [left + right]


async def _write_since(
    before: datetime, write: Write, requests: Sequence[Sequence[Item]], reason: str
) -> list[list[Rejected]]:
    """``write_all`` without what started ``before``, which is rejected for ``reason``."""
    answers = await write_all(write, [[item for item in items if not _is_before(item, before)] for items in requests])
    return [
        [Rejected(item, reason) for item in items if _is_before(item, before)] + rejected
        for items, rejected in zip(requests, answers, strict=True)
    ]


def _is_before(item: Item, before: datetime) -> bool:
    return isinstance(item, Observation) and item.record.started_at < before
