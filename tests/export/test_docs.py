"""docs/export.md is true to the letter: it names every column and parameter, and no others."""

import re
from collections.abc import Sequence

import pytest

from tests.documents import ROOT, section, snippets
from tests.export.exports import Exports
from tests.graph.conftest import MONTH
from usage_graph import cli
from usage_graph.config import EXPORT_TIMEOUT
from usage_graph.graph.export.app import MAX_AT_ONCE, PATIENCE
from usage_graph.graph.export.columns import CONVERSATIONS, RECORDS, SERIES, SUMS, Column
from usage_graph.graph.export.formats import Format
from usage_graph.graph.export.parameters import OF_ALL, OF_TABLE
from usage_graph.graph.weights import EXPORT
from usage_graph.store.exporting import COUNT_PATIENCE

PAGE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


def named(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def rows_of(title: str) -> list[str]:
    """The first cells of the tables under a heading."""
    return [name for cell in re.findall(r"^\| (.*?) \|", section(PAGE, title), re.M) for name in named(cell)]


@pytest.mark.parametrize(
    ("title", "columns"), [("records", RECORDS), ("conversations", CONVERSATIONS), ("series", SERIES)]
)
def test_every_column_in_order(title: str, columns: Sequence[Column[object]]) -> None:
    sums = {column.name for column in SUMS} if title != "records" else set()
    assert rows_of(title) == [column.name for column in columns if column.name not in sums]


def test_every_sum_in_order() -> None:
    assert named(section(PAGE, "Sums").partition(": as ")[0]) == [column.name for column in SUMS]


def test_every_parameter() -> None:
    of_tables = [name for own in OF_TABLE.values() for name in own]
    assert sorted(rows_of("Parameters")) == sorted([*OF_ALL, *of_tables])


def test_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line.split() for line in "".join(snippets(PAGE, "sh")).splitlines() if line.startswith("usage-graph ")]
    assert {command[2] for command in commands} == {str(table) for table in OF_TABLE}
    for _, *arguments in commands:
        cli.parser().parse_args(arguments)
    assert set(re.findall(r"`(csv|ndjson|parquet)`", section(PAGE, "Parameters"))) >= {str(one) for one in Format}


def test_limits_are_those_in_force() -> None:
    text = " ".join(PAGE.split())
    assert (MAX_AT_ONCE, "makes four at once" in text) == (4, True)
    for words in (
        f"pays {EXPORT:,} points",
        f"`USAGE_GRAPH_EXPORT_TIMEOUT` ({EXPORT_TIMEOUT:g} seconds)",
        f"reads nothing for {PATIENCE:g} seconds",
        f"more than {COUNT_PATIENCE:g} seconds",
    ):
        assert words in text, words


async def test_the_urls_answer() -> None:
    exports = Exports(MONTH)
    urls = re.findall(r"/export/(\w+)\?([^']+)'", "".join(snippets(PAGE, "sh")))
    assert len(urls) == 2
    for table, query in urls:
        assert await exports.file(table, **dict(one.split("=") for one in query.split("&")))
    (wanted,) = re.findall(r"filter=({.*})'", PAGE)
    assert await exports.file("records", last="P7D", format="ndjson", filter=wanted) is not None
