"""Calls that are known, told in every dialect, by one instrumentation or two, in any order: stored as they were."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.merging.intake import way_in
from tests.merging.synthetic import arrivals, scenes, unmatched
from tests.rollups import assert_exact
from tests.store.database import connected
from usage_graph.receiver.request import Signal

EXAMPLES = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.mark.parametrize("by_fingerprint", [False, True], ids=["by ids", "by fingerprint"])
@given(data=st.data())
@EXAMPLES
async def test_what_is_stored_is_what_was(
    by_fingerprint: bool, data: st.DataObject, shared: str, project: Callable[[], str]
) -> None:
    scene = data.draw(scenes(by_fingerprint=by_fingerprint))
    # Codex gives its events no id: two of one millisecond that say the same are one that was sent twice.
    events = [part.body for part in scene.parts if part.signal is Signal.LOGS]
    assume(len(events) == len(set(events)))
    requests = data.draw(arrivals(scene.parts))
    async with way_in(shared, by_fingerprint=by_fingerprint, now=datetime.now(UTC)) as way:
        await way.send(requests, project=(name := project()))
        found = await way.records(name)
    assert unmatched(scene.expected, found) == ([], [])


async def test_rollups_follow(shared: str) -> None:
    """Whatever else is in the database by now."""
    async with connected(shared) as connection:
        await assert_exact(connection)
