"""``usage-graph reprice`` as an operator runs it."""

import asyncio
import os
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.test_cli import environment, run
from tests.cli.test_copy import ask, read_until
from tests.records import record
from tests.store.database import write
from usage_graph import cli
from usage_graph.store import migrate
from usage_graph.store.connect import connect
from usage_graph.store.embedded import Embedded

NOW = datetime.now(UTC)
CALLS = [
    *(
        record(
            project=f"project {number % 2}",
            span_id=(number + 1).to_bytes(8, "big"),
            started_at=NOW - number * timedelta(hours=30),
            request_model="house",
            provider="azure",
            cost_nano=None,
        )
        for number in range(1, 21)
    ),
    record(span_id=b"\7" * 8, started_at=NOW - timedelta(hours=1), cost_nano=5, cost_reported=True),
    record(span_id=b"\6" * 8, started_at=NOW - timedelta(hours=1), cost_nano=20_000),
]
PRICED = "SELECT count(*) FROM usage_record WHERE request_model = 'house' AND cost_nano IS NOT NULL"


@pytest.fixture
def filled(postgresql: str) -> str:
    asyncio.run(write(postgresql, CALLS))
    ask(
        postgresql,
        "INSERT INTO usage_price (model, input, output, per_call) VALUES ('house', 1, 2, 0)",
    )
    return postgresql


def test_the_difference_is_shown_and_then_made(filled: str) -> None:
    where = ("--database-url", filled)
    dry = run("reprice", "--last", "P60D", "--dry-run", *where)
    assert dry.returncode == 0, dry.stderr
    first, title, *rest = dry.stdout.splitlines()
    assert first == "21 calls match whose cost nobody reported."
    columns = ["model", "calls", "change", "newly priced", "now unpriced", "old USD", "new USD", "difference"]
    assert re.split(r" {2,}", title) == columns
    lines = [line.split() for line in rest]
    assert lines[0] == ["house", "20", "20", "20", "0", "0", "0.0028", "+0.0028"]
    assert lines[1] == ["gpt-4o-mini", "1", "1", "0", "0", "0.00002", "0.000027", "+0.000007"]
    assert lines[2] == ["all", "of", "these", "21", "21", "20", "0", "0.00002", "0.002827", "+0.002807"]
    assert ask(filled, PRICED) == 0

    done = run("reprice", "--last", "P60D", "--yes", *where)
    assert done.returncode == 0, done.stderr
    assert done.stdout == dry.stdout + "Changed 21 calls.\n"
    assert ask(filled, PRICED) == 20
    assert ask(filled, "SELECT cost_nano FROM usage_record WHERE cost_reported") == 5
    assert ask(filled, "SELECT sum(cost_nano) FROM usage_by_model_1d") == 20 * 140_000 + 27_000 + 5
    again = run("reprice", "--last", "P60D", *where)
    assert again.returncode == 0
    assert again.stdout.endswith("Nothing is to be changed.\n")


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (("--last", "P5D"), 3),
        (("--window", "P5D"), 3),
        (("--from", f"{NOW - timedelta(days=5):%Y-%m-%dT%H:%M:%SZ}"), 4),
        (("--window", f"{NOW - timedelta(days=5):%Y-%m-%d}/{NOW - timedelta(days=5):%Y-%m-%dT00:00:00.000001Z}"), 0),
        (("--from", "2020-01-01", "--to", f"{NOW - timedelta(hours=45):%Y-%m-%dT%H:%M:%SZ}", "--timezone", "UTC"), 19),
        (("--last", "P60D", "--project", "project 1"), 10),
        (("--last", "P60D", "--model", "house"), 20),
        (("--last", "P60D", "--model", "hous"), 0),
        (("--last", "P60D", "--provider", "azure.ai.openai"), 20),
        (("--last", "P60D", "--provider", "google"), 0),
    ],
)
def test_which_calls(filled: str, arguments: tuple[str, ...], changed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reprice", *arguments, "--yes", "--database-url", filled]) == 0
    capsys.readouterr()
    assert ask(filled, PRICED) == changed


def test_without_a_terminal_it_does_not_guess(filled: str) -> None:
    done = run("reprice", "--last", "P60D", "--database-url", filled)
    assert done.returncode == 1
    assert "Say --yes" in done.stderr
    assert ask(filled, PRICED) == 0


@pytest.mark.parametrize(("answer", "status", "changed"), [("y", 0, 20), ("", 1, 0), ("no", 1, 0), ("\x03", 130, 0)])
def test_in_a_terminal_it_asks(filled: str, answer: str, status: int, changed: int) -> None:
    master, terminal = os.openpty()
    command = [sys.executable, "-m", "usage_graph.cli", "reprice", "--last", "P60D", "--database-url", filled]
    with subprocess.Popen(
        command,
        env=environment(TERM="xterm-256color", COLUMNS="120"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as process:
        os.close(terminal)
        read_until(master, lambda shown: "Change 21 calls? [y/N]" in shown)
        os.write(master, answer.encode() if answer == "\x03" else f"{answer}\n".encode())
        if answer == "\x03":
            # Python may not see the first one: it looks for signals just before it begins to read.
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            if process.poll() is None:
                os.write(master, answer.encode())
        assert process.wait(60) == status
    os.close(master)
    assert ask(filled, PRICED) == changed


def take_terminal() -> None:
    """Makes standard input the terminal that signals of the keyboard come from."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "Which calls? Say --last P30D"),
        (("--to", "2026-01-01"), "--to goes with --from."),
        (("--last", "30 days"), "is not a duration"),
        (("--window", "someday"), "is not a duration"),
        (("--from", "2026-02-31"), "No such time."),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "The window is empty"),
        (("--last", "P1D", "--timezone", "Mars/Olympus"), "is not an IANA time zone"),
    ],
)
def test_a_window_that_is_none_is_2(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reprice", *arguments]) == 2
    assert problem in capsys.readouterr().err


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = run("reprice", "--last", "P1D", "--data-dir", str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"There is no database in {tmp_path / 'none'}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_beside_a_server_on_the_embedded_database(tmp_path: Path) -> None:
    async def fill(dsn: str) -> None:
        connection = await connect(dsn)
        await migrate.migrate(connection)
        await connection.close()
        await write(dsn, CALLS)

    file = tmp_path / "prices.toml"
    file.write_text("[[price]]\nmodel = 'house'\ninput = 1\noutput = 2\n")
    with Embedded(data_dir=tmp_path / "data") as embedded:
        asyncio.run(fill(embedded.dsn))
        settings = {"USAGE_GRAPH_DATA_DIR": str(tmp_path / "data"), "USAGE_GRAPH_PRICES": str(file)}
        done = run("reprice", "--last", "P60D", "--yes", environ=settings)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("Changed 21 calls.\n")
        assert ask(embedded.dsn, PRICED) == 20


def test_records_that_are_no_longer_kept_are_said(filled: str) -> None:
    since = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    ask(filled, f"SELECT usage_keep_since('{since.isoformat()}')")
    done = run("reprice", "--last", "P60D", "--yes", "--database-url", filled)
    assert done.returncode == 0, done.stderr
    assert f"Calls from before {since:%Y-%m-%d} are no longer kept" in done.stdout
    assert ask(filled, PRICED) == sum(call.started_at >= since for call in CALLS if call.request_model == "house")


def test_credits_are_computed_anew_by_the_rules_there_are_now(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask(filled, "INSERT INTO usage_credit_rule (project, per_call) VALUES ('project 1', 0.5), ('default', 2)")
    where = ("--database-url", filled)
    for number, arguments in enumerate([("--project", "default", "--dry-run"), ("--yes",)]):
        assert cli.main(["reprice", "--last", "P60D", *arguments, *where]) == 0
        said = capsys.readouterr().out
        assert ("2 calls get other credits: 4 in place of 0.", "12 calls get other credits: 9 in place of 0.")[
            number
        ] in said
    assert "Changed 22 calls." in said
    assert ask(filled, "SELECT sum(credits_nano) FROM usage_by_model_1d") == 9 * 10**9
    assert cli.main(["reprice", "--last", "P60D", *where]) == 0
    assert capsys.readouterr().out.endswith("Nothing is to be changed.\n")
