"""Credits by rules: which rule a call goes by, and how many credits that are."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processor.conftest import START, a_span
from tests.records import record
from usage_graph.credits import CreditRule
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Processor, Resource, Scope
from usage_graph.processor.charging import Charging, credit_rule
from usage_graph.usage import MAX_CREDITS_NANO, NANO, UsageRecord

DAY = timedelta(days=1)


def rule(amount: int, model: str | None = None, channel: str | None = None, **more: Any) -> CreditRule:
    return credit_rule(project="default", model=model, channel=channel, per_call=amount, **more)


def a_call(**changes: Any) -> UsageRecord:
    fields: dict[str, Any] = {
        "started_at": START,
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "channel": "web",
        "input_tokens": 1000,
        "output_tokens": 500,
        "credits_nano": 0,
    }
    return record(**(fields | changes))


def credits_of(rules: list[CreditRule], **changes: Any) -> Decimal:
    return Decimal(Charging(rules).charge(a_call(**changes)).credits_nano) / NANO


ALL = [
    rule(1, "gpt-4o", "web"),
    rule(2, "gpt-4o-2024-08-06"),
    rule(3, "gpt-4o"),
    rule(4, "gpt-*"),
    rule(5, None, "web"),
    rule(6),
]


@pytest.mark.parametrize("dropped", range(len(ALL) + 1))
def test_the_most_specific_rule_applies(dropped: int) -> None:
    """Whatever their order; without any the call is free."""
    for rules in (ALL[dropped:], ALL[dropped:][::-1]):
        assert credits_of(rules) == (dropped + 1 if rules else 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"channel": "Web"}, 2),
        ({"channel": None, "response_model": None}, 3),
        ({"response_model": "openai/gpt-4o"}, 1),
        ({"response_model": None, "request_model": "gpt-5"}, 4),
        ({"response_model": "claude-opus-4-8", "request_model": None}, 5),
        ({"response_model": None, "request_model": None, "channel": None}, 6),
        ({"project": "other"}, 0),
        ({"failed": True, "input_tokens": None, "output_tokens": None}, 1),
    ],
)
def test_whom_a_rule_is_for(changes: dict[str, Any], expected: int) -> None:
    assert credits_of(ALL, **changes) == expected


def test_each_amount_has_a_rule_of_its_own() -> None:
    per_tokens = credit_rule(project="default", model="gpt-4o", per_1k_tokens="0.5")
    assert credits_of([per_tokens, rule(2)]) == Decimal("2.75")
    free = credit_rule(project="default", model="gpt-4o", channel="web", per_1k_tokens=0)
    assert credits_of([per_tokens, rule(2), free]) == 2


def test_of_equal_rules_the_newest_in_force_at_the_calls_start() -> None:
    rules = [rule(1), rule(2, since=START), rule(3, since=START + DAY), rule(4, since=START - DAY)]
    assert credits_of(rules) == 2
    assert credits_of(rules, started_at=START - timedelta(microseconds=1)) == 4
    assert credits_of(rules, started_at=START - 2 * DAY) == 1
    assert credits_of(rules[2:], started_at=START - 2 * DAY) == 0
    # One that is not yet in force hides none that is less specific.
    assert credits_of([rule(1), rule(9, "gpt-4o", since=START + DAY)]) == 1


def test_unknown_tokens_count_as_none() -> None:
    rules = [credit_rule(project="default", per_1k_tokens=2)]
    assert credits_of(rules, input_tokens=None) == 1
    assert credits_of(rules, input_tokens=None, output_tokens=None) == 0


@given(
    st.decimals(0, 10**6, places=12),
    st.decimals(0, 10**6, places=12) | st.sampled_from([Decimal("0.0000005"), Decimal("0.0000015")]),
    st.integers(0, 10**12) | st.integers(0, 9),
)
def test_a_charge_is_rounded_half_to_even_once(per_call: Decimal, per_1k: Decimal, tokens: int) -> None:
    charging = Charging([credit_rule(project="default", per_call=per_call, per_1k_tokens=per_1k)])
    charged = charging.charge(a_call(input_tokens=tokens, output_tokens=None)).credits_nano
    assert charged == min(round((Fraction(per_call) + Fraction(per_1k) * tokens / 1000) * NANO), MAX_CREDITS_NANO)


def test_halves() -> None:
    rules = [credit_rule(project="default", per_1k_tokens="0.0000005")]
    found = [Charging(rules).charge(a_call(input_tokens=n, output_tokens=0)).credits_nano for n in range(6)]
    assert found == [0, 0, 1, 2, 2, 2]


def test_reported_credits_stay_and_others_are_charged_anew() -> None:
    charging = Charging([rule(7)])
    said = a_call(credits_nano=0, credits_reported=True)
    assert charging.charge(said) is said
    charged = charging.charge(a_call(credits_nano=5))
    assert (charged.credits_nano, charged.credits_reported) == (7 * NANO, False)
    assert charging.charge(charged) is charged
    charging.use([])
    assert charging.charge(charged).credits_nano == 0


@pytest.mark.parametrize(("attributes", "expected"), [({}, 3), ({"usage_graph.credits": 0}, 0)])
def test_a_span_is_charged_as_it_comes(pricing: Pricing, attributes: dict[str, Any], expected: int) -> None:
    processor = Processor(pricing=pricing, charging=Charging([rule(3, None, "web")]))
    span = a_span({"gen_ai.request.model": "gpt-4o", "gen_ai.operation.name": "chat", "channel": "web"} | attributes)
    now = START + DAY
    found = processor.observe(Resource({}), Scope("", "", {}), span, project="default", now=now)
    assert isinstance(found, Observation)
    assert found.record.credits_nano == expected * NANO


@pytest.mark.parametrize(
    ("given_", "wrong"),
    [
        ({}, "per_call: state credits per call"),
        ({"per_call": "a lot"}, "per_call: 'a lot' is no amount: write credits as a number, such as 0.25."),
        ({"per_call": -1}, "per_call: -1 is no amount from 0 to 1,000,000 credits."),
        ({"per_call": 0.5}, "per_call: 0.5 is no amount"),
        ({"per_call": True}, "per_call: True is no amount"),
        ({"per_1k_tokens": Decimal("NaN")}, "per_1k_tokens: "),
        ({"per_1k_tokens": "0.0000000000001"}, "per_1k_tokens: '0.0000000000001' has more than 12 digits"),
        ({"per_call": 1, "model": " "}, "model: ' ' is no name of a model"),
        ({"per_call": 1, "model": "a*b"}, r"model: 'a\*b' is no name of a model"),
        ({"per_call": 1, "model": "a" * 257}, "model: 'aaa"),
        ({"per_call": 1, "channel": "a\0"}, r"channel: 'a\\x00' is no name of a channel"),
        ({"per_call": 1, "project": ""}, "project: '' is no name of a project"),
    ],
)
def test_a_rule_that_is_wrong(given_: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong}"):
        credit_rule(**({"project": "default"} | given_))


def test_names_are_folded_as_they_are_kept() -> None:
    since = datetime.fromisoformat("2026-03-01T00:00:00+05:45")
    found = credit_rule(project="default", model=" GPT-4o-20240806 ", channel="Web", since=since, per_call="1.50")
    assert found == CreditRule(
        "default", "gpt-4o-2024-08-06", "Web", datetime(2026, 2, 28, 18, 15, tzinfo=UTC), Decimal("1.5"), None
    )
