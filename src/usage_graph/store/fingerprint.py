"""Calls known by their size and time alone: for instrumentations of one process that share no id.

Only where it is asked for: of calls that run at the same time and are of the same size, any two that different
instrumentations saw may be taken for one. Each instrumentation tells of a call once. So where calls are alike each
other, there are as many as there were if each instrumentation saw all of them, in whatever order and batches they came:
no two are left that could be one. Where they are alike some of the others only, as their times nest with some, the
nearest are taken; this may leave one over, as what is merged stays so.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import chain, permutations
from typing import Any, NamedTuple

from usage_graph.observation import MergeReason, Observation
from usage_graph.store.connect import Connection
from usage_graph.store.linking import Call, Group, Link, Node, measured
from usage_graph.store.sql import query

_SLACK = timedelta(milliseconds=5)
"""What clocks are read apart on the way into a call and out of it."""
_MISCOUNT = 1
"""Some instrumentations count an output token too many."""
_NEAR = 50
"""Of many that could be the same call as one, so many that began before, and after, are compared with it at first."""


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


class _Pool(NamedTuple):
    """Observations of one size: new ones of one instrumentation, and those of another; each by when they began."""

    ours: list[_Print]
    theirs: list[_Print]


class _Homes:
    """Of which call each observation is as far as is known, and what is known of these calls."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._inhabitants: dict[int, list[Node]] = {n: [*stored, *new] for n, (stored, new) in enumerate(groups)}
        self._home = {node: number for number, nodes in self._inhabitants.items() for node in nodes}
        self._scopes: dict[int, set[str]] = defaultdict(set)
        self._responses: dict[int, set[str]] = defaultdict(set)

    def __contains__(self, node: Node) -> bool:
        return node in self._home

    def enter(self, one: _Print) -> None:
        number = self._home[one.node]
        self._scopes[number].add(one.scope)
        if one.response_id:
            self._responses[number].add(one.response_id)

    def told(self, one: _Print, scope: str) -> bool:
        """Whether this instrumentation has told of the call of ``one``."""
        return scope in self._scopes[self._home[one.node]]

    def join(self, one: _Print, other: _Print) -> bool:
        """Put the calls of both together, unless they are or cannot be one."""
        a, b = self._home[one.node], self._home[other.node]
        scopes, responses = self._scopes, self._responses
        if a == b or not scopes[a].isdisjoint(scopes[b]) or len(responses[a] | responses[b]) > 1:
            return False
        scopes[a] |= scopes.pop(b)
        responses[a] |= responses.pop(b)
        self._inhabitants[a] += self._inhabitants[b]
        self._home.update(dict.fromkeys(self._inhabitants.pop(b), a))
        return True


class Fingerprints:
    """Those of the observations that have just come, and of the stored ones that may be of the same calls."""

    def __init__(self, observations: Sequence[Observation]) -> None:
        self._new = {one.key: found for one in observations if (found := _print_of(one)) is not None}
        self._stored: list[_Print] = []

    @property
    def calls(self) -> set[Call]:
        """The stored calls that may be among them."""
        return {one.node for one in self._stored if isinstance(one.node, Call)}

    async def look_up(self, connection: Connection) -> None:
        """Find the stored observations that may be of the same calls."""
        if not self._new:
            return
        # One for each of those that could take it away, so that none remains without.
        alike = Counter((p.project, p.size) for p in self._new.values())
        rows = [(key, *p[1:], max(2 * _NEAR, alike[p.project, p.size])) for key, p in self._new.items()]
        columns: list[Any] = list(zip(*rows, strict=True))
        for project, *rest, started_at, call in await connection.fetch(query("find_fingerprints"), *columns):
            self._stored.append(_Print(Call(project, started_at, call), project, *rest))

    def links(self, groups: Sequence[Group]) -> Iterator[Link]:
        """One link at most between two of ``groups``, the closest in time first, none between what cannot be one."""
        homes = _Homes(groups)
        # A stored call may be gone, as records are kept for a time only.
        self._stored = [one for one in self._stored if one.node in homes]
        for one in (*self._new.values(), *self._stored):
            homes.enter(one)
        pools = [*self._pools()]
        near = (pair for pool in pools for pair in _near(pool))
        # Each of the others is found only once all before it are joined.
        for one, other in chain(sorted(near, key=_apart), chain.from_iterable(_left(pool, homes) for pool in pools)):
            if homes.join(one, other):
                yield Link(MergeReason.FINGERPRINT, one.node, other.node)

    def _pools(self) -> Iterator[_Pool]:
        by_size: dict[tuple[str, int], dict[str, tuple[list[_Print], list[_Print]]]]
        by_size = defaultdict(lambda: defaultdict(lambda: ([], [])))
        for place, prints in enumerate((self._new.values(), self._stored)):
            for one in sorted(prints, key=_started):
                by_size[one.project, one.size][one.scope][place].append(one)
        for by_scope in by_size.values():
            for (ours, (new, _)), (theirs, (others, stored)) in permutations(by_scope.items(), 2):
                if new and stored:
                    yield _Pool(new, stored)
                if new and others and ours < theirs:
                    yield _Pool(new, others)

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


def _near(pool: _Pool) -> Iterator[tuple[_Print, _Print]]:
    """The pairs that may be of one call: of many that run at once the nearest few, or they would be all with all."""
    by_output: dict[int, list[_Print]] = defaultdict(list)
    for other in pool.theirs:
        by_output[other.output or 0].append(other)
    starts = {output: [*map(_started, found)] for output, found in by_output.items()}
    before: Counter[tuple[int, int]] = Counter()
    for one in pool.ours:
        for output in range((one.output or 0) - _MISCOUNT, (one.output or 0) + _MISCOUNT + 1):
            if output not in starts:
                continue
            # Those that began together are each compared with others.
            place = bisect_left(starts[output], one.started_at)
            middle = place + before[output, place]
            before[output, place] += 1
            found = by_output[output][max(0, middle - _NEAR) : middle + _NEAR]
            yield from ((one, other) for other in found if _alike(one, other))


def _left(pool: _Pool, homes: _Homes) -> Iterator[tuple[_Print, _Print]]:
    """Those that could be of one call still, for each as long as it is of none: while they are many, each finds one."""
    scope, their_scope = pool.ours[0].scope, pool.theirs[0].scope
    theirs = [other for other in pool.theirs if not homes.told(other, scope)]
    for one in pool.ours:
        if homes.told(one, their_scope):
            continue
        for place, other in enumerate(theirs):
            if _alike(one, other):
                yield one, other
                if homes.told(one, their_scope):
                    del theirs[place]
                    break


def _started(one: _Print) -> datetime:
    return one.started_at


def _alike(one: _Print, other: _Print) -> bool:
    if abs((one.output or 0) - (other.output or 0)) > _MISCOUNT:
        return False
    return _within(one, other) or _within(other, one)


def _within(inner: _Print, outer: _Print) -> bool:
    return inner.started_at >= outer.started_at - _SLACK and inner.ended_at <= outer.ended_at + _SLACK


def _apart(pair: tuple[_Print, _Print]) -> tuple[timedelta, datetime, datetime, str]:
    one, other = pair
    gap = abs(one.started_at - other.started_at) + abs(one.ended_at - other.ended_at)
    return gap, one.started_at, other.started_at, one.scope
