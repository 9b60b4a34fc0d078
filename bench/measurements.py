"""What can be measured, by name: each takes a ``Run``, and its result is what the JSON has under that name."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import RenderableType

from bench import (
    ingest,
    memory,
    read,
    report,
    report_ingest,
    report_page,
    report_read,
    report_timescaledb,
    size,
    startup,
    timescaledb,
    visits,
)
from bench.cases import flat, operations, over_a_year, questions
from bench.run import Run
from bench.shapes import SHAPES, SPANS_PER_REQUEST


class Measurement(NamedTuple):
    """``always``: also where nothing is asked for by name. ``show``: what the terminal gets of the result."""

    name: str
    measure: Callable[[Run], Any]
    show: Callable[[Any], RenderableType]
    always: bool = True


def _ingest(run: Run) -> ingest.Ingest:
    given = run.given
    wanted = SHAPES if not given.shapes else [shape for shape in SHAPES if shape.name in given.shapes]
    plan = ingest.Plan(
        seed=given.seed,
        rounds=given.rounds,
        spans=given.requests * SPANS_PER_REQUEST,
        base=given.base,
        shapes=wanted,
        paced=given.paced,
        questions=given.questions,
    )
    return ingest.measure(run.database, plan, run.tell)


def _memory(run: Run) -> dict[str, memory.Large]:
    cases = memory.CASES[1:3] if run.given.quick else memory.CASES
    return memory.measure(run.database, run.tell, seed=run.given.seed, cases=cases, connections=run.given.senders)


def _read(run: Run) -> read.Reads:
    cases = [*questions(), *operations(), *flat()]
    plan = _plan(run, cold=not run.given.checking)
    return read.measure(run.database, run.month(), cases, plan, run.tell, end=run.end, days=30)


def _year(run: Run) -> read.Reads:
    return read.measure(run.database, run.year(), over_a_year(), _plan(run), run.tell, end=run.end, days=365)


def _larger(run: Run) -> read.Reads:
    cases = [*questions(), *(case for case in (*operations(), *flat()) if case.name.startswith("UsagePage"))]
    return read.measure(run.database, run.larger(), cases, _plan(run), run.tell, end=run.end, days=30)


def _plan(run: Run, *, cold: bool = False) -> read.Plan:
    given = run.given
    concurrency = (1, 8) if given.quick else (1, 8, 32)
    return read.Plan(
        rounds=given.rounds, requests=given.questions, concurrency=concurrency, seconds=given.millis / 1000, cold=cold
    )


def _size(run: Run) -> size.Sizes:
    return size.measure(run.database, run.month())


def _startup(run: Run) -> startup.Startup:
    return startup.measure(run.tell)


def _page(run: Run) -> dict[str, visits.Visits]:
    return visits.measure(run.database, [run.demo(), run.month()], run.tell)


def _timescaledb(run: Run) -> timescaledb.Comparison:
    given = run.given
    plan = timescaledb.Plan(
        seed=given.seed, records=given.records, days=given.days, rounds=given.rounds, requests=given.questions
    )
    return timescaledb.measure(given.database_url, plan, run.tell)


MEASUREMENTS = (
    Measurement("ingest", _ingest, report_ingest.ingest),
    Measurement("memory", _memory, report_ingest.memory),
    Measurement("read", _read, report_read.reads),
    Measurement("year", _year, report_read.reads),
    Measurement("larger", _larger, report_read.reads, always=False),
    Measurement("size", _size, report.size),
    Measurement("startup", _startup, report.startup),
    Measurement("page", _page, report_page.page),
    Measurement("timescaledb", _timescaledb, report_timescaledb.timescaledb, always=False),
)
