"""``GET /export/series``: every point is a row, and rows add up to the totals."""

from decimal import Decimal
from typing import Any

import pytest

from tests.export.exports import FORMATS, WINDOW, Exports, whole
from tests.export.test_records import selected, snake
from tests.graph.api import Api
from tests.graph.conftest import MONTH
from usage_graph.graph.export.columns import SUMS

ASKED = "calls inputTokens cost credits"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("split", [{}, {"by": "MODEL"}, {"by": "AGENT", "top": "2", "metric": "CALLS"}])
async def test_rows_add_up_to_the_totals(format: str, split: dict[str, str]) -> None:
    totals = (await Api(MONTH).usage(f"totals {{ {ASKED} }}"))["totals"]
    rows = await Exports(MONTH).rows("series", format=format, bucket="DAY", **split, **WINDOW)

    assert whole(rows, "calls") == totals["calls"]
    assert whole(rows, "input_tokens") == totals["inputTokens"]
    assert whole(rows, "cost") == Decimal(totals["cost"])
    assert whole(rows, "credits") == Decimal(totals["credits"])


async def test_points_are_those_of_graphql() -> None:
    zone = {"timezone": "Australia/Lord_Howe", "from": "2026-04-03T00:00:00Z", "to": "2026-04-06T03:00:00Z"}
    between = f'window: {{ between: {{ from: "{zone["from"]}", to: "{zone["to"]}" }} }}, timezone: "{zone["timezone"]}"'
    answer = await Api(MONTH).usage(
        f"series(bucket: HOUR) {{ points {{ start end partial totals {{ {ASKED} avgCost avgDurationMs }} }} }}", between
    )
    rows = await Exports(MONTH).rows("series", format="ndjson", bucket="HOUR", **zone)

    def row_of(point: dict[str, Any]) -> dict[str, Any]:
        totals = point["totals"]
        return {
            **{name: point[name] for name in ("start", "end", "partial")},
            "by": None,
            "key": None,
            "rest": False,
            "calls": totals["calls"],
            "input_tokens": totals["inputTokens"],
            "cost": totals["cost"],
            "credits": totals["credits"],
            "avg_cost": totals["avgCost"],
            "avg_duration_ms": totals["avgDurationMs"],
        }

    expected = [row_of(point) for point in answer["series"]["points"]]
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected
    assert any(row["partial"] for row in rows)
    assert not all(row["partial"] for row in rows)


async def test_groups_are_those_of_graphql_and_the_rest_is_told_apart() -> None:
    answer = await Api(MONTH).usage(
        "series(bucket: WEEK, by: AGENT, top: 2, metric: TOKENS) { groups { key points { totals { calls } } } "
        "other { points { totals { calls } } } }"
    )
    groups, other = answer["series"]["groups"], answer["series"]["other"]
    rows = await Exports(MONTH).rows(
        "series", format="ndjson", bucket="WEEK", by="AGENT", top="2", metric="TOKENS", **WINDOW
    )

    for group in groups:
        own = [row["calls"] for row in rows if row["key"] == group["key"] and not row["rest"]]
        assert own == [point["totals"]["calls"] for point in group["points"]]
    rest = [row["calls"] for row in rows if row["rest"]]
    assert rest == [point["totals"]["calls"] for point in other["points"]]
    assert {row["by"] for row in rows} == {"AGENT"}
    assert {row["key"] for row in rows if row["rest"]} == {None}
    assert len(rows) == 3 * len(rest)
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)


async def test_the_number_of_rows_is_said() -> None:
    exports = Exports(MONTH)
    for split in ({}, {"by": "USER", "top": "3"}):
        answer = await exports.get("series", format="ndjson", **split, **WINDOW)
        assert answer.headers["x-usage-graph-rows"] == str(len(answer.content.splitlines()))
        assert answer.headers["content-disposition"].startswith('attachment; filename="usage-graph-series-2026')


async def test_no_calls_are_points_of_zero() -> None:
    rows = await Exports().rows("series", format="ndjson", bucket="DAY", **WINDOW)
    assert len(rows) == 61
    assert {(row["calls"], row["cost"], row["avg_cost"], row["credits"]) for row in rows} == {(0, "0", None, "0")}


async def test_a_cost_that_is_unknown_is_no_number() -> None:
    unpriced = [one._replace(cost_nano=None) for one in MONTH]
    for format, unknown in {"csv": "", "ndjson": None, "parquet": None}.items():
        rows = await Exports(unpriced).rows("series", format=format, bucket="MONTH", **WINDOW)
        assert {row["cost"] for row in rows if int(row["calls"])} == {unknown}


async def test_an_attribute_splits_as_well() -> None:
    month = [one._replace(attributes=(("team", f"team {number % 2}"),)) for number, one in enumerate(MONTH)]
    rows = await Exports(month).rows(
        "series", format="ndjson", bucket="MONTH", by="ATTRIBUTE", attribute="team", **WINDOW
    )
    assert {(row["by"], row["attribute"], row["key"]) for row in rows} == {
        ("ATTRIBUTE", "team", "team 0"),
        ("ATTRIBUTE", "team", "team 1"),
    }
    assert whole(rows, "calls") == 100


async def test_every_sum_of_graphql_is_a_column() -> None:
    fields = selected("UsageTotals")
    sums = {snake(name) for name, inner in fields.items() if not inner}
    sums |= {f"costs_{snake(name)}" for name in fields["costs"]}
    assert sums == {column.name for column in SUMS}
