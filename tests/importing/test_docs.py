"""``docs/import.md`` says what is so: its examples are imported, its tables are whole."""

import re
import shlex
from pathlib import Path

import pytest

from tests.documents import ROOT, section, snippets
from tests.importing.running import Found
from tests.test_docs import anchors
from usage_graph import cli
from usage_graph.importing import litellm, records
from usage_graph.importing.command import KINDS
from usage_graph.importing.sender import PATIENCE
from usage_graph.importing.tally import Tally

PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")


def test_commands_are_accepted() -> None:
    commands = [
        line for block in snippets(PAGE, "sh") for line in block.splitlines() if line.startswith("usage-graph ")
    ]
    given = [cli.parser().parse_args(shlex.split(line, comments=True)[1:]) for line in commands]
    assert {each.kind for each in given} == set(KINDS)


def test_every_flag_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.parser().parse_args(["import", "--help"])
    flags = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert flags == set(re.findall(r"--[a-z][a-z-]+", section(PAGE, "Importing a history").split("\n\n**Again")[0]))


def test_the_example_of_records_is_read(tmp_path: Path) -> None:
    path = tmp_path / "example.ndjson"
    (example,) = snippets(section(PAGE, "Records"), "json")
    path.write_text(example, encoding="utf-8")
    there = Found("records", path, strict=True)

    assert [call.model for call in there.calls] == ["gpt-4o", "claude-sonnet-4-5"]
    assert there.calls[1].identity == "id/b-17"


def test_every_field_and_operation_of_records_is_told() -> None:
    rows = re.findall(r"^\| (`.+?) \| (.*) \|$", section(PAGE, "Records"), re.M)
    told = {name for names, _ in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == records.FIELDS
    (operations,) = (text for names, text in rows if names == "`operation`")
    assert tuple(re.findall(r"`(\w+)`", operations)) == records.OPERATIONS


def test_columns_that_litellm_needs_are_told() -> None:
    (told,) = re.findall(r"Needed are (.*?);", section(PAGE, "LiteLLM"), re.S)
    assert set(re.findall(r"`(\w+)`", told)) == set(litellm.REQUIRED)


def test_limits_are_those_of_the_program() -> None:
    assert Tally.SHOWN == 20
    assert f"the first {Tally.SHOWN} of them" in PAGE
    assert PATIENCE == 5 * 60
    assert "up to five minutes" in PAGE


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", PAGE)
    assert links
    for target, anchor in links:
        page = (ROOT / "docs" / target).read_text(encoding="utf-8") if target else PAGE
        assert anchor in {"", *anchors(page)}, (target, anchor)
