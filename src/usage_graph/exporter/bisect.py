"""Finding the records that the database refuses, so that no other record suffers for them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from usage_graph.errors import RefusedRecords
from usage_graph.exporter.batch import distinct
from usage_graph.usage import UsageRecord

Write = Callable[[Sequence[UsageRecord]], Awaitable[None]]
"""Returns after COMMIT; idempotent by record key; raises ``RefusedRecords`` or ``StoreUnavailable``."""


class Rejected(NamedTuple):
    """A record that the database refused, and why."""

    record: UsageRecord
    reason: str


async def write_all(write: Write, requests: Sequence[Sequence[UsageRecord]]) -> list[list[Rejected]]:
    """Store the records of ``requests`` in one transaction; returns one list of rejections per request.

    Where the database refuses the data, the batch is halved until the guilty records stand alone: first between
    requests, so that a request without a guilty record stays in one transaction, then within the guilty one. Records
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
    if before is not None and any(record.started_at < before for record in batch):
        return await _write_since(before, write, requests, reason)
    if len(requests) > 1:
        middle = len(requests) // 2
        return await write_all(write, requests[:middle]) + await write_all(write, requests[middle:])
    (records,) = requests
    if len(records) == 1:
        return [[Rejected(records[0], reason)]]
    middle = len(records) // 2
    (left,) = await write_all(write, [records[:middle]])
    (right,) = await write_all(write, [records[middle:]])
    return [left + right]


async def _write_since(
    before: datetime, write: Write, requests: Sequence[Sequence[UsageRecord]], reason: str
) -> list[list[Rejected]]:
    """``write_all`` without what started ``before``, which is rejected for ``reason``."""
    answers = await write_all(write, [[one for one in records if one.started_at >= before] for records in requests])
    return [
        [Rejected(one, reason) for one in records if one.started_at < before] + rejected
        for records, rejected in zip(requests, answers, strict=True)
    ]
