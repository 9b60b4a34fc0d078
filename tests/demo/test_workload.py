"""The two months are believable, and the same for the same seed and time."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_graph.demo import cast, workload
from usage_graph.demo.workload import PAST, Run

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def story() -> list[Run]:
    return workload.history(seed=1, now=NOW)


def test_the_same_seed_and_time_give_the_same_calls(story: list[Run]) -> None:
    assert workload.history(seed=1, now=NOW) == story
    assert workload.history(seed=2, now=NOW) != story


@settings(max_examples=8, deadline=None)
@given(
    st.integers(),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC)),
)
def test_any_calls_lie_in_their_sixty_days_and_every_one_in_its_run(seed: int, now: datetime) -> None:
    story = workload.history(seed=seed, now=now)

    assert 9_000 < len(list(workload.calls(story))) < 26_000
    assert all(earlier.started_at <= later.started_at for earlier, later in pairwise(story))
    for run in story:
        assert now - PAST <= run.started_at
        assert run.ended_at < now
        for call in run.calls:
            assert run.started_at < call.started_at < call.ended_at < run.ended_at


def test_tokens_are_inclusive_and_unknown_only_for_failures(story: list[Run]) -> None:
    for call in workload.calls(story):
        assert (call.input_tokens is None) == (call.error_type is not None)
        assert call.cache_read_tokens + call.cache_write_tokens <= (call.input_tokens or 0)
        assert call.reasoning_tokens <= (call.output_tokens or 0)
    assert any(call.cache_read_tokens for call in workload.calls(story))
    assert any(call.reasoning_tokens for call in workload.calls(story))


def test_answers_begin_before_they_end(story: list[Run]) -> None:
    for call in workload.calls(story):
        if call.output_tokens:
            assert call.first_token is not None
            assert timedelta(0) < call.first_token <= call.duration
        else:
            assert call.first_token is None


def test_the_company_is_busy(story: list[Run]) -> None:
    sources = Counter(run.source for run in story for _ in run.calls)
    failures = [call for call in workload.calls(story) if call.error_type]
    conversations = {run.conversation for run in story if run.conversation}
    users = Counter(run.user for run in story if run.user)

    assert 14_000 < sum(sources.values()) < 20_000
    assert set(sources) == {"chat", "agent", "memory"}
    assert {run.agent for run in story if run.agent} == {agent.name for agent in cast.AGENTS}
    assert {call.model for call in workload.calls(story)} >= set(cast.MODELS) - {cast.GPT_PRO}
    assert len(conversations) > 600
    assert 30 < len(users) <= len(set(cast.USERS)) == 40
    assert users.most_common(1)[0][1] > 3 * users.most_common()[-1][1]
    assert 0.01 < len(failures) / sum(sources.values()) < 0.03
    assert {call.error_type for call in failures} == {"timeout", "rate_limit_exceeded"}


def test_a_conversation_keeps_its_title_user_and_channel(story: list[Run]) -> None:
    for attribute in ("name", "user", "channel"):
        seen: dict[str, set[str]] = {}
        for run in story:
            if run.conversation:
                seen.setdefault(run.conversation, set()).add(getattr(run, attribute))
        assert all(len(values) == 1 for values in seen.values())


def test_conversations_have_turns_and_turns_have_calls(story: list[Run]) -> None:
    turns = Counter(run.conversation for run in story if run.conversation)
    calls = Counter(len(run.calls) for run in story if run.conversation)

    assert max(turns.values()) > 10
    assert sum(turns.values()) > 3 * len(turns)
    assert calls[1] > calls[2] > calls.total() / 5
    assert all(
        earlier.ended_at < later.started_at
        for run in story
        if run.conversation
        for earlier, later in pairwise(run.calls)
    )


def test_weekdays_and_office_hours_are_busier(story: list[Run]) -> None:
    chats = [run for run in story if run.source == "chat"]
    weekdays = sum(run.started_at.weekday() < 5 for run in chats) / 5
    weekends = sum(run.started_at.weekday() >= 5 for run in chats) / 2
    hours = Counter(run.started_at.hour for run in chats)

    assert weekdays > 2 * weekends
    assert sum(hours[hour] for hour in range(8, 18)) > 3 * sum(hours[hour] for hour in range(6))


def cost(run: Run) -> Decimal:
    """What the public price list says."""
    total = Decimal(0)
    for call in run.calls:
        if call.input_tokens is not None and call.model is not cast.HOUSE_MODEL:
            used = Usage(
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens or 0,
                cache_read_tokens=call.cache_read_tokens,
                cache_write_tokens=call.cache_write_tokens,
            )
            total += calc_price(used, call.model.name, provider_id=call.model.provider).total_price
    return total


def test_one_agent_ran_away_on_two_days(story: list[Run]) -> None:
    days: Counter[int] = Counter()
    costs: dict[int, Decimal] = {}
    for run in story:
        back = (NOW.date() - run.started_at.date()).days
        days[back] += 1
        costs[back] = costs.get(back, Decimal(0)) + cost(run)
    dearest = sorted(costs, key=lambda back: costs[back], reverse=True)[:2]

    assert sorted(dearest) == sorted(workload.SPIKE)
    assert min(costs[back] for back in dearest) > 2 * max(costs[back] for back in costs if back not in dearest)
    assert Decimal(100) < sum(costs.values()) < Decimal(1000)


@pytest.mark.parametrize("model", cast.MODELS, ids=lambda model: model.name)
def test_every_model_but_the_own_one_has_a_price_under_both_its_names(model: cast.Model) -> None:
    for name in {model.name, model.served or model.name}:
        used = Usage(input_tokens=1000, output_tokens=10)
        if model is cast.HOUSE_MODEL:
            with pytest.raises(LookupError):
                calc_price(used, name)
        else:
            assert calc_price(used, name, provider_id=model.provider).total_price > 0


def test_reported_costs_are_those_of_the_contract(story: list[Run]) -> None:
    reported = [call for call in workload.calls(story) if call.reported_cost is not None]

    assert reported
    for call in reported:
        assert call.input_tokens is not None
        assert call.output_tokens is not None
        expected = call.input_tokens * Decimal("0.24") + call.output_tokens * Decimal("2.00")
        assert call.reported_cost == expected / 1_000_000
