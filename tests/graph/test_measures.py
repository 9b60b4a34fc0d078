"""What nobody selects is not summed: a few fields say the same as among all."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, parse

from tests.graph.api import Api
from tests.store.database import write
from usage_graph.graph.measures import EVERY, MEASURES, measures_of
from usage_graph.graph.schema import schema
from usage_graph.store.reader import open_reader
from usage_graph.usage import UsageRecord

INNER = {
    "costs": "{ input cacheRead cacheWrite output other }",
    "latency": "{ avgMs p50Ms maxMs tokensPerSecond firstToken { calls avgMs p50Ms } }",
}
FIELDS = [f"{name} {INNER.get(name, '')}" for name in MEASURES]


def of(name: str) -> set[str]:
    found = schema._schema.get_type(name)
    assert isinstance(found, GraphQLObjectType)
    return set(found.fields)


def test_every_sum_says_what_it_is_told_from() -> None:
    assert of("UsageTotals") == MEASURES.keys()
    assert of("UsageDelta") == of("UsageRatio") <= MEASURES.keys()
    assert {measure for needed in MEASURES.values() for measure in needed} == EVERY


@pytest.mark.parametrize(
    ("document", "measures"),
    [
        ("{ usage { totals { calls } } }", {"calls"}),
        ("{ usage { a: totals { b: totalTokens } } }", {"input_tokens", "output_tokens"}),
        ("{ usage { totals { ...F } } } fragment F on UsageTotals { ... { credits } }", {"credits_nano"}),
        ("query A { usage { totals { calls } } } query B { usage { totals { failedCalls @skip(if: true) } } }",
         {"calls", "failed_calls"}),
        ("{ usage { previous { delta { cost } } } }", {"calls", "unpriced_calls", "cost_nano"}),
        ("{ __typename }", set()),
    ],
)  # fmt: skip
def test_a_document_needs_what_it_names(document: str, measures: set[str]) -> None:
    assert measures_of(parse(document)) == measures


def selection(fields: str) -> str:
    totals = f"totals {{ {fields} }}"
    return f"""
      {totals}
      series(bucket: DAY, by: SOURCE, metric: CREDITS, top: 2) {{
        points {{ {totals} }} groups {{ key share {totals} points {{ {totals} }} }} other {{ {totals} }}
      }}
      breakdown(by: MODEL, metric: DURATION, first: 2, previous: WEEK_AGO) {{
        groups {{ key share {totals} previous {{ {totals} }} }} other {{ share {totals} }}
      }}
      topConsumers(by: ITEM, metric: TOKENS, first: 3) {{ key share {totals} }}
      conversations(first: 3, orderBy: {{ field: COST }}) {{ nodes {{ conversation {totals} }} }}
    """


def flat(value: Any, *path: object) -> Iterator[tuple[tuple[object, ...], Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(inner, *path, key)
    else:
        yield path, value


async def test_a_few_fields_say_the_same_as_among_all(database: str, month: list[UsageRecord]) -> None:
    await write(database, month)
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        api = Api(store=reader)
        everything = dict(flat(await api.usage(selection(" ".join(FIELDS)))))
        for fields in (FIELDS[number::6] for number in range(6)):
            few = dict(flat(await api.usage(selection(" ".join(fields)))))
            assert few
            assert few.items() <= everything.items(), fields
