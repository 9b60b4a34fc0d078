"""docs/usage_pages.md is true: every statement of the two pages has its answer in the operation that it names."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from graphql import DocumentNode, OperationDefinitionNode, VariableNode, Visitor, parse, visit

from tests.documents import ROOT
from tests.graph.api import Api
from usage_graph.credits import CreditPeriod, CreditPlan
from usage_graph.graph.schema import example_operations
from usage_graph.usage import NANO, UsageRecord

PAGES = {"Credits, tokens and agents": "CreditsPage", "Cost, sources and calls": "UsagePage"}
STATEMENTS = {"CreditsPage": 32, "UsagePage": 37}
"""How many statements each of the pages makes."""
BROWSER_TESTS = {"CreditsPage": "test_credits_*.py", "UsagePage": "test_cost_*.py"}
_ROW = re.compile(r"^\| (\d+) \| .+ \| (?:client: )?`([^`]+)`(?:, else `([^`]+)`)? \| .*\*\*.+ \|$")


def rows() -> dict[str, list[tuple[int, list[str]]]]:
    """By operation: the number of each statement, and the paths or the variable that answer it."""
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for section in (ROOT / "docs" / "usage_pages.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        lines = section.splitlines()
        table = [line for line in lines if line.startswith("| ") and not line.startswith("| #")]
        matches = [_ROW.match(line) for line in table]
        assert None not in matches, [line for line, match in zip(table, matches, strict=True) if match is None]
        found[PAGES[lines[0]]] = [(int(match[1]), list(filter(None, match.groups()[1:]))) for match in matches if match]
    return found


def used_variables(document: DocumentNode) -> set[str]:
    """The variables that a document's arguments use, and not only declare."""
    used: set[str] = set()

    class Uses(Visitor):
        def enter_variable(self, node: VariableNode, _: object, parent: object, *__: object) -> None:
            if getattr(parent, "kind", None) != "variable_definition":
                used.add(node.name.value)

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            visit(definition.selection_set, Uses())
    return used


def values(answer: Any, path: list[str]) -> Iterator[Any]:
    """What an answer has at a path, of every item of the lists on the way."""
    if isinstance(answer, list):
        for item in answer:
            yield from values(item, path)
    elif not path:
        yield answer
    elif isinstance(answer, dict):
        yield from values(answer[path[0]], path[1:])


def test_every_statement_of_both_pages_is_in_the_tables() -> None:
    assert {name: [number for number, _ in found] for name, found in rows().items()} == {
        name: [*range(1, count + 1)] for name, count in STATEMENTS.items()
    }


@pytest.mark.parametrize("operation", STATEMENTS)
def test_every_statement_has_its_test_in_a_browser(operation: str) -> None:
    modules = (ROOT / "tests" / "browser").glob(BROWSER_TESTS[operation])
    tests = [number for path in modules for number in re.findall(r"^def test_(\d+)_", path.read_text("utf-8"), re.M)]
    assert sorted(map(int, tests)) == [*range(1, STATEMENTS[operation] + 1)]


@pytest.mark.parametrize("operation", STATEMENTS)
async def test_every_statement_is_answered_by_one_request(month: list[UsageRecord], operation: str) -> None:
    document = example_operations()[operation]
    variables = used_variables(parse(document))
    of_channel = [one._replace(channel="web") if one.conversation else one for one in month]
    api = Api(of_channel)
    api.reader.plans = [CreditPlan("default", None, CreditPeriod.MONTH, "UTC", NANO, Decimal("0.05"))]
    data = await api.data(document, {"window": {"last": "P15D"}})
    for number, answer in [(number, answer) for number, answers in rows()[operation] for answer in answers]:
        if answer.startswith("$"):
            assert answer[1:] in variables, (number, answer)
        else:
            known = [value for value in values(data, answer.split(".")) if value is not None]
            assert known, (number, answer)
            assert any(value not in (0, "0", False) for value in known) or answer.endswith("hasNextPage"), answer
