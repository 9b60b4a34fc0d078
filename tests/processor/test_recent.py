"""Attributes that are remembered say what they say when they are read for each span."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor import recent
from usage_graph.processor.reading import read
from usage_graph.processor.recent import COUNTS, Read, RecentAttributes
from usage_graph.processor.semconv import UNIQUE_KEYS, WANTED
from usage_graph.processor.values import AttributeValue, tokens

Pair = tuple[str, AttributeValue]


def _encoded(pairs: Iterable[Pair]) -> list[bytes]:
    return [json.dumps(pair).encode() for pair in pairs]


def _read(raw: bytes) -> Read:
    key, value = json.loads(raw)
    return (key, value) if key in WANTED else isinstance(value, int | float)


_keys = st.sampled_from(sorted(WANTED)) | st.sampled_from(["gen_ai.prompt", "server.port"])
_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**13),
    st.floats(0, 10),
    st.sampled_from(["", "chat", "openai", "gpt-4o", "12", "0.25", "resp_0123456789", "req_0123456789", "2026-01-01"]),
    st.sampled_from(['{"input_tokens": 5, "output_tokens": 7, "total_cost": 0.1, "session_id": "s"}', "{", "x" * 300]),
)
_spans = st.lists(st.lists(st.tuples(_keys, _values), max_size=12), max_size=12)


@given(_spans)
def test_they_say_what_reading_finds(spans: list[list[Pair]]) -> None:
    attributes = RecentAttributes(_read)
    for span in (*spans, *spans):
        kept, found = attributes.of(_encoded(span))
        assert kept == {key: value for key, value in span if key in WANTED}
        twice = len([key for key, _ in span if key in WANTED]) != len(kept)
        assert (found is None) is twice
        assert found is None or found == read(kept)


@given(_spans)
def test_so_they_do_while_they_are_forgotten(spans: list[list[Pair]]) -> None:
    attributes = RecentAttributes(_read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recent, "MOST", 3)
        for span in (*spans, *spans):
            kept, found = attributes.of(_encoded(span))
            assert found is None or found == read(kept)
            assert len(attributes._recent) <= 3


def _remembered(*pairs: Pair) -> list[Pair]:
    """Those of ``pairs``, which are read twice, that need not be read the second time."""
    times: list[bytes] = []

    def watched(raw: bytes) -> Read:
        times.append(raw)
        return _read(raw)

    attributes, raws = RecentAttributes(watched), _encoded(pairs)
    attributes.of(raws)
    attributes.of(raws)
    return [pair for pair, raw in zip(pairs, raws, strict=True) if times.count(raw) == 1]


def test_what_people_wrote_is_not_remembered() -> None:
    said: list[Pair] = [("gen_ai.prompt", "hello"), ("gen_ai.completion", ["hello"]), ("gen_ai.input", {"a": "hello"})]
    assert _remembered(*said) == []


def test_what_is_unique_or_long_is_not_remembered() -> None:
    unique: list[Pair] = [(key, "resp_0123456789") for key in sorted(UNIQUE_KEYS)]
    assert _remembered(*unique, ("metadata", json.dumps({"user_id": "x" * 300}))) == []


def test_names_and_numbers_are_remembered() -> None:
    said: list[Pair] = [("gen_ai.request.model", "gpt-4o"), ("gen_ai.usage.input_tokens", 5), ("server.port", 443)]
    assert _remembered(*said) == said


def test_memory_is_bounded() -> None:
    attributes = RecentAttributes(_read)
    for number in range(3 * recent.MOST):
        attributes.of(_encoded([("user.id", f"u{number}")]))
    assert len(attributes._recent) + len(attributes._before) <= 2 * recent.MOST


@given(st.sampled_from(sorted(COUNTS)), st.integers(0, 10**12))
def test_counts_say_their_number_and_nothing_else(key: str, number: int) -> None:
    position, _ = COUNTS[key]
    said: dict[str, Any] = read({key: number})._asdict()
    assert [name for name, value in said.items() if value not in (None, False)] == [[*said][position]] * bool(number)
    assert [*said.values()][position] == tokens(number)
