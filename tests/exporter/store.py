"""A store that can be made to wait, to fail, and to refuse: the one interface whose failures the tests must cause."""

import asyncio
from collections.abc import Sequence

from tests.records import record
from usage_graph.errors import RefusedRecords
from usage_graph.exporter.batch import Key, key_of
from usage_graph.observation import Item, Observation

_POISON = "poison"


def call(number: int, *, poison: bool = False, project: str = "default") -> Observation:
    """A call whose span is ``number``; the store below refuses poison."""
    return Observation(
        record(project=project, span_id=number.to_bytes(8, "big"), error_type=_POISON if poison else None)
    )


def is_poison(item: Item) -> bool:
    return isinstance(item, Observation) and item.record.error_type == _POISON


class Store:
    """Keeps the promises of ``store.writer``: atomic, idempotent by key, refuses a batch for any bad record in it."""

    def __init__(self) -> None:
        self.stored: dict[Key, Item] = {}
        self.batches: list[list[Item]] = []
        """Every batch that came, refused ones too."""
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def write(self, items: Sequence[Item]) -> None:
        self.batches.append(list(items))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        if any(map(is_poison, items)):
            raise RefusedRecords("a value cannot be stored")
        for item in items:
            self.stored.setdefault(key_of(item), item)

    @property
    def numbers(self) -> list[int]:
        """The spans stored, by number."""
        return sorted(int.from_bytes(span_id, "big") for _, _, span_id in self.stored)
