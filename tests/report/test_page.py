"""The page: every figure is there, at every width, and nothing in a name is acted upon."""

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.report import answer
from tests.report.answer import Json
from usage_graph.report.page import Page


def drawn(usage: Json, *, width: int = 80, terminal: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    console = Console(
        file=file, width=width, force_terminal=terminal, highlight=False, markup=False, emoji=False, _environ={}
    )
    console.print(Page(usage))
    file.flush()
    return raw.getvalue().decode(encoding)


def row(page: str, beginning: str) -> str:
    (found,) = (line for line in page.splitlines() if line.startswith(beginning))
    return found


def test_every_figure_is_there() -> None:
    page = drawn(answer.usage())

    assert "23 Oct 2026 04:00 to 22 Nov 2026 04:00 (Europe/Berlin)" in page
    for figure in ("$263.78", "61.2M", "7.9M", "8,214", "$0.0341"):
        assert figure in page
    for detail in ("Failed 123", "Unpriced 486", "Cache reads 20.4M", "Reasoning 1.2M", "Credits 4,120.5"):
        assert detail in page
    for part in ("Input $101.50", "Cache reads $6.12", "Output $156.16", "Other <$0.01"):
        assert part in page
    assert "Cache writes $" not in page
    assert "Calls without a price house-llm-7b (in-house) 363, - (-) 123" in page
    assert re.search(r"agent +\$215\.75 82\.0% 4,638 █", page)
    assert re.search(r"agent +Market scan +\$80\.66 31\.0% +3\.2M +163", page)
    assert re.search(r"chat +請求書の再発行について +\$1\.20 <0\.1% +90\.1P +12", page)
    assert re.search(r"chat +Refund for the .+ claude-.+ 12\.3K +678 \$0\.0123 +8\.1s 2h ago", page)
    assert "Last 2 of 8,214 calls" in page


def test_days_are_those_of_the_zone_and_partial_ones_are_marked() -> None:
    page = drawn(answer.usage())

    assert row(page, "Fri 20 Nov").split()[3:5] == ["$8.81", "partial"]
    assert "partial" not in row(page, "Sat 21 Nov")
    assert row(page, "Sun 22 Nov").split()[3:] == ["<$0.01", "partial", "▏"]
    assert row(page, "Sat 21 Nov").count("█") > 5 * row(page, "Fri 20 Nov").count("█")


@pytest.mark.parametrize(
    ("bucket", "label"),
    [("HOUR", "Fri 20 Nov 00:00"), ("WEEK", "20 Nov 2026"), ("MONTH", "Nov 2026"), ("FIFTEEN_MINUTES", "Fri 20 Nov")],
)
def test_other_buckets_have_their_own_labels(bucket: str, label: str) -> None:
    usage = answer.usage()
    usage["series"]["bucket"] = bucket
    page = drawn(usage)

    assert f"Cost by {bucket.lower().replace('_', ' ')}" in page
    assert any(line.startswith(label) for line in page.splitlines())


def test_unknown_is_not_zero() -> None:
    usage = answer.usage()
    usage["totals"] = answer.totals(cost=None, avgCost=None, avgDurationMs=None, costs=dict.fromkeys(COSTS))
    usage["series"]["points"] = [answer.point("2026-11-20T23:00:00+00:00", None)]
    page = drawn(usage)

    assert page.count("│ unknown") == 2
    assert row(page, "Sat 21 Nov").split()[3:] == ["unknown"]
    assert row(page, "(none)").split()[1:3] == ["unknown", "-"]
    assert row(page, "agent  failed Inbox triage").split()[-7:-2] == ["unknown", "unknown", "unknown", "1m", "00s"]


def test_zero_calls_are_zero() -> None:
    usage = answer.usage()
    usage["totals"] = dict.fromkeys(answer.totals(), 0) | {"cost": "0", "credits": "0"}
    usage["totals"] |= {"avgCost": None, "avgDurationMs": None, "costs": dict.fromkeys(COSTS, "0")}
    usage["unpricedModels"] = []
    page = drawn(usage)

    assert "$0.00" in page
    assert page.endswith("No LLM calls in this window.\n")
    assert "Failed" not in page
    assert "without a price" not in page


@pytest.mark.parametrize("width", [30, 40, 59, 60, 76, 80, 100, 121, 300])
def test_no_line_is_wider_than_the_console_and_none_is_broken(width: int) -> None:
    usage = answer.usage()
    usage["totals"] = answer.totals(cost="123456789.12", inputTokens="9007199254740993", calls=2**53)
    page = drawn(usage, width=width)

    assert max(map(cell_len, page.splitlines())) <= min(width, 120)
    assert re.search(r"^Sat 21 Nov +\$50\.51 +█+ *$", page, re.MULTILINE)
    assert len(re.findall(r"^.*fail.* unknown( 1m 00s)? 2h ago$", page, re.MULTILINE)) == 1


def test_no_colour_without_a_terminal_and_some_with_one() -> None:
    assert "\x1b" not in drawn(answer.usage())
    assert "\x1b[" in drawn(answer.usage(), terminal=True)


def test_an_ascii_console_gets_ascii() -> None:
    page = drawn(answer.usage(), encoding="ascii")

    assert re.search(r"^Sat 21 Nov +\$50\.51 +#+", page, re.MULTILINE)
    assert "+--" in page


COSTS = ("input", "cacheRead", "cacheWrite", "output", "other")

PLACES: dict[str, Callable[[Json, str], None]] = {
    "source": lambda usage, text: usage["bySource"]["groups"][0].update(key=text),
    "model": lambda usage, text: usage["byModel"]["groups"][0].update(key=text),
    "unpriced": lambda usage, text: usage["unpricedModels"][0].update(model=text, provider=text),
    "consumer": lambda usage, text: usage["topConsumers"][0].update(key=text),
    "label": lambda usage, text: usage["topConsumers"][0].update(label=text),
    "record": lambda usage, text: usage["records"]["nodes"][0].update(name=text, source=text, responseModel=text),
    "conversation": lambda usage, text: usage["records"]["nodes"][1].update(agent=None, conversation=text),
}


@pytest.mark.parametrize("place", PLACES)
def test_names_cannot_write_to_the_terminal(place: str) -> None:
    plain, hostile = answer.usage(), answer.usage()
    PLACES[place](plain, "evil")
    PLACES[place](hostile, "\x1b]0;owned\x07\x1b[2J\x9b1Aev\u202e\u200bil\x07\x00")

    assert drawn(hostile, terminal=True) == drawn(plain, terminal=True)


@pytest.mark.parametrize("place", PLACES)
def test_markup_is_not_interpreted(place: str) -> None:
    usage = answer.usage()
    PLACES[place](usage, "[b]:x:[/]")
    page = drawn(usage, width=120)

    assert "[b]:x:[/]" in page


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300), st.integers(30, 130))
def test_any_name_keeps_the_page_in_shape(name: str, width: int) -> None:
    usage = answer.usage()
    for place in PLACES.values():
        place(usage, name)
    page = drawn(usage, width=width)

    assert max(map(cell_len, page.splitlines())) <= width
    assert len(page.splitlines()) == len(drawn(answer.usage(), width=width).splitlines())
