"""Credits by rules of calls that several spans tell of, in whatever order they come."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from tests.merging.intake import way_in
from tests.merging.shapes import a_span, agent, chat, traced
from usage_graph.credits import CreditRule
from usage_graph.processor.charging import Charging, credit_rule
from usage_graph.usage import NANO

Project = Callable[[], str]


def rules(project: str) -> list[CreditRule]:
    """Three credits for a call, two where it came by the web; and one for a thousand tokens."""
    named: dict[str, Any] = {"project": project}
    return [
        credit_rule(**named, per_call=3),
        credit_rule(**named, channel="web", per_call=2),
        credit_rule(**named, per_1k_tokens=1),
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_channel_that_a_span_above_tells(order: tuple[int, ...], shared: str, project: Project) -> None:
    """The call is charged as of that channel, whether it came before or after."""
    name = project()
    spans = (
        a_span(1, chat(used=400, output=100), above=2),
        a_span(2, agent("a"), above=3),
        a_span(3, agent("b") | {"channel": "web"}),
    )
    async with way_in(shared, by_fingerprint=False, charging=Charging(rules(name))) as way:
        await way.send([traced(spans[number]) for number in order], project=name)
        (found,) = await way.records(name)
        assert (found.channel, found.credits_nano, found.credits_reported) == ("web", 5 * NANO // 2, False)
        assert await way.connection.fetchval(
            "SELECT sum(credits_nano) FROM usage_by_model_1d WHERE project = $1", name
        ) == (5 * NANO // 2)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, 3 * NANO + 120 * NANO // 1000), ({"usage_graph.credits": 7}, 7 * NANO), ({"usage_graph.credits": 0}, 0)],
)
async def test_one_call_of_two_instrumentations_is_charged_once(
    order: tuple[int, ...], said: dict[str, Any], expected: int, shared: str, project: Project
) -> None:
    """And as one of them reported, if one did: also where another one reported its cost."""
    name = project()
    spans = (
        a_span(1, chat(response_id="r-1") | {"usage_graph.cost": 1}),
        a_span(2, chat(response_id="r-1") | said, above=1),
    )
    async with way_in(shared, by_fingerprint=False, charging=Charging(rules(name))) as way:
        await way.send([traced(spans[number]) for number in order], project=name)
        (found,) = await way.records(name)
        assert (found.credits_nano, found.credits_reported, found.cost_nano) == (expected, bool(said), NANO)
