import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exporter.store import Store, call, is_poison
from usage_graph.errors import StoreUnavailable
from usage_graph.exporter.batch import key_of
from usage_graph.exporter.bisect import Rejected, write_all
from usage_graph.observation import Observation

_calls = st.builds(call, st.integers(0, 30), poison=st.integers(0, 5).map(lambda n: n == 0))


async def test_a_good_batch_is_one_write() -> None:
    store = Store()
    assert await write_all(store.write, [[call(1), call(2)], [call(3)]]) == [[], []]
    assert [len(batch) for batch in store.batches] == [3]


async def test_only_the_guilty_record_is_rejected_and_its_reason_told() -> None:
    store = Store()
    bad = call(2, poison=True)
    answers = await write_all(store.write, [[call(0)], [call(1), bad, call(3)], [call(4)]])
    assert answers == [[], [Rejected(bad, "a value cannot be stored")], []]
    assert store.numbers == [0, 1, 3, 4]


async def test_requests_without_a_guilty_record_stay_whole() -> None:
    store = Store()
    requests = [[call(10 * n + i) for i in range(5)] for n in range(8)]
    requests[3][2] = call(99, poison=True)
    await write_all(store.write, requests)
    for index, request in enumerate(requests):
        if index != 3:
            first = next(batch for batch in reversed(store.batches) if request[0] in batch)
            assert set(map(key_of, request)) <= set(map(key_of, first))


async def test_the_second_sending_counts_where_the_first_is_refused() -> None:
    store = Store()
    bad, good = call(1, poison=True), call(1)
    assert await write_all(store.write, [[bad, good]]) == [[Rejected(bad, "a value cannot be stored")]]
    assert store.numbers == [1]


async def test_an_absent_database_is_not_bisected() -> None:
    store = Store()
    store.error = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await write_all(store.write, [[call(n)] for n in range(8)])
    assert len(store.batches) == 1


@given(st.lists(st.lists(_calls, min_size=1, max_size=8), min_size=1, max_size=8))
async def test_what_is_stored_is_the_union_without_the_guilty(requests: list[list[Observation]]) -> None:
    store = Store()
    answers = await write_all(store.write, requests)
    innocent = {key_of(sent) for request in requests for sent in request if not is_poison(sent)}
    assert set(store.stored) == innocent
    for request, rejected in zip(requests, answers, strict=True):
        for refused in rejected:
            assert is_poison(refused.item)
            assert refused.item in request
        told = {key_of(refused.item) for refused in rejected}
        assert {key_of(sent) for sent in request} - told <= innocent
