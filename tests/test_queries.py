"""docs/queries.md is true: its operations run, its numbers are those of the program, its links lead somewhere."""

import re

import pytest

from tests.documents import ROOT, section, snippets
from tests.graph.api import Api
from tests.graph.conftest import MONTH
from tests.test_docs import anchors
from usage_graph.comparison import PreviousWindow
from usage_graph.config import load
from usage_graph.declared import MAX_ATTRIBUTES, MAX_KEY, holds_content
from usage_graph.errors import UnknownAttribute
from usage_graph.graph.inputs import MAX_CONDITIONS, MAX_DEPTH
from usage_graph.processor.values import MAX_TEXT
from usage_graph.store.rollup import FAMILIES

QUERIES = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", snippets(QUERIES, "graphql"))
async def test_operations_run(document: str) -> None:
    assert (await Api(MONTH).data(document))["usage"]


def test_numbers_and_names() -> None:
    assert f"up to {MAX_DEPTH} inside each other\nand {MAX_CONDITIONS} conditions" in section(QUERIES, "Filters")
    attributes = section(QUERIES, "Attributes")
    assert f"up to {MAX_TEXT} characters" in attributes
    assert f"At most {MAX_ATTRIBUTES} attributes can be declared, each of up to {MAX_KEY} characters" in attributes
    assert f"`{UnknownAttribute.code}`" in attributes
    (declared,) = re.findall(r"`USAGE_GRAPH_ATTRIBUTES=([^`]+)`", attributes)
    assert load({"USAGE_GRAPH_ATTRIBUTES": declared}).attributes == ("team", "feature")
    (content,) = re.findall(r"models answered \(`([^`]+)`, `([^`]+)`", attributes)
    assert all(map(holds_content, content))
    for which in PreviousWindow:
        assert f"`{which.name}`" in section(QUERIES, "Comparison")


def test_rollups_are_those_that_there_are() -> None:
    (told,) = re.findall(r"Rollups know the pairs of (.*?); other pairs", QUERIES, re.DOTALL)
    families = [
        set(re.findall(r"\w+", part)) - {"and"} for part in re.split(r",? (?:and )?of\s", told.replace("\n", " "))
    ]
    own = {"user_id": "user"}
    assert families == [{own.get(name, name) for name in family.columns - {"item_name"}} for family in FAMILIES]


def test_links_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", QUERIES):
        page = (ROOT / "docs" / target).read_text(encoding="utf-8")
        assert anchor in {"", *anchors(page)}, (target, anchor)
    linked = re.findall(r"\]\(docs/queries\.md#?([^)]*)\)", readme)
    assert "attributes" in linked
    assert set(linked) <= {"", *anchors(QUERIES)}
