"""The figures of a run's JSON as tables: for a terminal, and in Markdown for ``docs/performance.md``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from bench.figures import Json
from bench.page import DOCS
from bench.peers.figures import at_once, figures, p50, rate, spans_per_cpu_second, targets
from bench.peers.ingest import CONNECTIONS, OURS
from bench.peers.read import SQL, THEIRS
from bench.report import MIB, number, table
from bench.report import targets as targets_table
from bench.shapes import SPANS_PER_REQUEST
from bench.targets import judge

PAGE = DOCS / "performance.md"
BEGIN, END = "<!-- peers: written by `python -m bench.peers render FILE` -->\n", "<!-- end of peers -->\n"


class Table(NamedTuple):
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(results: Json) -> Iterator[Table]:
    """Of what was measured."""
    if ingest := results.get("ingest"):
        yield _ingest(ingest)
    if reads := results.get("read"):
        yield _durations(reads)
        yield _rates(reads)


def show(results: Json) -> RenderableType:
    """For a terminal, with the targets."""
    parts: list[RenderableType] = []
    for title, columns, rows in tables(results):
        made = table(title, *columns)
        for row in rows:
            made.add_row(*row)
        parts += [made, Text()]
    return Group(*parts, targets_table(judge(figures(results), targets())))


def markdown(results: Json) -> str:
    """The same in Markdown."""
    lines = []
    packages = ", ".join(f"{name} {version}" for name, version in results["environment"]["packages"].items())
    lines += [f"Measured on {results['environment']['at'][:10]}: {packages}.", ""]
    judged = [
        (one.target.figure, f"{number(one.value)} {one.unit}", one.target.bound, "met" if one.met else "**missed**")
        for one in judge(figures(results), targets())
    ]
    for title, columns, rows in (*tables(results), Table("Targets", ("figure", "measured", "target", ""), judged)):
        lines += [f"{title}:", "", f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def write(results: Json, page: Path = PAGE) -> Path:
    """Into the page, between its two marks.

    Raises:
        ValueError: it has not both.
    """
    before, began, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (began and ended):
        raise ValueError(f"{page} lacks the marks that the peers' figures stand between")
    page.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}", encoding="utf-8")
    return page


def _ingest(ingest: Json) -> Table:
    rounds = len(ingest[OURS]["spans_per_second"])
    rows = []
    for name, figure in ingest.items():
        spans = figure["spans"]
        rows.append(
            (
                name,
                f"{spans:,}",
                number(rate(figure)),
                number(spans_per_cpu_second(figure)),
                *(number(median(figure[cpu]) / spans * 1e6) for cpu in ("server_cpu", "database_cpu")),
                number(median(figure["acknowledged_per_second"])),
                *_percentiles(figure["latencies"]),
                number(figure["memory"] / MIB),
                f"{figure['survived']:,} of {figure['acknowledged']:,}",
            )
        )
    title = f"Ingest until stored, {SPANS_PER_REQUEST} spans a request, {CONNECTIONS} connections, {rounds} rounds"
    columns = ("", "spans a round", "spans/s", "spans/cpu-s", "server us/span", "database us/span", "acknowledged/s")
    return Table(title, (*columns, "p50 ms", "p99 ms", "MiB", "stored after kill -9"), rows)


def _percentiles(latencies: list[float]) -> tuple[str, str]:
    found = quantiles(latencies, n=100, method="inclusive") if len(latencies) > 1 else latencies * 99
    return number(found[49] * 1000), number(found[98] * 1000)


def _durations(reads: Json) -> Table:
    rows = []
    for name, asked in reads["questions"].items():
        ours, theirs, sql = (p50(asked["figures"][of]) for of in (OURS, THEIRS, SQL))
        ratios = (theirs / ours, ours / sql)
        rows.append((name, str(asked["rows"]), *map(number, (ours, theirs, sql)), *map(number, ratios)))
    title = f"Reads of {reads['records']:,} records, warm, one connection, p50 in milliseconds"
    return Table(title, ("", "rows", OURS, THEIRS, SQL, f"{THEIRS} / {OURS}", f"{OURS} / {SQL}"), rows)


def _rates(reads: Json) -> Table:
    rows = []
    for name, asked in reads["questions"].items():
        of = [asked["figures"][contender] for contender in (OURS, THEIRS, SQL)]
        ours, theirs, _ = rates = [at_once(figure, "requests_per_second") for figure in of]
        rest = (at_once(figure, kind) for kind in ("cpu", "p99") for figure in of[: 3 if kind == "cpu" else 2])
        rows.append((name, *map(number, rates), number(ours / theirs), *map(number, rest)))
    title = (
        f"Answers per second on {reads['connections']} connections; then milliseconds of processors per answer, and p99"
    )
    columns = ("", OURS, THEIRS, SQL, "ratio", "ms", f"{THEIRS}'s", f"{SQL}'s", "p99", f"{THEIRS}'s")
    return Table(title, columns, rows)
