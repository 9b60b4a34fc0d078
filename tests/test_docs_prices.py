"""docs/prices.md is true to the letter: its commands run, its file is read, and the order it tells is the order."""

import re
import shlex
from datetime import UTC, datetime

import graphql
import pytest

from tests.documents import ROOT, section, snippets
from usage_graph import cli
from usage_graph.config import SETTINGS
from usage_graph.graph.schema import sdl
from usage_graph.price import RATES
from usage_graph.processor import Pricing
from usage_graph.processor.price_file import parse

PAGE = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for text in (*snippets(PAGE, "sh"), *re.findall(r"`(usage-graph [^`]+)`", PAGE))
    for line in text.splitlines()
    if line.startswith(("usage-graph prices", "usage-graph reprice"))
]


def test_its_commands_run(postgresql: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) == 12
    for program, *arguments in COMMANDS:
        assert program == "usage-graph"
        assert cli.main([*arguments, "--database-url", postgresql]) == 0, arguments
    said = capsys.readouterr().out
    assert "your own price in the database, of gpt-4o at azure from 2026-07-01 on" in said


def test_its_mutation_is_one() -> None:
    (document,) = snippets(PAGE, "graphql")
    assert graphql.validate(graphql.build_schema(sdl()), graphql.parse(document)) == []


def test_its_file_is_a_price_with_every_key() -> None:
    (text,) = snippets(PAGE, "toml")
    (price,) = parse(text, where="prices.toml")
    assert all(getattr(price, name) is not None for name in (*RATES, "provider", "since"))


def test_its_flags_and_settings_exist(capsys: pytest.CaptureFixture[str]) -> None:
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", PAGE))
    known = set()
    for command in (["prices", "set"], ["prices", "show"], ["prices", "remove"], ["prices", "list"], ["reprice"]):
        with pytest.raises(SystemExit, match="0"):
            cli.parser().parse_args([*command, "--help"])
        known |= set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    assert flags <= known
    assert set(re.findall(r"USAGE_GRAPH_\w+", PAGE)) <= {setting.variable for setting in SETTINGS}


NAMES = [name for name in re.findall(r"`([^`\s]+)`", section(PAGE, "Which one fits")) if re.search(r"[-/.:]\w", name)]


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "…" not in name and not name.startswith(("-", "llama.cpp"))]
)
def test_the_names_it_shows_are_known(name: str) -> None:
    assert Pricing().quote(None, name, datetime(2026, 5, 1, tzinfo=UTC)) is not None
