"""The figures as tables for a terminal, and as JSON for a file."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from statistics import median
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.comparison import Compared
from bench.size import ROLLUP_LIMIT, RULED_AT, Sizes
from bench.startup import Startup
from bench.targets import Judged

MIB = 2**20
_LINE = 160


def table(title: str, *columns: str) -> Table:
    """The first column is text, the others are numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    return made


def verdict(met: bool) -> Text:
    return Text("met", style="green") if met else Text("MISSED", style="bold red")


def number(value: float | None) -> str:
    """Three digits or so."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def p50(values: Sequence[float]) -> str:
    return number(median(values)) if values else ""


def size(result: Sizes) -> RenderableType:
    records = result.records
    rows = table(
        f"Size: {records:,} records over 30 days, bytes per record", "", "rows", "share", "heap", "indexes", ""
    )
    judged = records >= RULED_AT
    for name, count, heap, indexes in result.relations:
        rollup = name.startswith("usage_by_")
        rows.add_row(
            name,
            f"{count:,}",
            f"{count / records:.3f}",
            f"{heap / records:.1f}",
            f"{sum(indexes.values()) / records:.1f}",
            verdict(count <= ROLLUP_LIMIT * records) if rollup and judged else "",
        )
        for index, bytes_ in [] if rollup else list(indexes.items()):
            rows.add_row(f"  {index}", "", "", "", f"{bytes_ / records:.1f}", "")
    rule = f"of {RULED_AT:,} records a rollup has at most {ROLLUP_LIMIT:.0%} as rows"
    return Group(rows, Text(f"Together {result.bytes_per_record:.0f} bytes per record; {rule}\n"))


def startup(result: Startup) -> RenderableType:
    rows = table("Start-up: medians", "", "measured", "")
    for name, (value, unit, _) in result.items():
        rows.add_row(name, number(value), unit)
    return Group(rows, Text())


def targets(judged: Sequence[Judged]) -> RenderableType:
    rows = table("Targets (in brackets: what would be better still)", "", "measured", "", "target", "")
    for target, value, unit, met in judged:
        rows.add_row(target.figure, number(value), unit, target.bound, verdict(met))
    count = sum(one.met for one in judged)
    return Group(rows, Text(f"{count} of {len(judged)} met\n"))


_STYLES = {"better": "green", "same": "", "WORSE": "bold red"}


def compared(title: str, found: Sequence[Compared]) -> RenderableType:
    rows = table(title, "", "before", "now", "", "now / before", "")
    for one in found:
        style = _STYLES[one.verdict]
        ratio = f"{one.now / one.before:.2f}"
        rows.add_row(one.name, number(one.before), number(one.now), one.unit, ratio, Text(one.verdict, style=style))
    return Group(rows, Text())


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
            return round(value, 6)
    return value


def show(part: RenderableType) -> None:
    """Print it; a file, or a pipe, gets whole lines however long they are."""
    console = Console()
    Console(width=console.width if console.is_terminal else _LINE).print(part)
