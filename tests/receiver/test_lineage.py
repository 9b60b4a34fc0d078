"""Which spans are kept for being above LLM calls: the same ones in whatever order and portions they come."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.observation import Ancestor
from usage_graph.receiver.lineage import Lineage


class _Span(NamedTuple):
    """A span of a small world; ``kind`` is that of a call, of a certain ancestor, or of any other span."""

    project: str
    trace: int
    number: int
    kind: str

    @property
    def ancestor(self) -> Ancestor:
        return Ancestor(self.project, bytes([self.trace]), self.number.to_bytes(8, "big"))


def take(lineage: Lineage, span: _Span) -> Iterable[Ancestor]:
    if span.kind == "call":
        return lineage.call(span.project, bytes([span.trace]))
    return lineage.above(span.ancestor, certain=span.kind == "certain")


def worth_storing(spans: Iterable[_Span]) -> set[Ancestor]:
    """What the module promises, said without its means: other spans of traces with a call or a certain ancestor."""
    known = {(span.project, span.trace) for span in spans if span.kind != "plain"}
    return {span.ancestor for span in spans if span.kind != "call" and (span.project, span.trace) in known}


def plain(number: int, trace: int = 1) -> _Span:
    return _Span("p", trace, number, "plain")


def call(trace: int = 1) -> _Span:
    return _Span("p", trace, 0, "call")


_spans = st.lists(
    st.builds(
        _Span,
        st.sampled_from(["p", "q"]),
        st.integers(1, 4),
        st.integers(1, 30),
        st.sampled_from(["plain", "plain", "call", "certain"]),
    ),
    unique_by=lambda span: (span.project, span.trace, span.number),
)


@given(_spans.flatmap(lambda spans: st.tuples(st.just(spans), st.permutations(spans))))
def test_any_order_hands_over_the_same(orders: tuple[list[_Span], list[_Span]]) -> None:
    for spans in orders:
        lineage = Lineage()
        handed = [ancestor for span in spans for ancestor in take(lineage, span)]
        assert set(handed) == worth_storing(spans)
        assert len(handed) == len(set(handed))


@given(_spans, st.data())
def test_requests_that_fail_and_are_sent_again_hand_over_the_same(spans: list[_Span], data: st.DataObject) -> None:
    lineage, stored, failures = Lineage(), set[Ancestor](), count()
    unsent = list(spans)
    while unsent:
        request = [unsent.pop(0) for _ in range(data.draw(st.integers(1, len(unsent))))]
        handed = [ancestor for span in request for ancestor in take(lineage, span)]
        if next(failures) < 10 and data.draw(st.booleans()):
            lineage.give_back(handed)
            unsent = data.draw(st.permutations(unsent + request))
        else:
            stored.update(handed)
    assert stored == worth_storing(spans)


def test_a_span_that_tells_whom_calls_were_for_is_handed_over_at_once_and_again_when_its_trace_is_known() -> None:
    """The store may know its trace: from another server, or from before a restart."""
    lineage, telling = Lineage(), plain(1).ancestor._replace(user_id="ada")
    assert [*lineage.above(telling, certain=False)] == [telling._replace(certain=False)]
    assert [*take(lineage, call())] == [telling]


def test_a_repeated_span_waits_once() -> None:
    lineage = Lineage(waiting=2)
    for _ in range(5):
        assert not take(lineage, plain(1))
    assert not take(lineage, plain(2))
    assert len(list(take(lineage, call()))) == 2
    assert not take(lineage, call())


def test_at_most_so_many_spans_wait_and_the_trace_seen_longest_ago_goes_first() -> None:
    lineage = Lineage(waiting=4)
    for number, trace in ((1, 1), (2, 2), (3, 2), (4, 1), (5, 3)):
        take(lineage, plain(number, trace))
    found = {trace: [one.span_id[-1] for one in take(lineage, call(trace))] for trace in (1, 2, 3)}
    assert found == {1: [1, 4], 2: [], 3: [5]}


def test_at_most_so_many_traces_are_known() -> None:
    lineage = Lineage(traces=2)
    for trace in (1, 2, 1, 3):
        take(lineage, call(trace))
    assert [len(list(take(lineage, plain(trace, trace)))) for trace in (1, 2, 3)] == [1, 0, 1]


@pytest.mark.parametrize("first", [call, lambda: _Span("p", 1, 99, "certain")], ids=["call", "certain"])
def test_a_trace_has_at_most_so_many_ancestors(first: Callable[[], _Span]) -> None:
    lineage = Lineage(per_trace=3)
    waiting = [plain(number) for number in range(1, 10)]
    early = [ancestor for span in (*waiting, first()) for ancestor in take(lineage, span)]
    late = [ancestor for number in range(11, 20) for ancestor in take(lineage, plain(number))]
    assert len(early) + len(late) == 3
    assert len(list(take(lineage, plain(1, trace=2)))) == 0
    take(lineage, call(2))
    assert len(list(take(lineage, plain(2, trace=2)))) == 1


def test_what_was_given_back_does_not_count() -> None:
    lineage = Lineage(per_trace=3)
    take(lineage, call())
    for _ in range(5):
        handed = [ancestor for number in (1, 2, 3) for ancestor in take(lineage, plain(number))]
        assert len(set(handed)) == 3
        lineage.give_back(handed)
    assert len({*take(lineage, call())}) == 3
    assert not take(lineage, plain(4))
