"""The figures as tables for a terminal, and as JSON for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from statistics import median
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.ingest import Figure, Ingest
from bench.memory import Large
from bench.read import Operation, p95
from bench.size import ROLLUP_LIMIT, RULED_AT, Relation
from bench.timescaledb import ENGINES, Answers, Comparison
from bench.timescaledb import ratio as of_plain

MIB = 2**20
_LINE = 140

INGEST_REFERENCE = "unnest, same schema"
BARE_REFERENCE = "unnest, bare table"
INGEST_TARGET = 0.35
"""Of the spans per second of raw asyncpg with unnest."""
READ_TARGET = 2.0
"""The usage page, of the time of its own SQL."""
MEMORY_TARGET = 300 * MIB


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _verdict(met: bool) -> Text:
    return Text("met", style="green") if met else Text("MISSED", style="bold red")


def ingest(result: Ingest) -> RenderableType:
    parts: list[RenderableType] = []
    for window, figures in result.figures.items():
        table = _table(
            f"Ingest, {window}: {result.spans_per_round:,} spans a round, {result.rounds} rounds, "
            f"{result.base:,} records before",
            *("", "spans/s", "of same schema", "of bare table", "process us/span", "database us/span"),
            *("spans/cpu-s", "p50 ms", "p99 ms"),
        )
        for name, figure in figures.items():
            table.add_row(
                name,
                f"{figure.rate:,.0f}",
                f"{ratio(figure, figures[INGEST_REFERENCE]):.2f}",
                f"{ratio(figure, figures[BARE_REFERENCE]):.2f}",
                f"{median(figure.client_cpu_us):.1f}",
                f"{median(figure.database_cpu_us):.1f}",
                f"{figure.spans_per_cpu_second:,.0f}",
                *(_milliseconds(figure.percentile(percent)) for percent in (50, 99)),
            )
        parts.append(table)
        parts.append(_ingest_verdict(figures))
    ceiling = ", ".join(
        f"{encoding} {rate:,.0f} spans/s ({result.bytes_per_span[encoding]:.0f} bytes each)"
        for encoding, rate in result.client_ceiling.items()
    )
    parts.append(Text(f"The client alone, against a null sink: {ceiling}\n"))
    return Group(*parts)


def ratio(figure: Figure, reference: Figure) -> float:
    """Of medians."""
    return figure.rate / reference.rate


def _ingest_verdict(figures: Mapping[str, Figure]) -> RenderableType:
    best = max((figure for name, figure in figures.items() if name.startswith("usage-graph")), key=lambda f: f.rate)
    same, bare = (ratio(best, figures[name]) for name in (INGEST_REFERENCE, BARE_REFERENCE))
    return Text.assemble(
        f"At least {INGEST_TARGET} of raw unnest: same schema {same:.2f} ",
        _verdict(same >= INGEST_TARGET),
        f", bare table {bare:.2f} ",
        _verdict(bare >= INGEST_TARGET),
        "\n",
    )


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def memory(small: Mapping[str, Mapping[str, int | None]], large: Mapping[str, Large]) -> RenderableType:
    table = _table(
        "Memory of the server process, MiB", "", "requests", "spans/s", "503s", "ready", "sampled peak", "VmHWM", ""
    )
    for encoding, peak in small.items():
        worst = max(value or 0 for value in peak.values())
        table.add_row(f"512 spans, {encoding}", "", "", "", "", *_peaks(peak), _verdict(worst < MEMORY_TARGET))
    for name, case in large.items():
        worst = max(value or 0 for value in case.peak.values())
        table.add_row(
            f"{case.body / MIB:.0f} MiB, {name}",
            str(case.requests),
            f"{case.spans / case.seconds:,.0f}",
            str(case.retries),
            f"{(case.idle['sampled'] or 0) / MIB:.0f}",
            *_peaks(case.peak),
            _verdict(worst < MEMORY_TARGET),
        )
    return Group(table, Text(f"Less than {MEMORY_TARGET // MIB} MiB each\n"))


def _peaks(peak: Mapping[str, int | None]) -> list[str]:
    return ["" if (value := peak[name]) is None else f"{value / MIB:.0f}" for name in ("sampled", "high_water_mark")]


def read(operations: Mapping[str, Operation], records: int) -> RenderableType:
    table = _table(
        f"Reads: {records:,} records over 30 days, warm, one connection, milliseconds",
        *("", "statements", "answer kB", "http p50", "http p95", "SQL p50", "SQL p95", "ratio"),
        *("server cpu", "database cpu", "SQL's cpu"),
    )
    for name, found in sorted(operations.items(), key=lambda item: item[0] != "UsagePage"):
        table.add_row(
            name,
            str(found.statements),
            f"{found.answer_bytes / 1000:.1f}",
            f"{median(found.http):.2f}",
            f"{p95(found.http):.2f}",
            f"{median(found.raw):.2f}",
            f"{p95(found.raw):.2f}",
            f"{found.ratio:.2f}",
            f"{median(found.server_cpu):.2f}",
            f"{median(found.database_cpu):.2f}",
            f"{median(found.raw_database_cpu):.2f}",
        )
    page = operations["UsagePage"].ratio
    return Group(
        table,
        Text.assemble(
            f"UsagePage at most {READ_TARGET:g} x its own SQL: {page:.2f} ", _verdict(page <= READ_TARGET), "\n"
        ),
    )


def size(relations: Sequence[Relation], records: int) -> RenderableType:
    title = f"Size: {records:,} records over 30 days, bytes per record"
    table = _table(title, "", "rows", "share of records", "heap", "indexes", "")
    judged = records >= RULED_AT
    whole = 0
    for name, rows, heap, indexes in relations:
        rollup = name.startswith("usage_by_")
        table.add_row(
            name,
            f"{rows:,}",
            f"{rows / records:.3f}",
            f"{heap / records:.1f}",
            f"{sum(indexes.values()) / records:.1f}",
            _verdict(rows <= ROLLUP_LIMIT * records) if rollup and judged else "",
        )
        for index, bytes_ in [] if rollup else list(indexes.items()):
            table.add_row(f"  {index}", "", "", "", f"{bytes_ / records:.1f}", "")
        whole += heap + sum(indexes.values())
    rule = f"of {RULED_AT:,} records a rollup has at most {ROLLUP_LIMIT:.0%} as rows"
    return Group(table, Text(f"Together {whole / records:.0f} bytes per record; {rule}\n"))


def timescaledb(result: Comparison) -> RenderableType:
    written = _table(f"Ingest through the writer, records/s: {result.server}", "", *ENGINES, "ratio")
    for name, rates in (("in the order of time, 20,000 at once", result.load), ("live, 1,024 at once", result.live)):
        written.add_row(name, *(f"{median(rates[engine]):,.0f}" for engine in ENGINES), f"{of_plain(rates):.2f}")
    upkeep = (
        f"Refresh of all, per million records: {result.refresh_seconds_per_million:.1f} s; "
        f"of the last minutes' records: {median(result.live_refresh_ms):.0f} ms. "
        f"{result.columnstore.rows:,} older records into the columnstore: "
        f"{result.columnstore_seconds:.1f} s\n"
    )
    reads = [_answers(state, answers) for state, answers in result.answers.items()]
    return Group(written, Text(upkeep), *reads, _sizes(result))


def _answers(state: str, answers: Answers) -> RenderableType:
    table = _table(
        f"Reads, {state}: milliseconds, medians",
        *("", "http, plain", "http, timescaledb", "ratio", "SQL, plain", "SQL, timescaledb", "ratio"),
    )
    for name, of in sorted(answers.items(), key=lambda item: item[0] != "UsagePage"):
        cells = []
        for durations in ([of[engine].http for engine in ENGINES], [of[engine].raw for engine in ENGINES]):
            plain, timescale = map(median, durations)
            cells += [f"{plain:.2f}", f"{timescale:.2f}", f"{timescale / plain:.2f}"]
        table.add_row(name, *cells)
    return Group(table, Text())


def _sizes(result: Comparison) -> RenderableType:
    """The rollups' indexes stand in one sum, the others' are told apart by the tables they are on."""
    table = _table("Size: bytes per record", "", "plain heap", "indexes", "timescaledb heap", "indexes")
    plain, timescale = ({relation.name: relation for relation in result.sizes[engine]} for engine in ENGINES)
    whole = [0, 0]
    for name in dict.fromkeys((*timescale, *plain)):
        cells = []
        for number, relations in enumerate((plain, timescale)):
            if (relation := relations.get(name)) is None:
                cells += ["", ""]
                continue
            whole[number] += relation.bytes
            cells += [f"{part / result.records:.1f}" for part in (relation.heap, relation.bytes - relation.heap)]
        table.add_row(name, *cells)
    if (compressed := result.columnstore) is not None:
        indexes = compressed.bytes - compressed.heap
        table.add_row(
            "usage_record, columnstore",
            "",
            "",
            *(f"{part / compressed.rows:.1f}" for part in (compressed.heap, indexes)),
        )
    together = ", ".join(f"{engine} {size / result.records:.0f}" for engine, size in zip(ENGINES, whole, strict=True))
    return Group(table, Text(f"Together, before the columnstore: {together}\n"))


def to_json(value: Any) -> Any:
    """``value`` with dataclasses and named tuples as objects of their fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    match value:
        case dict():
            return {key: to_json(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return to_json(value._asdict())
        case list() | tuple():
            return [to_json(item) for item in value]
        case float():
            return round(value, 4)
    return value


def show(part: RenderableType) -> None:
    """Print it; a file, or a pipe, gets whole lines however long they are."""
    console = Console()
    Console(width=console.width if console.is_terminal else _LINE).print(part)
