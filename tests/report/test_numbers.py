"""Numbers as people read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.report import numbers


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"),
        (0, "0"),
        (999, "999"),
        (1000, "1.0K"),
        (45_000, "45.0K"),
        (999_949, "999.9K"),
        (999_950, "1.0M"),
        (1_500_000, "1.5M"),
        (2_000_000_000, "2.0B"),
        ("9007199254740993", "9.0P"),
        (10**24, "1,000,000.0E"),
    ],
)
def test_counts_are_short(value: int | str | None, shown: str) -> None:
    assert numbers.short(value) == shown


@given(st.integers(1000, 10**20))
def test_short_counts_are_near_the_truth_and_narrow(value: int) -> None:
    shown = numbers.short(value)
    factor = 1000 ** ("KMBTPE".index(shown[-1]) + 1)

    assert abs(Decimal(shown[:-1]) * factor - value) <= Decimal(factor) / 20
    assert len(shown) <= 6


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (None, 2, "unknown"),
        ("0", 2, "$0.00"),
        ("0.000000001", 2, "<$0.01"),
        ("0.01", 2, "$0.01"),
        ("0.005", 2, "<$0.01"),
        ("12.345", 2, "$12.34"),
        ("1234567.891", 2, "$1,234,567.89"),
        ("99999999999999999999.999999999", 2, "$100,000,000,000,000,000,000.00"),
        ("0.0123456", 4, "$0.0123"),
        ("0.00001", 4, "<$0.0001"),
        ("-1.5", 2, "$-1.50"),
    ],
)
def test_money(value: str | None, places: int, shown: str) -> None:
    assert numbers.money(value, places=places) == shown


@given(st.decimals(min_value=Decimal("0.01"), max_value=10**12, places=9))
def test_money_is_rounded_once(value: Decimal) -> None:
    shown = Decimal(numbers.money(str(value)).removeprefix("$").replace(",", ""))

    assert abs(shown - value) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("value", "shown"), [("0.500000000", "0.5"), ("1200", "1,200"), ("4120.5", "4,120.5"), ("1E+3", "1,000")]
)
def test_plain_decimals(value: str, shown: str) -> None:
    assert numbers.plain(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "-"), (0.0, "0.0%"), (0.0004, "<0.1%"), (0.623, "62.3%"), (1.0, "100.0%")]
)
def test_shares(share: float | None, shown: str) -> None:
    assert numbers.percent(share) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "unknown"),
        (0.0, "0ms"),
        (999.4, "999ms"),
        (999.6, "1.0s"),
        (59_940.0, "59.9s"),
        (59_950.0, "1m 00s"),
        (245_000.0, "4m 05s"),
        (3_599_600.0, "1h 00m"),
        (7_800_000.0, "2h 10m"),
    ],
)
def test_durations(milliseconds: float | None, shown: str) -> None:
    assert numbers.duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5, seconds=59), "5m ago"),
        (timedelta(hours=3), "3h ago"),
        (timedelta(days=12), "12d ago"),
    ],
)
def test_times_are_relative(passed: timedelta, shown: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    assert numbers.ago(now - passed, now) == shown
