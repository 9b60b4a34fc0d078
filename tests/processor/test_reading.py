"""The table of attribute names: which key of a field wins, and what is in documents."""

import json
from typing import Any

import pytest

from usage_graph.processor.documents import DOCUMENTS, Document
from usage_graph.processor.reading import Identity, read, read_identity
from usage_graph.processor.semconv import IDENTITY, IDENTITY_KEYS, SPAN_FIELDS, WANTED, Field
from usage_graph.processor.values import (
    charge,
    instant,
    milliseconds,
    seconds,
    seconds_or_whole_milliseconds,
    tokens,
    usd,
)

NUMBERS = (tokens, usd, charge, milliseconds, seconds, seconds_or_whole_milliseconds)


def value_of(field: Field, number: int) -> Any:
    """A value that the field can read, another one for each number."""
    if field.name in ("response_id", "request_id", "bare_request_id"):
        return f"{'resp' if field.name == 'response_id' else 'req'}_0123456789{number}"
    if field.read is instant:
        return f"2026-11-22T01:00:0{number}Z"
    return number + 1 if field.read in NUMBERS or "credits" in field.name else f"value-{number}"


@pytest.mark.parametrize("field", SPAN_FIELDS, ids=lambda field: field.name)
def test_the_best_key_wins_whatever_the_order(field: Field) -> None:
    sent = {key: value_of(field, number) for number, key in enumerate(field.keys)}
    for best in field.keys:
        expected = field.read(sent[best])
        assert expected is not None
        assert getattr(read(sent), field.name) == expected
        assert getattr(read(dict(reversed(sent.items()))), field.name) == expected
        assert getattr(read({**sent, best: [sent[best]]}), field.name) != expected
        assert best in WANTED
        del sent[best]
    assert getattr(read(sent), field.name) is None


ROWS = [
    pytest.param(document, field, way, id=f"{document.key}: {field} at {'.'.join(way)}")
    for document in DOCUMENTS
    for field, ways in document.paths.items()
    for way in ways
]


def nested(way: tuple[str, ...], value: Any) -> Any:
    for step in reversed(way):
        value = {step.rstrip("*"): value}
    return value


@pytest.mark.parametrize(("document", "field", "way"), ROWS)
def test_what_is_in_documents(document: Document, field: str, way: tuple[str, ...]) -> None:
    position = next(index for index, row in enumerate(SPAN_FIELDS) if row.name == field)
    row = SPAN_FIELDS[position]
    value = value_of(row, 6)
    for held in (nested(way, value), json.dumps(nested(way, value))):
        found = read({document.key: held})
        assert found[position] == row.read(value)
        others = {name: other for name, other in zip(found._fields, found, strict=True) if name != field}
        assert set(others.values()) <= {None, False, True}
        # A plain key knows better.
        assert read({document.key: held, row.keys[0]: value_of(row, 8)})[position] == row.read(value_of(row, 8))
    unreadable: tuple[Any, ...] = ("{", "[]", [], 7, None, nested(way, [value]), nested(way[:-1], value))
    for nonsense in unreadable:
        assert read({document.key: nonsense})[position] is None


def test_identity_is_read_as_with_all_the_rest() -> None:
    fields = [field for field in SPAN_FIELDS if field.name in IDENTITY]
    sent = {key: f"{field.name} {key}" for field in fields for key in field.keys}
    whole: dict[str, Any] = {**sent, "gen_ai.usage.input_tokens": 5}
    assert set(sent) == IDENTITY_KEYS
    while sent:
        found = read(whole)
        assert read_identity(whole) == Identity(found.agent, found.conversation, found.user, found.channel)
        for name in IDENTITY:
            if best := next((key for field in fields if field.name == name for key in field.keys if key in sent), None):
                del sent[best], whole[best]
    assert read_identity({"metadata": '{"thread_id": "t", "user_id": "u"}'}) == Identity(None, "t", "u", None)
