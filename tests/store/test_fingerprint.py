"""Calls that are alike, seen by two instrumentations that share no id: as many as there were, however they come."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.records import BASE
from tests.store.test_arrival import end, observed
from usage_graph.observation import MergeReason, Observation

CALLS = 200
"""More than are compared with one at first."""


def calls(scope: str, starts: Sequence[int], outputs: Sequence[int] | None = None) -> list[Observation]:
    """One for each of ``starts`` (milliseconds), each of two seconds: all of them run at the same time."""
    return [
        observed(
            number,
            trace_id=scope.encode().ljust(16),
            input_tokens=50,
            output_tokens=outputs[number - 1] if outputs else 20,
            scope=scope,
            instance="p",
            started_at=BASE + timedelta(milliseconds=start),
            duration_us=2_000_000,
        )
        for number, start in enumerate(starts, start=1)
    ]


HALF = CALLS // 2
CROWDS = {
    "half of them are nearer to all of the others": (calls("a", [0] * HALF + [1] * HALF), calls("b", [0] * CALLS)),
    "half of them began with all of the others": (calls("a", [1] * HALF + [2] * HALF), calls("b", [1] * CALLS)),
    "those that are alike began far from each other": (
        calls("a", [0] * CALLS, range(0, 4 * CALLS, 4)),
        calls("b", [0] * CALLS, range(4 * CALLS - 4, -4, -4)),
    ),
}


@pytest.mark.parametrize("split", [False, True], ids=["at once", "one after the other"])
@pytest.mark.parametrize("forth", [True, False], ids=["forth", "back"])
@pytest.mark.parametrize("crowd", CROWDS)
async def test_of_calls_that_are_alike_none_is_left_over(postgresql: str, crowd: str, forth: bool, split: bool) -> None:
    batches = CROWDS[crowd] if forth else CROWDS[crowd][::-1]
    found, told = await end(postgresql, batches if split else [[*batches[0], *batches[1]]], by_fingerprint=True)
    assert len(found) == CALLS
    assert told.merged == {MergeReason.FINGERPRINT: CALLS}
