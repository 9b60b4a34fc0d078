"""The figures of TimescaleDB beside plain PostgreSQL as tables."""

from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from bench.report import table
from bench.timescaledb import ENGINES, Answers, Comparison
from bench.timescaledb import ratio as of_plain


def timescaledb(result: Comparison) -> RenderableType:
    written = table(f"Ingest through the writer, records/s: {result.server}", "", *ENGINES, "ratio")
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
    rows = table(
        f"Reads, {state}: milliseconds, medians",
        *("", "http, plain", "http, timescaledb", "ratio", "SQL, plain", "SQL, timescaledb", "ratio"),
    )
    for name, of in sorted(answers.items(), key=lambda item: item[0] != "UsagePage"):
        cells = []
        for durations in ([of[engine].http for engine in ENGINES], [of[engine].raw for engine in ENGINES]):
            plain, timescale = map(median, durations)
            cells += [f"{plain:.2f}", f"{timescale:.2f}", f"{timescale / plain:.2f}"]
        rows.add_row(name, *cells)
    return Group(rows, Text())


def _sizes(result: Comparison) -> RenderableType:
    """The rollups' indexes stand in one sum, the others' are told apart by the tables they are on."""
    rows = table("Size: bytes per record", "", "plain heap", "indexes", "timescaledb heap", "indexes")
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
        rows.add_row(name, *cells)
    if (compressed := result.columnstore) is not None:
        indexes = compressed.bytes - compressed.heap
        rows.add_row(
            "usage_record, columnstore",
            "",
            "",
            *(f"{part / compressed.rows:.1f}" for part in (compressed.heap, indexes)),
        )
    together = ", ".join(f"{engine} {size / result.records:.0f}" for engine, size in zip(ENGINES, whole, strict=True))
    return Group(rows, Text(f"Together, before the columnstore: {together}\n"))
