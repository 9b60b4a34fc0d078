"""The page itself, laid out for the console's width; readable without colour, and in ASCII where the console is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from usage_graph.errors import BadTimeZone
from usage_graph.report import numbers
from usage_graph.report.client import Json
from usage_graph.report.text import printable
from usage_graph.window import Bucket, time_zone

WIDEST = 120
"""Wider pages are harder to read, not easier."""
CARD = 16
"""Room for "Output tokens", or ten million dollars; five cards fill the usual 80 columns."""
NARROW, MIDDLE = 60, 76
"""Below these widths the tables leave out columns."""

LABELS = {
    Bucket.FIFTEEN_MINUTES: "%a %d %b %H:%M",
    Bucket.HOUR: "%a %d %b %H:%M",
    Bucket.DAY: "%a %d %b",
    Bucket.WEEK: "%d %b %Y",
    Bucket.MONTH: "%b %Y",
}
NOBODY = "(none)"


@dataclass(frozen=True, slots=True)
class Page:
    """A rich renderable: ``usage`` as the report's operation answers it."""

    usage: Json

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, WIDEST)
        for part in self._parts(width):
            yield from console.render(part, options.update(width=width))

    def _parts(self, width: int) -> Iterator[Text | Columns | Table]:
        usage = self.usage
        yield header(usage)
        yield cards(usage["totals"])
        yield details(usage["totals"])
        yield costs(usage["totals"]["costs"])
        if usage["unpricedModels"]:
            yield unpriced(usage["unpricedModels"])
        if not int(usage["totals"]["calls"]):
            yield Text("\nNo LLM calls in this window.")
            return
        bucket = Bucket(usage["series"]["bucket"])
        yield heading(f"Cost by {bucket.value.lower().replace('_', ' ')}")
        yield series(usage["series"]["points"], bucket=bucket, zone=usage["range"]["timezone"])
        for title, part in (("Cost by source", "bySource"), ("Cost by model", "byModel")):
            yield heading(title)
            yield shares(usage[part], width=width)
        yield heading("Top consumers")
        yield consumers(usage["topConsumers"], width=width)
        records = usage["records"]
        yield heading(f"Last {len(records['nodes'])} of {numbers.count(records['totalCount'])} calls")
        yield last_records(records["nodes"], now=datetime.fromisoformat(usage["range"]["to"]), width=width)


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar that fills ``fraction`` of its cell, to an eighth of a character."""

    fraction: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        eighths = round(self.fraction * options.max_width * 8)
        if self.fraction > 0:
            eighths = max(eighths, 1)
        blocks = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
        yield Segment("#" * len(blocks) if options.ascii_only else blocks, Style(color="cyan"))


def header(usage: Json) -> Text:
    """What the page is about: the window, in its zone."""
    between = usage["range"]
    zone = printable(between["timezone"])
    start, end = (_local(between[key], zone).strftime("%d %b %Y %H:%M") for key in ("from", "to"))
    return Text.assemble(("LLM usage ", "bold"), (f"{start} to {end} ({zone})", "dim"))


def cards(totals: Json) -> Columns:
    """The five figures that the page is opened for, in boxes."""
    shown = (
        ("Total cost", numbers.money(totals["cost"])),
        ("Input tokens", numbers.short(totals["inputTokens"])),
        ("Output tokens", numbers.short(totals["outputTokens"])),
        ("Calls", numbers.count(totals["calls"])),
        ("Avg / call", numbers.money(totals["avgCost"], places=4)),
    )
    boxes = [
        Panel(Text.assemble((title, "dim"), "\n", (value, "bold")), padding=(0, 0, 0, 1)) for title, value in shown
    ]
    return Columns(boxes, padding=(0, 0), width=CARD)


def details(totals: Json) -> Columns:
    """Figures that are usually 0, where they are not, and those that explain the cards."""
    counts = (
        ("Failed", "failedCalls"),
        ("Unpriced", "unpricedCalls"),
        ("Unmeasured", "unmeasuredCalls"),
        ("Cache reads", "cacheReadTokens"),
        ("Cache writes", "cacheWriteTokens"),
        ("Reasoning", "reasoningTokens"),
    )
    shown = [(title, numbers.short(totals[key])) for title, key in counts if int(totals[key])]
    if Decimal(totals["credits"]):
        shown.append(("Credits", numbers.plain(totals["credits"])))
    if totals["avgDurationMs"] is not None:
        shown.append(("Avg duration", numbers.duration(totals["avgDurationMs"])))
    return Columns([Text.assemble((f"{title} ", "dim"), value) for title, value in shown], padding=(0, 2))


def costs(parts: Json) -> Columns:
    """What the cost is made of, where that is known and not 0."""
    named = (
        ("Input", "input"),
        ("Cache reads", "cacheRead"),
        ("Cache writes", "cacheWrite"),
        ("Output", "output"),
        ("Other", "other"),
    )
    shown = [
        (title, numbers.money(parts[key])) for title, key in named if parts[key] is not None and Decimal(parts[key])
    ]
    return Columns([Text.assemble((f"{title} ", "dim"), value) for title, value in shown], padding=(0, 2))


def unpriced(models: Sequence[Json]) -> Text:
    """Models without a price, on one line, with the calls that have no cost because of that."""
    found = [
        f"{_either(model['model'])} ({_either(model['provider'])}) {numbers.count(model['calls'])}" for model in models
    ]
    line = Text.assemble(("Calls without a price ", "dim"), ", ".join(found))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def heading(title: str) -> Text:
    return Text(f"\n{title}", style="bold")


def series(points: Sequence[Json], *, bucket: Bucket, zone: str) -> Table:
    """One bar for each point; the longest is the dearest. ``partial``: cut by the window, or not over yet."""
    table = _table()
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    costs = [point["totals"]["cost"] for point in points]
    most = max((Decimal(cost) for cost in costs if cost is not None), default=Decimal(0))
    for point, cost in zip(points, costs, strict=True):
        fraction = float(Decimal(cost) / most) if cost is not None and most else 0.0
        label = _local(point["start"], zone).strftime(LABELS[bucket])
        table.add_row(
            Text(label),
            Text(numbers.money(cost), style="bold"),
            Text("partial" if point["partial"] else "", style="dim"),
            Bar(fraction),
        )
    return table


def shares(breakdown: Json, *, width: int) -> Table:
    """The groups of one dimension with their shares, and the rest."""
    table = _table()
    _name_column(table, ratio=2)
    _number_columns(table, "Cost", "Share", "Calls")
    if width >= NARROW:
        table.add_column("", ratio=3)
    rows = [(NOBODY if group["key"] is None else printable(group["key"]), group) for group in breakdown["groups"]]
    if breakdown["other"] is not None:
        rows.append(("other", breakdown["other"]))
    for label, group in rows:
        totals = group["totals"]
        cells: list[Text | Bar] = [
            Text(label),
            Text(numbers.money(totals["cost"]), style="bold"),
            Text(numbers.percent(group["share"])),
            Text(numbers.count(totals["calls"])),
        ]
        if width >= NARROW:
            cells.append(Bar(group["share"] or 0.0))
        table.add_row(*cells)
    return table


def consumers(found: Sequence[Json], *, width: int) -> Table:
    """Conversations and agents, dearest first."""
    table = _table()
    if width >= NARROW:
        table.add_column("Source", no_wrap=True, max_width=12, overflow="ellipsis")
    _name_column(table, ratio=1)
    _number_columns(table, "Cost", "Share", "Tokens", "Calls")
    for consumer in found:
        totals = consumer["totals"]
        cells = [
            Text(_either(consumer["label"], consumer["key"])),
            Text(numbers.money(totals["cost"]), style="bold"),
            Text(numbers.percent(consumer["share"])),
            Text(numbers.short(totals["totalTokens"])),
            Text(numbers.count(totals["calls"])),
        ]
        if width >= NARROW:
            cells.insert(0, Text(_either(consumer["source"])))
        table.add_row(*cells)
    return table


def last_records(records: Sequence[Json], *, now: datetime, width: int) -> Table:
    """The newest calls, newest first; a failed one is marked before its name."""
    table = _table()
    if width >= NARROW:
        table.add_column("Source", no_wrap=True, max_width=12, overflow="ellipsis")
    _name_column(table, ratio=4)
    if width >= MIDDLE:
        table.add_column("Model", ratio=3, no_wrap=True, overflow="ellipsis")
    if width >= NARROW:
        _number_columns(table, "Input", "Output")
    _number_columns(table, "Cost")
    if width >= MIDDLE:
        _number_columns(table, "Took")
    _number_columns(table, "Time")
    for record in records:
        failed = record["status"] == "ERROR"
        name = _either(record["name"], record["agent"], record["conversation"])
        cells = [
            Text(_either(record["source"])),
            Text.assemble(("failed ", "red") if failed else "", name),
            Text(_either(record["responseModel"], record["requestModel"])),
            Text(numbers.short(record["inputTokens"])),
            Text(numbers.short(record["outputTokens"])),
            Text(numbers.money(record["cost"], places=4), style="bold"),
            Text(numbers.duration(record["durationMs"])),
            Text(numbers.ago(datetime.fromisoformat(record["startedAt"]), now)),
        ]
        chosen = range(8) if width >= MIDDLE else (0, 1, 3, 4, 5, 7) if width >= NARROW else (1, 5, 7)
        table.add_row(*(cells[index] for index in chosen))
    return table


def _table() -> Table:
    return Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")


def _name_column(table: Table, *, ratio: int) -> None:
    table.add_column("Name", ratio=ratio, no_wrap=True, overflow="ellipsis")


def _number_columns(table: Table, *titles: str) -> None:
    justify: Literal["right"] = "right"
    for title in titles:
        table.add_column(title, justify=justify, no_wrap=True)


def _either(*names: str | None) -> str:
    """The first name that there is."""
    return next((printable(name) for name in names if name is not None), "-")


def _local(instant: str, zone: str) -> datetime:
    """``instant`` on the zone's clock; as the server wrote it where this machine does not know the zone."""
    at = datetime.fromisoformat(instant)
    try:
        return at.astimezone(time_zone(zone))
    except BadTimeZone:
        return at
