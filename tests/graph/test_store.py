"""The API over the real store gives the answers it gives over the model, to the letter."""

import asyncpg

from tests.graph.api import Api
from tests.rollups import refresh_all
from tests.store.database import write
from usage_graph.comparison import PreviousWindow
from usage_graph.graph.schema import example_operations
from usage_graph.question import ConsumerKind, Dimension, RecordField
from usage_graph.store.reader import open_reader
from usage_graph.usage import Metric, UsageRecord

TOTALS = (
    "totals { calls failedCalls inputTokens outputTokens cost unpricedCalls unmeasuredCalls credits avgDurationMs "
    "suspectCalls cacheWrite1hTokens pricedShare costs { input cacheRead cacheWrite output other } }"
)

COMPARISON = (
    f"{{ range {{ from to }} {TOTALS} totals {{ latency {{ p50Ms maxMs }} }} "
    "delta { calls cost avgDurationMs } ratio { calls cost } }"
)


def split(dimension: Dimension, metric: Metric) -> str:
    key = 'attribute: "team"' if dimension is Dimension.ATTRIBUTE else ""
    arguments = f"by: {dimension.name}, metric: {metric.name} {key}"
    return f"""
      pairs: breakdown({arguments}, first: 4, then: ATTRIBUTE, thenAttribute: "feature", previous: WEEK_AGO) {{
        groups {{ key thenKey share {TOTALS} previous {COMPARISON} }} other {{ {TOTALS} previous {COMPARISON} }}
      }}
      dimensionValues(dimension: {dimension.name}, {key} prefix: "A", first: 2) {{ value calls }}
      breakdown({arguments}, first: 3) {{ groups {{ key share {TOTALS} }} other {{ {TOTALS} }} }}
      series({arguments}, top: 3, bucket: DAY) {{
        points {{ start end partial {TOTALS} }} groups {{ key share points {{ {TOTALS} }} }} other {{ {TOTALS} }}
      }}
    """


def pages(field: RecordField) -> str:
    order = f"orderBy: {{ field: {field.name} }}"
    return f"""
      forwards: records(first: 30, {order}) {{ nodes {{ id spanId }} pageInfo {{ endCursor }} }}
      backwards: records(last: 30, {order}) {{ nodes {{ id spanId }} pageInfo {{ startCursor }} }}
    """


SELECTIONS = [
    *(f"previous(window: {which.name}) {COMPARISON}" for which in PreviousWindow),
    *map(split, Dimension, [*Metric, *Metric]),
    *map(pages, RecordField),
    *(f"topConsumers(by: {kind.name}) {{ key dimension label source share {TOTALS} }}" for kind in ConsumerKind),
    "unpricedModels(first: 2) { model provider calls allCalls inputTokens outputTokens share }",
]
FILTERS = [
    "{}",
    '{ search: "GPT", status: [OK] }',
    '{ user: { notIn: ["user-1", "user-2"] }, channel: { isNull: true } }',
    '{ name: { contains: "sation" }, environment: { startsWith: "sta" }, source: { in: ["agent", "chat"] } }',
    "{ status: [] }",
    "{ agent: { in: [] } }",
    '{ or: [{ agent: { isNull: true } }, { not: { attributes: [{ key: "team", value: { eq: "team-1" } }] } }] }',
]


async def test_the_store_answers_as_the_model_does(database: str, api: Api, month: list[UsageRecord]) -> None:
    """Whether rollups know of some or of all records."""
    scopes = [f'window: {{ last: "P20D" }}, timezone: "America/New_York", filter: {filter_}' for filter_ in FILTERS]
    documents = [f"{{ usage({scope}) {{ {TOTALS} {selection} }} }}" for scope in scopes for selection in SELECTIONS]
    examples = example_operations()
    freshness = examples.pop("Freshness")
    async with open_reader(database, connections=2, statement_timeout=30) as reader:
        real = Api(store=reader)

        async def assert_alike(*asked: str) -> None:
            for document in asked:
                assert await real.data(document) == await api.data(document), document

        await write(database, [one for number, one in enumerate(month) if number % 8])
        await refresh_all(database)
        await write(database, month)
        await assert_alike(*examples.values(), *documents)
        await refresh_all(database)
        await assert_alike(*examples.values(), freshness)


async def test_a_window_beyond_every_record_is_empty(database: str) -> None:
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        real = Api(store=reader)
        for window in (
            "{ period: TODAY }",
            '{ between: { from: "0002-01-01T00:00:00Z", to: "9998-01-01T00:00:00Z" } }',
        ):
            found = await real.usage(
                "totals { calls cost } records { totalCount nodes { id } pageInfo { hasNextPage endCursor } } "
                "breakdown(by: USER) { groups { key } other { key } } topConsumers { key } freshness { dataThrough }",
                f"window: {window}",
            )
            assert found["totals"] == {"calls": 0, "cost": "0"}
            assert found["records"] == {
                "totalCount": 0,
                "nodes": [],
                "pageInfo": {"hasNextPage": False, "endCursor": None},
            }
            assert found["breakdown"] == {"groups": [], "other": None}
            assert found["freshness"] == {"dataThrough": None}
        real.now = real.now.replace(hour=0, minute=0)
        empty = await real.usage("series { points { start } } totals { calls }", "window: { period: TODAY }")
        assert empty == {"series": {"points": []}, "totals": {"calls": 0}}


async def test_a_cancelled_question_gives_its_connection_back(several_backends: str, month: list[UsageRecord]) -> None:
    await write(several_backends, month)
    newest = "records(first: 1) { nodes { id } }"
    async with open_reader(several_backends, connections=1, statement_timeout=30) as reader:
        impatient = Api(store=reader, timeout=0.3)
        locker = await asyncpg.connect(several_backends)
        try:
            async with locker.transaction():
                await locker.execute("LOCK TABLE usage_record IN ACCESS EXCLUSIVE MODE")
                assert await impatient.code(f'{{ usage(window: {{ last: "P60D" }}) {{ {newest} }} }}') == "TIMEOUT"
        finally:
            await locker.close()
        assert len((await Api(store=reader).usage(newest))["records"]["nodes"]) == 1
