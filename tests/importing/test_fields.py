"""Values of a line: read exactly, or refused by a message that names the field and not the value."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.importing.fields import MAX_TEXT, BadLine, amount, between, count, milliseconds, moment, text
from usage_graph.usage import MAX_COST_NANO, MAX_TOKENS

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.binary(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
    st.datetimes().map(lambda at: at.isoformat()),
)
READERS: list[Callable[[str, Any], Any]] = [
    text,
    moment,
    count,
    lambda name, value: amount(name, value, most_nano=MAX_COST_NANO),
    milliseconds,
]


@given(ANYTHING)
@pytest.mark.parametrize("read", READERS)
def test_anything_is_read_or_refused(read: Callable[[str, Any], Any], value: Any) -> None:
    try:
        got = read("field", value)
    except BadLine as error:
        got = error
    match got:
        case BadLine():
            assert str(got).startswith("field ")
        case str():
            assert 0 < len(got) <= MAX_TEXT
            got.encode()
        case int():
            assert 0 <= got <= MAX_TOKENS
        case Decimal():
            assert 0 <= got <= 10_000
            assert got == got.quantize(Decimal("1e-9"))
        case datetime():
            assert got.tzinfo is UTC
            assert 1971 <= got.year <= 2199
        case timedelta():
            assert timedelta() <= got <= timedelta(days=7)
        case _:
            assert got is None


@given(st.integers(0, MAX_TOKENS))
def test_counts_in_every_spelling(number: int) -> None:
    spellings = (number, str(number), f" {number} ", Decimal(number), float(number), f"{number}.0")
    assert {count("n", value) for value in spellings} == {number}


@pytest.mark.parametrize(
    "value", [-1, 1.5, "1.5", MAX_TOKENS + 1, True, "1_000", "0x10", "١٢", float("nan"), [], "inf"]
)
def test_what_is_no_count(value: Any) -> None:
    with pytest.raises(BadLine, match=r"^inputTokens is not a"):
        count("inputTokens", value)


@pytest.mark.parametrize(
    ("value", "exact"),
    [("0.0035304", "0.0035304"), (0.1, "0.1"), ("1e-7", "0.0000001"), ("0.0000000005", "0"), ("10000", "10000")],
)
def test_amounts_are_exact_to_the_nano(value: Any, exact: str) -> None:
    assert amount("cost", value, most_nano=MAX_COST_NANO) == Decimal(exact)


@pytest.mark.parametrize("value", ["-0.1", "10000.01", "$1", "1,5", True, "1e9999", "9" * 65])
def test_what_is_no_amount(value: Any) -> None:
    with pytest.raises(BadLine, match=r"^cost is not a"):
        amount("cost", value, most_nano=MAX_COST_NANO)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-01T12:00:00Z",
        "2026-11-01T12:00:00.000+00:00",
        "2026-11-01 12:00:00",
        "2026-11-01 13:00:00+01",
        " 2026-11-01T04:00-08:00 ",
    ],
)
def test_instants(value: str) -> None:
    assert moment("startedAt", value) == datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "yesterday", 1_700_000_000, "1970-01-01", "9999-12-31T23:59:59-12:00"])
def test_what_is_no_instant(value: Any) -> None:
    with pytest.raises(BadLine, match=r"^startedAt is "):
        moment("startedAt", value)


def test_text_is_made_short_and_storable() -> None:
    assert text("name", "a\0b" + "x" * 1000) == "ab" + "x" * 254
    assert text("name", 42) == "42"
    assert text("name", " \t") is None
    for wrong in ("\ud800", True, 1.5, ["a"]):
        with pytest.raises(BadLine, match=r"^name is not"):
            text("name", wrong)


@given(st.text(min_size=5))
def test_no_message_repeats_a_value(value: str) -> None:
    secret = f"SECRET-{value}"
    for read in (moment, count, milliseconds):
        with pytest.raises(BadLine) as caught:
            read("field", secret)
        assert "SECRET" not in str(caught.value)


def test_a_duration_that_cannot_be_is_none() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert between(start, start + timedelta(seconds=2)) == timedelta(seconds=2)
    assert between(start, start - timedelta(seconds=2)) == timedelta()
    assert between(start, start + timedelta(days=8)) == timedelta()
    assert milliseconds("durationMs", "12.5") == timedelta(microseconds=12_500)


def test_numbers_of_json_stay_what_they_are() -> None:
    value = json.loads("0.1000000001", parse_float=Decimal)
    assert amount("cost", value, most_nano=MAX_COST_NANO) == Decimal("0.1")
