"""One call, several observations: what belongs together, and what the record takes from which. Pure."""

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import BASE, record
from tests.store.database import as_it_is
from usage_graph.observation import MergeReason, Observation
from usage_graph.store.linking import Group, Kind, Link, Node, Seen, group, links, nested, seen
from usage_graph.store.merging import Told, complete, fold
from usage_graph.usage import UsageRecord

OUTER, INNER = b"\1" * 8, b"\2" * 8


def observed(span: bytes = OUTER, parent: bytes = b"", **changes: Any) -> Seen:
    about = {name: changes.pop(name) for name in ("trusted", "source_derived") if name in changes}
    return seen(Observation(record(span_id=span, **changes), parent_span_id=parent, **about))


def test_what_an_outer_span_says_goes_before_what_an_inner_one_does() -> None:
    outer = observed(name="plan", user_id="ada", agent=None, started_at=BASE + timedelta(seconds=1))
    inner = observed(INNER, OUTER, name="openai", user_id="bot", agent="planner")
    folded = fold([inner, outer], as_it_is)
    assert (folded.name, folded.user_id, folded.agent, folded.span_id) == ("plan", "ada", "planner", OUTER)


def test_tokens_are_those_of_the_providers_own_sdk() -> None:
    traceloop = observed(output_tokens=107, cache_read_tokens=5)
    sdk = observed(INNER, output_tokens=106, trusted=True)
    folded = fold([traceloop, sdk], as_it_is)
    assert (folded.output_tokens, folded.cache_read_tokens) == (106, 5)


def test_an_observation_that_measured_nothing_gives_no_tokens() -> None:
    stream = observed(input_tokens=0, output_tokens=0, trusted=True)
    whole = observed(INNER, OUTER, input_tokens=100, output_tokens=20)
    folded = fold([stream, whole], as_it_is)
    assert (folded.input_tokens, folded.output_tokens) == (100, 20)


def test_counts_of_two_measurements_are_not_mixed_where_they_contradict_each_other() -> None:
    folded = fold([observed(input_tokens=10, trusted=True), observed(INNER, cache_read_tokens=50)], as_it_is)
    assert (folded.input_tokens, folded.cache_read_tokens) == (10, None)


@pytest.mark.parametrize(
    ("failures", "measured", "failed"),
    [
        ((True, True), True, True),
        ((True, False), True, False),
        ((True, False), False, True),
        ((False, False), False, False),
    ],
)
def test_whether_a_call_failed(failures: tuple[bool, bool], measured: bool, failed: bool) -> None:
    tokens: dict[str, Any] = {} if measured else {"input_tokens": None, "output_tokens": None}
    folded = fold(
        [
            observed(span, failed=fails, error_type="timeout" if fails else None, **tokens)
            for span, fails in zip((OUTER, INNER), failures, strict=True)
        ],
        as_it_is,
    )
    assert folded.failed is failed
    assert folded.error_type == ("timeout" if failed else None)


def test_a_reported_cost_goes_before_a_computed_one() -> None:
    computed = observed(cost_nano=5, trusted=True)
    reported = observed(INNER, cost_nano=7, cost_reported=True, output_cost_nano=3)
    folded = fold([computed, reported], as_it_is)
    assert (folded.cost_nano, folded.cost_reported, folded.output_cost_nano) == (7, True, 3)


def test_what_is_not_reported_is_priced_anew() -> None:
    def price(merged: UsageRecord) -> UsageRecord:
        return merged._replace(cost_nano=merged.input_tokens)

    assert fold([observed(input_tokens=None), observed(INNER, input_tokens=321)], price).cost_nano == 321


def test_credits_that_were_reported_go_before_those_by_rules_whatever_the_cost() -> None:
    def charge(merged: UsageRecord) -> UsageRecord:
        return merged if merged.credits_reported else merged._replace(credits_nano=merged.input_tokens or 0)

    by_rule = observed(credits_nano=9, input_tokens=321, cost_nano=7, cost_reported=True)
    said = [observed(INNER, credits_nano=number, credits_reported=True, cost_nano=None) for number in (2, 3)]
    folded = fold([by_rule, *said], charge)
    assert (folded.credits_nano, folded.credits_reported, folded.cost_nano) == (3, True, 7)
    folded = fold([by_rule, observed(INNER, credits_nano=0)], charge)
    assert (folded.credits_nano, folded.credits_reported, folded.cost_nano) == (321, False, 7)


def test_a_source_that_somebody_named_goes_before_a_derived_one() -> None:
    derived, named = observed(source="chat", source_derived=True), observed(INNER, OUTER, source="ci")
    assert fold([derived, named], as_it_is).source == "ci"
    assert fold([derived, derived._replace(key=7)], as_it_is).source == "chat"


_seen = st.builds(
    lambda span, parent, trusted, derived, start, tokens, failed, agent, cost: observed(
        span.to_bytes(8, "big"),
        parent.to_bytes(8, "big") if parent else b"",
        trusted=trusted,
        source_derived=derived,
        started_at=BASE + timedelta(seconds=start),
        input_tokens=tokens,
        failed=failed,
        agent=agent,
        cost_nano=cost,
        cost_reported=cost is not None,
    ),
    st.integers(1, 6),
    st.integers(0, 6),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([None, 0, 100, 101]),
    st.booleans(),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, 3, 4]),
)


@given(st.lists(_seen, min_size=1, max_size=6, unique_by=lambda one: one.key), st.integers())
def test_order_does_not_matter(observations: list[Seen], seed: int) -> None:
    shuffled = list(observations)
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    assert fold(shuffled, as_it_is) == fold(observations, as_it_is)


def test_one_observation_is_the_record_itself() -> None:
    alone = observed(name="x", cost_nano=3)
    assert fold([alone], as_it_is) is alone.record


@pytest.mark.parametrize(
    ("inner", "outer", "same"),
    [
        ({}, {}, True),
        ({"output_tokens": 21}, {"output_tokens": 20}, True),
        ({"output_tokens": 22}, {"output_tokens": 20}, False),
        ({"input_tokens": 101}, {"input_tokens": 100}, False),
        ({"input_tokens": None, "output_tokens": None}, {}, True),
        ({"input_tokens": None, "output_tokens": None, "request_model": "claude-sonnet-4-5"}, {}, False),
        ({"input_tokens": 0, "output_tokens": 0, "request_model": None}, {}, True),
        ({"input_tokens": None, "output_tokens": None, "request_model": "openai/gpt-4o-mini-2024-07-18"}, {}, True),
        ({"output_tokens": None}, {"output_tokens": 0}, True),
    ],
)
def test_when_a_span_and_the_one_above_it_are_one_call(inner: Any, outer: Any, same: bool) -> None:
    assert nested(observed(INNER, OUTER, **inner), observed(OUTER, **outer)) is same


def test_two_calls_with_one_response_id_are_one_within_a_week() -> None:
    first, near = observed(b"\1" * 8), observed(b"\2" * 8, started_at=BASE + timedelta(days=7))
    far = observed(b"\3" * 8, started_at=BASE + timedelta(days=7, microseconds=1))
    new = {one.key: one for one in (first, near, far)}
    found = list(links(new, [(key, Kind.RESPONSE, "resp_12345678") for key in new]))
    assert found == [Link(MergeReason.RESPONSE_ID, first.key, near.key)]


def test_equal_ids_in_two_projects_are_of_two_calls() -> None:
    here, there = observed(), observed(project="other")
    new = {one.key: one for one in (here, there)}
    assert not list(links(new, [(key, Kind.RESPONSE, "resp_12345678") for key in new]))


def test_an_id_is_that_of_the_calls_near_in_time() -> None:
    first, *later = (
        observed(bytes([n]) * 8, started_at=BASE + timedelta(days=days)) for n, days in ((1, 0), (2, 10), (3, 11))
    )
    new = {one.key: one for one in (later[1], first, later[0])}
    found = list(links(new, [(key, Kind.RESPONSE, "resp_12345678") for key in new]))
    assert found == [Link(MergeReason.RESPONSE_ID, later[0].key, later[1].key)]


def alike(*nodes: int) -> dict[Node, list[Seen]]:
    return {node: [observed()] for node in nodes}


def test_what_is_linked_in_a_chain_is_one_group() -> None:
    chain = [Link(MergeReason.NESTED, 1, 2), Link(MergeReason.RESPONSE_ID, 3, 4), Link(MergeReason.NESTED, 2, 3)]
    groups, needed = group(alike(1, 2, 3, 4, 5), [*chain, Link(MergeReason.REQUEST_ID, 4, 1)])
    assert sorted(map(sorted, (one.new for one in groups))) == [[1, 2, 3, 4], [5]]
    assert needed == chain


def test_groups_without_links_stay_alone() -> None:
    assert group(alike(3, 1), []) == ([Group([], [3]), Group([], [1])], [])


def test_calls_of_two_sizes_are_not_put_together_by_spans_between_them_that_measured_nothing() -> None:
    roof = observed(input_tokens=None, output_tokens=None)
    seen_by: dict[Node, list[Seen]] = {1: [roof], 2: [observed(input_tokens=100)], 3: [observed(input_tokens=50)]}
    found = [Link(MergeReason.NESTED, 1, 2), Link(MergeReason.NESTED, 1, 3)]
    assert group(seen_by, found) == ([Group([], [1, 2]), Group([], [3])], found[:1])
    # What shares an id is one call whatever it measured.
    assert len(group(seen_by, [found[0], Link(MergeReason.RESPONSE_ID, 1, 3)])[0]) == 1


def test_a_span_above_says_only_what_is_not_known() -> None:
    known = record(agent="planner", user_id=None, source="agent")
    told = Told(conversation="c", user_id="ada", agent="other", channel=None)
    completed = complete(known, [told], source_derived=True)
    assert (completed.agent, completed.user_id, completed.conversation) == ("planner", "ada", "c")


def test_an_agent_from_above_makes_the_source_agent_unless_somebody_named_it() -> None:
    told = Told(None, None, "planner", None)
    assert complete(record(source="chat"), [told], source_derived=True).source == "agent"
    assert complete(record(source="ci"), [told], source_derived=False).source == "ci"
