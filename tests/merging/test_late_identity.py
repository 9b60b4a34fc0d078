"""Whom a call was for, told by spans above it, in whatever order and requests the spans come."""

import random
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest

from tests.merging.intake import Way, way_in
from tests.merging.requests import Request
from tests.merging.shapes import a_span, agent, chat, traced

Project = Callable[[], str]

WHOLE = {"agent": "planner", "user_id": "ada", "conversation": "c-1", "channel": "web"}
SAID = agent("planner") | {"user.id": "ada", "session.id": "c-1", "channel": "web"}


async def identities(way: Way, requests: Sequence[Request], project: str) -> list[dict[str, Any]]:
    """Those of all calls, by their input tokens."""
    await way.send(requests, project=project)
    found = sorted(await way.records(project), key=lambda record: record.input_tokens or 0)
    return [{field: getattr(record, field) for field in WHOLE} for record in found]


LEAF = a_span(1, chat(), above=2)
PLAIN = a_span(2, {"http.route": "/"}, above=3)
ABOVE = a_span(3, SAID)
SPANS = {"leaf": LEAF, "plain": PLAIN, "above": ABOVE}


@pytest.mark.parametrize("order", list(permutations(SPANS)), ids="-".join)
@pytest.mark.parametrize("split", [False, True], ids=["in one request", "one by one"])
async def test_an_agent_with_a_plain_span_in_between(
    order: tuple[str, ...], split: bool, shared: str, project: Project
) -> None:
    spans = [SPANS[name] for name in order]
    requests = [traced(span) for span in spans] if split else [traced(*spans)]
    async with way_in(shared, by_fingerprint=False) as way:
        assert await identities(way, requests, project()) == [WHOLE]


@pytest.mark.parametrize("order", list(permutations(SPANS)), ids="-".join)
async def test_the_same_when_everything_comes_at_once(order: tuple[str, ...], shared: str, project: Project) -> None:
    """Whichever request is written first."""
    requests = [traced(SPANS[name]) for name in order]
    async with way_in(shared, by_fingerprint=False, writers=2, batch_spans=1) as way:
        await way.send_at_once(requests, project=(name := project()))
        assert await identities(way, [], name) == [WHOLE]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_two_agents_in_one_trace(order: tuple[int, ...], shared: str, project: Project) -> None:
    """Each call has its own agent's name, and the user of the span above both."""
    spans = (
        a_span(1, chat(used=1), above=3),
        a_span(2, chat(used=2), above=4),
        a_span(3, agent("one"), above=5),
        a_span(4, agent("two"), above=5),
    )
    top = a_span(5, {"gen_ai.operation.name": "invoke_workflow", "user.id": "ada", "gen_ai.agent.name": "team"})
    async with way_in(shared, by_fingerprint=False) as way:
        found = await identities(way, [*(traced(spans[number]) for number in order), traced(top)], project())
    assert [(one["agent"], one["user_id"]) for one in found] == [("one", "ada"), ("two", "ada")]


@pytest.mark.parametrize("seed", range(6))
async def test_a_chain_of_ten(seed: int, shared: str, project: Project) -> None:
    """Each of the upper spans tells one thing; the others are plain."""
    told: dict[int, dict[str, Any]] = {
        11: {"user.id": "ada"},
        8: {"gen_ai.operation.name": "chain", "session.id": "c-1"},
        6: {"traceloop.span.kind": "agent", "traceloop.entity.name": "planner"},
        3: {"channel": "web"},
    }
    spans = [a_span(number, told.get(number, {}), above=number + 1 if number < 11 else 0) for number in range(2, 12)]
    spans.append(a_span(1, chat(), above=2))
    random.Random(seed).shuffle(spans)  # noqa: S311
    async with way_in(shared, by_fingerprint=False) as way:
        assert await identities(way, [traced(span) for span in spans], project()) == [WHOLE]


async def test_what_a_call_knows_itself_stays(shared: str, project: Project) -> None:
    own = a_span(1, chat() | {"user.id": "eve", "gen_ai.agent.name": "solo"}, above=2)
    async with way_in(shared, by_fingerprint=False) as way:
        (found,) = await identities(way, [traced(own), traced(PLAIN), traced(ABOVE)], project())
    assert found == WHOLE | {"user_id": "eve", "agent": "solo"}


async def test_the_agent_is_then_the_source(shared: str, project: Project) -> None:
    async with way_in(shared, by_fingerprint=False) as way:
        await way.send([traced(LEAF), traced(PLAIN)], project=(name := project()))
        (before,) = await way.records(name)
        await way.send([traced(ABOVE)], project=name)
        (after,) = await way.records(name)
    assert (before.source, after.source) == ("chat", "agent")


async def test_another_projects_spans_tell_nothing(shared: str, project: Project) -> None:
    async with way_in(shared, by_fingerprint=False) as way:
        await way.send([traced(ABOVE), traced(PLAIN)], project=project())
        assert await identities(way, [traced(LEAF)], project()) == [dict.fromkeys(WHOLE)]


async def test_a_call_in_a_call_of_another_size(shared: str, project: Project) -> None:
    """The agent is above both."""
    outer, inner = a_span(1, chat(used=100), above=2), a_span(4, chat(used=7), above=1)
    async with way_in(shared, by_fingerprint=False) as way:
        spans = [outer, inner, PLAIN, ABOVE]
        assert await identities(way, [traced(span) for span in spans], project()) == [WHOLE, WHOLE]
