"""The figures of the usage page as tables."""

from collections.abc import Mapping
from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from bench.report import number, table
from bench.visits import Visit, Visits


def page(result: Mapping[str, Visits]) -> RenderableType:
    tables = []
    for name, visits in result.items():
        rows = table(
            f"Usage page: {name}, {visits.records:,} records; milliseconds after navigation, medians",
            *("", "files there", "asked", "answered", "numbers shown", "slowest", "kB of files"),
        )
        for kind, by_window in (("new profile", visits.cold), ("was here before", visits.warm)):
            for window, found in by_window.items():
                middle = Visit(*(median(times) for times in zip(*found, strict=True)))
                slowest = max(visit.shown for visit in found)
                times = map(number, (middle.loaded, middle.asked, middle.answered, middle.shown, slowest))
                rows.add_row(f"{window}, {kind}", *times, f"{middle.bytes / 1000:.1f}")
        tables.append(rows)
    return Group(*tables, Text())
