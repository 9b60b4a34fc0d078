"""A batch of observations on its way into the store: looked up, merged with what is known, completed, stored.

All of it in one transaction, during which nobody else adds to the same projects.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from usage_graph.config import WriteMode
from usage_graph.observation import Ancestor, Item, MergeReason, Observation, Written
from usage_graph.store import merging
from usage_graph.store.connect import Connection
from usage_graph.store.fingerprint import Fingerprints
from usage_graph.store.flags import flags_as, flags_of, seen_of
from usage_graph.store.merging import Call, Group, Hit, Kind, Price, Seen, Told, call_of
from usage_graph.store.pages import COLUMNS
from usage_graph.store.sql import query
from usage_graph.store.stage import stage, stage_identities, unstage
from usage_graph.usage import UsageRecord, record_id

MOST_BELOW = 5_000
"""Calls that one batch may complete because a span above them has come. It bounds the transaction; calls beyond it stay
as they are."""

_WIDTH = len(UsageRecord._fields)
_STORE = query("store_records").format(columns=", ".join(UsageRecord._fields))
_CHANGE = query("change_records").format(
    assignments=", ".join(
        f"{name} = s.{name}" for name in UsageRecord._fields if name not in ("project", "started_at", "id")
    )
)
_KEEP = query("store_observations").format(columns=", ".join(UsageRecord._fields), staged=COLUMNS)
_GET_CALLS = query("get_calls").format(columns=COLUMNS)
_GET_OBSERVATIONS = query("get_observations").format(columns=COLUMNS)


@dataclass(frozen=True, slots=True)
class Stored:
    """A call in the store. ``kept``: its observations are kept apart from it, as there are several."""

    record: UsageRecord
    seen: tuple[Seen, ...]
    kept: bool


@dataclass(slots=True)
class _Outcome:
    """What is to be done to the store."""

    calls: dict[int, Call] = field(default_factory=dict)
    """Of which call each new observation is, by its key."""
    new: list[UsageRecord] = field(default_factory=list)
    changed: list[UsageRecord] = field(default_factory=list)
    gone: list[tuple[Call, Call]] = field(default_factory=list)
    """Calls that are one with another, and that one."""
    moved: list[tuple[int, Call, int]] = field(default_factory=list)
    """New observations whose identities are not as they were staged: key, call, flags."""
    flagged: list[tuple[Seen, int]] = field(default_factory=list)
    """Stored observations with other flags than before."""
    kept: list[tuple[Seen, Call]] = field(default_factory=list)
    """Observations to be kept apart from their call's record."""
    completed: Counter[str] = field(default_factory=Counter)


async def arrive(
    connection: Connection, items: Sequence[Item], *, mode: WriteMode, price: Price, by_fingerprint: bool
) -> dict[str, Written]:
    """Put ``items`` into the store, in the transaction that is open; says what became of them, by project."""
    observations = {item.key: item for item in items if isinstance(item, Observation)}
    ancestors = [item for item in items if isinstance(item, Ancestor)]
    new = {key: merging.seen(one) for key, one in observations.items()}
    await stage_identities(connection, observations, new, mode=mode)
    await connection.execute(query("lock_projects"), sorted({_project(item) for item in items}))
    below = await _store_ancestors(connection, ancestors) if ancestors else []
    hits = [
        Hit(key, Kind(kind), Call(observations[key].record.project, started_at, record))
        for key, kind, started_at, record in await connection.fetch(query("find_known"))
    ]
    repeated = {hit.key for hit in hits if hit.kind is Kind.SPAN}
    for key in repeated:
        del new[key]
    fingerprints = Fingerprints([observations[key] for key in new]) if by_fingerprint else None
    if fingerprints is not None:
        await fingerprints.look_up(connection)
    stored = await _get_stored(
        connection,
        {*below, *(hit.call for hit in hits if hit.key in new), *(fingerprints.calls if fingerprints else ())},
    )
    found = [
        *merging.links(new, _ids(observations)),
        *merging.links_to_stored(new, hits, stored),
        *merging.nested_links(new, hits, {call: known.seen for call, known in stored.items()}),
    ]
    if fingerprints is not None:
        found += fingerprints.links(merging.group([*stored, *new], found)[0])
    groups, needed = merging.group([*stored, *new], found)
    told = await _told(connection, [*new.values(), *(one for known in stored.values() for one in known.seen)])
    outcome = _decide(groups, new, stored, told, price)
    await _apply(connection, outcome, repeated, mode=mode)
    if fingerprints is not None:
        await fingerprints.store(connection, outcome.calls, outcome.gone)
    return _written(outcome, Counter(observations[key].record.project for key in repeated), needed, new)


def _project(item: Item) -> str:
    return item.record.project if isinstance(item, Observation) else item.project


def _ids(observations: Mapping[int, Observation]) -> Iterable[tuple[int, Kind, str]]:
    for key, one in observations.items():
        if one.response_id is not None:
            yield key, Kind.RESPONSE, one.response_id
        if one.request_id is not None:
            yield key, Kind.REQUEST, one.request_id


async def _store_ancestors(connection: Connection, ancestors: Sequence[Ancestor]) -> list[Call]:
    """Returns the stored calls below them."""
    rows = [(a.project, a.key, a.parent, a.conversation, a.user_id, a.agent, a.channel) for a in ancestors]
    columns: list[Any] = list(zip(*rows, strict=True))
    await connection.execute(query("store_ancestors"), *columns)
    return [Call(*row) for row in await connection.fetch(query("find_below"), *columns[:2], MOST_BELOW)]


async def _get_stored(connection: Connection, calls: Iterable[Call]) -> dict[Call, Stored]:
    """Those of ``calls`` that are still there."""
    wanted: list[Any] = list(zip(*sorted(calls), strict=True))
    if not wanted:
        return {}
    kept: dict[Call, list[Seen]] = defaultdict(list)
    for row in await connection.fetch(_GET_OBSERVATIONS, *wanted):
        started_at, call, *values = row
        record = UsageRecord(*values[:_WIDTH])
        kept[Call(record.project, started_at, call)].append(_seen(record, row))
    found = {}
    for row in await connection.fetch(_GET_CALLS, *wanted):
        record = UsageRecord(*tuple(row)[:_WIDTH])
        call = call_of(record)
        alone = (_seen(record, row),)
        found[call] = Stored(record, tuple(kept[call]) or alone, call in kept and bool(kept[call]))
    return found


def _seen(record: UsageRecord, row: asyncpg.Record) -> Seen:
    key = record_id(record.project, record.trace_id, record.span_id)
    return seen_of(record, key, row["parent"], row["flags"] or 0)


async def _told(connection: Connection, observations: Iterable[Seen]) -> dict[tuple[str, int], Told]:
    """What the spans above say, by project and the key of the span right above."""
    starts = {
        (one.record.project, one.parent)
        for one in observations
        if one.parent is not None and merging.incomplete(one.record)
    }
    if not starts:
        return {}
    rows: list[asyncpg.Record] = await connection.fetch(query("find_told"), *zip(*starts, strict=True))
    return {(project, start): Told(*told) for project, start, *told in rows}


def _decide(
    groups: Sequence[Group],
    new: Mapping[int, Seen],
    stored: Mapping[Call, Stored],
    told: Mapping[tuple[str, int], Told],
    price: Price,
) -> _Outcome:
    """Pure."""
    outcome = _Outcome()
    for group in groups:
        known = [stored[call] for call in group.stored]
        seen = [*(one for before in known for one in before.seen), *(new[key] for key in group.new)]
        first = known[0].record if known else min((new[key].record for key in group.new), key=call_of)
        target = call_of(first)
        record = merging.fold(seen, price)
        if len(seen) > 1:
            record = record._replace(started_at=first.started_at, id=first.id)
        above = [told[at] for one in seen if (at := (target.project, one.parent or 0)) in told]
        before = [Told(r.conversation, r.user_id, r.agent, r.channel) for r in (one.record for one in known)]
        if above or before:
            derived = all(one.source_derived for one in seen)
            completed = merging.complete(record, [*above, *before], source_derived=derived)
            outcome.completed[target.project] += completed != (known[0].record if known else record)
            record = completed
        _note(outcome, group, target, seen, record, known)
    return outcome


def _note(
    outcome: _Outcome, group: Group, target: Call, seen: Sequence[Seen], record: UsageRecord, known: Sequence[Stored]
) -> None:
    """What the call's ``record`` means for the store, which knew it as ``known`` or not at all."""
    outcome.calls.update(dict.fromkeys(group.new, target))
    outcome.gone += [(call, target) for call in group.stored[1:]]
    if not known:
        outcome.new.append(record)
    elif record != known[0].record:
        outcome.changed.append(record)
    if len(seen) > 1:
        kept = {one.key for before in known if before.kept for one in before.seen}
        outcome.kept += [(one, target) for one in seen if one.key not in kept]
        outcome.moved += [(one.key, target, flags_of(one)) for one in seen if one.key in outcome.calls]
        return
    (alone,) = seen
    if not known and record is not alone.record:
        outcome.moved.append((alone.key, target, flags_as(alone, record)))
    elif known and record != known[0].record:
        outcome.flagged.append((alone, flags_as(alone, record)))


async def _apply(connection: Connection, outcome: _Outcome, repeated: Iterable[int], *, mode: WriteMode) -> None:
    repeats = list(repeated)
    if repeats:
        await connection.execute(query("drop_staged_identities"), repeats)
    if outcome.moved:
        rows = [(key, call.started_at, call.id, flags) for key, call, flags in outcome.moved]
        await connection.execute(query("move_staged_identities"), *zip(*rows, strict=True))
    if outcome.gone:
        moves: list[Any] = list(zip(*((*old, new.started_at, new.id) for old, new in outcome.gone), strict=True))
        await connection.execute(query("move_identities"), *moves)
        await connection.execute(query("move_observations"), *moves)
        await connection.execute(query("drop_records"), *moves[:3])
    await stage(connection, outcome.new, mode=mode)
    await connection.execute(_STORE)
    if outcome.flagged:
        flagged = [
            (one.record.project, one.record.trace_id + one.record.span_id, flags) for one, flags in outcome.flagged
        ]
        await connection.execute(query("flag_identities"), *zip(*flagged, strict=True))
    if outcome.changed:
        await unstage(connection)
        await stage(connection, outcome.changed, mode=mode)
        await connection.execute(_CHANGE, [record.started_at for record in outcome.changed])
    if outcome.kept:
        await unstage(connection)
        await stage(connection, [one.record for one, _ in outcome.kept], mode=mode)
        kept = [(one.record.id, call.started_at, call.id, one.parent, flags_of(one)) for one, call in outcome.kept]
        await connection.execute(_KEEP, *zip(*kept, strict=True))


def _written(
    outcome: _Outcome, repeated: Counter[str], needed: Sequence[merging.Link], new: Mapping[int, Seen]
) -> dict[str, Written]:
    merged: dict[str, Counter[MergeReason]] = defaultdict(Counter)
    for link in needed:
        project = link.one.project if isinstance(link.one, Call) else new[link.one].record.project
        merged[project][link.reason] += 1
    stored = Counter(record.project for record in outcome.new)
    projects = {*stored, *repeated, *merged, *outcome.completed}
    return {
        project: Written(stored[project], repeated[project], dict(merged[project]), outcome.completed[project])
        for project in projects
    }
