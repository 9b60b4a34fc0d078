"""Choosing what to read: every instant of the window once, no bucket across a cut, the coarsest that is exact."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from usage_graph.store.rollup import EPOCH, FAMILIES, RECORDS, Piece, Span, choose

GRAINS = {rollup.relation: rollup.grain for family in FAMILIES for rollup in family.rollups}

instants = st.datetimes(datetime(2019, 1, 1), datetime(2031, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
aligned = st.integers(0, 4 * 24 * 365 * 5).map(lambda quarters: EPOCH + timedelta(minutes=15) * quarters)
cuts_ = st.lists(st.one_of(instants, aligned), min_size=2, max_size=40, unique=True).map(sorted)
columns_ = st.frozensets(
    st.sampled_from(sorted({column for family in FAMILIES for column in family.columns} | {"channel", "status"})),
    max_size=3,
)


def relations(pieces: list[Piece]) -> set[str]:
    return {piece.relation for piece in pieces}


@given(cuts_, columns_)
def test_covers_the_window_once(cuts: list[datetime], columns: frozenset[str]) -> None:
    spans = sorted(span for piece in choose(columns, cuts) for span in piece.spans)
    assert spans[0].start == cuts[0]
    assert spans[-1].end == cuts[-1]
    assert all(left.end == right.start for left, right in pairwise(spans))


@given(cuts_, columns_)
def test_no_bucket_crosses_a_cut(cuts: list[datetime], columns: frozenset[str]) -> None:
    for piece in choose(columns, cuts):
        if piece.relation == RECORDS:
            continue
        grain = GRAINS[piece.relation]
        for span in piece.spans:
            assert (span.start - EPOCH) % grain == timedelta()
            assert (span.end - EPOCH) % grain == timedelta()
            assert not any(span.start < cut < span.end and (cut - EPOCH) % grain for cut in cuts)


@given(cuts_, columns_)
def test_only_relations_that_hold_the_columns(cuts: list[datetime], columns: frozenset[str]) -> None:
    holding = {r.relation for family in FAMILIES if columns <= family.columns for r in family.rollups}
    assert relations(choose(columns, cuts)) <= holding | {RECORDS}


def test_whole_days_come_from_days() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert choose(frozenset(), [start, start + timedelta(days=20)]) == [
        Piece("usage_by_model_1d", (Span(start, start + timedelta(days=20)),))
    ]


def test_edges_come_from_ever_finer_relations() -> None:
    start = datetime(2026, 11, 1, 22, 20, 5, tzinfo=UTC)
    pieces = choose(frozenset({"model"}), [start, datetime(2026, 11, 8, tzinfo=UTC)])
    assert [(piece.relation, *piece.spans) for piece in pieces] == [
        ("usage_by_model_1d", (datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))),
        ("usage_by_model_1h", (datetime(2026, 11, 1, 23, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))),
        ("usage_by_model_15m", (datetime(2026, 11, 1, 22, 30, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC))),
        (RECORDS, (start, datetime(2026, 11, 1, 22, 30, tzinfo=UTC))),
    ]


def test_days_of_kathmandu_need_quarters_only_around_midnight() -> None:
    midnights = [datetime(2026, 11, day, 18, 15, tzinfo=UTC) for day in range(1, 9)]
    by_relation = {piece.relation: piece.spans for piece in choose(frozenset({"source"}), midnights)}
    assert by_relation.keys() == {"usage_by_model_1h", "usage_by_model_15m"}
    assert sum((end - start for start, end in by_relation["usage_by_model_15m"]), timedelta()) == timedelta(hours=7)


def test_unknown_columns_are_read_from_the_records() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert relations(choose(frozenset({"channel"}), [start, start + timedelta(days=20)])) == {RECORDS}


def test_an_empty_window_reads_nothing() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert all(span.start == span.end for piece in choose(frozenset(), [start, start]) for span in piece.spans)
