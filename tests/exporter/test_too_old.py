"""A batch that is refused because of records that are too old: they are told apart at once, the rest as ever."""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.exporter.store import Store, call, is_poison
from tests.records import BASE
from usage_graph.errors import RefusedRecords
from usage_graph.exporter.batch import key_of
from usage_graph.exporter.bisect import Rejected, write_all
from usage_graph.observation import Item, Observation

TOO_OLD = "it is too old"


class Keeping(Store):
    """Refuses what started before ``BASE``, as a database with retention does."""

    async def write(self, items: Sequence[Item]) -> None:
        assert items
        if any(map(is_old, items)):
            self.batches.append(list(items))
            raise RefusedRecords(TOO_OLD, before=BASE)
        await super().write(items)


def is_old(item: Item) -> bool:
    return isinstance(item, Observation) and item.record.started_at < BASE


def old(number: int, *, poison: bool = False) -> Observation:
    young = call(number, poison=poison)
    return young._replace(record=young.record._replace(started_at=BASE - timedelta(seconds=1)))


async def test_one_more_write_stores_their_neighbours() -> None:
    store = Keeping()
    requests = [[old(2 * n), call(2 * n + 1)] for n in range(100)]
    answers = await write_all(store.write, requests)
    assert [len(batch) for batch in store.batches] == [200, 100]
    assert answers == [[Rejected(request[0], TOO_OLD)] for request in requests]
    assert store.numbers == list(range(1, 200, 2))


async def test_nothing_but_old_records_is_one_write() -> None:
    store = Keeping()
    answers = await write_all(store.write, [[old(n) for n in range(500)], [old(1000)]])
    assert len(store.batches) == 1
    assert [len(answer) for answer in answers] == [500, 1]


async def test_a_newer_sending_of_an_old_span_counts() -> None:
    store = Keeping()
    assert await write_all(store.write, [[old(1), call(1)]]) == [[Rejected(old(1), TOO_OLD)]]
    assert store.numbers == [1]


_calls = st.builds(call, st.integers(0, 30), poison=st.integers(0, 5).map(lambda n: n == 0))
_mixed = st.one_of(_calls, st.builds(old, st.integers(0, 30), poison=st.booleans()))


@given(st.lists(st.lists(_mixed, min_size=1, max_size=8), min_size=1, max_size=8))
async def test_each_guilty_record_is_rejected_for_its_own_reason(requests: list[list[Observation]]) -> None:
    store = Keeping()
    answers = await write_all(store.write, requests)
    innocent = {key_of(sent) for request in requests for sent in request if not is_old(sent) and not is_poison(sent)}
    assert set(store.stored) == innocent
    for request, answer in zip(requests, answers, strict=True):
        for refused in answer:
            assert refused.item in request
            assert is_old(refused.item) or is_poison(refused.item)
            assert (refused.reason == TOO_OLD) is is_old(refused.item)
        # What is not told of is stored, be it by another sending of the same span.
        assert {key_of(sent) for sent in request} - {key_of(refused.item) for refused in answer} <= innocent
