"""``usage-graph credits`` as an operator runs it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.test_cli import run
from tests.records import record
from tests.store.database import write
from usage_graph import cli
from usage_graph.usage import NANO

Credits = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def credits_(postgresql: str, capsys: pytest.CaptureFixture[str]) -> Credits:
    """Runs the command; its exit status and what it says."""

    def run_it(*arguments: str) -> tuple[int, list[str]]:
        status = cli.main(["credits", *arguments, "--database-url", postgresql])
        said = capsys.readouterr()
        return status, (said.out + said.err).splitlines()

    return run_it


def said(found: tuple[int, list[str]]) -> tuple[int, list[str]]:
    """Without what it says of the database."""
    status, lines = found
    return status, [line for line in lines if "engine:" not in line]


def test_rules_are_set_shown_and_removed(credits_: Credits) -> None:
    assert said(credits_("show")) == (
        0,
        ["default has no rules: credits are those that calls report.", "default has no plan."],
    )
    status, lines = said(
        credits_("rule", "set", "--model", "GPT-4o-20240806", "--channel", "web", "--per-call", "0.50")
    )
    assert status == 0
    assert lines[0] == "Set: calls of gpt-4o-2024-08-06 by web in default: 0.5 credits per call."
    assert lines[1].startswith("Servers know within 15 seconds.")
    status, lines = said(
        credits_("rule", "set", "--per-call", "2", "--per-1k-tokens", "0.001", "--since", "2026-03-01")
    )
    assert lines[0] == "Set: calls in default from 2026-03-01 on: 2 credits per call, 0.001 credits per 1,000 tokens."
    assert credits_("rule", "set", "--project", "other", "--per-call", "1")[0] == 0

    assert said(credits_("show"))[1][:4] == [
        "Credits of calls in default that do not report them:",
        "model              channel  from        per call  per 1,000 tokens",
        "any                any      2026-03-01         2             0.001",
        "gpt-4o-2024-08-06  web      ever             0.5                 -",
    ]
    assert said(credits_("rule", "remove", "--model", "gpt-4o-2024-08-06")) == (1, ["Nothing to remove."])
    assert credits_("rule", "remove", "--model", "gpt-4o-2024-08-06", "--channel", "web")[0] == 0
    assert said(credits_("rule", "remove", "--since", "2026-03-02")) == (1, ["Nothing to remove."])
    status, lines = said(credits_("rule", "remove"))
    assert (status, lines[0][:47]) == (0, "Removed: calls in default from 2026-03-01 on: 2")
    assert said(credits_("show"))[1][0].startswith("default has no rules")


def test_a_plan_is_set_shown_and_removed(credits_: Credits, postgresql: str) -> None:
    calls = [record(started_at=datetime.now(UTC), span_id=bytes([n] * 8), credits_nano=NANO) for n in range(3)]
    asyncio.run(write(postgresql, calls))
    status, lines = said(
        credits_("plan", "set", "--included", "2.5", "--price", "0.020", "--every", "year", "--zone", "Asia/Kathmandu")
    )
    assert (status, lines[0]) == (
        0,
        "Set: default: 2.5 credits a year (Asia/Kathmandu), 0.02 USD for each additional one.",
    )
    status, lines = said(
        credits_("plan", "set", "--included", "9", "--price", "1", "--zone", "Asia/Kathmandu", "--since", "2009-03-01")
    )
    assert lines[0].endswith(
        "9 credits a month (Asia/Kathmandu), 1 USD for each additional one, from 2009-02-28T18:15:00Z on."
    )
    lines = said(credits_("show"))[1]
    assert lines[1:5] == [
        "Plans of default:",
        "from                  every  zone            included  USD per additional credit",
        "ever                  year   Asia/Kathmandu       2.5                       0.02",
        "2009-02-28T18:15:00Z  month  Asia/Kathmandu         9                          1",
    ]
    assert lines[5].endswith("3 credits consumed so far, 6 of 9 left, 0 additional for 0 USD.")
    assert credits_("plan", "remove", "--since", "2009-02-28T18:15:00Z")[0] == 0
    lines = said(credits_("show"))[1]
    assert lines[-1].endswith("3 credits consumed so far, 0 of 2.5 left, 0.5 additional for 0.01 USD.")
    assert said(credits_("plan", "remove", "--project", "other")) == (1, ["Nothing to remove."])
    assert credits_("plan", "remove")[0] == 0
    assert said(credits_("show"))[1][-1] == "default has no plan."


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("rule", "set"), "--per-call: state credits per call or per 1,000 tokens, or both."),
        (("rule", "set", "--per-1k-tokens", "x"), "--per-1k-tokens: 'x' is no amount: write credits as a number"),
        (("rule", "set", "--per-call", "1", "--since", "soon"), "--since: 'soon' is no date, such as 2026-01-31"),
        (("rule", "set", "--per-call", "1", "--model", "a*b"), "--model: 'a*b' is no name of a model"),
        (("rule", "remove", "--project", ""), "--project: '' is no name of a project"),
        (("plan", "set", "--included", "-1", "--price", "1"), "--included: '-1' is no amount"),
        (
            ("plan", "set", "--included", "1", "--price", "1", "--zone", "Mars"),
            "--zone: 'Mars' is not an IANA time zone",
        ),
        (
            ("plan", "set", "--included", "1", "--price", "1", "--since", "2026-03-01T00:01:00Z"),
            "--since: 2026-03-01T00:01",
        ),
        (("plan", "remove", "--project", "a\n"), "--project: 'a\\n' is no name of a project"),
    ],
)
def test_what_is_wrong_is_said_of_the_flag(credits_: Credits, arguments: tuple[str, ...], wrong: str) -> None:
    status, lines = credits_(*arguments)
    assert status == 2
    assert any(wrong in line for line in lines), lines


def test_without_a_database_there_is_nothing(tmp_path: Path) -> None:
    for arguments, status in ((("show",), 0), (("rule", "remove"), 1), (("plan", "remove"), 1)):
        done = run("credits", *arguments, "--data-dir", str(tmp_path / "none"))
        assert done.returncode == status, done.stderr
        assert "no rules" in done.stdout or done.stdout == "Nothing to remove.\n"
    assert not (tmp_path / "none").exists()


def test_an_unknown_period_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["credits", "plan", "set", "--included", "1", "--price", "1", "--every", "fortnight"])
    assert end.value.code == 2
    assert "'fortnight' is none of day, week, month, year" in capsys.readouterr().err
