"""The figures of ingest and of memory as tables."""

from collections.abc import Mapping
from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from bench.ingest import Figure, Ingest
from bench.memory import Large
from bench.references import REFERENCES, SAME_SQL
from bench.report import MIB, number, table
from bench.shapes import SHAPES


def ingest(result: Ingest) -> RenderableType:
    parts: list[RenderableType] = [_shapes(result), Text()]
    for window, figures in result.references.items():
        rows = table(f"Raw asyncpg, {window}", "", "rows/s", "process us/row", "database us/row", "rows/cpu-s")
        for name, key in ((reference.name, reference.key) for reference in REFERENCES):
            if figure := figures.get(key):
                rows.add_row(f"{key}: {name}", *_costs(figure))
        parts += [rows, Text()]
    if pressed := result.pressure:
        slower = ", ".join(
            f"{name} {median(pressed.idle[name]):.1f} -> {median(pressed.busy[name]):.1f} ms "
            f"({pressed.slowdown(name):.2f})"
            for name in pressed.busy
        )
        parts.append(
            Text(
                f"At {pressed.rate:,.0f} spans/s, 70 % of the peak, acknowledged within "
                f"{pressed.percentile(50):.0f} ms (p50), {pressed.percentile(99):.0f} ms (p99).\n"
                f"During full ingest, p50: {slower}.\n"
            )
        )
    return Group(*parts)


def _shapes(result: Ingest) -> RenderableType:
    rows = table(
        f"Ingest: {result.spans_per_round:,} spans a round, {result.rounds} rounds, {result.base:,} records before",
        *("", "spans/s", "of same SQL", "process us/span", "database us/span", "spans/cpu-s", "p50 ms", "p99 ms"),
        *("peak MiB", "client at most", "bytes/span"),
    )
    by_name = {shape.name: shape for shape in SHAPES}
    for name, figure in result.shapes.items():
        shape, peak = by_name[name], result.memory[name]
        same = result.references.get(shape.window, {}).get(SAME_SQL)
        ceiling = result.ceilings[name]
        rows.add_row(
            name,
            f"{figure.rate:,.0f}",
            f"{figure.rate / same.rate:.2f}" if same and not shape.others else "",
            *_costs(figure)[1:],
            *(number(figure.percentile(percent)) for percent in (50, 99)),
            f"{max(value or 0 for value in peak.values()) / MIB:.0f}",
            f"{ceiling.spans_per_second:,.0f}",
            f"{ceiling.bytes_per_span:.0f}",
        )
    return rows


def _costs(figure: Figure) -> tuple[str, str, str, str]:
    return (
        f"{figure.rate:,.0f}",
        f"{median(figure.client_cpu_us):.1f}",
        f"{median(figure.database_cpu_us):.1f}",
        f"{figure.spans_per_cpu_second:,.0f}" if figure.cpu_us > 0 else "",
    )


def memory(result: Mapping[str, Large]) -> RenderableType:
    rows = table(
        "Memory of the server process, MiB", "", "requests", "spans/s", "503s", "ready", "sampled peak", "VmHWM"
    )
    for name, case in result.items():
        rows.add_row(
            f"{case.body / MIB:.0f} MiB, {name}",
            str(case.requests),
            f"{case.spans / case.seconds:,.0f}",
            str(case.retries),
            f"{(case.idle['sampled'] or 0) / MIB:.0f}",
            *(
                "" if (value := case.peak[known]) is None else f"{value / MIB:.0f}"
                for known in ("sampled", "high_water_mark")
            ),
        )
    return Group(rows, Text())
