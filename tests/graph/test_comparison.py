"""``previous``: the totals of another window under the same filter, and the difference, for each group too."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.records import record
from usage_graph.comparison import Delta, Ratio
from usage_graph.usage import UsageRecord

DELTA = "calls failedCalls totalTokens cost avgCost credits avgDurationMs"


def call(days_ago: float, number: int = 0, **fields: Any) -> UsageRecord:
    started_at = NOW - timedelta(days=days_ago)
    return record(started_at=started_at, span_id=(int(days_ago * 1000) + number).to_bytes(8, "big"), **fields)


@pytest.mark.parametrize(
    ("window", "arguments", "start", "end"),
    [
        ('{ last: "P7D" }', "", "2026-04-01T12:30:00Z", "2026-04-08T12:30:00Z"),
        ('{ last: "P7D" }', "(window: PRECEDING)", "2026-04-01T12:30:00Z", "2026-04-08T12:30:00Z"),
        ('{ last: "PT1H" }', "(window: WEEK_AGO)", "2026-04-08T11:30:00Z", "2026-04-08T12:30:00Z"),
        ("{ period: TODAY }", "", "2026-04-14T04:00:00Z", "2026-04-14T12:30:00Z"),
        ("{ period: THIS_MONTH }", "", "2026-03-01T05:00:00Z", "2026-03-15T12:30:00Z"),
        ("{ period: LAST_MONTH }", "(window: YEAR_AGO)", "2025-03-01T05:00:00Z", "2025-04-01T04:00:00Z"),
        (
            '{ between: { from: "2026-03-09T04:00:00Z", to: "2026-03-10T04:00:00Z" } }',
            "",
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z",
        ),
        (
            '{ between: { from: "2026-03-09T00:00:00Z", to: "2026-03-09T01:00:00Z" } }',
            "(window: MONTH_AGO)",
            # Eight in the evening before, in summer time and in winter time.
            "2026-02-09T01:00:00Z",
            "2026-02-09T02:00:00Z",
        ),
    ],
)
async def test_the_window_that_is_compared_with(api: Api, window: str, arguments: str, start: str, end: str) -> None:
    found = await api.usage(
        f"previous{arguments} {{ range {{ from to timezone }} totals {{ calls }} }}",
        f'window: {window}, timezone: "America/New_York"',
    )
    assert found["previous"]["range"] == {"from": start, "to": end, "timezone": "America/New_York"}
    between = f'{{ between: {{ from: "{start}", to: "{end}" }} }}'
    alone = await api.usage("totals { calls }", f"window: {between}")
    assert found["previous"]["totals"] == alone["totals"]


async def test_the_difference_and_the_ratio_of_every_number() -> None:
    before = [call(9, failed=True, cost_nano=2 * 10**9, input_tokens=150), call(10, cost_nano=None, credits_nano=10)]
    now = [call(2, cost_nano=5 * 10**8, duration_us=3_000_000)]
    found = await Api([*before, *now]).usage(
        f"previous {{ totals {{ {DELTA} }} delta {{ {DELTA} }} ratio {{ {DELTA} }} }} totals {{ {DELTA} }}",
        'window: { last: "P7D" }',
    )
    assert found["previous"]["totals"]["calls"] == 2
    assert found["previous"]["delta"] == {
        "calls": -1,
        "failedCalls": -1,
        "totalTokens": -170,
        "cost": "-1.5",
        "avgCost": "-1.5",
        "credits": "-0.00000001",
        "avgDurationMs": 1500.0,
    }
    assert found["previous"]["ratio"] == {
        "calls": 0.5,
        "failedCalls": 0.0,
        "totalTokens": 120 / 290,
        "cost": 0.25,
        "avgCost": 0.25,
        "credits": 0.0,
        "avgDurationMs": 2.0,
    }
    assert (
        set(found["previous"]["delta"])
        <= {camel(name) for name in Delta._fields}
        == {camel(name) for name in Ratio._fields}
    )


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


async def test_a_base_of_zero_or_unknown_has_no_ratio() -> None:
    asked = f"previous {{ totals {{ {DELTA} }} delta {{ {DELTA} }} ratio {{ {DELTA} }} }}"
    found = (await Api([call(1)]).usage(asked, 'window: { last: "P7D" }'))["previous"]
    assert (found["totals"]["calls"], found["totals"]["cost"], found["totals"]["avgCost"]) == (0, "0", None)
    assert set(found["ratio"].values()) == {None}
    assert (found["delta"]["calls"], found["delta"]["cost"], found["delta"]["avgCost"]) == (1, "0.000027", None)
    unpriced = (await Api([call(1), call(8, cost_nano=None)]).usage(asked, 'window: { last: "P7D" }'))["previous"]
    assert (unpriced["totals"]["cost"], unpriced["delta"]["cost"], unpriced["ratio"]["cost"]) == (None, None, None)


async def test_previous_keeps_the_filter_and_the_project() -> None:
    records = [call(1), call(8, agent="a"), call(8, 1, agent="b"), call(8, 2, agent="a", project="other")]
    found = await Api(records).usage(
        "totals { calls } previous { totals { calls } }",
        'window: { last: "P7D" }, filter: { agent: { eq: "a" } }',
    )
    assert found == {"totals": {"calls": 0}, "previous": {"totals": {"calls": 1}}}


async def test_groups_are_compared_each_with_itself() -> None:
    records = [
        *(call(1, number, source="chat", cost_nano=10**9) for number in range(3)),
        call(2, source="agent", cost_nano=10**8),
        call(8, source="chat", cost_nano=2 * 10**9),
        call(9, source="memory", cost_nano=4 * 10**9),
    ]
    compared = "previous { range { from } totals { calls cost } delta { calls cost } ratio { cost } }"
    found = (
        await Api(records).usage(
            f"breakdown(by: SOURCE, first: 1, previous: WEEK_AGO) "
            f"{{ groups {{ key totals {{ calls }} {compared} }} other {{ key share totals {{ calls }} {compared} }} }}",
            'window: { last: "P7D" }',
        )
    )["breakdown"]
    start = "2026-04-01T12:30:00Z"
    assert found["groups"] == [
        {
            "key": "chat",
            "totals": {"calls": 3},
            "previous": {
                "range": {"from": start},
                "totals": {"calls": 1, "cost": "2"},
                "delta": {"calls": 2, "cost": "1"},
                "ratio": {"cost": 1.5},
            },
        }
    ]
    # `agent` now, and `memory` then, which is in no group now.
    assert found["other"] == {
        "key": None,
        "share": pytest.approx(0.1 / 3.1),
        "totals": {"calls": 1},
        "previous": {
            "range": {"from": start},
            "totals": {"calls": 1, "cost": "4"},
            "delta": {"calls": 0, "cost": "-3.9"},
            "ratio": {"cost": 0.025},
        },
    }


async def test_what_was_only_then_is_in_other() -> None:
    api = Api([call(1, source="chat"), call(8, source="memory")])
    then = "previous { totals { calls } }"
    asked = f"{{ groups {{ key {then} }} other {{ key totals {{ calls cost }} {then} }} }}"
    found = (await api.usage(f"breakdown(by: SOURCE, previous: PRECEDING) {asked}", 'window: { last: "P7D" }'))[
        "breakdown"
    ]
    assert found["groups"] == [{"key": "chat", "previous": {"totals": {"calls": 0}}}]
    assert found["other"] == {
        "key": None,
        "totals": {"calls": 0, "cost": "0"},
        "previous": {"totals": {"calls": 1}},
    }
    alone = (await api.usage(f"breakdown(by: SOURCE) {asked}", 'window: { last: "P7D" }'))["breakdown"]
    assert alone == {"groups": [{"key": "chat", "previous": None}], "other": None}


@pytest.mark.parametrize("which", ["PRECEDING", "WEEK_AGO", "MONTH_AGO", "YEAR_AGO"])
@pytest.mark.parametrize("by", ["by: MODEL", "by: AGENT, then: SOURCE", 'by: ATTRIBUTE, attribute: "team", then: USER'])
async def test_groups_add_up_to_the_totals_of_both_windows(api: Api, which: str, by: str) -> None:
    sums = "totals { calls cost credits totalTokens }"
    found = await api.usage(
        f"{sums} previous(window: {which}) {{ {sums} }} "
        f"breakdown({by}, first: 2, previous: {which}) {{ "
        f"groups {{ {sums} previous {{ {sums} }} }} other {{ {sums} previous {{ {sums} }} }} }}",
        'window: { last: "P10D" }, timezone: "Pacific/Chatham"',
    )
    parts = [*found["breakdown"]["groups"], *filter(None, [found["breakdown"]["other"]])]

    def added(totals: list[dict[str, Any]]) -> dict[str, Decimal]:
        return {name: sum((Decimal(one[name] or 0) for one in totals), Decimal()) for name in totals[0]}

    assert added([part["totals"] for part in parts]) == added([found["totals"]])
    assert added([part["previous"]["totals"] for part in parts]) == added([found["previous"]["totals"]])


async def test_before_the_calendar(api: Api) -> None:
    document = """{ usage(window: { between: { from: "0002-03-01T00:00:00Z", to: "0003-03-01T00:00:00Z" } }) {
      previous { totals { calls } } } }"""
    ((code, message),) = await api.refused(document)
    assert code == "BAD_WINDOW"
    assert message.startswith("The window to compare with begins before the calendar does")


async def test_agents_and_models_side_by_side_in_one_request(api: Api) -> None:
    """Two series of one window under aliases: aligned, equally long, each group with its own totals and share."""
    group = "key label share totals { calls cost } points { start totals { calls cost } }"
    selection = f"points {{ start }} groups {{ {group} }} other {{ {group} }}"
    found = await api.usage(
        f"""totals {{ calls cost }}
        agents: series(bucket: DAY, by: AGENT, top: 3) {{ {selection} }}
        models: series(bucket: DAY, by: MODEL, top: 3) {{ {selection} }}""",
        'window: { last: "P14D" }, timezone: "Asia/Kathmandu"',
    )
    assert found["agents"]["points"] == found["models"]["points"]
    starts = [point["start"] for point in found["agents"]["points"]]
    for series in (found["agents"], found["models"]):
        groups = [*series["groups"], *filter(None, [series["other"]])]
        assert len(groups) > 1
        for one in groups:
            assert [point["start"] for point in one["points"]] == starts
            assert sum(point["totals"]["calls"] for point in one["points"]) == one["totals"]["calls"]
            assert one["share"] == pytest.approx(float(one["totals"]["cost"]) / float(found["totals"]["cost"]))
        assert sum(one["share"] for one in groups) == pytest.approx(1)
        assert sum(one["totals"]["calls"] for one in groups) == found["totals"]["calls"]
