"""The fields of ``usage``: values, units, buckets and shares."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.model import sum_of
from tests.records import record
from usage_graph.question import Dimension
from usage_graph.usage import Metric, UsageRecord, from_nano

TOTALS = (
    "calls failedCalls inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens reasoningTokens cost "
    "unpricedCalls unmeasuredCalls avgCost credits avgDurationMs suspectCalls cacheWrite1hTokens pricedShare"
)
PARTS = "costs { input cacheRead cacheWrite output other }"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def between(start: str, end: str, zone: str = "UTC") -> str:
    return f'window: {{ between: {{ from: "{start}", to: "{end}" }} }}, timezone: "{zone}"'


async def test_totals(api: Api, month: list[UsageRecord]) -> None:
    found = (await api.usage(f"totals {{ {TOTALS} }}"))["totals"]
    expected = sum_of(month)
    assert expected.cost is not None
    assert expected.avg_cost is not None
    assert {name: Decimal(found.pop(name)) for name in ("cost", "avgCost", "credits")} == {
        "cost": expected.cost,
        "avgCost": expected.avg_cost,
        "credits": expected.credits,
    }
    assert found == {
        "calls": 100,
        "failedCalls": 10,
        "inputTokens": expected.input_tokens,
        "outputTokens": expected.output_tokens,
        "totalTokens": expected.input_tokens + expected.output_tokens,
        "cacheReadTokens": expected.cache_read_tokens,
        "cacheWriteTokens": expected.cache_write_tokens,
        "reasoningTokens": expected.reasoning_tokens,
        "unpricedCalls": 16,
        "unmeasuredCalls": 5,
        "avgDurationMs": pytest.approx(1234.6175),
        "suspectCalls": 4,
        "cacheWrite1hTokens": expected.cache_write_1h_tokens,
        "pricedShare": 0.84,
    }


async def test_costs_add_up_to_the_cost(api: Api, month: list[UsageRecord]) -> None:
    found = await api.usage(
        f"totals {{ cost {PARTS} }} series(bucket: DAY) {{ points {{ totals {{ cost {PARTS} }} }} }}"
    )
    sums = sum_of(month)
    totals = found["totals"]
    assert {name: Decimal(part) for name, part in totals["costs"].items() if name != "other"} == {
        "input": from_nano(sums.input_cost_nano),
        "cacheRead": from_nano(sums.cache_read_cost_nano),
        "cacheWrite": from_nano(sums.cache_write_cost_nano),
        "output": from_nano(sums.output_cost_nano),
    }
    assert Decimal(totals["costs"]["other"]) > 0
    for one in (totals, *(point["totals"] for point in found["series"]["points"])):
        parts = one["costs"].values()
        if one["cost"] is None:
            assert set(parts) == {None}
        else:
            assert sum(map(Decimal, parts)) == Decimal(one["cost"])


async def test_zero_is_measured_and_null_is_unknown() -> None:
    empty = await Api().usage(f"totals {{ {TOTALS} {PARTS} }}")
    assert empty["totals"] == dict.fromkeys(TOTALS.split(), 0) | {
        "costs": dict.fromkeys(["input", "cacheRead", "cacheWrite", "output", "other"], "0"),
        "pricedShare": None,
        "cost": "0",
        "credits": "0",
        "avgCost": None,
        "avgDurationMs": None,
    }
    unpriced = Api([record(started_at=NOW - timedelta(hours=1), cost_nano=None)])
    found = (await unpriced.usage("totals { cost avgCost unpricedCalls pricedShare costs { input other } }"))["totals"]
    assert found == {
        "cost": None,
        "avgCost": None,
        "unpricedCalls": 1,
        "pricedShare": 0,
        "costs": {"input": None, "other": None},
    }


async def test_tokens_beyond_the_safe_integers_are_strings() -> None:
    calls = [
        record(started_at=NOW - timedelta(minutes=n), span_id=n.to_bytes(8, "big"), input_tokens=10**12)
        for n in range(1, 9011)
    ]
    found = (await Api(calls).usage("totals { inputTokens outputTokens }"))["totals"]
    assert found == {"inputTokens": "9010000000000000", "outputTokens": 9010 * 20}


async def test_the_range_is_resolved(api: Api) -> None:
    selection = "range { from to timezone }"
    rolling = await api.usage(selection, 'window: { last: "P1D" }, timezone: "Europe/Berlin"')
    assert rolling["range"] == {
        "from": "2026-04-14T12:30:00Z",
        "to": "2026-04-15T12:30:00Z",
        "timezone": "Europe/Berlin",
    }
    calendar = await api.usage(selection, 'window: { period: LAST_MONTH }, timezone: "Europe/Berlin"')
    assert calendar["range"]["from"] == "2026-02-28T23:00:00Z"
    assert calendar["range"]["to"] == "2026-03-31T22:00:00Z"
    exact = await api.usage(selection, between("2026-01-01T00:00:00.000001+01:00", "2026-01-02T00:00:00Z"))
    assert exact["range"]["from"] == "2025-12-31T23:00:00.000001Z"


async def test_windows_are_half_open() -> None:
    edges = ["2026-03-01T00:00:00Z", "2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z"]
    api = Api(record(started_at=at(edge), span_id=edge.encode()[-8:]) for edge in edges)
    found = await api.usage("totals { calls }", between("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"))
    assert found["totals"]["calls"] == 2


async def test_freshness() -> None:
    selection = "freshness { dataThrough materializedThrough }"
    assert (await Api().usage(selection))["freshness"] == {"dataThrough": None, "materializedThrough": None}
    api = Api([record(started_at=at("2020-01-01T00:00:00.000001Z"))])
    assert (await api.usage(selection))["freshness"]["dataThrough"] == "2020-01-01T00:00:00.000001Z"


async def test_breakdown(api: Api, month: list[UsageRecord]) -> None:
    selection = "breakdown(by: USER, metric: TOKENS, first: 3) { groups { ...G } other { ...G } }"
    fragment = "fragment G on UsageGroup { key label share totals { calls totalTokens } }"
    data = await api.data(f'{{ usage(window: {{ last: "P60D" }}) {{ {selection} }} }} {fragment}')
    found = data["usage"]["breakdown"]
    tokens: dict[str | None, int] = {}
    for call in month:
        tokens[call.user_id] = tokens.get(call.user_id, 0) + (call.total_tokens or 0)
    whole = sum(tokens.values())
    largest = sorted(tokens, key=lambda key: -tokens[key])[:3]
    assert [group["key"] for group in found["groups"]] == [group["label"] for group in found["groups"]] == largest
    assert [group["share"] for group in found["groups"]] == [tokens[key] / whole for key in largest]
    assert found["other"]["key"] is found["other"]["label"] is None
    parts = [*found["groups"], found["other"]]
    assert sum(part["totals"]["calls"] for part in parts) == 100
    assert sum(part["share"] for part in parts) == pytest.approx(1)


async def test_a_breakdown_without_a_rest_has_no_other(api: Api) -> None:
    found = (await api.usage("breakdown(by: STATUS) { groups { key totals { calls } } other { share } }"))["breakdown"]
    assert found == {
        "groups": [{"key": "OK", "totals": {"calls": 90}}, {"key": "ERROR", "totals": {"calls": 10}}],
        "other": None,
    }


@pytest.mark.parametrize("dimension", [dimension.name for dimension in Dimension])
@pytest.mark.parametrize("metric", [metric.name for metric in Metric])
async def test_every_dimension_by_every_metric_adds_up(api: Api, dimension: str, metric: str) -> None:
    totals = "totals { calls cost credits totalTokens }"
    if dimension == "ATTRIBUTE":
        dimension += ', attribute: "feature"'
    found = await api.usage(
        f"""{totals}
        breakdown(by: {dimension}, metric: {metric}, first: 2) {{ groups {{ key {totals} }} other {{ {totals} }} }}
        series(by: {dimension}, metric: {metric}, top: 2, bucket: WEEK) {{
          points {{ {totals} }}
          groups {{ key {totals} points {{ {totals} }} }}
          other {{ {totals} points {{ {totals} }} }}
        }}"""
    )
    breakdown, series = found["breakdown"], found["series"]
    groups = [*series["groups"], *filter(None, [series["other"]])]

    def added(parts: list[dict[str, Any]]) -> dict[str, Decimal]:
        return {
            name: sum((Decimal(part["totals"][name] or 0) for part in parts), Decimal(0))
            for name in ("calls", "cost", "credits", "totalTokens")
        }

    whole = added([found])
    assert added(series["points"]) == added(groups) == whole
    assert added([*breakdown["groups"], *filter(None, [breakdown["other"]])]) == whole
    assert [group["key"] for group in breakdown["groups"]] == [group["key"] for group in series["groups"]]
    for number, point in enumerate(series["points"]):
        assert added([group["points"][number] for group in groups]) == added([point])


async def test_a_series_without_a_dimension_has_no_groups(api: Api) -> None:
    found = (await api.usage("series(bucket: DAY) { groups { key } other { key } points { start } }"))["series"]
    assert found["groups"] == []
    assert found["other"] is None
    assert (await api.usage("series(bucket: DAY, by: null) { groups { key } }"))["series"] == {"groups": []}


async def test_a_series_has_no_gaps_and_marks_what_is_cut() -> None:
    api = Api([record(started_at=at("2026-04-14T10:00:00Z"))])
    found = await api.usage(
        "series(bucket: DAY) { bucket points { start end partial totals { calls } } }", 'window: { last: "P3D" }'
    )
    assert found["series"]["bucket"] == "DAY"
    assert [
        (p["start"][:10], p["end"][:10], p["partial"], p["totals"]["calls"]) for p in found["series"]["points"]
    ] == [
        ("2026-04-12", "2026-04-13", True, 0),
        ("2026-04-13", "2026-04-14", False, 0),
        ("2026-04-14", "2026-04-15", False, 1),
        ("2026-04-15", "2026-04-16", True, 0),
    ]


async def test_a_bucket_that_is_not_over_is_partial_though_the_window_has_all_of_it(api: Api) -> None:
    window = between("2026-04-15T00:00:00Z", "2026-04-17T00:00:00Z")
    found = await api.usage("series(bucket: HOUR) { points { start partial } }", window)
    assert [point["partial"] for point in found["series"]["points"]] == [False] * 12 + [True] * 36


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-08T00:00:00-05:00 2026-03-09T00:00:00-04:00", "America/New_York", 23),
        ("2026-11-01T00:00:00-04:00 2026-11-02T00:00:00-05:00", "America/New_York", 25),
        ("2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00", "Europe/Berlin", 23),
        ("2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00", "Europe/Berlin", 25),
        ("2026-03-01T00:00:00+05:45 2026-03-02T00:00:00+05:45", "Asia/Kathmandu", 24),
    ],
)
async def test_days_are_as_long_as_they_are_in_their_zone(day: str, zone: str, hours: int) -> None:
    start, end = day.split()
    before = at(start) - timedelta(hours=1)
    calls = [record(started_at=before + timedelta(hours=n), span_id=n.to_bytes(8, "big")) for n in range(hours + 2)]
    api = Api(calls, now=datetime(2027, 1, 1, tzinfo=UTC))
    found = await api.usage(
        """hours: series(bucket: HOUR) { points { start end partial totals { calls } } }
        days: series(bucket: DAY) { points { start end partial totals { calls } } }""",
        between(start, end, zone),
    )
    assert [point["totals"]["calls"] for point in found["hours"]["points"]] == [1] * hours
    assert not any(point["partial"] for point in found["hours"]["points"])
    (whole,) = found["days"]["points"]
    assert (at(whole["start"]), at(whole["end"])) == (at(start), at(end))
    assert whole["totals"]["calls"] == hours
    assert not whole["partial"]


@pytest.mark.parametrize(
    ("last", "bucket"), [("PT6H", "FIFTEEN_MINUTES"), ("PT24H", "HOUR"), ("P30D", "DAY"), ("P1Y", "WEEK")]
)
async def test_auto_chooses_a_readable_bucket_and_says_which(api: Api, last: str, bucket: str) -> None:
    found = (await api.usage("series { bucket points { start } }", f'window: {{ last: "{last}" }}'))["series"]
    assert found["bucket"] == bucket
    assert 24 <= len(found["points"]) <= 61


async def test_an_empty_window_has_an_empty_series() -> None:
    api = Api(now=at("2026-04-15T00:00:00Z"))
    found = await api.usage("series(bucket: HOUR) { points { start } } totals { calls }", "window: { period: TODAY }")
    assert found == {"series": {"points": []}, "totals": {"calls": 0}}


async def test_top_consumers() -> None:
    def call(number: int, **fields: Any) -> UsageRecord:
        start = NOW - timedelta(hours=1) + timedelta(seconds=number)
        return record(started_at=start, span_id=number.to_bytes(8, "big"), cost_nano=10**9 * number, **fields)

    api = Api(
        [
            call(5, conversation="c1", name="Old title", agent="a1", source="chat"),
            call(6, conversation="c1", name="New title", source="agent"),
            call(3, agent="a1", name="Report", source="agent"),
            call(2, name="Memory", source="memory"),
            call(4),
        ]
    )
    rows = "{ key dimension label source share totals { cost calls } }"
    found = await api.usage(
        f"items: topConsumers {rows} agents: topConsumers(by: AGENT, metric: CALLS, first: 1) {rows}"
    )
    assert found["items"] == [
        {
            "key": "c1",
            "dimension": "CONVERSATION",
            "label": "New title",
            "source": None,
            "share": 0.55,
            "totals": {"cost": "11", "calls": 2},
        },
        {
            "key": "a1",
            "dimension": "AGENT",
            "label": "a1",
            "source": "agent",
            "share": 0.15,
            "totals": {"cost": "3", "calls": 1},
        },
        {
            "key": "Memory",
            "dimension": "NAME",
            "label": "Memory",
            "source": "memory",
            "share": 0.1,
            "totals": {"cost": "2", "calls": 1},
        },
    ]
    assert [row["key"] for row in found["agents"]] == ["a1"]
    for kind, keys in (("CONVERSATION", ["c1"]), ("USER", []), ("MODEL", ["gpt-4o-mini"])):
        rows = (await api.usage(f"topConsumers(by: {kind}) {{ key }}"))["topConsumers"]
        assert [row["key"] for row in rows] == keys


async def test_unpriced_models() -> None:
    def call(number: int, **fields: Any) -> UsageRecord:
        start = NOW - timedelta(hours=1) + timedelta(seconds=number)
        return record(started_at=start, span_id=number.to_bytes(8, "big"), **{"cost_nano": None, **fields})

    api = Api(
        [
            call(1, request_model="in-house", provider=None, input_tokens=1000),
            call(2, request_model="asked", response_model="in-house", provider=None, input_tokens=5),
            call(3, request_model="gpt-4o", input_tokens=7, output_tokens=None),
            call(4, request_model="gpt-4o", cost_nano=5),
            call(5, request_model="gpt-4o", provider="azure", input_tokens=8),
            call(6, request_model=None, input_tokens=None, output_tokens=None),
            call(7, request_model="priced", cost_nano=0),
            call(8, request_model="other project", project="other"),
        ]
    )
    fields = "model provider calls allCalls inputTokens outputTokens share"
    found = await api.usage(f"all: unpricedModels {{ {fields} }} one: unpricedModels(first: 1) {{ model }}")
    assert [list(row.values()) for row in found["all"]] == [
        ["in-house", None, 2, 2, 1005, 40, 2 / 7],
        ["gpt-4o", "azure", 1, 1, 8, 20, 1 / 7],
        ["gpt-4o", "openai", 1, 2, 7, 0, 1 / 7],
        [None, "openai", 1, 1, 0, 0, 1 / 7],
    ]
    assert found["one"] == [{"model": "in-house"}]
    assert (await Api().usage("unpricedModels { calls }"))["unpricedModels"] == []
    filtered = await api.usage(
        "unpricedModels { calls }", 'window: { last: "P1D" }, filter: { provider: { eq: "azure" } }'
    )
    assert filtered["unpricedModels"] == [{"calls": 1}]
    for first in (0, 101):
        assert await api.code(
            f'{{ usage(window: {{ last: "P1D" }}) {{ unpricedModels(first: {first}) {{ calls }} }} }}'
        )


async def test_projects_do_not_see_each_other() -> None:
    hour_ago = NOW - timedelta(hours=1)
    api = Api([record(started_at=hour_ago), record(started_at=hour_ago, project="other", cost_nano=5)])
    assert (await api.usage("totals { cost calls }"))["totals"] == {"cost": "0.000027", "calls": 1}
    other = await api.usage("totals { cost calls }", project="other")
    assert other["totals"] == {"cost": "0.000000005", "calls": 1}
    assert (await api.usage("totals { calls }", project="nobody"))["totals"]["calls"] == 0
