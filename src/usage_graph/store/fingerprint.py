"""Calls known by their size and time alone: for instrumentations of one process that share no id.

Only where it is asked for: of calls that run at the same time and are of the same size, any two that different
instrumentations saw may be taken for one. Each instrumentation tells of a call once, so the number of calls is right
as long as each of them saw every call.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import combinations
from typing import Any, NamedTuple

from usage_graph.observation import MergeReason, Observation
from usage_graph.store.connect import Connection
from usage_graph.store.linking import Call, Group, Link, Node, measured
from usage_graph.store.sql import query

_SLACK = timedelta(milliseconds=5)
"""What clocks are read apart on the way into a call and out of it."""
_NEAR = 50
"""So many calls that began before, and after, are compared with one."""


class _Print(NamedTuple):
    node: Node
    project: str
    size: int
    started_at: datetime
    ended_at: datetime
    output: int | None
    scope: str
    response_id: str | None


def _print_of(one: Observation) -> _Print | None:
    """``None`` for an observation that says too little: without a process, or without tokens and not failed."""
    record = one.record
    if not one.instance or not one.scope:
        return None
    if not measured(record) and not record.failed:
        return None
    what = f"{one.instance}\0{record.input_tokens if measured(record) else 'failed'}"
    return _Print(
        one.key,
        record.project,
        int.from_bytes(blake2b(what.encode(), digest_size=8).digest(), "big", signed=True),
        record.started_at,
        record.started_at + timedelta(microseconds=record.duration_us),
        record.output_tokens,
        one.scope,
        one.response_id,
    )


class Fingerprints:
    """Those of the observations that have just come, and of the stored ones that may be of the same calls."""

    def __init__(self, observations: Sequence[Observation]) -> None:
        found = (_print_of(one) for one in observations)
        self._new = {one.node: one for one in found if one is not None}
        self._pairs: list[tuple[_Print, _Print]] = []

    @property
    def calls(self) -> set[Call]:
        """The stored calls that may be among them."""
        return {stored.node for _, stored in self._pairs if isinstance(stored.node, Call)}

    async def look_up(self, connection: Connection) -> None:
        """Find the stored observations that may be of the same calls."""
        if not self._new:
            return
        rows = [(p.node, p.project, p.size, p.scope, p.started_at, p.ended_at) for p in self._new.values()]
        columns: list[Any] = list(zip(*rows, strict=True))
        for row in await connection.fetch(query("find_fingerprints"), *columns):
            new = self._new[row["observation"]]
            call = Call(new.project, row["call_started_at"], row["call"])
            times = row["started_at"], row["ended_at"]
            stored = _Print(call, new.project, new.size, *times, row["output_tokens"], row["scope"], row["response_id"])
            self._pairs.append((new, stored))

    def links(self, groups: Sequence[Group]) -> Iterator[Link]:
        """One link at most between two of ``groups``, the closest in time first, none between what cannot be one."""
        home: dict[Node, int] = {}
        inhabitants: dict[int, list[Node]] = {}
        scopes: dict[int, set[str]] = defaultdict(set)
        responses: dict[int, set[str]] = defaultdict(set)

        def enter(one: _Print, number: int) -> None:
            scopes[number].add(one.scope)
            if one.response_id:
                responses[number].add(one.response_id)

        for number, (stored, new) in enumerate(groups):
            inhabitants[number] = [*stored, *new]
            home.update(dict.fromkeys(inhabitants[number], number))
            for key in new:
                if key in self._new:
                    enter(self._new[key], number)
        # A stored call may be gone, as records are kept for a time only.
        self._pairs = [pair for pair in self._pairs if pair[1].node in home]
        for _, one in self._pairs:
            enter(one, home[one.node])
        for one, other in sorted(self._candidates(), key=_apart):
            a, b = home[one.node], home[other.node]
            if a == b or scopes[a] & scopes[b] or len(responses[a] | responses[b]) > 1:
                continue
            scopes[a] |= scopes.pop(b)
            responses[a] |= responses.pop(b, set())
            inhabitants[a] += inhabitants[b]
            home.update(dict.fromkeys(inhabitants.pop(b), a))
            yield Link(MergeReason.FINGERPRINT, one.node, other.node)

    def _candidates(self) -> Iterator[tuple[_Print, _Print]]:
        by_size: dict[tuple[str, int], dict[str, list[_Print]]] = defaultdict(lambda: defaultdict(list))
        for one in self._new.values():
            by_size[one.project, one.size][one.scope].append(one)
        for by_scope in by_size.values():
            for ours, theirs in combinations(by_scope.values(), 2):
                yield from _near(ours, theirs)
        yield from ((one, other) for one, other in self._pairs if _alike(one, other))

    async def store(self, connection: Connection, calls: Mapping[int, Call], gone: Sequence[tuple[Call, Call]]) -> None:
        """Keep them for those that are yet to come; ``calls``: of which call each new observation is."""
        if gone:
            moves = list(zip(*((*old, new.started_at, new.id) for old, new in gone), strict=True))
            await connection.execute(query("move_fingerprints"), *moves)
        rows = [
            (p.project, p.size, p.started_at, p.ended_at, p.output, p.scope, p.response_id, call.started_at, call.id)
            for key, call in calls.items()
            if (p := self._new.get(key)) is not None
        ]
        if rows:
            await connection.execute(query("store_fingerprints"), *zip(*rows, strict=True))


def _near(ours: Sequence[_Print], theirs: Sequence[_Print]) -> Iterator[tuple[_Print, _Print]]:
    """The pairs that may be of one call: of many that run at once the nearest few, or they would be all with all."""
    theirs = sorted(theirs, key=_started)
    starts = [one.started_at for one in theirs]
    before: Counter[int] = Counter()
    for one in sorted(ours, key=_started):
        # Those that began together are each compared with others.
        place = bisect_left(starts, one.started_at)
        middle = place + before[place]
        before[place] += 1
        yield from ((one, other) for other in theirs[max(0, middle - _NEAR) : middle + _NEAR] if _alike(one, other))


def _started(one: _Print) -> datetime:
    return one.started_at


def _alike(one: _Print, other: _Print) -> bool:
    if abs((one.output or 0) - (other.output or 0)) > 1:
        return False
    return _within(one, other) or _within(other, one)


def _within(inner: _Print, outer: _Print) -> bool:
    return inner.started_at >= outer.started_at - _SLACK and inner.ended_at <= outer.ended_at + _SLACK


def _apart(pair: tuple[_Print, _Print]) -> tuple[timedelta, datetime, datetime, str]:
    one, other = pair
    gap = abs(one.started_at - other.started_at) + abs(one.ended_at - other.ended_at)
    return gap, one.started_at, other.started_at, one.scope
