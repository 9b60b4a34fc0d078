"""TimescaleDB beside plain PostgreSQL: two databases of one server that get the same calls and the same questions.

What both do, they do in turns. Upkeep is ours alone: nothing is refreshed, and no mark goes, but where it is measured.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median

import asyncpg

from bench import read, size
from bench.database import Database
from bench.read import Operation
from bench.shapes import MINUTES
from bench.size import Relation
from bench.workload import Amount, Call, calls, calls_of, cast, slices
from usage_graph.config import Engine, Settings
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.sql import query

ENGINES: tuple[Engine, ...] = ("postgresql", "timescaledb")

_SLICES = 10
"""Parts that the month is written in, in turns."""
_LIVE_BATCHES = 8
_WEEK = timedelta(days=7)
_AHEAD = timedelta(hours=3)
"""Questions reach so far past the newest record that each of their windows holds the quarter being written to."""
_UPKEEP_LOCK = (0x75736772, 2)
_SETTINGS = (
    *("server_version", "shared_buffers", "work_mem", "max_wal_size", "fsync", "synchronous_commit"),
    *("max_parallel_workers_per_gather", "timescaledb.license", "timescaledb.max_background_workers"),
)

Rates = dict[Engine, list[float]]
Answers = dict[str, dict[Engine, Operation]]
"""By operation."""


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    records: int
    days: int
    """That the records are spread over."""
    rounds: int
    requests: int
    """Per operation, state and round."""


@dataclass(slots=True)
class Comparison:
    """Rates are records per second, one per slice or round."""

    server: str
    settings: dict[str, str | None]
    records: int
    load: Rates = field(default_factory=lambda: {engine: [] for engine in ENGINES})
    live: Rates = field(default_factory=lambda: {engine: [] for engine in ENGINES})
    refresh_seconds: float = 0.0
    """Of all that was loaded."""
    live_refresh_ms: list[float] = field(default_factory=list)
    """Of what was written within the last minutes, one per round."""
    columnstore_seconds: float = 0.0
    answers: dict[str, Answers] = field(default_factory=dict)
    """By state of the TimescaleDB database."""
    sizes: dict[Engine, list[Relation]] = field(default_factory=dict)
    columnstore: Relation = Relation("usage_record", 0, 0, {})  # noqa: RUF009 (immutable)
    """The records that are in the columnstore, and the bytes that they take there."""

    @property
    def refresh_seconds_per_million(self) -> float:
        return self.refresh_seconds / self.records * 1e6


def measure(url: str, plan: Plan, told: Callable[[str], None]) -> Comparison:
    """Everything, in databases that are made on the server at ``url`` and dropped in the end, whatever happens."""
    database = Database(url)
    names: dict[Engine, str] = {engine: f"usage_bench_{os.getpid()}_{engine}" for engine in ENGINES}
    with ExitStack() as stack:
        for engine, name in names.items():
            database.create(name)
            stack.callback(database.drop, name)
            database.migrate(name, engine)
            stack.enter_context(_without_upkeep(database.dsn(name)))
        server, settings = asyncio.run(_describe(database.dsn(names["timescaledb"])))
        return _Measuring(database, names, plan, told, Comparison(server, settings, plan.records)).run()


@dataclass(frozen=True, slots=True)
class _Measuring:
    database: Database
    names: dict[Engine, str]
    plan: Plan
    told: Callable[[str], None]
    result: Comparison

    def run(self) -> Comparison:
        timescale, end = self.names["timescaledb"], datetime.now(UTC).replace(microsecond=0)
        self._load(end)
        self.told("timescaledb: refresh of everything")
        self.result.refresh_seconds = asyncio.run(_refresh(self.database.dsn(timescale)))
        self._tidy_up()
        self.result.sizes = {engine: size.relations(self.database.dsn(name)) for engine, name in self.names.items()}
        self._ask("materialized", end)

        self._write_now("a mark", Settings().batch_spans)
        self._ask("live mark", end)

        self._live()
        self.told("timescaledb: older days into the columnstore")
        self.result.columnstore_seconds = self._compress(timescale)
        self._tidy_up()
        self.result.columnstore = size.columnstore(self.database.dsn(timescale))
        self._ask("columnstore", end)
        return self.result

    def _compress(self, name: str) -> float:
        """As the policy does; of a shorter time, what is older than a quarter of it."""
        old = min(_WEEK, timedelta(days=self.plan.days) / 4)
        chunks = f"show_chunks('usage_record', older_than => make_interval(secs => {old.total_seconds()})) AS chunk"
        begun = time.perf_counter()
        self.database.execute(name, f"SELECT compress_chunk(chunk) FROM {chunks}")  # noqa: S608
        return time.perf_counter() - begun

    def _load(self, end: datetime) -> None:
        start = end - timedelta(days=self.plan.days)
        amount = Amount(self.plan.seed, self.plan.records, start, end)
        found = [call for part in slices(amount) for call in calls_of(part)]
        length = -(-len(found) // _SLICES)
        for number in range(_SLICES):
            self.told(f"timescaledb: a tenth of {len(found):,} records into each, {number + 1} of {_SLICES}")
            self._write(found[number * length : (number + 1) * length], self.result.load, turn=number)

    def _live(self) -> None:
        """One uncounted round, then ``rounds``, each of batches as the server makes them, and a refresh."""
        dsn = self.database.dsn(self.names["timescaledb"])
        asyncio.run(_refresh(dsn))
        for round_ in range(self.plan.rounds + 1):
            rates = self._write_now(f"live {round_}", _LIVE_BATCHES * Settings().batch_spans, turn=round_)
            refreshed = asyncio.run(_refresh(dsn))
            if round_:
                self.result.live_refresh_ms.append(refreshed * 1000)
                for engine, rate in rates.items():
                    self.result.live[engine] += rate

    def _write_now(self, seed: str, count: int, *, turn: int = 0) -> Rates:
        now = datetime.now(UTC)
        people, rates = cast(self.plan.seed), {engine: list[float]() for engine in ENGINES}
        found = calls(f"{self.plan.seed} {seed}", count, people=people, start=now - MINUTES, end=now)
        self.told(f"timescaledb: {count:,} live records into each")
        self._write(found, rates, turn=turn, at_once=Settings().batch_spans)
        return rates

    def _write(self, found: Sequence[Call], rates: Rates, *, turn: int, at_once: int = 20_000) -> None:
        for engine in ENGINES if turn % 2 else reversed(ENGINES):
            seconds = self.database.write(self.names[engine], found, at_once=at_once)
            rates[engine].append(len(found) / seconds)

    def _tidy_up(self) -> None:
        for name in self.names.values():
            self.database.tidy_up(name)

    def _ask(self, state: str, end: datetime) -> None:
        answers = read.compare(
            self.database,
            list(self.names.values()),
            lambda text: self.told(f"timescaledb: {state}: {text}"),
            end=end + _AHEAD,
            rounds=self.plan.rounds,
            requests=self.plan.requests,
        )
        self.result.answers[state] = {
            operation: {engine: of[name] for engine, name in self.names.items()} for operation, of in answers.items()
        }


async def _refresh(dsn: str) -> float:
    """What upkeep does about marks, once; returns the seconds it took."""
    connection = await connect(dsn)
    try:
        begun = time.perf_counter()
        for since, until in await connection.fetch(query("list_stale")):
            await connection.execute("CALL usage_refresh($1, $2)", since, until)
        return time.perf_counter() - begun
    finally:
        await connection.close()


async def _describe(dsn: str) -> tuple[str, dict[str, str | None]]:
    connection = await connect(dsn)
    try:
        schema = await migrate.inspect(connection)
        settings = {name: await connection.fetchval("SELECT current_setting($1, true)", name) for name in _SETTINGS}
        return schema.server.name, settings
    finally:
        await connection.close()


@contextmanager
def _without_upkeep(dsn: str) -> Iterator[None]:
    """Servers on the database leave it as it is: the lock of their upkeep is taken."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(dsn))
        try:
            runner.run(connection.execute("SELECT pg_advisory_lock($1, $2)", *_UPKEEP_LOCK))
            yield
        finally:
            runner.run(connection.close())


def ratio(rates: Rates) -> float:
    """TimescaleDB's of plain PostgreSQL's, of medians."""
    return median(rates["timescaledb"]) / median(rates["postgresql"])
