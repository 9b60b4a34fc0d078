"""Ids that are made of what is told."""

from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor.made import MadeIds, ids_of

scalars = st.none() | st.booleans() | st.integers() | st.text()
values = st.lists(scalars | st.tuples(scalars, scalars), max_size=5)


def test_the_same_in_every_process_and_version() -> None:
    """Were they to change, whatever is sent again over an update would count twice."""
    assert ids_of("codex", None, 17, ("a", 1.5)) == MadeIds(
        bytes.fromhex("6b210e4e37e91a17d4ee6d675cd65b2b"),
        bytes.fromhex("d4b1def5d42860fc"),
    )


@given(values, values)
def test_equal_for_equal_values_only(one: list[object], other: list[object]) -> None:
    assert (ids_of(*one) == ids_of(*other)) == (repr(one) == repr(other))


def test_what_one_value_ends_with_is_not_what_the_next_begins_with() -> None:
    assert ids_of("ab", "c") != ids_of("a", "bc") != ids_of("a", "b", "c") != ids_of(("a", "b"), "c")


def test_text_that_no_encoding_holds() -> None:
    trace_id, span_id = ids_of("\ud800")
    assert (len(trace_id), len(span_id)) == (16, 8)
