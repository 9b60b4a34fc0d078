"""What a copy says of itself."""

from usage_graph.report.copying import summary
from usage_graph.store.copy import Compared, Copied
from usage_graph.usage import Totals


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
