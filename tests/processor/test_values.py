"""Single attribute values: what is read, and what is not believed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor.values import charge, credit, dig, document, nano_credit, text, tokens, usd
from usage_graph.usage import MAX_COST_NANO, MAX_CREDITS_NANO, MAX_TOKENS

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just("1" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1207, 1207),
        (22.0, 22),
        (22.9, 22),
        ("2113", 2113),
        (" 2113 ", 2113),
        ("22.0", 22),
        ("1e3", 1000),
        (10**12, 10**12),
        ("1000000000000", 10**12),
        (10**12 + 1, None),
        (1e300, None),
        ("1e300", None),
        (-1, None),
        (-0.5, None),
        ("-1", None),
        (float("nan"), None),
        (float("inf"), None),
        ("nan", None),
        ("Infinity", None),
        (True, None),
        ("False", None),
        ("", None),
        ("1_000", None),
        ("٣", None),
        ("0x10", None),
        ("9" * 5000, None),
        ("1e999999999", None),
        (None, None),
        ([5], None),
        ({"a": 5}, None),
        (b"5", None),
    ],
)
def test_tokens(value: Any, expected: int | None) -> None:
    assert tokens(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0048475, 4_847_500),
        ("0.0048475", 4_847_500),
        (0.00036764999999999996, 367_650),
        (2.6e-07, 260),
        (1, 10**9),
        (10_000, MAX_COST_NANO),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        (10_000.01, None),
        (1e30, None),
        ("1e30", None),
        (-0.01, None),
        (float("nan"), None),
        (float("-inf"), None),
        (True, None),
        ("free", None),
        (None, None),
        ("1e-999", 0),
        pytest.param(10**5000, None, id="5001 digits"),
    ],
)
def test_usd_is_exact_nano_dollars(value: Any, expected: int | None) -> None:
    assert usd(value) == expected


def test_a_charge_is_never_zero() -> None:
    assert [charge(value) for value in (0, 0.0, "0", "0.00", 1e-12, 0.5)] == [None] * 5 + [500_000_000]


def test_credits() -> None:
    assert credit("1.5") == 1_500_000_000
    assert credit(2) == 2 * 10**9
    assert credit(-1) is None
    assert credit(10**6) == MAX_CREDITS_NANO
    assert credit(10**6 + 1) is None
    assert nano_credit(1_500_000_000) == 1_500_000_000
    assert nano_credit(-1) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("gpt-4o", "gpt-4o"),
        ("naïve", "naïve"),
        ("a\0b", "ab"),
        ("\0", None),
        ("", None),
        ("   ", None),
        ("\u00a0", None),
        ("\ud800", "\ufffd"),
        ("a\udfffb", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("x" * 300, "x" * 256),
        ("é" * 300, "é" * 256),
        ("[Scrubbed due to 'session']", None),
        ('"web"', "web"),
        ('"\\"web\\""', "web"),
        ('"a\\u0000b"', "ab"),
        ('"\\ud800"', "\ufffd"),
        ('""', None),
        ('"open', '"open'),
        ('"a" and "b"', '"a" and "b"'),
        (42, "42"),
        (42.0, "42"),
        (0, "0"),
        (-(2**63), str(-(2**63))),
        (2**64, None),
        pytest.param(10**5000, None, id="5001 digits"),
        (4.2, None),
        (float("nan"), None),
        (True, None),
        (None, None),
        (["a"], None),
        ({"a": "b"}, None),
        (b"a", None),
    ],
)
def test_text(value: Any, expected: str | None) -> None:
    assert text(value) == expected


@given(anything | st.text(st.characters(categories=["Cs", "Cc", "Zs", "L"]), max_size=600))
def test_text_is_always_storable(value: Any) -> None:
    found = text(value)
    if found is not None:
        assert 1 <= len(found) <= 256
        assert "\0" not in found
        found.encode()
        assert text(found) == found


@given(anything)
def test_numbers_are_bounded_whatever_comes(value: Any) -> None:
    bounds = ((tokens, MAX_TOKENS), (usd, MAX_COST_NANO), (credit, MAX_CREDITS_NANO), (nano_credit, MAX_CREDITS_NANO))
    for read, most in bounds:
        found = read(value)
        assert found is None or (type(found) is int and 0 <= found <= most)


@given(st.dictionaries(st.sampled_from(["a", "b"]), anything) | anything)
def test_a_path_leads_to_what_json_holds_or_nowhere(value: Any) -> None:
    held = document(value)
    assert dig(held, ("a",)) == (held.get("a") if isinstance(held, dict) else None)


@pytest.mark.parametrize("hostile", ["[" * 100_000, "[" * 60_000, '{"a":' * 10_000, "9" * 5000, "\ud800", "nope", ""])
def test_hostile_documents_are_left_unread(hostile: str) -> None:
    assert document(hostile) is None


def test_documents() -> None:
    assert dig(document('{"openai": {"cachedPromptTokens": 5}}'), ("openai", "cachedPromptTokens")) == 5
    assert dig(document({"input_tokens": 5}), ("input_tokens",)) == 5
    assert dig(document('"web"'), ()) == "web"
    assert document(json.dumps({"logprobs": "x" * 2**16})) is None
    assert document("{'python': 'repr'}") is None
    assert document("{'audio': 0, 'cache_read': 1024, 'none': None}") == {"audio": 0, "cache_read": 1024}
    assert document("{'cache_read': 1024, 'nested': {'audio': 0}}") is None
    assert document("{'cache_read': " + "9" * 5000 + "}") is None
    assert document("{}") == {}
    assert dig([1], ("a",)) is None
