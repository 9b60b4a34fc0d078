"""Costs and credits computed anew: of calls in the store, from prices and rules set or known after they had come.

Only records whose cost or credits would be others are written to, batch by batch, each in a transaction of its own. So
repricing that was cut short goes on where it was when it is asked for again, and what is right already stays untouched.
What was reported stays as it is.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from usage_graph.errors import RepriceError
from usage_graph.store.connect import UNREACHABLE, Connection, again, connect
from usage_graph.store.merging import Price
from usage_graph.store.pages import COLUMNS
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.usage import UsageRecord
from usage_graph.window import Window

_BATCH = 2_000
"""Records of one transaction: nobody else writes to their project meanwhile."""
_LAST_ID = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)


class Step(StrEnum):
    """What repricing is doing."""

    COMPARING = "comparing costs"
    CHANGING = "changing costs"


class Progress(NamedTuple):
    """``done`` of ``whole`` calls have been looked at."""

    step: Step
    done: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose calls are priced anew: those in ``window`` of ``projects``; if given, of ``model`` and of ``provider``.

    ``model`` is what they asked for or were answered by, to the letter.
    """

    window: Window
    projects: Sequence[str]
    model: str | None = None
    provider: str | None = None


@dataclass(slots=True)
class Difference:
    """What new prices and rules make of some calls. Costs are nano-USD of the calls that have one.

    ``calls`` are those whose cost nobody reported. ``changed`` ones get another cost, of which ``priced`` had none and
    ``unpriced`` lose theirs. ``split`` ones keep their cost, and get other parts of it. ``recharged`` ones, among all
    whose credits nobody reported, get other credits, ``recharged_alone`` nothing else.
    """

    calls: int = 0
    changed: int = 0
    priced: int = 0
    unpriced: int = 0
    split: int = 0
    old_nano: int = 0
    new_nano: int = 0
    recharged: int = 0
    recharged_alone: int = 0
    old_credits_nano: int = 0
    new_credits_nano: int = 0

    @property
    def written(self) -> int:
        """Calls that get anything else."""
        return self.changed + self.split + self.recharged_alone

    def add(self, old: UsageRecord, new: UsageRecord) -> None:
        if old.credits_nano != new.credits_nano:
            self.recharged += 1
            self.old_credits_nano += old.credits_nano
            self.new_credits_nano += new.credits_nano
            old = old._replace(credits_nano=new.credits_nano)
            self.recharged_alone += old == new
        if not old.cost_reported:
            self._add_cost(old, new)

    def _add_cost(self, old: UsageRecord, new: UsageRecord) -> None:
        self.calls += 1
        self.old_nano += old.cost_nano or 0
        self.new_nano += new.cost_nano or 0
        if old.cost_nano != new.cost_nano:
            self.changed += 1
            self.priced += old.cost_nano is None
            self.unpriced += new.cost_nano is None
        elif old != new:
            self.split += 1

    def plus(self, other: "Difference") -> "Difference":
        return Difference(
            self.calls + other.calls,
            self.changed + other.changed,
            self.priced + other.priced,
            self.unpriced + other.unpriced,
            self.split + other.split,
            self.old_nano + other.old_nano,
            self.new_nano + other.new_nano,
            self.recharged + other.recharged,
            self.recharged_alone + other.recharged_alone,
            self.old_credits_nano + other.old_credits_nano,
            self.new_credits_nano + other.new_credits_nano,
        )


Differences = Mapping[str | None, Difference]
"""By model."""


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Connection]:
    """A connection to reprice by: it takes as long as it takes, whatever the server says of sessions.

    Raises:
        StartupError: the database cannot be used.
    """
    connection = await connect(dsn)
    try:
        await connection.execute("SET statement_timeout = 0")
        yield connection
    finally:
        with suppress(*UNREACHABLE):
            await connection.close(timeout=5)


async def every_project(connection: Connection) -> list[str]:
    with _explained():
        return sorted(project for (project,) in await connection.fetch(query("list_projects")))


async def kept(connection: Connection, window: Window) -> Window:
    """The part of ``window`` of which the store keeps records; empty where it keeps none."""
    with _explained():
        since = await connection.fetchval(query("get_retention"))
    start = window.start if since is None else max(window.start, since)
    return Window(start, max(start, window.end))


async def compare(
    connection: Connection, wanted: Wanted, *, price: Price, tell: Callable[[Progress], None]
) -> Differences:
    """What ``reprice`` would change; changes nothing.

    Raises:
        RepriceError: the database went away.
    """
    found: dict[str | None, Difference] = defaultdict(Difference)
    with _explained():
        whole = await _count(connection, wanted)
        done = 0
        tell(Progress(Step.COMPARING, done, whole))
        async for _, page in _pages(connection, wanted):
            for record in page:
                new = price(record)
                if not record.cost_reported or new != record:
                    found[_model(record)].add(record, new)
            done += len(page)
            tell(Progress(Step.COMPARING, done, whole))
    return found


async def reprice(
    connection: Connection, wanted: Wanted, *, price: Price, tell: Callable[[Progress], None]
) -> Differences:
    """Give the records the cost and the credits that ``price`` computes; returns what was changed.

    Cut short at any time, what was changed stays, rollups included. Records that come or are merged meanwhile have the
    cost and credits of the prices and rules of whoever stores them.

    Raises:
        RepriceError: the database went away.
    """
    changed: dict[str | None, Difference] = defaultdict(Difference)
    with _explained():
        whole = await _count(connection, wanted)
        done = 0
        tell(Progress(Step.CHANGING, done, whole))
        async for project, page in _pages(connection, wanted):
            differing = [record for record in page if price(record) != record]
            if differing:
                for old, new in await again(partial(_change, connection, project, differing, price)):
                    changed[_model(old)].add(old, new)
            done += len(page)
            tell(Progress(Step.CHANGING, done, whole))
    return changed


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise RepriceError(
            f"The repricing was cut short: {error or type(error).__name__}. What was changed stays; give the same "
            "command again to go on."
        ) from error


async def _count(connection: Connection, wanted: Wanted) -> int:
    found: int = await connection.fetchval(
        query("count_repriceable"), wanted.projects, *wanted.window, wanted.model, wanted.provider
    )
    return found


async def _pages(connection: Connection, wanted: Wanted) -> AsyncIterator[tuple[str, list[UsageRecord]]]:
    """The records in question, project by project and by time."""
    sql = query("list_repriceable").format(columns=COLUMNS)
    start, end = wanted.window
    for project in wanted.projects:
        at, last = start - _MICROSECOND, _LAST_ID
        while True:
            rows = await connection.fetch(sql, project, at, last, end, wanted.model, wanted.provider, _BATCH)
            if rows:
                page = [record_of(row) for row in rows]
                yield project, page
                at, last = page[-1].started_at, page[-1].id
            if len(rows) < _BATCH:
                break


async def _change(
    connection: Connection, project: str, records: Sequence[UsageRecord], price: Price
) -> list[tuple[UsageRecord, UsageRecord]]:
    """Price ``records`` as they are now, and store what is different; returns what was and what is."""
    async with connection.transaction(isolation="read_committed"):
        # From here on nobody merges a call of the project: its tokens stay as they are read below.
        await connection.execute(query("lock_projects"), [project])
        await connection.execute(query("keep_retention"))
        since = await connection.fetchval(query("get_retention"))
        keys = [(record.started_at, record.id) for record in records if since is None or record.started_at >= since]
        if not keys:
            return []
        rows = await connection.fetch(
            query("get_records").format(columns=COLUMNS, where="true"), project, *map(list, zip(*keys, strict=True))
        )
        changes = [(old, new) for old in map(record_of, rows) if (new := price(old)) != old]
        if changes:
            columns: list[Any] = list(zip(*(_costs(new) for _, new in changes), strict=True))
            times = columns[0]
            await connection.execute(query("set_costs"), project, *columns, min(times), max(times))
        return changes


def _costs(record: UsageRecord) -> tuple[Any, ...]:
    return (
        record.started_at,
        record.id,
        record.cost_nano,
        record.input_cost_nano,
        record.cache_read_cost_nano,
        record.cache_write_cost_nano,
        record.output_cost_nano,
        record.credits_nano,
    )


def _model(record: UsageRecord) -> str | None:
    return record.response_model if record.response_model is not None else record.request_model
