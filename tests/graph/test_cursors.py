"""Opaque texts: they survive the way out and in, and whatever else comes in is refused."""

import base64
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.api import NOW, Api
from usage_graph.conversations import ConversationField, ConversationKey
from usage_graph.errors import BadCursor
from usage_graph.graph.conversations import conversation_key
from usage_graph.graph.cursors import (
    fingerprint,
    read_cursor,
    read_global_id,
    read_named_id,
    write_cursor,
    write_global_id,
    write_named_id,
)
from usage_graph.graph.records import record_key
from usage_graph.question import RecordKey
from usage_graph.window import Window

QUESTION = fingerprint("question")
RECORDS = partial(record_key, False)
BY_TIME = partial(record_key, True)
WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 0, 0, 0, 1, tzinfo=UTC))
start, end = 1_767_225_600_000_000, 1_769_904_000_000_001
INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC))


def packed(content: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(content)).decode().rstrip("=")


@given(start=INSTANTS, length=st.timedeltas(timedelta(microseconds=1), timedelta(days=300)), value=INT64, id=INT64)
def test_cursors_survive(start: datetime, length: timedelta, value: int, id: int) -> None:
    window = Window(start, start + length)
    for key in (RecordKey(value, id), RecordKey(None, id)):
        text = write_cursor(QUESTION, window, *key)
        assert read_cursor(text, QUESTION, RECORDS) == (window, key)
        assert not set(text) & set("+/=")


@given(at=INSTANTS, id=INT64)
def test_global_ids_survive(at: datetime, id: int) -> None:
    text = write_global_id("UsageRecord", at, id)
    assert read_global_id(text, "UsageRecord") == (at, id)
    assert read_global_id(text, "Other") is None
    assert read_named_id(text, "UsageRecord") is None


@given(name=st.text())
def test_names_survive(name: str) -> None:
    """What a name can be is for those to say who look for it; that a lone surrogate is none, for the encoding."""
    try:
        text = write_named_id("Conversation", name)
    except UnicodeEncodeError:
        return
    assert read_named_id(text, "Conversation") == name
    assert read_named_id(text, "Other") is None
    assert read_global_id(text, "Conversation") is None


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        (ConversationField.TITLE, "Ä title", "c"),
        (ConversationField.TITLE, None, "c"),
        (ConversationField.CREDITS, str(10**37), "c"),
        (ConversationField.CALLS, "0", "c"),
        (ConversationField.TURNS, "7", ""),
        (ConversationField.STARTED_AT, 0, "c"),
        (ConversationField.LAST_ACTIVE_AT, 1_769_904_000_000_000, "c"),
    ],
)
def test_a_place_among_conversations(field: ConversationField, value: Any, name: str) -> None:
    number = int(value) if value and not field.is_text else value
    found = read_cursor(packed([QUESTION, start, end, value, name]), QUESTION, partial(conversation_key, field))
    assert found == (WINDOW, ConversationKey(number, name))


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        (ConversationField.TITLE, "a", 1),
        (ConversationField.TITLE, "a", "\0"),
        (ConversationField.TITLE, "a\0", "c"),
        (ConversationField.TITLE, 1, "c"),
        (ConversationField.CALLS, 1, "c"),
        (ConversationField.CALLS, "-1", "c"),
        (ConversationField.CALLS, "01", "c"),
        (ConversationField.CALLS, "1e3", "c"),
        (ConversationField.CALLS, "٣", "c"),
        (ConversationField.CALLS, "1" * 39, "c"),
        (ConversationField.STARTED_AT, "1", "c"),
        (ConversationField.STARTED_AT, -1, "c"),
        (ConversationField.STARTED_AT, 2**62, "c"),
        (ConversationField.LAST_ACTIVE_AT, 1_769_904_000_000_001, "c"),
    ],
)
def test_no_place_among_conversations(field: ConversationField, value: Any, name: Any) -> None:
    text = packed([QUESTION, start, end, value, name])
    with pytest.raises(BadCursor, match="not a cursor"):
        read_cursor(text, QUESTION, partial(conversation_key, field))


GARBAGE = [
    "",
    "x",
    "null",
    "é" * 10,
    "a" * 100_000,
    packed(None),
    packed([]),
    packed({"question": QUESTION}),
    packed([QUESTION, start, end, 0]),
    packed([QUESTION, start, end, 0, 0, 0]),
    packed([QUESTION, start, end, "0", 0]),
    packed([QUESTION, start, end, 0, "0"]),
    packed([QUESTION, start, end, 0, None]),
    packed([QUESTION, start, end, 0.5, 0]),
    packed([QUESTION, start, end, 0, 2**63]),
    packed([QUESTION, start, end, 2**64 - 1, 0]),
    packed([QUESTION, end, start, 0, 0]),
    packed([QUESTION, start, start, 0, 0]),
    packed([QUESTION, start, 2**62, 0, 0]),
    packed([QUESTION, -(2**62), end, 0, 0]),
    packed([QUESTION, start, end, 0, 0]) + "=",
    packed([QUESTION, start, end, 0, 0]) + "AAAA",
    "-" + packed([QUESTION, start, end, 0, 0]),
]


def test_the_form_that_garbage_is_derived_from_is_right() -> None:
    assert read_cursor(packed([QUESTION, start, end, 0, 0]), QUESTION, RECORDS) == (WINDOW, RecordKey(0, 0))


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_no_cursor_and_no_id(text: str) -> None:
    with pytest.raises(BadCursor, match="not a cursor"):
        read_cursor(text, QUESTION, RECORDS)
    assert read_global_id(text, "UsageRecord") is None


@given(text=st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))))
def test_no_text_breaks_the_reading(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, QUESTION, RECORDS)
    assert read_global_id(text, "UsageRecord") is None


@given(data=st.data())
def test_a_damaged_cursor_never_reads_as_another_of_the_same_question_by_accident(data: st.DataObject) -> None:
    """Cursors are not signed, so damage to value and id cannot show; all else is noticed."""
    text = write_cursor(QUESTION, WINDOW, 7, 8)
    place = data.draw(st.integers(0, 8))  # the array's head and the question
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    damaged = text[:place] + letter + text[place + 1 :]
    if damaged != text:
        with pytest.raises(BadCursor):
            read_cursor(damaged, QUESTION, RECORDS)


def test_fingerprints_are_the_same_in_every_process() -> None:
    assert fingerprint("default", frozenset({"b", "a"}), None, WINDOW.start).hex() == "f99ff7952805"
    assert fingerprint("a") != fingerprint("b")


@pytest.mark.parametrize("value", [None, -(2**63), start - 1, end, 2**63 - 1])
def test_a_list_by_time_has_no_record_outside_its_window(value: int | None) -> None:
    text = packed([QUESTION, start, end, value, 0])
    assert read_cursor(text, QUESTION, RECORDS).key == RecordKey(value, 0)
    with pytest.raises(BadCursor, match="not a cursor"):
        read_cursor(text, QUESTION, BY_TIME)
    with pytest.raises(BadCursor, match="another list"):
        read_cursor(text, fingerprint("other"), BY_TIME)


async def test_garbage_through_the_api() -> None:
    api = Api(now=NOW)
    document = 'query ($c: String) { usage(window: { last: "P1D" }) { records(after: $c) { nodes { id } } } }'
    for text in GARBAGE:
        assert await api.code(document, {"c": text}) == "BAD_CURSOR"
    assert api.reader.opened == 0
