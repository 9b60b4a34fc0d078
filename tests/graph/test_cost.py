"""What operations cost, as it is estimated before they run, and who pays."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.types.field import StrawberryField

from tests.graph.api import NOW, Api
from tests.graph.conftest import MONTH
from usage_graph.config import QUERY_COST
from usage_graph.errors import TooManyPoints
from usage_graph.grant import Access, Grant
from usage_graph.graph import budget as budgets
from usage_graph.graph.budget import Budget, Budgets
from usage_graph.graph.cost import estimate
from usage_graph.graph.schema import example_operations, schema
from usage_graph.graph.weights import QUESTION, WEIGHTS, Weight
from usage_graph.rate import RateLimits
from usage_graph.window import MAX_POINTS, Bucket, Window, boundaries, most_points

WINDOW = 'window: { last: "P60D" }'


def cost(document: str, variables: dict[str, Any] | None = None) -> int:
    return estimate(schema._schema, parse(document), None, variables or {}, NOW)


def usage(selection: str, arguments: str = WINDOW) -> int:
    return cost(f"{{ usage({arguments}) {{ {selection} }} }}")


@pytest.mark.parametrize(
    ("selection", "points"),
    [
        ("range { to }", 0),
        ("__typename", 0),
        ("totals { calls }", QUESTION),
        ("a: totals { calls } b: totals { calls }", 2 * QUESTION),
        ("breakdown(by: MODEL) { groups { key } }", QUESTION + 10),
        ("breakdown(by: MODEL, first: 7) { groups { key totals { calls cost } } other { key } }", QUESTION + 7),
        ("topConsumers(first: 30) { key }", QUESTION + 30),
        ("records { nodes { id } }", QUESTION + 20),
        ("records(last: 3) { edges { node { id } } pageInfo { hasNextPage } }", QUESTION + 3),
        ("records(first: 9, last: 3) { totalCount }", 2 * QUESTION + 3),
        ("records(first: 0) { nodes { id } }", QUESTION),
        ("... on Usage { totals { calls } } ... { freshness { dataThrough } }", 2 * QUESTION),
        ("totals @skip(if: true) { calls } freshness @include(if: false) { dataThrough }", 0),
        ("totals @skip(if: false) { calls } freshness @include(if: true) { dataThrough }", 2 * QUESTION),
        ("... @include(if: false) { totals { calls } }", 0),
        ("totals { calls latency { p50Ms } }", 2 * QUESTION),
        (
            "breakdown(by: MODEL) { groups { totals { latency { p50Ms } } } other { totals { latency { maxMs } } } }",
            2 * QUESTION + 10,
        ),
    ],
)
def test_what_fields_cost(selection: str, points: int) -> None:
    assert usage(selection) == points


def test_points_of_a_series_count_once_for_the_whole_and_for_each_group() -> None:
    whole = usage("series(bucket: DAY) { bucket }") - QUESTION
    assert 61 <= whole <= 63
    assert usage("series(bucket: DAY, by: MODEL) { bucket }") == QUESTION + 9 * whole
    assert usage("series(bucket: DAY, by: MODEL, top: 3) { bucket }") == QUESTION + 4 * whole
    assert usage("series { bucket }") < QUESTION + 200
    assert usage("series(bucket: FIFTEEN_MINUTES) { bucket }") == QUESTION + MAX_POINTS
    # The window that counts is that of the field above, wherever the selection is written.
    document = """
        { month: usage(window: { last: "P30D" }) { ...Days } year: usage(window: { last: "P1Y" }) { ...Days } }
        fragment Days on Usage { series(bucket: DAY) { bucket } }
    """
    assert 2 * QUESTION + 30 + 365 <= cost(document) <= 2 * QUESTION + 33 + 368


def test_variables_and_their_defaults_count() -> None:
    document = """query ($first: Int = 50, $skip: Boolean = true, $window: WindowInput!, $zone: TimeZone) {
        usage(window: $window, timezone: $zone) {
            breakdown(by: USER, first: $first) { groups { key } }
            totals @skip(if: $skip) { calls }
            series(bucket: DAY) { bucket }
        }
    }""".replace(", $zone: TimeZone", "").replace(", timezone: $zone", "")
    window = {"between": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}}
    one_day = 2 * QUESTION + most_points(Window(NOW, NOW + timedelta(days=1)), Bucket.DAY)
    assert cost(document, {"window": window}) == one_day + 50
    assert cost(document, {"window": window, "first": 7, "skip": False}) == one_day + 7 + QUESTION
    # Execution begins with refusing these, and asks nothing.
    assert cost(document, {"window": window, "first": "many"}) == 0
    assert cost(document) == 0


def test_what_is_refused_when_its_turn_comes_costs_its_question() -> None:
    assert usage("breakdown(by: MODEL, first: -5) { groups { key } }") == QUESTION
    empty = 'window: { between: { from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z" } }'
    assert usage("series(by: MODEL) { bucket }", empty) == QUESTION
    assert (
        cost(
            'query ($n: Int) { usage(window: { last: "P1D" }) { breakdown(by: USER, first: $n) { groups { key } } } }',
            {"n": None},
        )
        == QUESTION
    )


def test_what_is_asked_of_each_entry_of_a_list_counts_as_often_as_the_list_is_long() -> None:
    records = "records(first: 50) { nodes { id } }"
    page = QUESTION + 7
    assert usage("conversations(first: 7) { nodes { id } }") == page
    each = 7 * (QUESTION + 50)
    assert usage(f"conversations(first: 7) {{ nodes {{ {records} }} }}") == page + each
    assert usage(f"conversations(first: 7) {{ edges {{ node {{ {records} }} }} }}") == page + each
    assert usage(f"conversations(first: 7) {{ totalCount nodes {{ {records} }} }}") == page + QUESTION + each
    assert usage(f"conversations(first: 7) {{ nodes {{ a: {records} b: {records} }} }}") == page + 2 * each
    counted = "conversations(first: 7) { nodes { records { totalCount } } }"
    assert usage(counted) == page + 7 * (2 * QUESTION + 20)
    nodes = f'{{ nodes(ids: ["x", "y", "z"]) {{ ... on Conversation {{ {records} }} }} }}'
    assert cost(nodes) == 2 * QUESTION + 3 + 3 * (QUESTION + 50)
    # Through fragments, however deep.
    document = f"""
        {{ usage({WINDOW}) {{ conversations(first: 7) {{ ...A }} }} }}
        fragment A on ConversationConnection {{ ... {{ nodes {{ ...B }} }} }}
        fragment B on Conversation {{ ...C }} fragment C on Conversation {{ {records} }}
    """
    assert cost(document) == page + each


async def test_lists_in_lists_are_refused_before_anything_is_asked(api: Api) -> None:
    nested = "{ nodes { records(first: 100) { nodes { id } } } }"
    few = f"{{ usage({WINDOW}) {{ conversations(first: 100) {nested} }} }}"
    assert "errors" not in await api.ask(few)
    opened = api.reader.opened
    aliases = " ".join(f"a{n}: conversations(first: 100) {nested}" for n in range(10))
    assert await api.code(f"{{ usage({WINDOW}) {{ {aliases} }} }}") == "COST_EXCEEDED"
    assert api.reader.opened == opened


async def test_a_subscription_is_estimated_too(api: Api) -> None:
    document = "subscription " + hostile(29, 100).replace("usage(", "usageUpdated(")
    async with asyncio.timeout(10):
        answer = await api.http("POST", json={"query": document}, headers={"accept": "text/event-stream"})
    assert '"COST_EXCEEDED"' in answer.text
    assert api.reader.opened == 0


def test_ids_count_each() -> None:
    assert cost('{ node(id: "x") { id } }') == QUESTION + 1
    assert cost('{ nodes(ids: ["x", "y", "z"]) { id } }') == 2 * QUESTION + 3


def test_of_several_operations_the_one_that_runs_is_estimated() -> None:
    document = parse("query A { ingestHealth { receivedSpans } } query B { __typename }")
    assert estimate(schema._schema, document, "B", {}, NOW) == 0


def asking() -> Iterator[str]:
    """Every field whose resolver takes what asks the database, by the names that clients use."""
    for name, kind in schema._schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or name.startswith("__"):
            continue
        for field_name, field in kind.fields.items():
            written = field.extensions.get("strawberry-definition")
            if not isinstance(written, StrawberryField) or written.base_resolver is None:
                continue
            resolver = written.base_resolver.wrapped_func
            assert callable(resolver)
            if "info" in signature(resolver).parameters:
                yield f"{name}.{field_name}"


def test_every_field_that_may_ask_the_database_has_a_weight_and_a_reason() -> None:
    assert set(asking()) == set(WEIGHTS)
    assert all(len(weight.why.split()) > 1 for weight in WEIGHTS.values())


def test_both_usage_pages_cost_a_tenth_of_what_may_be_asked() -> None:
    pages = [document for name, document in example_operations().items() if name.endswith("Page")]
    assert len(pages) == 2
    costs = [cost(document) for document in pages]
    assert all(costs)
    assert sum(costs) <= QUERY_COST / 10


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.floats(0.001, 1900),
    st.sampled_from([bucket for bucket in Bucket if bucket is not Bucket.AUTO]),
    st.sampled_from(["UTC", "Asia/Kathmandu", "Pacific/Chatham", "America/New_York", "Australia/Lord_Howe"]),
)
@settings(max_examples=200, deadline=None)
def test_no_series_has_more_points_than_are_estimated(start: datetime, days: float, bucket: Bucket, zone: str) -> None:
    window = Window(start, start + timedelta(days=days))
    try:
        points = len(boundaries(window, bucket, ZoneInfo(zone))) - 1
    except TooManyPoints:
        return
    assert points <= most_points(window, bucket) <= points + 4


FIELDS = st.sampled_from(
    [
        "totals { calls }",
        "freshness { dataThrough }",
        "range { to recordsFrom }",
        "series(bucket: {bucket}) { bucket }",
        "series(bucket: {bucket}, by: MODEL, top: {n}) { points { totals { calls } } }",
        "breakdown(by: SOURCE, first: {n}, previous: WEEK_AGO) { groups { key } }",
        "breakdown(by: AGENT, first: {n}) { groups { key } }",
        "dimensionValues(dimension: AGENT, first: {n}) { value }",
        "previous { totals { calls } }",
        "topConsumers(first: {n}) { key }",
        "conversations(first: {n}) { totalCount nodes { id records(first: 3) { totalCount nodes { id } } } }",
        "conversations(last: {n}) { edges { node { title } } pageInfo { hasNextPage } }",
        "credits { consumed }",
        "unpricedModels(first: {n}) { model }",
        "records(first: {n}) { totalCount edges { node { id } } }",
        "records(last: {n}) { nodes { id } pageInfo { hasNextPage } }",
    ]
)
PLACES = st.sampled_from(
    ["{0}", "... on Usage {{ {0} }}", "... @include(if: true) {{ {0} }}", "... @skip(if: {skip}) {{ {0} }}"]
)


@given(st.lists(st.tuples(FIELDS, PLACES, st.integers(1, 100), st.booleans()), min_size=1, max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_answers_with_more_than_was_estimated(
    chosen: list[tuple[str, str, int, bool]], data: st.DataObject
) -> None:
    """Neither in entries, which are counted as they are asked for, nor in questions."""
    bucket = data.draw(st.sampled_from(["AUTO", "HOUR", "DAY", "WEEK"]))
    selections = []
    for number, (field, place, n, skip) in enumerate(chosen):
        text = f"f{number}: {field}".replace("{n}", str(n)).replace("{bucket}", bucket)
        selections.append(place.replace("{skip}", str(skip).lower()).format(text))
    document = f"{{ usage({WINDOW}) {{ {' '.join(selections)} }} }}"
    counted: list[int] = []

    class Counted(Budget):
        def check(self, points: int) -> None:
            counted.append(points)

    async def asked() -> tuple[dict[str, Any], int]:
        api = Api(MONTH)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(budgets, "Budget", Counted)
            body = await api.ask(document)
        return body, len(api.reader.asked)

    body, questions = asyncio.run(asked())
    assert "errors" not in body, body
    requested = body["extensions"]["cost"]["requested"]
    # The first that is checked is the estimate itself, then what each field reserves on top of those before it.
    assert counted[0] == requested
    assert requested >= max(counted[1:], default=0) + QUESTION * questions


def hostile(aliases: int, first: int) -> str:
    fields = " ".join(
        f"a{n}: series(bucket: HOUR, by: USER, top: {first}) {{ groups {{ key points {{ totals {{ calls }} }} }} }}"
        for n in range(aliases)
    )
    return f"{{ usage({WINDOW}) {{ {fields} }} }}"


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_hostile_query_is_refused_before_anything_is_asked(api: Api, method: str, accept: str) -> None:
    asked: dict[str, Any] = (
        {"json": {"query": hostile(29, 100)}} if method == "POST" else {"params": {"query": hostile(29, 100)}}
    )
    answer = await api.http(method, headers={"accept": accept}, **asked)
    assert answer.status_code == (200 if accept == "application/json" else 400)
    body = answer.json()
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "COST_EXCEEDED"
    assert "is 40000 (USAGE_GRAPH_QUERY_COST)" in error["message"]
    requested = 29 * (QUESTION + most_points(Window(NOW - timedelta(days=60), NOW), Bucket.HOUR) * 101)
    assert body["extensions"] == {"cost": {"requested": requested, "limit": QUERY_COST}}
    assert error["extensions"]["cost"] == body["extensions"]["cost"]
    assert body.get("data") is None
    assert api.reader.opened == 0
    # A little less of each is answered.
    assert "errors" not in await api.ask(hostile(2, 10))


async def test_the_limit_is_a_setting() -> None:
    document = f"{{ usage({WINDOW}) {{ totals {{ calls }} breakdown(by: MODEL) {{ groups {{ key }} }} }} }}"
    enough, short = Api(budgets=Budgets(limit=210)), Api(budgets=Budgets(limit=209))
    assert (await enough.ask(document))["extensions"] == {"cost": {"requested": 210, "limit": 210}}
    assert await short.code(document) == "COST_EXCEEDED"
    assert short.reader.opened == 0


async def test_every_answer_says_its_cost(api: Api) -> None:
    body = await api.ask(f"{{ usage({WINDOW}) {{ totals {{ calls }} }} }}")
    assert body["extensions"] == {"cost": {"requested": QUESTION, "limit": QUERY_COST}}
    assert (await api.ask("{ __typename }"))["extensions"]["cost"]["requested"] == 0
    failed = await api.ask(f"{{ usage({WINDOW}) {{ breakdown(by: MODEL, first: 0) {{ groups {{ key }} }} }} }}")
    assert failed["errors"]
    assert failed["extensions"]["cost"]["requested"] == QUESTION
    wrong = await api.ask("query ($b: Boolean!) { __typename @skip(if: $b) }", {"b": "many"})
    assert wrong["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert wrong["extensions"]["cost"]["requested"] == 0
    # What is no operation costs nothing that could be said.
    assert "extensions" not in await api.ask("{ nowhere }")


async def test_what_counts_too_little_is_stopped_when_it_asks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTS, "Usage.series", Weight("forgotten"))
    body = await api.ask(hostile(1, 100))
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("COST_EXCEEDED", ["usage", "a0"])
    assert api.reader.opened == 0


async def test_a_caller_who_asks_for_too_much_in_a_minute_has_to_wait() -> None:
    now = [0.0]
    limits = RateLimits(250, clock=lambda: now[0])
    api = Api(budgets=Budgets(rates=limits))
    document = {"query": f"{{ usage({WINDOW}) {{ totals {{ calls }} }} }}"}
    for remaining in (150, 50):
        answer = await api.http("POST", json=document)
        assert answer.status_code == 200
        assert "retry-after" not in answer.headers
        assert answer.json()["extensions"]["cost"] == {
            "requested": 100,
            "limit": QUERY_COST,
            "perMinute": 250,
            "remaining": remaining,
        }
    opened = api.reader.opened
    for accept in ("application/json", "application/graphql-response+json"):
        answer = await api.http("POST", json=document, headers={"accept": accept})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "12")
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert "ask again in 12 seconds" in error["message"]
        cost = {"requested": 100, "limit": QUERY_COST, "perMinute": 250, "remaining": 50, "retryAfter": 12}
        assert answer.json()["extensions"]["cost"] == error["extensions"]["cost"] == cost
    assert api.reader.opened == opened
    # Whatever is not run costs nothing, and what is free is answered.
    assert await api.code("{ nowhere }") == "GRAPHQL_VALIDATION_FAILED"
    assert await api.data("{ __typename }") == {"__typename": "Query"}
    # Another caller is another caller, and so is a key.
    api.app.grant = Grant(Access.READ, key="another")
    assert (await api.http("POST", json=document)).status_code == 200
    api.app.grant = Grant(Access.READ)
    now[0] += 12
    assert (await api.http("POST", json=document)).status_code == 200


async def test_what_no_operation_may_cost_takes_nothing_from_the_caller() -> None:
    limits = RateLimits(100, clock=lambda: 0.0)
    api = Api(budgets=Budgets(rates=limits))
    assert await api.code(hostile(29, 100)) == "COST_EXCEEDED"
    assert "errors" not in await api.ask(f"{{ usage({WINDOW}) {{ totals {{ calls }} }} }}")
