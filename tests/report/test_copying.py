"""What a copy says of itself."""

import io

from rich.console import Console

from usage_graph.report.copying import shown, summary
from usage_graph.store.copy import Compared, Copied, Progress, Step
from usage_graph.usage import Totals


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def said(there: Console) -> str:
    assert isinstance(there.file, io.StringIO)
    return there.file.getvalue()


def test_without_a_terminal_a_line_is_said_now_and_then() -> None:
    there, now = console(terminal=False), 0.0
    with shown(there, clock=lambda: now) as tell:
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
    with shown(there) as tell:
        tell(Progress(Step.RECORDS, 1000, 4000))

    assert "Copying calls" in said(there)
    assert "1,000 of 4,000" in said(there)
    assert "25%" in said(there)
    assert said(there).endswith("\x1b[2K")


def test_the_summary_of_equals() -> None:
    totals = Totals(calls=1200, input_tokens=5, output_tokens=7, cost_nano=1_500_000_000, credits_nano=0)
    lines = summary(Copied(3, {"a": Compared(totals, totals, differs=False)}), seconds=2.04)

    assert lines == [
        "Copied 3 calls in 2.0 s. The source has 1,200 in 1 project.",
        "Both databases hold the same: 1,200 calls, 12 tokens, 1.5 USD, 0 credits.",
    ]


def test_nothing_to_copy() -> None:
    assert summary(Copied(0, {}), seconds=0)[1:] == [
        "Both databases hold the same: 0 calls, 0 tokens, 0 USD, 0 credits."
    ]


def test_what_differs_comes_first_and_no_list_is_long() -> None:
    unpriced = Totals(calls=1, unpriced_calls=1)
    more = {f"p{number:02}": Compared(unpriced, unpriced.plus(unpriced), differs=False) for number in range(30)}
    lines = summary(Copied(0, {**more, "\x1b[2Jz": Compared(unpriced, Totals(), differs=True)}), seconds=0)

    assert len(lines) == 22
    assert lines[1].startswith("Project ")
    assert "DIFFERS" in lines[1]
    assert "\x1b" not in lines[1]
    assert lines[2] == (
        "Project p00: the target has calls of its own on the same days. "
        "Source: 1 call, 0 tokens, cost unknown, 0 credits. "
        "Target, same days: 2 calls, 0 tokens, cost unknown, 0 credits."
    )
    assert lines[-1] == "And 11 more projects."
