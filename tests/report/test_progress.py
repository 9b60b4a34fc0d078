"""How far work is, as it is shown."""

import io

from rich.console import Console

from usage_graph.report.progress import shown, stand_of
from usage_graph.store.copy import Progress, Step


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def said(there: Console) -> str:
    assert isinstance(there.file, io.StringIO)
    return there.file.getvalue()


def test_without_a_terminal_a_line_is_said_now_and_then() -> None:
    there, now = console(terminal=False), 0.0
    with shown(there, stand_of, clock=lambda: now) as tell:
        tell(Progress(Step.COMPARING))
        for now in range(1, 26):
            tell(Progress(Step.RECORDS, now * 1000, 26000))
        now = 31
        tell(Progress(Step.ROLLUPS))

    assert said(there).splitlines() == [
        "Copying calls: 10,000 of 26,000",
        "Copying calls: 20,000 of 26,000",
        "Bringing the rollups up to date",
    ]


def test_in_a_terminal_there_is_a_bar_that_goes_away() -> None:
    there = console(terminal=True)
    with shown(there, stand_of) as tell:
        tell(Progress(Step.RECORDS, 1000, 4000))

    assert "Copying calls" in said(there)
    assert "1,000 of 4,000" in said(there)
    assert "25%" in said(there)
    assert said(there).endswith("\x1b[2K")
