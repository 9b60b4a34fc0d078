"""The domain's arithmetic: exact money, unknown is not zero, ids that never change."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import record
from usage_graph.project import project_in, project_named
from usage_graph.usage import Costs, CostStatus, Metric, Totals, from_nano, record_id


@given(st.integers(-(10**20), 10**20))
def test_nano_units_are_exact(nano: int) -> None:
    assert Fraction(from_nano(nano)) == Fraction(nano, 10**9)


def test_cost_of_no_calls_is_zero_and_of_unpriced_calls_unknown() -> None:
    assert Totals().cost == 0
    assert Totals(calls=2, unpriced_calls=2).cost is None
    assert Totals(calls=2, unpriced_calls=1, cost_nano=5).cost == Decimal("0.000000005")


PARTS = ("input_cost_nano", "cache_read_cost_nano", "cache_write_cost_nano", "output_cost_nano")
_part = st.one_of(st.none(), st.integers(0, 10**12))


@given(st.integers(0, 10**13), st.tuples(_part, _part, _part, _part))
def test_costs_add_up_to_the_cost(cost: int, parts: tuple[int | None, int | None, int | None, int | None]) -> None:
    costs = Costs.of(cost, parts)
    assert sum(part for part in costs if part is not None) == from_nano(cost)
    assert [part is None for part in costs[:4]] == [part is None for part in parts]
    assert set(Costs.of(None, parts)) == {None}
    call = record(cost_nano=cost, **dict(zip(PARTS, parts, strict=True)))
    assert call.costs == costs


def test_costs_and_the_priced_share_of_calls() -> None:
    assert set(Totals().costs) == {Decimal(0)}
    assert set(Totals(calls=2, unpriced_calls=2, input_cost_nano=5).costs) == {None}
    some = Totals(calls=4, unpriced_calls=1, cost_nano=10**9, input_cost_nano=3 * 10**8, output_cost_nano=10**8)
    assert some.costs == tuple(map(Decimal, ("0.3", "0", "0", "0.1", "0.6")))
    assert some.priced_share == 0.75
    assert Totals(calls=1, unpriced_calls=1).priced_share == 0
    assert Totals().priced_share is None


@pytest.mark.parametrize(
    ("cost", "calls", "unpriced", "average"),
    [
        (0, 0, 0, None),
        (0, 3, 3, None),
        (10, 4, 0, "2E-9"),  # 2.5 goes to the even neighbour
        (14, 4, 0, "4E-9"),  # so does 3.5
        (10, 5, 1, "2E-9"),
        (2 * 10**9 + 1, 2, 0, "1.000000000"),
    ],
)
def test_average_cost_is_per_priced_call_and_half_even(
    cost: int, calls: int, unpriced: int, average: str | None
) -> None:
    totals = Totals(calls=calls, unpriced_calls=unpriced, cost_nano=cost)
    assert totals.avg_cost == (None if average is None else Decimal(average))


def test_average_duration() -> None:
    assert Totals().avg_duration_ms is None
    assert Totals(calls=4, duration_us=6_000).avg_duration_ms == 1.5


def test_shares() -> None:
    whole = Totals(calls=4, unpriced_calls=1, cost_nano=100, input_tokens=30, output_tokens=10)
    part = Totals(calls=1, cost_nano=25, input_tokens=10)
    assert part.share_of(whole, Metric.COST) == 0.25
    assert part.share_of(whole, Metric.TOKENS) == 0.25
    assert part.share_of(whole, Metric.CREDITS) is None  # of a whole of 0
    assert Totals(calls=1, unpriced_calls=1).share_of(whole, Metric.COST) is None
    assert part.share_of(Totals(calls=1, unpriced_calls=1), Metric.COST) is None


def test_a_record_knows_what_is_unknown() -> None:
    assert record(input_tokens=None, output_tokens=None).total_tokens is None
    assert record(input_tokens=None, output_tokens=7).total_tokens == 7
    assert record(cost_nano=None).cost_status is CostStatus.UNPRICED
    assert record(cost_nano=0, cost_reported=True).cost_status is CostStatus.REPORTED
    assert record(cost_nano=0).cost_status is CostStatus.COMPUTED


def test_ids_are_the_same_everywhere_and_for_ever() -> None:
    assert record_id("default", b"\1" * 16, b"\2" * 8) == 2_167_283_305_643_769_653
    assert record_id("other", b"\1" * 16, b"\2" * 8) != record_id("default", b"\1" * 16, b"\2" * 8)


@pytest.mark.parametrize(
    ("value", "name"), [("a", "a"), ("  a b ", "a b"), ("x" * 256, "x" * 256), ("Zürich %20", "Zürich %20")]
)
def test_projects(value: str, name: str) -> None:
    assert project_named(value) == name
    assert project_in(value.encode().decode("latin-1")) == name


@pytest.mark.parametrize("value", ["", "   ", "x" * 257, "a\0b", "a\nb", "a\x7fb", "a\u202eb", "\ud800"])
def test_what_cannot_name_a_project(value: str) -> None:
    with pytest.raises(ValueError, match="x-usage-graph-project"):
        project_named(value)


def test_a_project_that_is_not_utf8() -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        project_in("Z\xfcrich")
