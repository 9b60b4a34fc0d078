"""Which observations are of one call, and what the call's record takes from which. Pure.

What a record is made of is a function of the set of its observations: their order of arrival changes when it began to
be known (``started_at`` and ``id``, which never move), and nothing else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple

from usage_graph.observation import MergeReason, Observation
from usage_graph.usage import UsageRecord

WINDOW = timedelta(days=7)
"""Two calls further apart are not one, whatever their ids: providers do not promise them to be unique for ever."""

_DATE = re.compile(r"[-@:]\d{4}")

Price = Callable[[UsageRecord], UsageRecord]
"""The record with the cost that follows from its tokens, unless its cost was reported."""


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
    for key, kind, value in ids:
        if key in new:
            known = first.setdefault((new[key].record.project, kind, value), key)
            if known != key and close(new[key].record, new[known].record.started_at):
                yield Link(_REASONS[kind], known, key)


def links_to_stored(new: Mapping[int, Seen], hits: Iterable[Hit], stored: Mapping[Call, object]) -> Iterator[Link]:
    """Those by id between what has just come and what is in the store."""
    for key, kind, call in hits:
        if kind in _REASONS and key in new and call in stored and close(new[key].record, call.started_at):
            yield Link(_REASONS[kind], call, key)


class _Nesting(NamedTuple):
    """A span, and one that is right below it."""

    outer: Seen
    inner: Seen
    link: Link


def nested_links(new: Mapping[int, Seen], hits: Iterable[Hit], stored: Mapping[Call, Sequence[Seen]]) -> Iterator[Link]:
    """Those between spans and the ones right above them.

    A span that measured nothing is of one call with one that did right below it, not with several: they are calls that
    somebody put under one roof.
    """
    found = [
        _Nesting(outer, inner, Link(MergeReason.NESTED, outer.key, key))
        for key, inner in new.items()
        if inner.parent is not None and (outer := new.get(inner.parent)) is not None
    ]
    for key, kind, call in hits:
        if kind is Kind.NESTED and key in new and call in stored:
            link = Link(MergeReason.NESTED, call, key)
            found += (_Nesting(outer, inner, link) for outer, inner in _around(new[key], stored[call]))
    housed = {inner.parent for known in stored.values() for inner in known if not _unmeasured(inner.record)}
    housed &= {outer.key for known in stored.values() if len(known) > 1 for outer in known}
    for outer, inner, link in sorted(found, key=lambda one: (one.inner.record.started_at, one.inner.key)):
        if not nested(inner, outer):
            continue
        if _unmeasured(outer.record) and not _unmeasured(inner.record):
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


def close(record: UsageRecord, at: datetime) -> bool:
    return abs(record.started_at - at) <= WINDOW


def nested(inner: Seen, outer: Seen) -> bool:
    """Whether a span and the one right above it are of one call: of one size, or only one of them measured."""
    one, other = inner.record, outer.record
    if _unmeasured(one) or _unmeasured(other):
        return _same_model(one, other)
    return one.input_tokens == other.input_tokens and abs((one.output_tokens or 0) - (other.output_tokens or 0)) <= 1


def _unmeasured(record: UsageRecord) -> bool:
    return not record.input_tokens and not record.output_tokens


def _same_model(one: UsageRecord, other: UsageRecord) -> bool:
    """A name and one with a date after it are of one model, as are a known and an unknown one."""
    ours, theirs = _models(one), _models(other)
    return not ours or not theirs or any(a.startswith(b) or b.startswith(a) for a in ours for b in theirs)


def _models(record: UsageRecord) -> list[str]:
    names = (record.response_model, record.request_model)
    return [name.rpartition("/")[2].lower() for name in names if name]


def group(nodes: Iterable[Node], found: Iterable[Link]) -> tuple[list[Group], list[Link]]:
    """What belongs together by ``found``, and those of the links that put two together that were not yet."""
    members: dict[Node, list[Node]] = {node: [node] for node in nodes}
    needed = []
    for link in found:
        one, other = members[link.one], members[link.other]
        if one is not other:
            one += other
            members.update(dict.fromkeys(other, one))
            needed.append(link)
    return [_group(nodes) for node, nodes in members.items() if node == nodes[0]], needed


def _group(nodes: Sequence[Node]) -> Group:
    return Group(sorted(n for n in nodes if isinstance(n, Call)), [n for n in nodes if isinstance(n, int)])


def fold(observations: Sequence[Seen], price: Price) -> UsageRecord:
    """The record of a call with these observations, as if the outermost of them had been the first.

    Whom the call was for is said best by the outermost observation, what it used by the one that measured best: one
    that measured at all, then one that the provider's own SDK made, then the one that counted most kinds of tokens. A
    call failed if all say so, or if one does and none measured tokens. A reported cost goes before a computed one.
    """
    if len(observations) == 1:
        return observations[0].record
    outermost = _from_outside(observations)
    measured = sorted(outermost, key=_measure)
    records = [one.record for one in outermost]
    by_measure = [one.record for one in measured]
    failures = [record for record in records if record.failed]
    failed = len(failures) == len(records) or (bool(failures) and all(map(_unmeasured, records)))
    agent = _first(record.agent for record in records)
    operation = next((record.operation for record in records if record.operation != "other"), records[0].operation)
    named = next((one.record.source for one in outermost if not one.source_derived), None)
    reported = next((record for record in by_measure if record.cost_reported), None)
    folded = (
        records[0]
        ._replace(
            duration_us=max(record.duration_us for record in records),
            failed=failed,
            error_type=_first(record.error_type for record in failures) if failed else None,
            source=named or derived_source(agent, operation),
            operation=operation,
            name=_first(record.name for record in records),
            agent=agent,
            conversation=_first(record.conversation for record in records),
            user_id=_first(record.user_id for record in records),
            channel=_first(record.channel for record in records),
            service=_first(record.service for record in records),
            environment=_first(record.environment for record in records),
            provider=_first(record.provider for record in by_measure),
            request_model=_first(record.request_model for record in records),
            response_model=_dated(record.response_model for record in by_measure),
            service_tier=_first(record.service_tier for record in by_measure),
            credits_nano=max(record.credits_nano for record in records),
            suspect=by_measure[0].suspect,
        )
        ._replace(**_tokens(by_measure))
    )
    if reported is not None:
        return folded._replace(
            cost_nano=reported.cost_nano,
            cost_reported=True,
            input_cost_nano=reported.input_cost_nano,
            cache_read_cost_nano=reported.cache_read_cost_nano,
            cache_write_cost_nano=reported.cache_write_cost_nano,
            output_cost_nano=reported.output_cost_nano,
        )
    return price(folded)


def derived_source(agent: str | None, operation: str) -> str:
    """The source of a call that nobody named one for."""
    return "agent" if agent is not None else operation


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _dated(names: Iterable[str | None]) -> str | None:
    """The first name; with its date if another has that: a stream's outer span may know only what was asked for."""
    known = [name for name in names if name is not None]
    return next(
        (name for name in known if name.startswith(known[0]) and _DATE.match(name, len(known[0]))), _first(known)
    )


def _from_outside(observations: Sequence[Seen]) -> list[Seen]:
    """The outermost first; those that are not above each other by when they began."""
    by_key = {one.key: one for one in observations}

    def depth(one: Seen) -> int:
        steps = 0
        while one.parent is not None and one.parent in by_key and steps < len(by_key):
            one = by_key[one.parent]
            steps += 1
        return steps

    return sorted(
        by_key.values(), key=lambda one: (depth(one), one.record.started_at, one.record.trace_id, one.record.span_id)
    )


_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


def _measure(one: Seen) -> tuple[bool, bool, int]:
    unknown = sum(getattr(one.record, name) is None for name in _COUNTS)
    return _unmeasured(one.record), not one.trusted, unknown


def _tokens(records: Sequence[UsageRecord]) -> dict[str, Any]:
    """The counts of the best measurement; what it does not know from the next, unless that contradicts it."""
    found: dict[str, int | None] = dict.fromkeys(_COUNTS)
    for record in records:
        for name in _COUNTS:
            if found[name] is None:
                found[name] = getattr(record, name)
                if not _consistent(found):
                    found[name] = None
    return found


def _consistent(counts: Mapping[str, int | None]) -> bool:
    """What is part of another count is no more than that."""
    used, output = counts["input_tokens"], counts["output_tokens"]
    cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    return (
        (used is None or cached <= used)
        and (output is None or (counts["reasoning_tokens"] or 0) <= output)
        and (counts["cache_write_1h_tokens"] or 0) <= (counts["cache_write_tokens"] or 0)
    )


class Told(NamedTuple):
    """Whom a call was for, as the spans above one of its observations say; the nearest that says so."""

    conversation: str | None
    user_id: str | None
    agent: str | None
    channel: str | None


def incomplete(record: UsageRecord) -> bool:
    """Whether a span above could add anything."""
    return None in (record.conversation, record.user_id, record.agent, record.channel)


def complete(record: UsageRecord, told: Iterable[Told], *, source_derived: bool) -> UsageRecord:
    """``record`` with what it does not know itself."""
    for above in told:
        given = {name: value for name, value in above._asdict().items() if getattr(record, name) is None}
        record = record._replace(**given)
    if source_derived:
        record = record._replace(source=derived_source(record.agent, record.operation))
    return record
