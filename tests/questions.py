"""Hypothesis strategies of questions about ``tests.records.usage_records``: filters, and what usage is split by."""

from hypothesis import strategies as st

from usage_graph.question import By, Dimension, Filter, StringFilter
from usage_graph.usage import CallStatus

DECLARED = ("team", "feature")
"""The attributes that records have."""

texts = st.sampled_from(["a", "b", "B", "%", "_", "\\", "ä", "naïve", "100%", "zz", "'", "", "\x1f", "gpt"])

_string_filters = st.builds(
    StringFilter,
    eq=st.none() | texts,
    is_in=st.none() | st.lists(texts, max_size=3).map(tuple),
    not_in=st.none() | st.lists(texts, max_size=3).map(tuple),
    contains=st.none() | texts,
    starts_with=st.none() | texts,
    is_null=st.none() | st.booleans(),
)
conditions = st.sampled_from(["eq", "is_in", "not_in", "contains", "starts_with", "is_null"]).flatmap(
    lambda name: _string_filters.map(lambda whole: StringFilter(**{name: getattr(whole, name)}))
)
_DIMENSIONS = [dimension for dimension in Dimension if dimension is not Dimension.ATTRIBUTE]
_strings = st.tuples(st.sampled_from([one for one in _DIMENSIONS if one is not Dimension.STATUS]), conditions)
_attributes = st.tuples(st.sampled_from(DECLARED), conditions)


def _made_of(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    some = st.lists(inner, max_size=3).map(tuple)
    return st.builds(
        Filter,
        strings=st.lists(_strings, max_size=1).map(tuple),
        all_of=some,
        any_of=st.none() | some,
        negated=st.none() | inner,
    )


filters = st.recursive(
    st.builds(
        Filter,
        strings=st.lists(_strings, max_size=2).map(tuple),
        status=st.none() | st.frozensets(st.sampled_from(CallStatus)),
        search=st.none() | texts.filter(bool),
        attributes=st.lists(_attributes, max_size=1).map(tuple),
    ),
    _made_of,
    max_leaves=5,
)
"""Filters of every kind, often several inside each other."""

splits: st.SearchStrategy[By] = st.one_of(
    st.sampled_from(_DIMENSIONS).map(By), st.sampled_from(DECLARED).map(lambda key: By(Dimension.ATTRIBUTE, key))
)
pairs: st.SearchStrategy[tuple[By, ...]] = st.lists(splits, min_size=1, max_size=2, unique=True).map(tuple)
"""One dimension, or two that differ."""
