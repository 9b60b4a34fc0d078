"""A batch of observations on its way into the store: looked up, merged with what is known, completed, stored.

All of it in one transaction, during which nobody else adds to the same projects.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from usage_graph.config import WriteMode
from usage_graph.observation import Ancestor, Item, MergeReason, Observation, Written
from usage_graph.store import linking, merging
from usage_graph.store.changing import change, move_calls
from usage_graph.store.connect import Connection
from usage_graph.store.deciding import Outcome, Stored, decide
from usage_graph.store.fingerprint import Fingerprints
from usage_graph.store.flags import flags_of, seen_of
from usage_graph.store.identity import span_key
from usage_graph.store.linking import Call, Group, Hit, Kind, Link, Nesting, Node, Seen, call_of
from usage_graph.store.merging import Price, Told
from usage_graph.store.pages import COLUMNS
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.store.stage import stage, stage_identities, unstage
from usage_graph.usage import UsageRecord, record_id

MOST_BELOW = 5_000
"""Calls that one batch may complete because a span above them has come. It bounds the transaction; calls beyond it stay
as they are."""

_STORE = query("store_records").format(columns=", ".join(UsageRecord._fields))
_KEEP = query("store_observations").format(columns=", ".join(UsageRecord._fields), staged=COLUMNS)
_GET_CALLS = query("get_calls").format(columns=COLUMNS)
_GET_OBSERVATIONS = query("get_observations").format(columns=COLUMNS)


async def arrive(
    connection: Connection, items: Sequence[Item], *, mode: WriteMode, price: Price, by_fingerprint: bool
) -> dict[str, Written]:
    """Put ``items`` into the store, in the transaction that is open; says what became of them, by project."""
    observations = {item.key: item for item in items if isinstance(item, Observation)}
    ancestors = [item for item in items if isinstance(item, Ancestor)]
    new = {key: linking.seen(one) for key, one in observations.items()}
    # Each as a call of its own, which most of them are; before the lock, so that others wait less.
    await stage(connection, [one.record for one in observations.values()], mode=mode)
    await stage_identities(connection, observations, new, mode=mode)
    projects = {one.record.project for one in observations.values()}.union(one.project for one in ancestors)
    await connection.execute(query("lock_projects"), sorted(projects))
    arriving = {one.parent for one in new.values()} | {one.parent for one in ancestors}
    worth = await _worth_storing(connection, ancestors, arriving)
    below = await _store_above(connection, [_above(one) for one in worth])
    hits = [
        Hit(key, Kind(kind), Call(observations[key].record.project, started_at, record))
        for key, kind, started_at, record in await connection.fetch(query("find_known"), Kind.NESTED)
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
    known = {call: one.seen for call, one in stored.items()}
    nested = linking.nestings(new, hits, known)
    found = [
        *linking.links(new, _ids((key, observations[key]) for key in new)),
        *linking.links_to_stored(new, hits, known),
        *linking.nested_links(nested, known),
    ]
    observed: dict[Node, Sequence[Seen]] = {key: (one,) for key, one in new.items()}
    observed.update(known.items())
    if fingerprints is not None:
        found += fingerprints.links(linking.group(observed, found)[0])
    concerned: dict[Node, Sequence[Seen]] = {node: observed[node] for link in found for node in link[1:]}
    concerned.update(known.items())
    groups, needed = linking.group(concerned, found)
    deeper = await _get_stored(connection, await _store_above(connection, _roofs(nested, groups)) - stored.keys())
    stored |= deeper
    groups += [Group([call], []) for call in deeper]
    told = await _told(connection, [*new.values(), *(one for known in stored.values() for one in known.seen)])
    linked = {key for group in groups for key in group.new}
    groups += [
        Group([], [key]) for key, one in new.items() if key not in linked and (one.record.project, one.parent) in told
    ]
    outcome = decide(groups, new, stored, told, price)
    await _apply(connection, outcome, repeated, mode=mode)
    if fingerprints is not None:
        calls = {key: call_of(one.record) for key, one in new.items()} | outcome.calls
        await fingerprints.store(connection, calls, outcome.gone)
    return _written(outcome, Counter(observations[key].record.project for key in repeated), needed, new)


def _ids(observations: Iterable[tuple[int, Observation]]) -> Iterable[tuple[int, Kind, str]]:
    for key, one in observations:
        if one.response_id is not None:
            yield key, Kind.RESPONSE, one.response_id
        if one.request_id is not None:
            yield key, Kind.REQUEST, one.request_id


_Above = tuple[str, int, int | None, str | None, str | None, str | None, str | None]
"""A row of ``usage_ancestor``."""


def _above(a: Ancestor) -> _Above:
    return a.project, a.key, a.parent, a.conversation, a.user_id, a.agent, a.channel


async def _worth_storing(
    connection: Connection, ancestors: Sequence[Ancestor], arriving: Container[int | None]
) -> list[Ancestor]:
    """Those that are certain, and those that something is right below: stored, or ``arriving`` (by their parents)."""
    ancestors = [one._replace(certain=True) if one.key in arriving else one for one in ancestors]
    doubtful = [(one.project, one.key) for one in ancestors if not one.certain]
    if not doubtful:
        return [*ancestors]
    rows = await connection.fetch(query("find_roots"), *zip(*doubtful, strict=True))
    found = {(project, span) for project, span in rows}
    return [one for one in ancestors if one.certain or (one.project, one.key) in found]


async def _store_above(connection: Connection, rows: Sequence[_Above]) -> set[Call]:
    """Store spans that calls may be below; returns the stored calls that are, and are told something by them."""
    if not rows:
        return set()
    columns: list[Any] = list(zip(*rows, strict=True))
    await connection.execute(query("store_ancestors"), *columns)
    telling = [(project, start) for project, start, *_ in await connection.fetch(query("find_told"), *columns[:2])]
    if not telling:
        return set()
    return {Call(*row) for row in await connection.fetch(query("find_below"), *zip(*telling, strict=True), MOST_BELOW)}


def _roofs(nested: Iterable[Nesting], groups: Sequence[Group]) -> list[_Above]:
    """A call above another one says whom that was for, too."""
    together = {node: (*group.stored, *group.new) for group in groups for node in (*group.stored, *group.new)}
    apart = (one.outer for one in nested if one.link.other not in together.get(one.link.one, ()))
    return [
        (r.project, one.key, one.parent, r.conversation, r.user_id, r.agent, r.channel)
        for one, r in {one.key: (one, one.record) for one in apart}.values()
    ]


async def _get_stored(connection: Connection, calls: Iterable[Call]) -> dict[Call, Stored]:
    """Those of ``calls`` that are still there."""
    wanted: list[Any] = list(zip(*sorted(calls), strict=True))
    if not wanted:
        return {}
    # What is changed must not be forgotten meanwhile: the rollups keep what they know of what is.
    await connection.execute(query("keep_retention"))
    kept: dict[Call, list[Seen]] = defaultdict(list)
    for row in await connection.fetch(_GET_OBSERVATIONS, *wanted):
        record = record_of(row, skip=2)
        kept[Call(record.project, row["call_started_at"], row["call"])].append(_seen(record, row))
    found = {}
    for row in await connection.fetch(_GET_CALLS, *wanted):
        record = record_of(row)
        call = call_of(record)
        seen = tuple(kept[call]) if call in kept else (_seen(record, row),)
        found[call] = Stored(record, seen, call in kept)
    return found


def _seen(record: UsageRecord, row: asyncpg.Record) -> Seen:
    key = record_id(record.project, record.trace_id, record.span_id)
    return seen_of(record, key, row["parent"], row["flags"] or 0)


async def _told(connection: Connection, observations: Iterable[Seen]) -> dict[tuple[str, int], Told]:
    """What the spans above say, by project and the key of the span right above; those that say nothing are not here."""
    starts = {
        (one.record.project, one.parent)
        for one in observations
        if one.parent is not None and merging.incomplete(one.record)
    }
    if not starts:
        return {}
    rows: list[asyncpg.Record] = await connection.fetch(query("find_told"), *zip(*starts, strict=True))
    return {(project, start): Told(*told) for project, start, *told in rows}


async def _apply(connection: Connection, outcome: Outcome, repeated: Iterable[int], *, mode: WriteMode) -> None:
    repeats = list(repeated)
    if repeats:
        await connection.execute(query("drop_staged_identities"), repeats)
    if repeats or outcome.calls:
        await connection.execute(query("drop_staged_records"), [*repeats, *outcome.calls])
    if outcome.moved:
        rows = [(key, call.started_at, call.id, flags) for key, call, flags in outcome.moved]
        await connection.execute(query("move_staged_identities"), *zip(*rows, strict=True))
    await move_calls(connection, outcome.gone)
    await stage(connection, outcome.new, mode=mode)
    await connection.execute(_STORE)
    if outcome.flagged:
        flagged = [
            (span_key(one.record.project, one.record.trace_id, one.record.span_id), flags)
            for one, flags in outcome.flagged
        ]
        await connection.execute(query("flag_identities"), *zip(*flagged, strict=True))
    if not outcome.changed and not outcome.kept:
        return
    await unstage(connection)
    await change(connection, outcome.changed, mode=mode)
    if outcome.kept:
        await stage(connection, [one.record for one, _ in outcome.kept], mode=mode)
        kept = [(one.record.id, call.started_at, call.id, one.parent, flags_of(one)) for one, call in outcome.kept]
        await connection.execute(_KEEP, *zip(*kept, strict=True))


def _written(
    outcome: Outcome, repeated: Counter[str], needed: Sequence[Link], new: Mapping[int, Seen]
) -> dict[str, Written]:
    merged: dict[str, Counter[MergeReason]] = defaultdict(Counter)
    for link in needed:
        project = link.one.project if isinstance(link.one, Call) else new[link.one].record.project
        merged[project][link.reason] += 1
    stored: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for record in (*outcome.new, *(one.record for key, one in new.items() if key not in outcome.calls)):
        stored[record.project].append((record.started_at, record.id))
    projects = {*stored, *repeated, *merged, *outcome.completed}
    return {
        project: Written(
            stored=len(stored[project]),
            repeated=repeated[project],
            merged=dict(merged[project]),
            completed=outcome.completed[project],
            new=tuple(stored[project]),
        )
        for project in projects
    }
