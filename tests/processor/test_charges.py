"""What a call cost as its span reports it, in parts where it tells them apart."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor.charges import Reported, reported
from usage_graph.processor.reading import read
from usage_graph.processor.tokens import Tokens
from usage_graph.usage import UsageRecord

PLAIN = Tokens(input=100, output=10)
CACHED = Tokens(input=100, output=10, cache_read=40)


def cost(attributes: dict[str, Any], used: Tokens = PLAIN) -> Reported | None:
    return reported(read(attributes), used, attributes)


LITELLM = {
    "gen_ai.cost.total_cost": 0.0036744000000000004,
    "gen_ai.cost.input_cost": 0.0020394000000000002,
    "gen_ai.cost.cache_read_cost": 0.0006144,
    "gen_ai.cost.cache_creation_cost": 0.00135,
    "gen_ai.cost.output_cost": 0.001635,
}


@pytest.mark.parametrize(
    ("attributes", "used", "expected"),
    [
        # the input's cost contains the cache's
        (LITELLM, CACHED, (3_674_400, 75_000, 614_400, 1_350_000, 1_635_000)),
        (
            {
                "llm.cost.total": 1.0,
                "llm.cost.prompt": 0.75,
                "llm.cost.completion": 0.25,
                "llm.cost.prompt_details.cache_read": 0.5,
            },
            CACHED,
            (10**9, 25 * 10**7, 5 * 10**8, 0, 25 * 10**7),
        ),
        # it does not
        (
            {
                "langfuse.observation.cost_details": (
                    '{"input": 0.1, "input_cache_read": 0.2, "output": 0.3, "total": 0.6}'
                )
            },
            CACHED,
            (600_000_000, 100_000_000, 200_000_000, 0, 300_000_000),
        ),
        (
            {"langfuse.observation.cost_details": '{"input": 0.1, "cache_read_input_tokens": 0.2, "output": 0.3}'},
            CACHED,
            (600_000_000, 100_000_000, 200_000_000, 0, 300_000_000),
        ),
        # nothing was cached
        (
            {"gen_ai.usage.total_cost": 0.3, "gen_ai.usage.input_cost": 0.1, "gen_ai.usage.output_cost": 0.2},
            PLAIN,
            (300_000_000, 100_000_000, 0, 0, 200_000_000),
        ),
        (
            {"gen_ai.token.cost.total": 0.3, "gen_ai.token.cost.input": 0.1, "gen_ai.token.cost.output": 0.2},
            PLAIN,
            (300_000_000, 100_000_000, 0, 0, 200_000_000),
        ),
        (
            {"mlflow.llm.cost": {"total_cost": 0.3, "input_cost": 0.1, "output_cost": 0.2}},
            PLAIN,
            (300_000_000, 100_000_000, 0, 0, 200_000_000),
        ),
        # cached tokens, and one number for all input: only the output's part is known
        (
            {"gen_ai.usage.total_cost": 0.3, "gen_ai.usage.input_cost": 0.1, "gen_ai.usage.output_cost": 0.2},
            CACHED,
            (300_000_000, None, None, None, 200_000_000),
        ),
        # parts that do not make the total are none
        (
            {"gen_ai.usage.cost": 0.5, "gen_ai.usage.input_cost": 0.1, "gen_ai.usage.output_cost": 0.2},
            PLAIN,
            (500_000_000, None, None, None, None),
        ),
        ({"gen_ai.usage.cost": 0.5, "gen_ai.usage.input_cost": 0.5}, PLAIN, (500_000_000, None, None, None, None)),
        ({"gen_ai.usage.cost": 0.5}, PLAIN, (500_000_000, None, None, None, None)),
        # parts that were rounded up add up to no more than the total
        (
            {"gen_ai.usage.cost": 3e-9, "gen_ai.usage.input_cost": 1.6e-9, "gen_ai.usage.output_cost": 1.6e-9},
            PLAIN,
            (3, 1, 0, 0, 2),
        ),
        # Copilot's own figure is no amount of money
        ({"github.copilot.cost": 0.5}, PLAIN, None),
        ({"langfuse.observation.cost_details": '{"input": 0, "output": 0, "total": 0}'}, Tokens(), None),
        ({"langsmith.metadata.usage_metadata": '{"input_tokens": 5, "total_cost": 0.5}'}, PLAIN, (500_000_000,)),
        ({"braintrust.metrics": '{"estimated_cost": 0.5}'}, PLAIN, (500_000_000,)),
    ],
)
def test_parts(attributes: dict[str, Any], used: Tokens, expected: tuple[int | None, ...] | None) -> None:
    found = cost(attributes, used)
    if expected is None:
        assert found is None
    else:
        assert found == (*expected, *(None,) * (5 - len(expected)))


nano = st.integers(0, 10**10) | st.none()


@given(total=nano, charged=nano, output=nano, read_=nano, write=nano, cached=st.booleans())
def test_parts_never_exceed_the_total(
    total: int | None, charged: int | None, output: int | None, read_: int | None, write: int | None, cached: bool
) -> None:
    amounts = {
        "gen_ai.cost.total_cost": total,
        "gen_ai.cost.input_cost": charged,
        "gen_ai.cost.output_cost": output,
        "gen_ai.cost.cache_read_cost": read_,
        "gen_ai.cost.cache_creation_cost": write,
    }
    attributes = {key: f"{amount}e-9" for key, amount in amounts.items() if amount is not None}
    found = cost(attributes, CACHED if cached else PLAIN)
    if found is not None:
        parts = [part for part in found[1:] if part is not None]
        assert min(parts, default=0) >= 0
        assert sum(parts) <= found.total
        if len(parts) == 4:
            assert found.total - sum(parts) <= 4


def test_parts_get_into_the_record(call: Callable[..., UsageRecord]) -> None:
    record = call({**LITELLM, "gen_ai.usage.input_tokens": 2373, "gen_ai.usage.output_tokens": 109})
    assert (record.cost_nano, record.cost_reported) == (3_674_400, True)
    assert (
        record.input_cost_nano,
        record.cache_read_cost_nano,
        record.cache_write_cost_nano,
        record.output_cost_nano,
    ) == (75_000, 614_400, 1_350_000, 1_635_000)
