"""Which observations are of one call. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from usage_graph.observation import MergeReason, Observation
from usage_graph.usage import UsageRecord

WINDOW = timedelta(days=7)
"""Two calls further apart are not one, whatever their ids: providers do not promise them to be unique for ever."""
_AT_ONCE = timedelta(hours=1)
"""As long as a call may take, and clocks may differ."""


class Kind(IntEnum):
    """What an identity is of; the first three as in the table ``usage_identity``."""

    SPAN = 1
    RESPONSE = 2
    REQUEST = 3
    NESTED = 4


_REASONS = {Kind.RESPONSE: MergeReason.RESPONSE_ID, Kind.REQUEST: MergeReason.REQUEST_ID}


class Call(NamedTuple):
    """What a stored record is known by."""

    project: str
    started_at: datetime
    id: int


def call_of(record: UsageRecord) -> Call:
    return Call(record.project, record.started_at, record.id)


class Seen(NamedTuple):
    """An observation as merging sees it, whether it has just come or is in the store."""

    record: UsageRecord
    key: int
    parent: int | None = None
    trusted: bool = False
    source_derived: bool = False


def seen(observation: Observation) -> Seen:
    return Seen(
        observation.record,
        observation.key,
        observation.parent,
        observation.trusted,
        observation.source_derived,
    )


class Hit(NamedTuple):
    """The store has an identity of the observation ``key``, or one right above or below it."""

    key: int
    kind: Kind
    call: Call


Node = int | Call
"""An observation that has just come, by its key, or a call in the store."""


class Link(NamedTuple):
    """Both are of one call."""

    reason: MergeReason
    one: Node
    other: Node


class Group(NamedTuple):
    """One call: the stored records of it, of which the first remains, and what is new of it."""

    stored: list[Call]
    new: list[int]


def links(new: Mapping[int, Seen], ids: Iterable[tuple[int, Kind, str]]) -> Iterator[Link]:
    """The links by id among observations that have just come. ``ids``: what they are known by besides their keys."""
    first: dict[tuple[str, Kind, str], int] = {}
    for key, kind, value in sorted(ids, key=lambda one: new[one[0]].record.started_at):
        name = new[key].record.project, kind, value
        known = first.setdefault(name, key)
        if not close(new[key].record, new[known].record):
            first[name] = key
        elif known != key:
            yield Link(_REASONS[kind], known, key)


def links_to_stored(
    new: Mapping[int, Seen], hits: Iterable[Hit], stored: Mapping[Call, Sequence[Seen]]
) -> Iterator[Link]:
    """Those by id between what has just come and what is in the store."""
    for key, kind, call in hits:
        if kind in _REASONS and key in new and any(close(new[key].record, one.record) for one in stored.get(call, ())):
            yield Link(_REASONS[kind], call, key)


class Nesting(NamedTuple):
    """A span of a call and one that is right below it, which may be of the same."""

    outer: Seen
    inner: Seen
    link: Link


def nestings(new: Mapping[int, Seen], hits: Iterable[Hit], stored: Mapping[Call, Sequence[Seen]]) -> list[Nesting]:
    """Where what has just come is right above or below something, those that began first going first."""
    found = [
        Nesting(outer, inner, Link(MergeReason.NESTED, outer.key, key))
        for key, inner in new.items()
        if inner.parent is not None and (outer := new.get(inner.parent)) is not None
    ]
    for key, kind, call in hits:
        if kind is Kind.NESTED and key in new and call in stored:
            link = Link(MergeReason.NESTED, call, key)
            found += (Nesting(outer, inner, link) for outer, inner in _around(new[key], stored[call]))
    return sorted(found, key=lambda one: (one.inner.record.started_at, one.inner.key))


def nested_links(found: Iterable[Nesting], stored: Mapping[Call, Sequence[Seen]]) -> Iterator[Link]:
    """Those between spans of calls and the ones right above them.

    A span is of one call with one that measured right below it, not with several: unless they share an id, those are
    calls that somebody put under one roof.
    """
    housed = {inner.parent for known in stored.values() for inner in known if measured(inner.record)}
    housed &= {outer.key for known in stored.values() if len(known) > 1 for outer in known}
    for outer, inner, link in found:
        if not nested(inner, outer):
            continue
        if measured(inner.record):
            if outer.key in housed:
                continue
            housed.add(outer.key)
        yield link


def _around(found: Seen, known: Sequence[Seen]) -> Iterator[tuple[Seen, Seen]]:
    """The pairs of ``found`` and what is right above or below it in a call: outer, inner."""
    pairs = [(found, one) for one in known if one.parent == found.key]
    pairs += [(one, found) for one in known if one.key == found.parent]
    # Of a call whose observations are forgotten, the record speaks for them.
    yield from pairs or ((one, found) for one in known)


def close(one: UsageRecord, other: UsageRecord) -> bool:
    """Whether two observations with one id are of one call: within a week, and of one size unless at the same time.

    Instrumentations count differently, and servers hand out ids again.
    """
    apart = abs(one.started_at - other.started_at)
    agree = not measured(one) or not measured(other) or _same_size(one, other)
    return apart <= (WINDOW if agree else _AT_ONCE)


def nested(inner: Seen, outer: Seen) -> bool:
    """Whether a span and the one right above it are of one call: of one size, or only one of them measured."""
    one, other = inner.record, outer.record
    if measured(one) and measured(other):
        return _same_size(one, other)
    return _same_model(one, other)


def measured(record: UsageRecord) -> bool:
    return bool(record.input_tokens or record.output_tokens)


def _same_size(one: UsageRecord, other: UsageRecord) -> bool:
    return one.input_tokens == other.input_tokens and abs((one.output_tokens or 0) - (other.output_tokens or 0)) <= 1


def _same_model(one: UsageRecord, other: UsageRecord) -> bool:
    """A name and one with a date after it are of one model, as are a known and an unknown one."""
    ours, theirs = _models(one), _models(other)
    return not ours or not theirs or any(a.startswith(b) or b.startswith(a) for a in ours for b in theirs)


def _models(record: UsageRecord) -> list[str]:
    names = (record.response_model, record.request_model)
    return [name.rpartition("/")[2].lower() for name in names if name]


def group(observed: Mapping[Node, Sequence[Seen]], found: Iterable[Link]) -> tuple[list[Group], list[Link]]:
    """What belongs together by ``found``, and those of the links that put two together that were not yet.

    Being above each other is weaker than an id: it does not put together what measured different sizes, be it through
    spans between them that measured nothing.
    """
    members: dict[Node, list[Node]] = {node: [node] for node in observed}
    needed = []
    for link in found:
        one, other = members[link.one], members[link.other]
        if one is other or (link.reason is MergeReason.NESTED and not _agree(observed, one, other)):
            continue
        one += other
        members.update(dict.fromkeys(other, one))
        needed.append(link)
    return [_group(nodes) for node, nodes in members.items() if node == nodes[0]], needed


def _agree(observed: Mapping[Node, Sequence[Seen]], ours: Iterable[Node], theirs: Sequence[Node]) -> bool:
    """Whether what measured on one side measured the size of what did on the other, or none did there."""
    sizes = [one.record for node in ours for one in observed[node] if measured(one.record)]
    others = [one.record for node in theirs for one in observed[node] if measured(one.record)]
    return not sizes or not others or any(_same_size(one, other) for one in sizes for other in others)


def _group(nodes: Sequence[Node]) -> Group:
    return Group(sorted(n for n in nodes if isinstance(n, Call)), [n for n in nodes if isinstance(n, int)])
