"""Counts of agents and metrics made inclusive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor.tally import Tally
from usage_graph.processor.tokens import Tokens
from usage_graph.usage import MAX_TOKENS

counts = st.none() | st.integers(0, 50) | st.integers(0, MAX_TOKENS) | st.integers(0, 40 * MAX_TOKENS)
tallies = st.builds(Tally, *[counts] * 7)


@pytest.mark.parametrize(
    ("tally", "excludes_cache", "excludes_thoughts", "used"),
    [
        (Tally(22, 100, 2048, 300), True, False, Tokens(2370, 100, 2048, 300)),
        (Tally(22, 100, 5, 5), True, False, Tokens(32, 100, 5, 5)),
        (Tally(22, 100, 5, 5), False, False, Tokens(22, 100, 5, 5)),
        (Tally(22, 100, 5, 5, total=132), False, False, Tokens(32, 100, 5, 5)),
        (Tally(22, 100, 30), False, False, Tokens(52, 100, 30, suspect=True)),
        (Tally(10, 5, reasoning=3), False, False, Tokens(10, 5, reasoning=3)),
        (Tally(10, 5, reasoning=9), False, False, Tokens(10, 5, reasoning=5, suspect=True)),
        (Tally(10, 5, reasoning=3), False, True, Tokens(10, 8, reasoning=3)),
        (Tally(10, 5, reasoning=9), False, True, Tokens(10, 14, reasoning=9)),
        (Tally(10, 5, reasoning=3, total=15), False, True, Tokens(10, 5, reasoning=3)),
        (Tally(10, 5, reasoning=3, apart=2, total=20), False, True, Tokens(12, 8, reasoning=3)),
        (Tally(10, 5, reasoning=3, apart=2, total=17), False, True, Tokens(12, 5, reasoning=3)),
        (Tally(10, 5, reasoning=3, apart=3, total=18), False, True, Tokens(10, 8, reasoning=3)),
        (Tally(10, 5, reasoning=3, apart=2), False, True, Tokens(10, 8, reasoning=3)),
        (Tally(10, 5, apart=2, total=17), False, False, Tokens(12, 5)),
        (Tally(10, 5, total=7), False, False, Tokens(10, 5, suspect=True)),
        (Tally(output=5, cache_read=7), True, False, Tokens(output=5, cache_read=7)),
        (Tally(MAX_TOKENS + 1, 5), False, False, Tokens(None, 5)),
        (Tally(), True, True, Tokens()),
    ],
)
def test_inclusive(tally: Tally, excludes_cache: bool, excludes_thoughts: bool, used: Tokens) -> None:
    assert tally.used(excludes_cache=excludes_cache, excludes_thoughts=excludes_thoughts) == used


@given(tallies, st.booleans(), st.booleans())
def test_no_part_is_more_than_its_whole(tally: Tally, excludes_cache: bool, excludes_thoughts: bool) -> None:
    used = tally.used(excludes_cache=excludes_cache, excludes_thoughts=excludes_thoughts)
    assert all(count is None or 0 <= count <= MAX_TOKENS for count in used[:6])
    if used.input is not None:
        assert (used.cache_read or 0) + (used.cache_write or 0) <= used.input
    if used.output is not None:
        assert (used.reasoning or 0) <= used.output
