import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exporter.store import Store, call, is_poison
from usage_graph.errors import QueueFull, RetryableError, ShuttingDown, StoreFailed, StoreUnavailable
from usage_graph.exporter.batch import key_of
from usage_graph.exporter.bisect import Rejected
from usage_graph.exporter.exporter import Exporter
from usage_graph.observation import Item, Observation

_MANY = 10**6


@asynccontextmanager
async def running(store: Store, **limits: Any) -> AsyncIterator[Exporter]:
    defaults = {"batch_spans": 100, "batch_timeout": 0.001, "queue_spans": _MANY, "queue_bytes": _MANY}
    exporter = Exporter(write=store.write, **(defaults | limits))
    await exporter.start()
    async with asyncio.timeout(20):  # an answer that never comes fails the test
        try:
            yield exporter
        finally:
            await exporter.drain()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for is a state, whoever causes it
            await asyncio.sleep(0.001)


def send(exporter: Exporter, *numbers: int, size: int = 1) -> asyncio.Task[list[Rejected]]:
    return asyncio.create_task(exporter.export([call(n) for n in numbers], size=size))


async def test_the_answer_comes_after_the_commit() -> None:
    store = Store()
    store.open.clear()
    async with running(store) as exporter:
        answer = send(exporter, 1, 2)
        await until(lambda: bool(store.batches))
        assert not answer.done()
        store.open.set()
        assert await answer == []
        assert store.numbers == [1, 2]


async def test_requests_that_come_during_a_write_share_the_next_one() -> None:
    store = Store()
    store.open.clear()
    async with running(store) as exporter:
        answers = [send(exporter, 0)]
        await until(lambda: bool(store.batches))
        answers += [send(exporter, n) for n in range(1, 20)]
        await asyncio.sleep(0.01)
        store.open.set()
        await asyncio.gather(*answers)
    assert [len(batch) for batch in store.batches] == [1, 19]


async def test_a_full_batch_does_not_wait() -> None:
    store = Store()
    async with running(store, batch_spans=3, batch_timeout=3600.0) as exporter:
        async with asyncio.timeout(5):
            await asyncio.gather(send(exporter, 1, 2), send(exporter, 3))
    assert [len(batch) for batch in store.batches] == [3]


async def test_a_batch_that_the_next_request_does_not_fit_into_does_not_wait() -> None:
    store = Store()
    async with running(store, batch_spans=3, batch_timeout=3600.0) as exporter:
        first, second = send(exporter, 1, 2), send(exporter, 3, 4)
        async with asyncio.timeout(5):
            await first
        assert not second.done()
    assert [len(batch) for batch in store.batches] == [2, 2]


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([10] * 2, [10, 10]),
        ([10] * 3, [20, 10]),
        ([10] * 20, [40, 40, 40, 40, 20, 10, 10]),
        ([5] * 6, [20, 10]),
        ([10, 35, 10, 10, 10], [10, 35, 20, 10]),
        ([41, 10, 10, 10], [41, 20, 10]),
    ],
)
async def test_where_many_wait_batches_are_larger(requests: Sequence[int], expected: Sequence[int]) -> None:
    """But never more than four full ones, nor all that waits; one request may be as large as it is."""
    store = Store()
    store.open.clear()
    async with running(store, batch_spans=10) as exporter:
        answers = [send(exporter, 0)]
        await until(lambda: bool(store.batches))
        answers += [send(exporter, *range(n * 100, n * 100 + size)) for n, size in enumerate(requests, 1)]
        await until(lambda: exporter.waiting == 1 + sum(requests))
        store.open.set()
        assert await asyncio.gather(*answers) == [[] for _ in answers]
    assert [len(batch) for batch in store.batches[1:]] == expected
    assert store.numbers == [0, *(n * 100 + at for n, size in enumerate(requests, 1) for at in range(size))]


class Choosy(Store):
    """Gives up on every batch that has one of ``heavy``, as a database does on what takes too long."""

    heavy = frozenset({2})

    async def write(self, items: Sequence[Item]) -> None:
        if {int.from_bytes(key_of(item)[2], "big") for item in items} & self.heavy:
            self.batches.append(list(items))
            raise StoreFailed("it took too long")
        await super().write(items)


async def test_a_request_that_the_database_gives_up_on_takes_no_other_with_it() -> None:
    store = Choosy()
    store.open.clear()
    async with running(store) as exporter:
        first = send(exporter, 0)
        await until(lambda: bool(store.batches))
        light, heavy, other = send(exporter, 1), send(exporter, 2, 3), send(exporter, 4)
        await asyncio.sleep(0.01)
        store.open.set()
        assert [await answer for answer in (first, light, other)] == [[], [], []]
        with pytest.raises(StoreFailed):
            await heavy
        assert exporter.waiting == 0
    assert store.numbers == [0, 1, 4]


async def test_stopped_in_the_middle_of_them_every_sender_is_told() -> None:
    store = Choosy()
    exporter = Exporter(write=store.write, batch_spans=100, batch_timeout=0.001, queue_spans=_MANY, queue_bytes=_MANY)
    await exporter.start()
    answers = [send(exporter, 2), send(exporter, 1), send(exporter, 4)]
    store.open.clear()
    await until(lambda: len(store.batches) >= 3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(exporter.drain(), 0.05)
    told = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(one) for one in told] == [StoreFailed, ShuttingDown, ShuttingDown]
    assert exporter.waiting == 0


async def test_a_request_is_never_split_over_batches() -> None:
    store = Store()
    store.open.clear()
    async with running(store, batch_spans=10) as exporter:
        answers = [send(exporter, *range(100 * n, 100 * n + 4)) for n in range(5)]
        answers.append(send(exporter, *range(1000, 1050)))
        await asyncio.sleep(0.01)
        store.open.set()
        await asyncio.gather(*answers)
    assert [len(batch) for batch in store.batches] == [16, 4, 50]


async def test_each_request_is_told_of_its_own_refused_records() -> None:
    store = Store()
    bad = call(3, poison=True)
    async with running(store) as exporter:
        good = send(exporter, 1, 2)
        mixed = asyncio.create_task(exporter.export([bad, call(4)], size=1))
        assert await good == []
        assert [refused.item for refused in await mixed] == [bad]
    assert store.numbers == [1, 2, 4]


async def test_the_same_span_in_two_requests_is_written_once_and_both_succeed() -> None:
    store = Store()
    async with running(store) as exporter:
        assert list(await asyncio.gather(send(exporter, 1, 2), send(exporter, 2, 3))) == [[], []]
    assert [len(batch) for batch in store.batches] == [3]


async def test_a_request_without_records_needs_no_database() -> None:
    store = Store()
    store.open.clear()
    async with running(store, queue_spans=1) as exporter:
        stuck = send(exporter, 1)
        await until(lambda: bool(store.batches))
        assert await exporter.export([], size=_MANY) == []
        store.open.set()
        await stuck


@pytest.mark.parametrize("limits", [{"queue_spans": 5}, {"queue_bytes": 50}], ids=str)
async def test_a_full_queue_refuses_at_once_and_counts_what_is_being_written(limits: dict[str, int]) -> None:
    store = Store()
    store.open.clear()
    async with running(store, **limits) as exporter:
        held = send(exporter, 1, 2, 3, size=30)
        await until(lambda: bool(store.batches))
        queued = send(exporter, 4, 5, size=20)
        await asyncio.sleep(0)
        with pytest.raises(QueueFull, match="5 spans") as caught:
            await exporter.export([call(6)], size=1)
        assert caught.value.retry_after > 0
        store.open.set()
        await asyncio.gather(held, queued)
        assert await exporter.export([call(6)], size=1) == []
    assert store.numbers == [1, 2, 3, 4, 5, 6]


async def test_a_request_above_the_bounds_is_taken_when_nothing_waits() -> None:
    store = Store()
    async with running(store, queue_spans=5, queue_bytes=5) as exporter:
        assert await send(exporter, *range(10), size=100) == []
        assert await send(exporter, *range(10, 20), size=100) == []
    assert len(store.stored) == 20


async def test_an_absent_database_fails_the_whole_batch_as_retryable() -> None:
    store = Store()
    store.error = StoreUnavailable("away", retry_after=7.0)
    async with running(store) as exporter:
        results = await asyncio.gather(send(exporter, 1), send(exporter, 2), return_exceptions=True)
        assert [type(result) for result in results] == [StoreUnavailable, StoreUnavailable]
        assert [result.retry_after for result in results if isinstance(result, RetryableError)] == [7.0, 7.0]
        assert results[0] is not results[1]  # each waiter raises its own
        store.error = None
        assert list(await asyncio.gather(send(exporter, 1), send(exporter, 2))) == [[], []]
    assert store.numbers == [1, 2]


async def test_an_unknown_failure_is_logged_and_retryable(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    store.error = KeyError("a defect")
    async with running(store) as exporter:
        with caplog.at_level(logging.ERROR), pytest.raises(StoreUnavailable) as caught:
            await send(exporter, 1)
        assert "a defect" not in str(caught.value)
        assert caplog.records[0].exc_info is not None
        store.error = None
        assert await send(exporter, 1) == []


async def test_a_sender_that_goes_away_does_not_break_the_batch() -> None:
    store = Store()
    store.open.clear()
    async with running(store, queue_spans=4) as exporter:
        writing, staying = send(exporter, 1), send(exporter, 2)
        await until(lambda: bool(store.batches))
        waiting = send(exporter, 3)
        await asyncio.sleep(0)
        for gone in (writing, waiting):
            gone.cancel()
        await asyncio.gather(writing, waiting, return_exceptions=True)
        store.open.set()
        assert await staying == []
        await until(lambda: store.numbers == [1, 2, 3])
        assert await send(exporter, 4, 5, 6, 7) == []


async def test_drain_writes_what_is_queued_and_takes_nothing_new() -> None:
    store = Store()
    store.open.clear()
    async with running(store, batch_timeout=3600.0) as exporter:
        answer = send(exporter, 1)
        await asyncio.sleep(0)
        drained = asyncio.create_task(exporter.drain())
        await until(lambda: bool(store.batches))
        with pytest.raises(ShuttingDown):
            await exporter.export([call(2)], size=1)
        assert not drained.done()
        store.open.set()
        await drained
        assert await answer == []
    assert store.numbers == [1]


async def test_a_drain_that_is_cancelled_still_answers_everyone() -> None:
    store = Store()
    store.open.clear()
    exporter = Exporter(write=store.write, batch_spans=1, batch_timeout=0.001, queue_spans=_MANY, queue_bytes=_MANY)
    await exporter.start()
    answers = [send(exporter, n) for n in range(3)]
    await until(lambda: bool(store.batches))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(exporter.drain(), 0.01)
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(result) for result in results] == [ShuttingDown] * 3
    assert store.numbers == []


_calls = st.builds(call, st.integers(0, 40), poison=st.integers(0, 7).map(lambda n: n == 0))
_requests = st.lists(st.lists(_calls, min_size=1, max_size=6), min_size=1, max_size=15)


class _Unsteady(Store):
    """Waits a drawn number of turns at each write and is away at drawn writes."""

    def __init__(self, turns: list[int], away: set[int]) -> None:
        super().__init__()
        self._turns, self._away = turns, away

    async def write(self, records: Any) -> None:
        count = len(self.batches)
        for _ in range(self._turns[count % len(self._turns)]):
            await asyncio.sleep(0)
        if count in self._away:
            self.batches.append(list(records))
            raise StoreUnavailable("away")
        await super().write(records)


@settings(max_examples=150, deadline=None)
@given(
    requests=_requests,
    gaps=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    turns=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    away=st.sets(st.integers(0, 6), max_size=2),
    cancelled=st.sets(st.integers(0, 14), max_size=3),
    batch_spans=st.integers(1, 12),
    queue_spans=st.integers(4, 60),
    writers=st.integers(1, 3),
)
async def test_each_request_is_answered_once_and_truly(
    requests: list[list[Observation]],
    gaps: list[int],
    turns: list[int],
    away: set[int],
    cancelled: set[int],
    batch_spans: int,
    queue_spans: int,
    writers: int,
) -> None:
    store = _Unsteady(turns, away)
    limits = {"batch_spans": batch_spans, "queue_spans": queue_spans, "writers": writers, "batch_timeout": 0.0005}
    async with running(store, **limits) as exporter:
        tasks = []
        for index, request in enumerate(requests):
            tasks.append(asyncio.create_task(exporter.export(request, size=1)))
            for _ in range(gaps[index % len(gaps)]):
                await asyncio.sleep(0)
            if index in cancelled:
                tasks[-1].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for request, result in zip(requests, results, strict=True):
        if isinstance(result, BaseException):
            assert isinstance(result, QueueFull | StoreUnavailable | asyncio.CancelledError)
            continue
        refused = {key_of(rejected.item) for rejected in result}
        assert all(is_poison(rejected.item) and rejected.item in request for rejected in result)
        assert {key_of(sent) for sent in request} - refused <= set(store.stored)
        assert all(key_of(sent) in store.stored for sent in request if not is_poison(sent))
    sent = {key_of(one) for request in requests for one in request if not is_poison(one)}
    assert set(store.stored) <= sent
    assert not any(map(is_poison, store.stored.values()))
