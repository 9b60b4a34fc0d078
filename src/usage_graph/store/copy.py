"""One database copied into another, whatever the engine of either: records, their identities, the sums of the past.

What is sent is decided day by day: a day of a project that is the same on both sides is left out. So a copy that was
cut short goes on where it was, and one that is made again changes nothing. Records keep their ids.
"""

import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import asyncpg

from usage_graph.config import WriteMode
from usage_graph.errors import CopyError, MigrationError
from usage_graph.store import migrate
from usage_graph.store.changing import change, move_calls
from usage_graph.store.connect import UNREACHABLE, Connection, connect
from usage_graph.store.conversations import carry_conversations
from usage_graph.store.credits import carry_credits
from usage_graph.store.keys import carry_keys
from usage_graph.store.linking import Call, call_of
from usage_graph.store.pages import COLUMNS
from usage_graph.store.past import batches, carry_past, totals_of
from usage_graph.store.prices import carry_prices
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.store.stage import stage
from usage_graph.store.sums import ALL
from usage_graph.store.upkeep import Upkeep
from usage_graph.usage import EPOCH, Totals, UsageRecord

_BATCH = 5_000
"""Records of one transaction."""
_DAY = timedelta(days=1)


class Step(StrEnum):
    """What a copy is doing."""

    COMPARING = "comparing both databases"
    PAST = "copying the sums of days whose records are gone"
    RECORDS = "copying calls"
    ROLLUPS = "bringing the rollups up to date"
    CHECKING = "comparing both databases again"


class Progress(NamedTuple):
    """``done`` of ``whole`` calls are in the target."""

    step: Step
    done: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What both databases hold of the days that the source knows of a project.

    ``differs``: on at least one of these days the target has less than the source, or as many calls with other sums.
    Where it does not and the sums are not equal, the target has more calls than those of the source.
    """

    source: Totals
    target: Totals
    differs: bool

    @property
    def equal(self) -> bool:
        return self.source == self.target and not self.differs


@dataclass(frozen=True, slots=True)
class Copied:
    """``stored``: records that the target did not have. ``projects``: every one of the source, by name."""

    stored: int
    projects: Mapping[str, Compared]


class _Day(NamedTuple):
    identities: int
    totals: Totals


_Days = dict[tuple[datetime, str], _Day]
"""By day in UTC and project."""


async def copy(source_dsn: str, target_dsn: str, *, mode: WriteMode, tell: Callable[[Progress], None]) -> Copied:
    """Give the target every record and identity of the source, and the sums of the time before its records.

    The target is migrated first; the source must be up to date, and is read as of one moment. Memory does not grow
    with the number of records. Cut short at any time, both databases are consistent.

    Raises:
        StartupError: one of the databases cannot be used.
        CopyError: they are the same, they cannot be put together, or one of them went away.
    """
    with _explained():
        async with _opened(source_dsn) as source, _opened(target_dsn, named="--to") as target:
            async with source.transaction(isolation="repeatable_read", readonly=True):
                await _tell_apart(source, target)
                await _prepare(target)
                tell(Progress(Step.COMPARING))
                since = await source.fetchval(query("get_retention"))
                days = await _days(source, since)
                await _refuse_forgotten(target, days)
                past: dict[str, Totals] = {}
                if since is not None:
                    tell(Progress(Step.PAST))
                    await _refresh(target_dsn)
                    past = totals_of(await carry_past(source, target, since))
                    await carry_conversations(source, target, since)
                projects = sorted({project for _, project in days})
                present = await _days(target, since, projects)
                stored = await _send(source, target, days, present, mode=mode, tell=tell)
                await carry_prices(source, target)
                await carry_credits(source, target)
                await carry_keys(source, target)
            # No transaction is open: refreshing takes a while, and servers end those that are idle.
            tell(Progress(Step.ROLLUPS))
            await _refresh(target_dsn)
            tell(Progress(Step.CHECKING))
            arrived = await _days(target, since, projects)
        return Copied(stored, _compare(days, arrived, past))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise CopyError(
            f"The copy was cut short: {error or type(error).__name__}. What was copied stays; give the same command "
            "again to go on."
        ) from error


@asynccontextmanager
async def _opened(dsn: str, *, named: str = "USAGE_GRAPH_DATABASE_URL") -> AsyncIterator[Connection]:
    connection = await connect(dsn, named=named)
    try:
        # A copy takes as long as it takes, whatever the server says of sessions that answer people.
        await connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        yield connection
    finally:
        with suppress(*UNREACHABLE):
            await connection.close(timeout=5)


async def _tell_apart(source: Connection, target: Connection) -> None:
    """By a lock, as one database can have many addresses."""
    key = secrets.randbits(63)
    await source.execute("SELECT pg_advisory_xact_lock($1)", key)
    if not await target.fetchval("SELECT pg_try_advisory_xact_lock($1)", key):
        raise CopyError("Both addresses lead to the same database. Give another one to copy to.")


async def _prepare(target: Connection) -> None:
    try:
        await migrate.migrate(target)
    except MigrationError as error:
        raise MigrationError(f"The database to copy to: {error}") from error
    await target.execute(query("create_staging"))


async def _refresh(dsn: str) -> None:
    await Upkeep(dsn=dsn, retention=None, clock=lambda: datetime.now(UTC)).round()


async def _days(connection: Connection, since: datetime | None, projects: Sequence[str] | None = None) -> _Days:
    """What the database holds from ``since`` on, of all projects or of ``projects``."""
    if projects is None:
        projects = [project for (project,) in await connection.fetch(query("list_projects"))]
    start = since or EPOCH
    counted = {(day, project): n for day, project, n in await connection.fetch(query("count_identities"), start)}
    sql = query("sum_days").format(sums=ALL.sql)
    return {
        (day, project): _Day(counted.get((day, project), 0), Totals.of_sums(sums))
        for project in projects
        for day, *sums in await connection.fetch(sql, project, start)
    }


async def _refuse_forgotten(target: Connection, days: _Days) -> None:
    kept_since = await target.fetchval(query("get_retention"))
    first = min((day for day, _ in days), default=None)
    if kept_since is not None and first is not None and first < kept_since:
        raise CopyError(
            f"The target keeps records since {kept_since:%Y-%m-%d}, and the source has some from {first:%Y-%m-%d}, "
            "which it would not take. Copy to an empty database, and give its server a longer USAGE_GRAPH_RETENTION."
        )


async def _send(
    source: Connection,
    target: Connection,
    days: _Days,
    present: _Days,
    *,
    mode: WriteMode,
    tell: Callable[[Progress], None],
) -> int:
    """Send the records of those ``days`` that are not ``present`` as they are; returns how many the target stored."""
    whole = sum(day.totals.calls for day in days.values())
    done = 0
    todo: dict[datetime, list[str]] = defaultdict(list)
    for (at, project), day in days.items():
        if present.get((at, project)) == day:
            done += day.totals.calls
        else:
            todo[at].append(project)
    tell(Progress(Step.RECORDS, done, whole))
    stored = 0
    async for batch in batches(_records(source, todo), _BATCH):
        stored += await _store(target, batch, mode=mode)
        done += len(batch)
        tell(Progress(Step.RECORDS, done, whole))
    return stored


async def _records(source: Connection, todo: Mapping[datetime, Sequence[str]]) -> AsyncIterator[asyncpg.Record]:
    """Rows of ``list_day``, day after day: the target's chunks and block ranges are filled one after another."""
    # What has just been filled may lack statistics: then a loop over both sides looks cheap to the planner.
    await source.execute("SET LOCAL enable_nestloop = off")
    sql = query("list_day").format(columns=COLUMNS)
    for day in sorted(todo):
        async for row in source.cursor(sql, todo[day], day, day + _DAY, prefetch=_BATCH):
            yield row


async def _store(target: Connection, rows: Sequence[asyncpg.Record], *, mode: WriteMode) -> int:
    """Store a batch in one transaction; returns how many of its records are new."""
    records = [record_of(row) for row in rows]
    identities = [
        (record.project, record.started_at, record.id, *identity)
        for record, row in zip(records, rows, strict=True)
        for identity in zip(*(row[name] or () for name in ("keys", "flags", "parents")), strict=True)
    ]
    columns = list(zip(*identities, strict=True)) or [()] * 6
    async with target.transaction(isolation="read_committed"):
        # A server may be taking the same calls: what is known here must not change between looking and storing.
        await target.execute(query("lock_projects"), sorted({record.project for record in records}))
        await _carry_merges(target, records, columns[:4], mode=mode)
        await stage(target, records, mode=mode)
        status = await target.execute(query("store_copies").format(columns=", ".join(UsageRecord._fields)), *columns)
    return int(status.split()[-1])


async def _carry_merges(
    target: Connection, records: Sequence[UsageRecord], identities: Sequence[Any], *, mode: WriteMode
) -> None:
    """Make one call of those here that have become one in the source since they were copied, as it is there."""
    known: dict[Call, set[Call]] = defaultdict(set)
    for project, started_at, record, known_start, known_record in await target.fetch(query("find_copied"), *identities):
        known[Call(project, started_at, record)].add(Call(project, known_start, known_record))
    several = {call: call if call in calls else min(calls) for call, calls in known.items() if len(calls) > 1}
    await move_calls(target, [(gone, stays) for call, stays in several.items() for gone in known[call] - {stays}])
    merged = [
        record._replace(started_at=stays.started_at, id=stays.id)
        for record in records
        if (stays := several.get(call_of(record))) is not None
    ]
    await change(target, merged, mode=mode)


def _compare(days: _Days, arrived: _Days, past: Mapping[str, Totals]) -> dict[str, Compared]:
    """Pure. ``past`` is what both hold already."""
    found = {project: Compared(totals, totals, differs=False) for project, totals in past.items()}
    for key, day in sorted(days.items()):
        here, there = day.totals, arrived[key].totals if key in arrived else Totals()
        before = found.get(key[1], Compared(Totals(), Totals(), differs=False))
        differs = here != there and there.calls <= here.calls
        found[key[1]] = Compared(before.source.plus(here), before.target.plus(there), before.differs or differs)
    return found
