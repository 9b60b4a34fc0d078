"""A store that can be made to wait, to fail, and to refuse: the one interface whose failures the tests must cause."""

import asyncio
from collections.abc import Sequence

from tests.records import record
from usage_graph.errors import RefusedRecords
from usage_graph.exporter.batch import Key
from usage_graph.usage import UsageRecord

_POISON = "poison"


def call(number: int, *, poison: bool = False, project: str = "default") -> UsageRecord:
    """A record whose span is ``number``; the store below refuses poison."""
    return record(project=project, span_id=number.to_bytes(8, "big"), error_type=_POISON if poison else None)


def is_poison(call: UsageRecord) -> bool:
    return call.error_type == _POISON


def key(call: UsageRecord) -> Key:
    return call.project, call.trace_id, call.span_id


class Store:
    """Keeps the promises of ``store.writer``: atomic, idempotent by key, refuses a batch for any bad record in it."""

    def __init__(self) -> None:
        self.stored: dict[Key, UsageRecord] = {}
        self.batches: list[list[UsageRecord]] = []
        """Every batch that came, refused ones too."""
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def write(self, records: Sequence[UsageRecord]) -> None:
        self.batches.append(list(records))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        if any(map(is_poison, records)):
            raise RefusedRecords("a value cannot be stored")
        for stored in records:
            self.stored.setdefault(key(stored), stored)

    @property
    def numbers(self) -> list[int]:
        """The spans stored, by number."""
        return sorted(int.from_bytes(span_id, "big") for _, _, span_id in self.stored)
