"""The figures of reading as tables."""

from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from bench.read import Operation, Reads, p95
from bench.report import MIB, number, p50, table


def reads(result: Reads) -> RenderableType:
    clients = sorted({count for case in result.cases.values() for count in case.at})
    rows = table(
        f"Reads: {result.records:,} records over {result.days} days; milliseconds, one client; then requests/s",
        *("", "SQLs", "kB", "cold", "p50", "p95", "SQL p50", "ratio", "by hand", "server cpu", "database cpu"),
        *(f"{count} client{'s' * (count > 1)}" for count in clients),
        *(f"p99 at {count}" for count in clients[1:]),
    )
    for name, case in result.cases.items():
        rows.add_row(
            name,
            str(case.statements),
            f"{case.answer_bytes / 1000:.1f}",
            number(case.cold),
            *_one_client(case),
            *(number(case.at[count].requests_per_second) for count in clients if count in case.at),
            *(number(case.at[count].p99) for count in clients[1:] if count in case.at),
        )
    peak = f", at most {result.memory / MIB:.0f} MiB of memory" if result.memory else ""
    return Group(rows, Text(f"SELECT 1 takes {median(result.nothing):.2f} ms{peak}.\n"))


def _one_client(case: Operation) -> tuple[str, ...]:
    return (
        p50(case.http),
        number(p95(case.http)),
        p50(case.raw),
        f"{case.ratio:.2f}" if case.statements else "",
        p50(case.hand),
        number(median(case.server_cpu)),
        number(median(case.database_cpu)),
    )
