"""Scalars: what goes out, what comes in, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, parse_value
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.graph.scalars import write_big_int, write_date_time, write_decimal, write_duration
from usage_graph.graph.schema import schema
from usage_graph.window import Duration, parse_duration


def scalar(name: str) -> GraphQLScalarType:
    found = schema._schema.type_map[name]
    assert isinstance(found, GraphQLScalarType)
    return found


def read(name: str, value: object) -> Any:
    """A variable's value."""
    return scalar(name).parse_value(value)


def read_literal(name: str, literal: str) -> Any:
    return scalar(name).parse_literal(parse_value(literal))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01t00:00:00z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01 00:00:00+00:00", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T00:00:00-00:00", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T00:00:00+05:45", datetime(2026, 2, 28, 18, 15, tzinfo=UTC)),
        ("2026-03-01T00:00:00.5Z", datetime(2026, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01T00:00:00.123456789Z", datetime(2026, 3, 1, 0, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_date_times_are_read(text: str, instant: datetime) -> None:
    assert read("DateTime", text) == read_literal("DateTime", f'"{text}"') == instant


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T00:00:00",
        "2026-03-01",
        "2026-03-01T00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "20260301T000000Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-03-01T00:00:00+0100",
        "２026-03-01T00:00:00Z",
        "now",
        "",
        1772323200,
        True,
    ],
)
def test_other_texts_are_no_date_times(value: object) -> None:
    with pytest.raises(GraphQLError, match="is not a DateTime: write RFC 3339") as caught:
        read("DateTime", value)
    assert caught.value.extensions == {"code": "BAD_WINDOW"}


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_date_times_survive_the_way_out_and_in(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = write_date_time(instant)
    assert text.endswith("Z")
    assert read("DateTime", text) == instant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.003530400"), "0.0035304"),
        (Decimal("0E-9"), "0"),
        (Decimal("-0.0"), "0"),
        (Decimal("12.000000000"), "12"),
        (Decimal("100"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("-0.5"), "-0.5"),
    ],
)
def test_decimals_are_written_plainly(value: Decimal, text: str) -> None:
    assert write_decimal(value) == text


@given(st.integers(-(10**24), 10**24))
def test_decimals_survive_the_way_out_and_in(nano: int) -> None:
    value = Decimal(nano).scaleb(-9)
    text = write_decimal(value)
    assert "E" not in text
    assert read("Decimal", text) == value


@pytest.mark.parametrize(("value", "number"), [("0.1", "0.1"), ("-3", "-3"), (7, "7"), ("007.50", "7.5")])
def test_decimals_are_read(value: object, number: str) -> None:
    assert read("Decimal", value) == Decimal(number)


@pytest.mark.parametrize(
    "value", [0.1, 1.0, True, "1e3", "NaN", "Infinity", ".5", "5.", "1,5", "", "١", "1" * 31, None]
)
def test_inexact_or_strange_numbers_are_no_decimals(value: object) -> None:
    with pytest.raises(GraphQLError, match="is not a Decimal") as caught:
        read("Decimal", value)
    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


def test_float_literals_are_no_decimals() -> None:
    assert read_literal("Decimal", "12") == 12
    with pytest.raises(GraphQLError, match="is not a Decimal"):
        read_literal("Decimal", "0.1")


@given(st.integers(-(10**37), 10**37))
def test_big_ints_are_numbers_as_long_as_every_reader_keeps_them(value: int) -> None:
    written = write_big_int(value)
    assert isinstance(written, int if abs(value) < 2**53 else str)
    assert read("BigInt", written) == read("BigInt", str(value)) == value


def test_big_ints_change_form_at_the_limit() -> None:
    assert write_big_int(2**53 - 1) == 9007199254740991
    assert write_big_int(2**53) == "9007199254740992"
    assert write_big_int(-(2**53)) == "-9007199254740992"


@pytest.mark.parametrize("value", [1.0, 2.5, True, "1.0", "", " 1", "1_000", "0x10", "1" * 39, 10**400, None])
def test_other_values_are_no_big_ints(value: object) -> None:
    with pytest.raises(GraphQLError, match="is not a BigInt") as caught:
        read("BigInt", value)
    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
def test_time_zones_survive_the_way_in_and_out(name: str) -> None:
    assert scalar("TimeZone").serialize(read("TimeZone", name)) == name


@pytest.mark.parametrize("value", ["+01:00", "Mars/Olympus", "", "../../etc/passwd", "Europe", "localtime", 1, None])
def test_other_values_are_no_time_zones(value: object) -> None:
    with pytest.raises(GraphQLError, match=r"not an? (IANA time zone|TimeZone)") as caught:
        read("TimeZone", value)
    assert caught.value.extensions == {"code": "BAD_TIMEZONE"}


@pytest.mark.parametrize("text", ["P7D", "PT24H", "P1M", "P1Y2M3W4DT5H6M7S"])
def test_durations_survive_the_way_in_and_out(text: str) -> None:
    duration = read("Duration", text)
    assert isinstance(duration, Duration)
    assert parse_duration(write_duration(duration)) == duration


@pytest.mark.parametrize("value", ["P", "PT", "7 days", "P0D", "-P1D", "P1.5D", "", "p7d ", 7, None])
def test_other_values_are_no_durations(value: object) -> None:
    with pytest.raises(GraphQLError, match=r"not a (d|D)uration") as caught:
        read("Duration", value)
    assert caught.value.extensions == {"code": "BAD_WINDOW"}
