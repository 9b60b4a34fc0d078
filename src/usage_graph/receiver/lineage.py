"""Which of the spans that are no LLM calls are worth storing: those that may be above some.

Nearly all traces of an application know no LLM; those that do are known by a call, or by a span that says so. Spans
above calls end, and come, after them; of other spans nobody knows yet, so those wait until their trace is known.
"""

from collections import OrderedDict
from collections.abc import Iterable

from usage_graph.observation import Ancestor

_Trace = tuple[str, bytes]
"""Project and trace id."""


class Lineage:
    """What is known of traces, in bounded memory: a loss costs at most the identity that a span above would have told.

    ``traces`` are remembered as known, ``waiting`` spans in all wait for their traces to become known, and of one trace
    ``per_trace`` are kept; what was touched longest ago goes first. Every call takes constant time per span.
    """

    def __init__(self, *, traces: int = 2**16, waiting: int = 2**15, per_trace: int = 2**12) -> None:
        self._max_traces = traces
        self._max_waiting = waiting
        self._per_trace = per_trace
        self._known: OrderedDict[_Trace, int] = OrderedDict()
        """How many ancestors each trace was let have."""
        self._waiting: OrderedDict[_Trace, dict[bytes, Ancestor]] = OrderedDict()
        self._spans = 0

    def call(self, project: str, trace_id: bytes) -> Iterable[Ancestor]:
        """Take note of a call; returns the spans of its trace that waited for that."""
        return self._learn((project, trace_id))

    def above(self, ancestor: Ancestor, *, certain: bool) -> Iterable[Ancestor]:
        """The spans that are worth storing now that ``ancestor`` came; ``certain``: its trace is one with LLM calls.

        Itself if its trace is known, and what waited for that; else it waits. What tells whom calls were for is handed
        over all the same, as not certain: its trace may be known to the store, from before a restart or another server.
        """
        trace = ancestor.project, ancestor.trace_id
        if certain or trace in self._known:
            waited = self._learn(trace)
            return (*waited, ancestor) if self._admit(trace, 1) else waited
        self._wait(trace, ancestor)
        return (ancestor._replace(certain=False),) if ancestor.telling else ()

    def give_back(self, ancestors: Iterable[Ancestor]) -> None:
        """Keep what was not stored after all until its trace is seen again, as its sender may not send all of it."""
        for ancestor in ancestors:
            trace = ancestor.project, ancestor.trace_id
            if trace in self._known:
                self._known[trace] = max(0, self._known[trace] - 1)
            self._wait(trace, ancestor._replace(certain=True))

    def _learn(self, trace: _Trace) -> tuple[Ancestor, ...]:
        if trace in self._known:
            self._known.move_to_end(trace)
        else:
            self._known[trace] = 0
            if len(self._known) > self._max_traces:
                self._known.popitem(last=False)
        if trace not in self._waiting:
            return ()
        waited = self._waiting.pop(trace)
        self._spans -= len(waited)
        return tuple(waited.values())[: self._admit(trace, len(waited))]

    def _admit(self, trace: _Trace, spans: int) -> int:
        """How many of ``spans`` more the trace may have."""
        had = self._known[trace]
        admitted = min(spans, self._per_trace - had)
        self._known[trace] = had + admitted
        return admitted

    def _wait(self, trace: _Trace, ancestor: Ancestor) -> None:
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
