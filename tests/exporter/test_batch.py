from tests.exporter.store import call
from usage_graph.exporter.batch import Batch, Waiting, distinct
from usage_graph.observation import Ancestor


def _batch(*sizes: int) -> Batch[None]:
    batch: Batch[None] = Batch(opened=100.0)
    for size in sizes:
        batch.add(Waiting([call(n) for n in range(size)], size=1, ticket=None))
    return batch


def test_an_empty_batch_takes_a_request_of_any_size() -> None:
    assert _batch().takes(10_000, max_spans=10)


def test_a_batch_takes_whole_requests_up_to_its_limit() -> None:
    assert _batch(4).takes(6, max_spans=10)
    assert not _batch(4).takes(7, max_spans=10)


def test_a_batch_is_due_when_its_first_request_has_waited() -> None:
    batch = _batch(4)
    assert batch.due_in(100.0, max_spans=10, timeout=0.5) == 0.5
    assert batch.due_in(100.25, max_spans=10, timeout=0.5) == 0.25
    assert batch.due_in(101.0, max_spans=10, timeout=0.5) == 0.0


def test_a_full_batch_is_due_at_once() -> None:
    assert _batch(4, 6).due_in(100.0, max_spans=10, timeout=0.5) == 0.0


def test_the_first_sending_of_a_span_wins() -> None:
    first, again, other = call(1), call(1)._replace(scope="another"), call(2)
    assert distinct([[first, other], [again, call(3)]]) == [first, other, call(3)]


def test_a_doubtful_span_that_has_become_certain_is_certain() -> None:
    certain = Ancestor("p", b"\1" * 16, b"\2" * 8, user_id="ada")
    doubtful = certain._replace(certain=False)
    assert distinct([[doubtful, call(1)], [certain, doubtful]]) == [certain, call(1)]


def test_the_same_span_in_two_projects_is_two_calls() -> None:
    assert len(distinct([[call(1), call(1, project="other")]])) == 2
