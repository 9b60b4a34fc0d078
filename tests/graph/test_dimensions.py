"""Any dimension: pairs of them, attributes that the server keeps, and the values that a dimension has."""

from datetime import timedelta
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.records import record
from usage_graph.usage import UsageRecord


def call(number: int, **fields: Any) -> UsageRecord:
    attributes = {name: fields.pop(name) for name in ("feature", "team") if name in fields}
    return record(
        started_at=NOW - timedelta(hours=number),
        span_id=number.to_bytes(8, "big"),
        attributes=tuple(sorted(attributes.items())),
        **fields,
    )


@pytest.fixture
def teams() -> Api:
    return Api(
        [
            call(1, team="blue", feature="search", agent="a"),
            call(2, team="blue", feature="search", agent="b"),
            call(3, team="blue", agent="a"),
            call(4, team="Red", agent="a"),
            call(5),
        ]
    )


def usage(selection: str) -> str:
    return f'{{ usage(window: {{ last: "P60D" }}) {{ {selection} }} }}'


async def test_pairs(teams: Api) -> None:
    found = await teams.usage(
        'breakdown(by: AGENT, then: ATTRIBUTE, thenAttribute: "team", metric: CALLS, first: 2) '
        "{ groups { key label thenKey thenLabel share totals { calls } } other { key thenKey totals { calls } } }"
    )
    assert found["breakdown"] == {
        "groups": [
            {"key": "a", "label": "a", "thenKey": "blue", "thenLabel": "blue", "share": 0.4, "totals": {"calls": 2}},
            {"key": "a", "label": "a", "thenKey": "Red", "thenLabel": "Red", "share": 0.2, "totals": {"calls": 1}},
        ],
        "other": {"key": None, "thenKey": None, "totals": {"calls": 2}},
    }


async def test_one_dimension_has_no_second_key(teams: Api) -> None:
    found = await teams.usage("breakdown(by: AGENT) { groups { key thenKey thenLabel previous { range { to } } } }")
    assert {tuple(group.values())[1:] for group in found["breakdown"]["groups"]} == {(None, None, None)}


async def test_records_show_their_attributes(teams: Api) -> None:
    found = await teams.usage("records(first: 4, orderBy: { direction: DESC }) { nodes { attributes { key value } } }")
    assert [node["attributes"] for node in found["records"]["nodes"]] == [
        [{"key": "feature", "value": "search"}, {"key": "team", "value": "blue"}],
        [{"key": "feature", "value": "search"}, {"key": "team", "value": "blue"}],
        [{"key": "team", "value": "blue"}],
        [{"key": "team", "value": "Red"}],
    ]


async def test_two_attributes_and_series_of_one(teams: Api) -> None:
    found = await teams.usage(
        """breakdown(by: ATTRIBUTE, attribute: "team", then: ATTRIBUTE, thenAttribute: "feature", metric: CALLS) {
          groups { key thenKey totals { calls } } other { key } }
        series(by: ATTRIBUTE, attribute: "feature", metric: CALLS, top: 1, bucket: MONTH) {
          groups { key totals { calls } } other { key totals { calls } } }"""
    )
    assert [(group["key"], group["thenKey"], group["totals"]["calls"]) for group in found["breakdown"]["groups"]] == [
        ("blue", "search", 2),
        ("Red", None, 1),
        ("blue", None, 1),
        (None, None, 1),
    ]
    assert found["breakdown"]["other"] is None
    # Three calls have no feature: that is a group as any other.
    assert found["series"] == {
        "groups": [{"key": None, "totals": {"calls": 3}}],
        "other": {"key": None, "totals": {"calls": 2}},
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("dimension: AGENT", [("a", 3), ("b", 1)]),
        ('dimension: AGENT, prefix: "B"', [("b", 1)]),
        ('dimension: AGENT, prefix: ""', [("a", 3), ("b", 1)]),
        ("dimension: AGENT, prefix: null, first: 1", [("a", 3)]),
        ('dimension: ATTRIBUTE, attribute: "team"', [("blue", 3), ("Red", 1)]),
        ('dimension: ATTRIBUTE, attribute: "team", prefix: "re"', [("Red", 1)]),
        ("dimension: STATUS", [("OK", 5)]),
        ("dimension: CONVERSATION", []),
        ('dimension: MODEL, prefix: "gpt-4O-"', [("gpt-4o-mini", 5)]),
        ('dimension: MODEL, prefix: "gpt%"', []),
    ],
)
async def test_values(teams: Api, arguments: str, expected: list[tuple[str, int]]) -> None:
    found = await teams.usage(f"dimensionValues({arguments}) {{ value calls }}")
    assert [(one["value"], one["calls"]) for one in found["dimensionValues"]] == expected


async def test_values_are_those_in_the_window_under_the_filter(teams: Api) -> None:
    narrow = 'window: { last: "PT4H" }, filter: { agent: { eq: "a" } }'
    found = await teams.usage('dimensionValues(dimension: ATTRIBUTE, attribute: "team") { value calls }', narrow)
    assert found["dimensionValues"] == [{"value": "Red", "calls": 1}, {"value": "blue", "calls": 2}][::-1]
    assert await teams.usage("dimensionValues(dimension: AGENT) { value }", 'window: { last: "PT1M" }') == {
        "dimensionValues": []
    }


@pytest.mark.parametrize(
    ("selection", "code", "message"),
    [
        ("breakdown(by: ATTRIBUTE) { groups { key } }", "BAD_USER_INPUT", "The dimension ATTRIBUTE needs `attribute`"),
        (
            'breakdown(by: AGENT, attribute: "team") { groups { key } }',
            "BAD_USER_INPUT",
            "`attribute` goes with the dimension ATTRIBUTE, not with AGENT.",
        ),
        (
            "breakdown(by: AGENT, then: ATTRIBUTE) { groups { key } }",
            "BAD_USER_INPUT",
            "The dimension ATTRIBUTE needs `thenAttribute`",
        ),
        (
            'breakdown(by: AGENT, thenAttribute: "team") { groups { key } }',
            "BAD_USER_INPUT",
            "`thenAttribute` goes with the dimension ATTRIBUTE: ask `then: ATTRIBUTE`.",
        ),
        (
            "breakdown(by: AGENT, then: AGENT) { groups { key } }",
            "BAD_USER_INPUT",
            "`by` and `then` are the same: leave `then` out, or choose another dimension.",
        ),
        (
            'breakdown(by: ATTRIBUTE, attribute: "team", then: ATTRIBUTE, thenAttribute: "team") { groups { key } }',
            "BAD_USER_INPUT",
            "`by` and `then` are the same",
        ),
        (
            'breakdown(by: ATTRIBUTE, attribute: "tenant") { groups { key } }',
            "UNKNOWN_ATTRIBUTE",
            "The server does not keep the attribute 'tenant'. It keeps 'team', 'feature': USAGE_GRAPH_ATTRIBUTES",
        ),
        (
            'series(by: ATTRIBUTE, attribute: "Team") { groups { key } }',
            "UNKNOWN_ATTRIBUTE",
            "The server does not keep the attribute 'Team'.",
        ),
        (
            'series(attribute: "team") { groups { key } }',
            "BAD_USER_INPUT",
            "`attribute` goes with the dimension ATTRIBUTE: ask `by: ATTRIBUTE`.",
        ),
        (
            'dimensionValues(dimension: ATTRIBUTE, attribute: "x") { value }',
            "UNKNOWN_ATTRIBUTE",
            "The server does not keep the attribute 'x'.",
        ),
        ("dimensionValues(dimension: AGENT, first: 0) { value }", "BAD_USER_INPUT", "`first` must be at least 1"),
        ("dimensionValues(dimension: AGENT, first: 101) { value }", "LIMIT_EXCEEDED", "`first` may be at most 100"),
        (
            f'dimensionValues(dimension: AGENT, prefix: "{"x" * 201}") {{ value }}',
            "LIMIT_EXCEEDED",
            "`prefix` may have at most 200 characters, not 201.",
        ),
        ('dimensionValues(dimension: AGENT, prefix: "\\u0000") { value }', "BAD_USER_INPUT", "`prefix` holds a NUL"),
    ],
)
async def test_what_cannot_be_asked(teams: Api, selection: str, code: str, message: str) -> None:
    ((found, text),) = await teams.refused(usage(selection))
    assert found == code
    assert text.startswith(message)
    assert teams.reader.opened == 0


async def test_a_server_that_keeps_no_attribute_says_so() -> None:
    api = Api([call(1, team="blue")], declared=())
    asked = 'dimensionValues(dimension: ATTRIBUTE, attribute: "team") { value }'
    assert await api.refused(usage(asked)) == [
        (
            "UNKNOWN_ATTRIBUTE",
            "The server does not keep the attribute 'team'. It keeps none: USAGE_GRAPH_ATTRIBUTES declares which, of "
            "calls that come in from then on.",
        )
    ]
