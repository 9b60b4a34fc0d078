"""``usage-graph prices`` as an operator runs it."""

from pathlib import Path

import pytest

from tests.cli.test_cli import run
from usage_graph import cli
from usage_graph.store.embedded import Embedded

FILE = '[[price]]\nmodel = "in-file"\ninput = "1.5"\noutput = 0\n[[price]]\nmodel = "both"\nper_call = "0.5"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(FILE)
    return path


def test_a_price_is_set_shown_replaced_and_removed(postgresql: str, capsys: pytest.CaptureFixture[str]) -> None:
    def prices(*arguments: str) -> tuple[int, list[str]]:
        status = cli.main(["prices", *arguments, "--database-url", postgresql])
        return status, capsys.readouterr().out.splitlines()

    status, said = prices("list")
    assert (status, said[0][:36]) == (0, "There are no prices of your own. Set")
    rates = ["--input", "3", "--output", "15", "--cache-read", "0.30", "--from", "2026-03-01"]
    status, said = prices("set", "House-Model", *rates, "--provider", "azure.ai.openai")
    assert status == 0
    assert said[0] == (
        "Set: house-model at azure from 2026-03-01 on: input 3, cache read 0.3, output 15 USD per million tokens."
    )
    assert "usage-graph reprice" in said[1]
    assert prices("set", "house-model", "--per-call", "0.5")[0] == 0

    status, said = prices("list")
    assert [line.split() for line in said[1:3]] == [
        ["house-model", "any", "all", "ever", "0", "-", "-", "-", "0", "-", "0.5", "the", "database"],
        ["house-model", "azure", "all", "2026-03-01", "3", "0.3", "-", "-", "15", "-", "0", "the", "database"],
    ]
    assert prices("list", "--model", "USE-M")[1] == said
    assert prices("list", "--model", "gpt")[1][0].startswith("There are no prices")

    status, said = prices("show", "acme/house-model", "--provider", "azure", "--at", "2026-03-01")
    assert status == 0
    assert said == [
        "A call of acme/house-model, provider azure, at 2026-03-01, is priced by your own price in the database, of "
        "house-model at azure from 2026-03-01 on.",
        "USD per million tokens",
        *("input                     3", "cache read              0.3", "cache write               3"),
        *("cache write (1 h)         3", "output                   15", "reasoning                15"),
    ]
    assert "USD per call            0.5" in [line.rstrip() for line in prices("show", "house-model")[1]]

    status, said = prices("remove", "HOUSE-model", "--from", "2026-03-01T00:00:00Z")
    assert (status, said[0][:48]) == (0, "Removed: house-model at azure from 2026-03-01 on")
    assert prices("remove", "house-model", "--provider", "openai") == (1, ["Nothing to remove."])
    assert prices("remove", "house-model")[0] == 0
    assert prices("list")[1][0].startswith("There are no prices")


def test_a_project_has_prices_of_its_own(postgresql: str, capsys: pytest.CaptureFixture[str]) -> None:
    def prices(*arguments: str) -> list[str]:
        assert cli.main(["prices", *arguments, "--database-url", postgresql]) in (0, 1)
        return capsys.readouterr().out.splitlines()

    prices("set", "house", "--input", "1", "--output", "1")
    assert prices("set", "house", "--input", "2", "--output", "2", "--project", "acme ")[0] == (
        "Set: house in project acme: input 2, output 2 USD per million tokens."
    )
    prices("set", "hut", "--input", "3", "--output", "3", "--project", "other")

    def projects(*arguments: str) -> list[tuple[str, str]]:
        return [(line.split()[0], line.split()[2]) for line in prices("list", *arguments)[1:-1]]

    assert projects() == [("house", "all"), ("house", "acme"), ("hut", "other")]
    assert projects("--project", "acme") == [("house", "all"), ("house", "acme")]
    assert "of house in project acme." in prices("show", "house", "--project", "acme")[0]
    assert "of house." in prices("show", "house", "--project", "other")[0]
    assert "of house." in prices("show", "house")[0]
    assert "has no price" in prices("show", "hut")[0]
    # Each is removed where it was set.
    assert prices("remove", "hut") == ["Nothing to remove."]
    assert prices("remove", "house")[0].startswith("Removed: house: ")
    assert projects() == [("house", "acme"), ("hut", "other")]
    assert prices("remove", "house", "--project", "acme")[0].startswith("Removed: house in project acme: ")
    assert projects() == [("hut", "other")]


def test_what_the_list_says_is_shown_with_its_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And without a database, which is not made for that."""
    nowhere = ["--data-dir", str(tmp_path / "none")]
    assert cli.main(["prices", "show", "models/gemini-2.5-pro", "--at", "2026-05-01", *nowhere]) == 0
    why, title, first, *_ = capsys.readouterr().out.splitlines()
    assert why == (
        "A call of models/gemini-2.5-pro, provider gcp.gemini, at 2026-05-01, is priced by the price list "
        "(genai-prices): gemini-2.5-pro of google, found as gemini-2.5-pro."
    )
    assert title.split("  ")[-2:] == ["up to 200,000 input tokens", "over 200,000 input tokens"]
    assert first.split() == ["input", "1.25", "2.5"]
    assert cli.main(["prices", "show", "gpt-4o", "--provider", "azure", "--service-tier", "flex", *nowhere]) == 0
    assert "at its maker's price" in capsys.readouterr().out
    assert cli.main(["prices", "show", "no-such-model", *nowhere]) == 1
    assert "has no price.\nSet one: usage-graph prices set no-such-model" in capsys.readouterr().out
    assert cli.main(["prices", "remove", "no-such-model", *nowhere]) == 1
    assert cli.main(["prices", "list", *nowhere]) == 0
    assert not (tmp_path / "none").exists()


def test_the_file_is_under_the_database(postgresql: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--database-url", postgresql, "--prices", str(file)]
    assert cli.main(["prices", "set", "both", "--input", "7", "--output", "8", *where]) == 0
    assert cli.main(["prices", "list", *where]) == 0
    table = capsys.readouterr().out.splitlines()[3:]
    assert [(line.split()[0], line.split()[-1]) for line in table[:3]] == [
        ("both", "database"),
        ("in-file", "file"),
        ("both", "file"),
    ]
    for model, wanted in (("both", "your own price in the database"), ("in-file", "your own price in the file")):
        assert cli.main(["prices", "show", model, *where]) == 0
        assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (("set", "m", "--input", "3"), ["--output: missing; say 0 if it costs nothing."]),
        (
            ("set", "m", "--input", "3,5", "--output", "1", "--cache-write-1h", "-1", "--from", "soon"),
            ["--input: '3,5' is no amount", "--cache-write-1h: '-1' is no amount", "--from: 'soon' is no date"],
        ),
        (("set", " ", "--per-call", "1"), ["MODEL: ' ' is no name"]),
        (("show", "m", "--at", "noon"), ["--at: 'noon' is no date"]),
        (("set", "m", "--per-call", "1", "--project", "p" * 257), ["--project: "]),
        (("list", "--project", "\n"), ["--project: "]),
        (("list", "--prices", "/nowhere/prices.toml"), ["USAGE_GRAPH_PRICES: /nowhere/prices.toml cannot be read"]),
    ],
)
def test_what_is_wrong_is_said_all_at_once(
    arguments: tuple[str, ...], problems: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prices", *arguments, "--data-dir", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err.removeprefix("usage-graph: ").splitlines()
    assert len(said) == len(problems)
    for line, problem in zip(said, problems, strict=True):
        assert problem in line
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_wrong_is_said_with_its_place(file: Path) -> None:
    file.write_text("[[price]]\nmodel = 'm'\ninput = 1\noutptu = 2\n")
    done = run("prices", "list", environ={"USAGE_GRAPH_PRICES": str(file)})
    assert done.returncode == 2
    assert "prices.toml, price 1 (m): outptu: there is no such key" in done.stderr
    assert "prices.toml, price 1 (m): output: missing" in done.stderr


def test_the_embedded_database_is_reached_whether_it_runs_or_not(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    given = ("--data-dir", str(data_dir))
    # There is none yet: it is made.
    done = run("prices", "set", "house", "--input", "1", "--output", "2", *given)
    assert done.returncode == 0, done.stderr
    with Embedded(data_dir=data_dir):
        beside = run("prices", "set", "house-2", "--input", "1", "--output", "2", *given)
        assert beside.returncode == 0, beside.stderr
        listed = run("prices", "list", *given)
        assert [line.split()[0] for line in listed.stdout.splitlines()[1:3]] == ["house", "house-2"]
    again = run("prices", "list", *given)
    assert again.stdout == listed.stdout


def test_a_database_that_is_behind_is_left_as_it_is(empty_database: str) -> None:
    done = run("prices", "set", "m", "--per-call", "1", "--database-url", empty_database)
    assert done.returncode == 1
    assert "Run `usage-graph migrate`" in done.stderr
