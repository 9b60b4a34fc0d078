"""Which spans are kept for being above LLM calls: the same ones in whatever order and portions they come."""

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from usage_graph.observation import Ancestor
from usage_graph.receiver.lineage import Lineage


class _Span(NamedTuple):
    """A span of a small world; ``kind`` is that of a call, of a certain ancestor, or of any other span.

    ``parent`` is the number of the span above it; 0: there is none.
    """

    project: str
    trace: int
    number: int
    kind: str
    parent: int = 0

    @property
    def ancestor(self) -> Ancestor:
        return Ancestor(self.project, bytes([self.trace]), _id(self.number), self._parent_id)

    @property
    def _parent_id(self) -> bytes:
        return _id(self.parent) if self.parent else b""

    def taken_by(self, lineage: Lineage) -> Iterable[Ancestor]:
        if self.kind == "call":
            return lineage.call(self.project, bytes([self.trace]), self._parent_id)
        return lineage.above(self.ancestor, certain=self.kind == "certain")


def _id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def worth_storing(spans: Iterable[_Span]) -> set[Ancestor]:
    """What the module promises, said without its means: spans above a call, certain ancestors, and spans above those.

    A call ends the way up: it is stored itself, and what is above it is above a call.
    """
    by_number = {(span.project, span.trace, span.number): span for span in spans}
    found = {span for span in by_number.values() if span.kind == "certain"}
    for span in by_number.values():
        above: _Span | None = span if span.kind != "plain" else None
        seen = set[_Span]()
        while above is not None and above not in seen:
            seen.add(above)
            above = by_number.get((above.project, above.trace, above.parent))
            if above is not None and above.kind == "plain":
                found.add(above)
    return {span.ancestor for span in found}


def plain(number: int, trace: int = 1, *, parent: int = 0) -> _Span:
    return _Span("p", trace, number, "plain", parent)


def call(parent: int, trace: int = 1) -> _Span:
    return _Span("p", trace, 200, "call", parent)


_spans = st.lists(
    st.builds(
        _Span,
        st.sampled_from(["p", "q"]),
        st.integers(1, 3),
        st.integers(1, 20),
        st.sampled_from(["plain", "plain", "plain", "call", "certain"]),
        st.integers(0, 20),
    ),
    max_size=40,
    unique_by=lambda span: (span.project, span.trace, span.number),
)


@given(_spans.flatmap(lambda spans: st.tuples(st.just(spans), st.permutations(spans))))
def test_any_order_hands_over_the_same(orders: tuple[list[_Span], list[_Span]]) -> None:
    for spans in orders:
        lineage = Lineage()
        handed = [ancestor for span in spans for ancestor in span.taken_by(lineage)]
        assert set(handed) == worth_storing(spans)
        assert len(handed) == len(set(handed))


@given(_spans, st.data())
def test_requests_that_fail_and_are_sent_again_hand_over_the_same(spans: list[_Span], data: st.DataObject) -> None:
    lineage, stored, failures = Lineage(), set[Ancestor](), count()
    unsent = list(spans)
    while unsent:
        request = [unsent.pop(0) for _ in range(data.draw(st.integers(1, len(unsent))))]
        handed = [ancestor for span in request for ancestor in span.taken_by(lineage)]
        if next(failures) < 10 and data.draw(st.booleans()):
            lineage.give_back(handed)
            unsent = data.draw(st.permutations(unsent + request))
        else:
            stored.update(handed)
    assert stored == worth_storing(spans)


def test_what_is_beside_calls_is_not_worth_storing() -> None:
    lineage = Lineage()
    beside = [plain(number, parent=1) for number in range(2, 9)]
    assert not [*call(1).taken_by(lineage)]
    assert not [ancestor for span in beside for ancestor in span.taken_by(lineage)]
    assert [*plain(1).taken_by(lineage)] == [plain(1).ancestor]


def test_a_span_that_tells_whom_calls_were_for_is_handed_over_at_once_and_again_when_a_call_is_below_it() -> None:
    """The store may know one: from another server, or from before a restart."""
    lineage, telling = Lineage(), plain(1).ancestor._replace(user_id="ada")
    assert [*lineage.above(telling, certain=False)] == [telling._replace(certain=False)]
    assert [*call(1).taken_by(lineage)] == [telling]


def test_a_repeated_span_waits_once() -> None:
    lineage = Lineage(waiting=2)
    for _ in range(5):
        assert not plain(1, parent=2).taken_by(lineage)
    assert not plain(2).taken_by(lineage)
    assert [one.span_id[-1] for one in call(1).taken_by(lineage)] == [1, 2]
    assert not call(1).taken_by(lineage)


def test_at_most_so_many_spans_wait_and_the_trace_seen_longest_ago_goes_first() -> None:
    lineage = Lineage(waiting=4)
    for number, trace in ((1, 1), (2, 2), (3, 2), (4, 1), (5, 3)):
        plain(number, trace).taken_by(lineage)
    found = [number for trace in (1, 2, 3) for number in range(6) if [*call(number, trace).taken_by(lineage)]]
    assert found == [1, 4, 5]


def test_at_most_so_many_spans_of_one_trace_wait() -> None:
    lineage = Lineage(per_trace=3)
    for number in range(1, 10):
        plain(number, parent=number + 1).taken_by(lineage)
    assert not plain(1, trace=2).taken_by(lineage)
    assert [one.span_id[-1] for one in call(1).taken_by(lineage)] == [1, 2, 3]
    assert [*call(1, trace=2).taken_by(lineage)] == [plain(1, trace=2).ancestor]


def test_at_least_so_many_spans_are_expected_and_at_most_twice_as_many() -> None:
    lineage = Lineage(expected=10)
    for number in range(1, 101):
        call(number).taken_by(lineage)
    expected = [number for number in range(1, 101) if [*plain(number).taken_by(lineage)]]
    assert 10 <= len(expected) <= 20
    assert expected == [*range(101 - len(expected), 101)]


def test_what_was_given_back_waits_for_what_is_below_it() -> None:
    lineage = Lineage()
    handed = [ancestor for span in (call(1), plain(1, parent=2), plain(2)) for ancestor in span.taken_by(lineage)]
    assert len(handed) == 2
    for _ in range(3):
        lineage.give_back(handed)
        assert [*call(1).taken_by(lineage)] == handed
