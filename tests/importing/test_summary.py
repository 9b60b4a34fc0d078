"""What an import says of itself."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rich.console import Console

from usage_graph.importing.call import Call
from usage_graph.importing.importer import Imported, Progress
from usage_graph.importing.sender import Answer
from usage_graph.importing.summary import stand_of, summary
from usage_graph.importing.tally import Tally
from usage_graph.report.progress import shown

AT = datetime(2026, 10, 5, 9, tzinfo=UTC)


def imported(*calls: Call) -> Imported:
    tally = Tally(say=lambda _: None)
    made = Imported(tally)
    for call in calls:
        made.add(call)
    return made


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100)


def said(there: Console) -> str:
    assert isinstance(there.file, io.StringIO)
    return there.file.getvalue()


def test_a_dry_run() -> None:
    made = imported(
        Call("1", AT, response_model="b", input_tokens=1500, output_tokens=20, cache_read_tokens=1000),
        Call("2", AT + timedelta(days=3), request_model="a", input_tokens=5, cost=Decimal("0.25")),
        Call("3", AT + timedelta(days=1), request_model="a"),
    )
    made.tally.files, made.tally.lines = 1, 3000
    made.tally.left_out["copies"] = 1200
    made.repeated, made.too_early, made.tally.bad_lines = 1, 2, 25

    assert summary(made, endpoint=None, seconds=1) == [
        "Found 3 calls in 1 file, 3,000 lines. Nothing was sent.",
        "From 2026-10-05 09:00 to 2026-10-08 09:00 UTC.",
        "a: 2 calls, 5 input tokens (cache read 0, write 0), 0 output tokens, 0.25 USD reported for 1 call.",
        "b: 1 call, 1,500 input tokens (cache read 1,000, write 0), 20 output tokens.",
        "All: 3 calls, 1,505 input tokens (cache read 1,000, write 0), 20 output tokens, 0.25 USD reported for 1 call.",
        "Left out: copies (1,200).",
        "Left out: calls that were there already (1).",
        "Left out: calls before the date of --since (2).",
        "Skipped: 25 lines that cannot be read.",
        "5 of these problems are not told one by one.",
    ]


def test_an_import_with_rejected_calls() -> None:
    made = imported(Call("1", AT, response_model="m"))
    made.answered(Answer(400))
    made.answered(Answer(398, 2, "2 spans rejected: 2 x too old"))
    made.answered(Answer(398, 2, "2 spans rejected: 2 x too old"))
    made.tally.unreadable = 1
    lines = summary(made, endpoint="http://h/v1/traces", seconds=2.04)

    assert lines[0] == (
        "Sent 1,200 calls from 0 files, 0 lines in 2.0 s: 1,196 accepted, 4 rejected. "
        "Those that the server knew already count once."
    )
    assert lines[-2:] == [
        "Rejected: 2 spans rejected: 2 x too old.",
        "NOT READ, or not to the end: 1 file.",
    ]


def test_nothing_was_found() -> None:
    assert summary(imported(), endpoint=None, seconds=0) == ["Found 0 calls in 0 files, 0 lines. Nothing was sent."]


def test_no_list_is_long_and_no_name_writes_to_the_terminal() -> None:
    models = ["\x1b[2Jclear", None, *(f"m{number:02}" for number in range(30))]
    lines = summary(imported(*(Call("x", AT, response_model=model) for model in models)), endpoint=None, seconds=0)

    assert len(lines) == 24
    assert "\x1b" not in "".join(lines)
    assert lines[2].startswith("unknown model: 1 call,")
    assert lines[3].startswith("clear: 1 call,")
    assert lines[-2:] == [
        "And 12 more models.",
        "All: 32 calls, 0 input tokens (cache read 0, write 0), 0 output tokens.",
    ]


def test_without_a_terminal_a_line_is_said_now_and_then() -> None:
    there, now = console(terminal=False), 0.0
    with shown(there, stand_of, clock=lambda: now) as tell:
        for now in range(1, 12):
            tell(Progress(read=now * 10**6, whole=10**8, calls=0, sent=0))
        now = 31
        tell(Progress(read=10**8, whole=10**8, calls=800, sent=400))

    assert said(there).splitlines() == ["Reading: 10 MB", "Sending: 400 calls sent"]


def test_in_a_terminal_there_is_a_bar_that_goes_away() -> None:
    there = console(terminal=True)
    with shown(there, stand_of) as tell:
        tell(Progress(read=25, whole=100, calls=1, sent=0))
    with shown(there, stand_of) as tell:
        tell(Progress(read=100, whole=100, calls=800, sent=600, known=800))

    assert "Reading" in said(there)
    assert "25%" in said(there)
    assert "600 calls sent" in said(there)
    assert "75%" in said(there)
    assert said(there).endswith("\x1b[2K")
