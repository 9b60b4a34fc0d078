"""``and``, ``or``, ``not`` and attributes in filters; how deep and how large a filter may be."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph.api import NOW, Api
from tests.graph.test_filters import COUNT, count
from tests.records import record
from usage_graph.graph.cursors import fingerprint
from usage_graph.graph.inputs import MAX_CONDITIONS, MAX_DEPTH, UsageFilter

RECORDS = [
    record(
        started_at=NOW - timedelta(hours=number),
        span_id=number.to_bytes(8, "big"),
        agent=("a", "b", None)[number % 3],
        failed=number % 2 == 0,
        attributes=(("team", "blue"),) if number % 4 == 0 else (),
    )
    for number in range(1, 13)
]
Wanted = dict[str, Any]

A: Wanted = {"agent": {"eq": "a"}}
B: Wanted = {"agent": {"eq": "b"}}
FAILED: Wanted = {"status": ["ERROR"]}
BLUE: Wanted = {"attributes": [{"key": "team", "value": {"eq": "blue"}}]}


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [
        ({"or": [A, B]}, 8),
        ({"and": [A, FAILED]}, 2),
        ({"not": A}, 8),
        ({"not": {"or": [A, B]}}, 4),
        ({"not": {"not": A}}, 4),
        ({**FAILED, "or": [A, B]}, 4),
        ({"or": [{"and": [A, FAILED]}, {"not": {"or": [A, FAILED]}}]}, 6),
        # Nothing, and everything.
        ({"or": []}, 0),
        ({"and": []}, 12),
        ({"not": {}}, 0),
        ({"or": [{}]}, 12),
        ({"or": [{}, A]}, 12),
        ({"not": {"or": []}}, 12),
        ({"and": None, "or": None, "not": None, "attributes": None}, 12),
        (BLUE, 3),
        ({"not": BLUE}, 9),
        ({"attributes": [{"key": "team", "value": {"isNull": True}}]}, 9),
        ({"attributes": [{"key": "team", "value": {}}, {"key": "feature", "value": {"isNull": True}}]}, 12),
        ({"attributes": []}, 12),
        ({"attributes": [BLUE["attributes"][0], {"key": "team", "value": {"eq": "red"}}]}, 0),
        ({"or": [{"search": "A"}, BLUE]}, 6),
        ({"not": {"search": "a"}}, 8),
    ],
)
async def test_what_matches(wanted: Wanted, calls: int) -> None:
    assert await count(Api(RECORDS), wanted) == calls


def nested(depth: int) -> Wanted:
    return A if depth == 1 else {"not": nested(depth - 1)}


async def test_as_deep_and_as_large_as_filters_may_be() -> None:
    api = Api(RECORDS)
    assert await count(api, nested(MAX_DEPTH)) == 4
    assert await count(api, {"or": [A] * (MAX_CONDITIONS - 1)}) == 4
    assert await count(api, {"attributes": BLUE["attributes"] * 500}) == 3


@pytest.mark.parametrize(
    ("wanted", "code", "message"),
    [
        (nested(MAX_DEPTH + 1), "LIMIT_EXCEEDED", "Filters may be nested 5 deep, the outermost included"),
        (nested(60), "LIMIT_EXCEEDED", "Filters may be nested 5 deep"),
        ({"or": [A] * MAX_CONDITIONS}, "LIMIT_EXCEEDED", "A filter may be made of at most 100 filters in all."),
        ({"and": [{}] * 5000}, "LIMIT_EXCEEDED", "A filter may be made of at most 100 filters in all."),
        (
            {"or": [{**A, "source": {"eq": "chat"}, "model": {"contains": "g"}}] * 34},
            "LIMIT_EXCEEDED",
            "A filter may have at most 100 conditions, those inside `and`, `or` and `not` included.",
        ),
        (
            {"attributes": [{"key": "team", "value": {"eq": str(number)}} for number in range(101)]},
            "LIMIT_EXCEEDED",
            "A filter may have at most 100 conditions",
        ),
        (
            {"or": [A, {"not": {"attributes": [{"key": "tenant", "value": {"eq": "x"}}]}}]},
            "UNKNOWN_ATTRIBUTE",
            "The server does not keep the attribute 'tenant'. It keeps 'team', 'feature'",
        ),
        (
            {"not": {"attributes": [{"key": "team", "value": {"eq": "x\0"}}]}},
            "BAD_USER_INPUT",
            "`attributes.value.eq` holds a NUL character",
        ),
    ],
)
async def test_what_is_refused(wanted: Wanted, code: str, message: str) -> None:
    api = Api(RECORDS)
    ((found, text),) = await api.refused(COUNT, {"filter": wanted})
    assert found == code
    assert text.startswith(message)
    assert api.reader.opened == 0


async def test_hundreds_of_filters_inside_each_other_are_refused_as_well() -> None:
    api = Api(RECORDS)
    for depth in (100, 200, 400, 900):
        codes = {code for code, _ in await api.refused(COUNT, {"filter": nested(depth)})}
        assert codes <= {"LIMIT_EXCEEDED", "BAD_USER_INPUT"}, depth
        literal = "{ not: " * depth + "{}" + " }" * depth
        document = f'{{ usage(window: {{ last: "P60D" }}, filter: {literal}) {{ totals {{ calls }} }} }}'
        codes = {code for code, _ in await api.refused(document)}
        assert codes <= {"LIMIT_EXCEEDED", "GRAPHQL_PARSE_FAILED"}, depth


async def test_the_order_in_which_filters_are_written_means_nothing() -> None:
    api = Api(RECORDS)
    asked = """query ($filter: UsageFilter, $after: String) { usage(window: { last: "P60D" }, filter: $filter) {
      records(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } } }"""
    one: Wanted = {
        "or": [A, B],
        "and": [FAILED, {"not": A}],
        "attributes": [{"key": "team", "value": {"isNull": True}}],
    }
    same = {"and": [{"not": A}, FAILED, FAILED], "or": [B, A, A], "attributes": one["attributes"] * 2}
    cursor = (await api.data(asked, {"filter": one}))["usage"]["records"]["pageInfo"]["endCursor"]
    assert (await api.data(asked, {"filter": same, "after": cursor}))["usage"]["records"]["nodes"] == []
    other = {**same, "not": {"search": "x"}}
    assert await api.code(asked, {"filter": other, "after": cursor}) == "BAD_CURSOR"


_conditions = st.sampled_from([A, B, FAILED, BLUE, {"search": "a"}])
_filters: st.SearchStrategy[Wanted] = st.recursive(
    _conditions,
    lambda inner: st.fixed_dictionaries(
        {}, optional={"and": st.lists(inner, max_size=2), "or": st.lists(inner, max_size=2), "not": inner}
    ),
    max_leaves=5,
)


@given(_filters)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_a_filter_and_its_negation_have_every_call(wanted: Wanted) -> None:
    api = Api(RECORDS)
    assert await count(api, wanted) + await count(api, {"not": wanted}) == len(RECORDS)


def test_equal_filters_have_one_fingerprint_in_every_process() -> None:
    one = UsageFilter(status=None, or_=[UsageFilter(search="a"), UsageFilter(search="b")])
    same = UsageFilter(or_=[UsageFilter(search="b"), UsageFilter(search="a")])
    assert fingerprint(one.conditions()) == fingerprint(same.conditions())
