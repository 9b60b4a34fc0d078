"""What cannot be exported, and what is said then."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from typing import Any

import pytest

from tests.export.exports import WINDOW, Exports
from tests.graph.conftest import MONTH
from tests.model import ModelReader, ModelSnapshot
from usage_graph.graph.budget import Budgets
from usage_graph.graph.export.parameters import MAX_FILTER
from usage_graph.graph.weights import EXPORT, QUESTION
from usage_graph.rate import Allowance, RateLimits

BAD = [
    ("records", {}, "BAD_WINDOW", "Of which time? Say one of last=P30D"),
    ("records", {"last": "P1D", "period": "TODAY"}, "BAD_WINDOW", "Of which time?"),
    ("records", {"to": "2026-04-01T00:00:00Z"}, "BAD_WINDOW", "Of which time?"),
    ("records", {"last": "P1D", "to": "2026-04-01T00:00:00Z"}, "BAD_WINDOW", "Of which time?"),
    ("records", {"last": "P1X"}, "BAD_WINDOW", "`last`: 'P1X' is not a duration"),
    ("records", {"last": "P9999Y"}, "BAD_WINDOW", "begins before the calendar does"),
    ("records", {"period": "SOMEDAY"}, "BAD_USER_INPUT", "`period`: Value 'SOMEDAY' does not exist"),
    ("records", {"from": "yesterday"}, "BAD_WINDOW", "`from`: 'yesterday' is not a DateTime"),
    ("records", {"from": "2026-04-01T00:00:00Z", "to": "2026"}, "BAD_WINDOW", "`to`: '2026' is not a DateTime"),
    ("records", {"from": "2026-05-01T00:00:00Z"}, "BAD_WINDOW", "The window is empty"),
    ("records", {**WINDOW, "timezone": "+01:00"}, "BAD_TIMEZONE", "`timezone`: '+01:00' is not an IANA time zone"),
    (
        "records",
        {**WINDOW, "format": "xlsx"},
        "BAD_USER_INPUT",
        "`format` is 'xlsx': it may be csv or ndjson or parquet",
    ),
    ("records", {**WINDOW, "formulas": "yes"}, "BAD_USER_INPUT", "`formulas` is 'yes': it may be escape or keep"),
    ("records", {**WINDOW, "formulas": "keep", "format": "ndjson"}, "BAD_USER_INPUT", "`formulas` is for csv"),
    ("records", {**WINDOW, "filter": "agent"}, "BAD_USER_INPUT", "`filter` is not JSON"),
    ("records", {**WINDOW, "filter": "[1]"}, "BAD_USER_INPUT", "`filter` must be an object"),
    ("records", {**WINDOW, "filter": "[" * 5000}, "BAD_USER_INPUT", "`filter` is not JSON"),
    ("records", {**WINDOW, "filter": "1" * (MAX_FILTER + 1)}, "BAD_USER_INPUT", "`filter` may have at most"),
    ("records", {**WINDOW, "filter": {"agnt": {"eq": "a"}}}, "BAD_USER_INPUT", "Did you mean 'agent'"),
    ("records", {**WINDOW, "filter": {"agent": {"eq": 5}}}, "BAD_USER_INPUT", "`filter.agent.eq`: String cannot"),
    ("records", {**WINDOW, "filter": {"status": ["LOST"]}}, "BAD_USER_INPUT", "`filter.status[0]`: Value 'LOST'"),
    ("records", {**WINDOW, "filter": ""}, "BAD_USER_INPUT", "`filter` is empty"),
    ("records", {**WINDOW, "bucket": "DAY"}, "BAD_USER_INPUT", "'bucket' is no parameter of an export of records"),
    ("records", {"last": ["P1D", "P2D"]}, "BAD_USER_INPUT", "`last` is there twice"),
    ("series", {**WINDOW, "bucket": "YEAR"}, "BAD_USER_INPUT", "`bucket`: Value 'YEAR' does not exist"),
    ("series", {**WINDOW, "by": "COLOUR"}, "BAD_USER_INPUT", "`by`: Value 'COLOUR' does not exist"),
    ("series", {**WINDOW, "metric": "FUN"}, "BAD_USER_INPUT", "`metric`: Value 'FUN' does not exist"),
    ("series", {**WINDOW, "top": "many"}, "BAD_USER_INPUT", "`top` is 'many': write a whole number"),
    ("series", {**WINDOW, "top": "0"}, "BAD_USER_INPUT", "`top` must be at least 1"),
]


@pytest.mark.parametrize(("table", "parameters", "code", "message"), BAD)
async def test_bad_parameters_are_explained(table: str, parameters: dict[str, Any], code: str, message: str) -> None:
    status, said, why = await Exports(MONTH).refused(table, **parameters)
    assert (status, said) == (400, code)
    assert message in why
    assert "$" not in why


@pytest.mark.parametrize(
    ("table", "parameters", "code"),
    [
        ("series", {**WINDOW, "bucket": "FIFTEEN_MINUTES"}, "TOO_MANY_POINTS"),
        ("series", {**WINDOW, "top": "101"}, "LIMIT_EXCEEDED"),
        ("records", {**WINDOW, "filter": {"agent": {"in": ["a"] * 501}}}, "LIMIT_EXCEEDED"),
    ],
)
async def test_what_is_understood_and_too_much_is_422(table: str, parameters: dict[str, Any], code: str) -> None:
    assert (await Exports(MONTH).refused(table, **parameters))[:2] == (422, code)


async def test_an_attribute_that_is_not_declared_is_refused() -> None:
    wanted = {"attributes": [{"key": "team", "value": {"eq": "a"}}]}
    status, _, message = await Exports(MONTH, declared=()).refused("records", filter=wanted, **WINDOW)
    assert status == 400
    assert "does not keep the attribute 'team'" in message


async def test_sums_that_are_gone_are_422() -> None:
    exports = Exports(MONTH)
    exports.reader.kept_since = MONTH[20].started_at
    status, code, _ = await exports.refused("series", filter={"channel": {"eq": "web"}}, **WINDOW)
    assert (status, code) == (422, "BEFORE_RECORDS")
    # Of records, those that there are.
    assert len(await exports.rows("records", **WINDOW)) == 21


async def test_there_is_no_other_export() -> None:
    status, code, message = await Exports().refused("prices", **WINDOW)
    assert (status, code) == (404, "BAD_REQUEST")
    assert message.startswith("There is no export of 'prices': there are records, ")


async def test_exports_are_only_read() -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = await Exports().get("records", method=method, **WINDOW)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("project", ["", " ", "x" * 257, "a\tb"])
async def test_a_project_that_cannot_be_named_is_refused(project: str) -> None:
    status, code, message = await Exports().refused("records", project=project, **WINDOW)
    assert (status, code) == (400, "BAD_REQUEST")
    assert "x-usage-graph-project" in message


async def test_without_pyarrow_parquet_is_refused_and_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "usage_graph.graph.export.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    exports = Exports(MONTH)
    for table in ("records", "conversations", "series"):
        status, code, message = await exports.refused(table, format="parquet", **WINDOW)
        assert (status, code) == (501, "FORMAT_UNAVAILABLE")
        assert 'pip install "usage-graph[parquet]"' in message
        for format in ("csv", "ndjson"):
            assert await exports.rows(table, format=format, **WINDOW)


DAYS = 63
"""Points that a series by the day may have in 60 days, wherever they begin, and whatever clocks do."""


class Rates(RateLimits):
    """Limits at a time that stands still; knows what was paid."""

    def __init__(self, per_minute: int) -> None:
        super().__init__(per_minute, clock=lambda: 0.0)
        self.paid: list[int] = []

    def take(self, who: str, cost: int) -> Allowance:
        allowance = super().take(who, cost)
        if allowance.granted:
            self.paid.append(cost)
        return allowance


class Store(ModelReader):
    """Knows how often it was asked for a snapshot."""

    opened = 0

    @asynccontextmanager
    async def snapshot(
        self, measures: frozenset[str] = frozenset(), *, alone: bool = False
    ) -> AsyncIterator[ModelSnapshot]:
        self.opened += 1
        async with super().snapshot() as snapshot:
            yield snapshot


@pytest.mark.parametrize(
    ("table", "document"), [("records", 0), ("conversations", QUESTION), ("series", QUESTION + DAYS)]
)
async def test_every_export_pays_its_price_before_anything_is_asked(table: str, document: int) -> None:
    price = EXPORT + document
    rates = Rates(2 * price + 500)
    store = Store(MONTH)
    exports = Exports(store=store, budgets=Budgets(rates=rates))
    days = {"bucket": "DAY"} if table == "series" else {}
    # What is refused for its arguments is not made, nor paid.
    assert (await exports.refused(table, last="P60D", filter={"agnt": {"eq": "a"}}))[0] == 400
    assert rates.paid == []

    assert (await exports.get(table, last="P60D", **days)).status_code == 200
    assert (await exports.get(table, method="HEAD", last="P60D", **days)).status_code == 200
    assert rates.paid == [price, price]
    assert store.opened == 2
    answer = await exports.get(table, last="P60D", **days)
    assert answer.status_code == 429
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert f"This operation may cost {price} points." in error["message"]
    assert answer.headers["retry-after"] == str(ceil((price - 500) * 60 / rates.per_minute))
    assert rates.paid == [price, price]
    assert store.opened == 2


async def test_the_price_of_an_export_is_not_among_what_one_operation_may_cost() -> None:
    exports = Exports(MONTH, budgets=Budgets(limit=EXPORT // 2, rates=Rates(EXPORT // 2)))
    assert (await exports.get("records", **WINDOW)).status_code == 200
    # Paid off afterwards.
    assert (await exports.refused("records", **WINDOW))[:2] == (429, "RATE_LIMITED")


async def test_series_count_against_the_budget_of_their_caller() -> None:
    budgets = Budgets(limit=1_000, rates=RateLimits(600))
    exports = Exports(MONTH, budgets=budgets)
    assert (await exports.refused("series", bucket="HOUR", **WINDOW))[:2] == (422, "COST_EXCEEDED")
    answers = [await exports.get("series", bucket="DAY", **WINDOW) for _ in range(4)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
