"""Searched records page by page: the same whichever way they are found."""

from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from tests.questions import filters, texts
from tests.store.test_reader import READS, batches, both, windows
from usage_graph.question import Direction, Filter, PageRequest, RecordField, RecordKey, RecordOrder, Scope, key_of
from usage_graph.store import searching
from usage_graph.usage import UsageRecord
from usage_graph.window import Window


@given(
    batches,
    windows,
    st.just(Filter()) | filters,
    texts.filter(bool),
    st.builds(RecordOrder, direction=st.sampled_from(Direction)),
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, 4),
    st.integers(0, 9),
)
@READS
async def test_every_way_finds_the_same_pages(
    database: str,
    records: list[UsageRecord],
    window: Window,
    others: Filter,
    search: str,
    order: RecordOrder,
    size: int,
    backwards: bool,
    few: int,
    looked_through: int,
) -> None:
    """With bounds so small that few records go each of the ways."""
    scope = Scope("default", window.start, window.end, replace(others, search=search))
    async with both(database, records) as (real, model):
        key: RecordKey | None = None
        for _ in range(len(records) + 1):
            page = PageRequest(last=size, before=key) if backwards else PageRequest(first=size, after=key)
            with patch.multiple(searching, _FEW=few, _LOOKED_THROUGH=looked_through):
                found = await real.records(scope, order=order, page=page)
            assert found == await model.records(scope, order=order, page=page)
            if not found.records:
                break
            edge = found.records[0 if backwards else -1]
            key = key_of(edge, RecordField.STARTED_AT)
        assert not found.records
