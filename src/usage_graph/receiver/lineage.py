"""Which of the spans that are no LLM calls are worth storing: those above some.

Nearly all spans of an application are above no call, in most traces and also beside calls: requests to other servers,
statements, caches. Spans above calls end, and come, after them; of other spans nobody knows yet whether a call below
them is still to come, so those wait.
"""

from collections import OrderedDict
from collections.abc import Iterable

from usage_graph.observation import Ancestor

_Trace = tuple[str, bytes]
"""Project and trace id."""
_Spans = dict[tuple[str, bytes, bytes], None]
"""Project, trace id and span id."""


class Lineage:
    """What is known of spans, in bounded memory: a loss costs at most the identity that a span above would have told.

    Those right above what was worth storing are ``expected``: at least so many of them, and at most twice as many.
    ``waiting`` spans in all wait for something below them, of one trace ``per_trace``; what was touched longest ago
    goes first. A span costs constant time, and once more when it waited in vain no longer.
    """

    def __init__(self, *, expected: int = 2**15, waiting: int = 2**15, per_trace: int = 2**12) -> None:
        self._max_expected = expected
        self._max_waiting = waiting
        self._per_trace = per_trace
        self._expected: _Spans = {}
        self._expected_before: _Spans = {}
        self._waiting: OrderedDict[_Trace, dict[bytes, Ancestor]] = OrderedDict()
        self._spans = 0

    def call(self, project: str, trace_id: bytes, parent_span_id: bytes) -> Iterable[Ancestor]:
        """Take note of a call; returns the spans above it that waited for that."""
        return self._climb(project, trace_id, parent_span_id) if parent_span_id else ()

    def above(self, ancestor: Ancestor, *, certain: bool) -> Iterable[Ancestor]:
        """The spans that are worth storing now that ``ancestor`` came; ``certain``: its attributes say that it is one.

        Itself if it is expected, and what waited above it; else it waits. What tells whom calls were for is handed over
        all the same, as not certain: the store may know what is below it, from before a restart or another server.
        """
        project, trace_id, span_id = ancestor[:3]
        if certain or self._expects((project, trace_id, span_id)):
            return (ancestor, *self.call(project, trace_id, ancestor.parent_span_id))
        self._wait(ancestor)
        return (ancestor._replace(certain=False),) if ancestor.telling else ()

    def give_back(self, ancestors: Iterable[Ancestor]) -> None:
        """Keep what was not stored after all until what is below it is seen again."""
        for ancestor in ancestors:
            self._wait(ancestor._replace(certain=True))

    def _climb(self, project: str, trace_id: bytes, span_id: bytes) -> list[Ancestor]:
        """The span ``span_id`` and those above it, as far as they wait; the next one is expected."""
        found: list[Ancestor] = []
        trace = project, trace_id
        waiting = self._waiting.get(trace)
        while span_id:
            self._expect((project, trace_id, span_id))
            if waiting is None or (ancestor := waiting.pop(span_id, None)) is None:
                break
            found.append(ancestor)
            span_id = ancestor.parent_span_id
        self._spans -= len(found)
        if waiting is not None and not waiting:
            del self._waiting[trace]
        return found

    def _expects(self, span: tuple[str, bytes, bytes]) -> bool:
        return span in self._expected or span in self._expected_before

    def _expect(self, span: tuple[str, bytes, bytes]) -> None:
        if span in self._expected:
            return
        if len(self._expected) >= self._max_expected:
            self._expected, self._expected_before = {}, self._expected
        self._expected[span] = None

    def _wait(self, ancestor: Ancestor) -> None:
        trace = ancestor.project, ancestor.trace_id
        waiting = self._waiting.get(trace)
        if waiting is None:
            waiting = self._waiting[trace] = {}
        else:
            self._waiting.move_to_end(trace)
        if ancestor.span_id in waiting or len(waiting) >= self._per_trace:
            return
        waiting[ancestor.span_id] = ancestor
        self._spans += 1
        while self._spans > self._max_waiting:
            self._spans -= len(self._waiting.popitem(last=False)[1])
