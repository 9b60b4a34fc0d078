"""Choosing what to read: every instant of the window once, no bucket across a cut, the coarsest that is exact."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.model import FINEST
from usage_graph.errors import BeforeRecords
from usage_graph.store.choosing import Piece, choose
from usage_graph.store.rollup import DAY, EPOCH, FAMILIES, HOUR, NARROW, RECORDS, SETTLING, Settled, Standing, floor
from usage_graph.store.route import RECORDS_PER_HOUR, Span

GRAINS = {rollup.relation: rollup.grain for family in FAMILIES for rollup in family.rollups}
ENTRIES = {RECORDS: RECORDS_PER_HOUR} | {
    rollup.relation: rollup.entries_per_hour
    for family in (*FAMILIES, *NARROW)
    for rollup in family.ladder
    if rollup.entries_per_hour is not None
}
"""Those of histograms in an hour of each relation that has any."""

instants = st.datetimes(datetime(2019, 1, 1), datetime(2031, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
aligned = st.integers(0, 4 * 24 * 365 * 5).map(lambda quarters: EPOCH + timedelta(minutes=15) * quarters)
cuts_ = st.lists(st.one_of(instants, aligned), min_size=2, max_size=40, unique=True).map(sorted)
days = st.integers(0, 365 * 5).map(lambda number: EPOCH + timedelta(days=number))
windows = st.lists(st.one_of(instants, aligned, days), min_size=2, max_size=5, unique=True).map(sorted)
columns_ = st.frozensets(
    st.sampled_from(sorted({column for family in FAMILIES for column in family.columns} | {"channel", "status"})),
    max_size=3,
)


settled_ = st.builds(Settled, st.none() | days, st.lists(days, max_size=4, unique=True).map(tuple))
GRAIN = re.compile(r"_(\d+)([hd])$")
"""How the names of rollups that settle say their grain."""


def relations(pieces: list[Piece]) -> set[str]:
    return {piece.relation for piece in pieces}


@given(cuts_, columns_)
def test_covers_the_window_once(cuts: list[datetime], columns: frozenset[str]) -> None:
    spans = sorted(span for piece in choose(columns, cuts) for span in piece.spans)
    assert spans[0].start == cuts[0]
    assert spans[-1].end == cuts[-1]
    assert all(left.end == right.start for left, right in pairwise(spans))


@given(windows, columns_, st.none() | days, settled_, st.none() | instants, st.booleans())
def test_covers_the_window_once_where_some_is_settled_and_some_is_subtracted(
    cuts: list[datetime],
    columns: frozenset[str],
    kept_since: datetime | None,
    settled: Settled,
    now: datetime | None,
    histograms: bool,
) -> None:
    try:
        pieces = choose(columns, cuts, Standing(kept_since, settled, now), subtracting=True, histograms=histograms)
    except BeforeRecords:
        return
    changes: dict[datetime, int] = {}
    for piece in pieces:
        for start, end in piece.spans:
            sign = -1 if piece.negative else 1
            changes[start] = changes.get(start, 0) + sign
            changes[end] = changes.get(end, 0) - sign
            assert piece.relation != RECORDS or kept_since is None or start >= kept_since or start == end
    assert {at: change for at, change in changes.items() if change} == {cuts[0]: 1, cuts[-1]: -1}
    assert not histograms or relations(pieces) <= ENTRIES.keys()


@given(days, st.integers(1, 86_399), st.sampled_from(sorted(map(sorted, (family.columns for family in FAMILIES)))))
def test_of_the_day_that_has_begun_hardly_a_record_is_read(day: datetime, second: int, columns: list[str]) -> None:
    """Its bucket, which is read as a whole, holds no calls of times to come."""
    now = day + timedelta(seconds=second)
    pieces = choose(frozenset(columns), [day - timedelta(days=2), now], Standing(now=now), subtracting=True)
    spans = [span for piece in pieces if piece.relation == RECORDS for span in piece.spans]
    assert sum((max(min(span.end, now) - span.start, timedelta()) for span in spans), timedelta()) < 2 * HOUR


@pytest.mark.parametrize(
    ("columns", "days_", "most"),
    [((), 30, 1.7), ((), 365, 1.9), (("model",), 30, 3.5), (("model",), 365, 5), (("agent",), 30, 6)],
)
@given(instants)
def test_histograms_of_long_windows_have_few_entries(
    columns: tuple[str, ...], days_: int, most: float, end: datetime
) -> None:
    """The last day is hardly ever settled. ``most``: of those that a day's hours have."""

    def entries(days: int) -> float:
        settled = Settled(floor(end - timedelta(hours=30), DAY))
        cuts = [end - timedelta(days=days), end]
        pieces = choose(frozenset(columns), cuts, Standing(None, settled), subtracting=True, histograms=True)
        return sum(ENTRIES[piece.relation] * (stop - start) / HOUR for piece in pieces for start, stop in piece.spans)

    of_hours = 24 * (ENTRIES["usage_by_agent_1h"] if "agent" in columns else ENTRIES["usage_by_model_1h"])
    assert entries(1) < 1.2 * of_hours
    assert entries(days_) < most * of_hours


@given(cuts_, columns_, settled_, st.booleans())
def test_only_settled_buckets_are_read_of_rollups_that_settle(
    cuts: list[datetime], columns: frozenset[str], settled: Settled, subtracting: bool
) -> None:
    for piece in choose(columns, cuts, Standing(None, settled), subtracting=subtracting):
        if piece.relation not in SETTLING:
            continue
        match = GRAIN.search(piece.relation)
        assert match is not None
        grain = timedelta(**{{"h": "hours", "d": "days"}[match[2]]: int(match[1])})
        for start, end in piece.spans:
            assert (start - EPOCH) % grain == (end - EPOCH) % grain == timedelta()
            assert settled.until is not None
            assert end <= settled.until
            assert not any(start <= day < end for day in settled.unsettled)


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


@given(cuts_, columns_, settled_, st.booleans())
def test_a_family_is_left_out_only_where_it_would_not_be_chosen(
    cuts: list[datetime], columns: frozenset[str], settled: Settled, histograms: bool
) -> None:
    holding = [family for family in (*FAMILIES, *NARROW) if family.columns >= columns]
    every = tuple(family.histograms if histograms else family for family in holding)
    for subtracting in (False, True) if len(cuts) == 2 else (False,):
        chosen = choose(columns, cuts, Standing(None, settled), subtracting=subtracting, histograms=histograms)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("usage_graph.store.choosing._families", lambda *_: every)
            assert (
                choose(columns, cuts, Standing(None, settled), subtracting=subtracting, histograms=histograms) == chosen
            )


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


def test_what_is_outside_is_subtracted_where_that_is_less_to_read() -> None:
    """A month is long buckets, of which a day and the rest of the last one are too much."""

    def day(of_october: int) -> datetime:
        return datetime(2026, 9, 30, tzinfo=UTC) + timedelta(days=of_october)

    start, until = day(24) + timedelta(minutes=20), day(31 + 22)
    cuts = [start, until + timedelta(hours=20)]
    pieces = choose(frozenset({"conversation"}), cuts, Standing(None, Settled(until)), subtracting=True)
    assert [(piece.relation, piece.negative, *piece.spans) for piece in pieces] == [
        (RECORDS, True, (day(24), start), (cuts[1], until + timedelta(days=1))),
        ("usage_by_conversation_1d", True, (day(23), day(24))),
        ("usage_by_conversation_9d", False, (day(23), day(31 + 19))),
        ("usage_by_conversation_3d", False, (day(31 + 19), until)),
        ("usage_by_conversation_1d", False, (until, until + timedelta(days=1))),
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


@given(windows, columns_, days)
def test_nothing_is_read_from_records_that_are_gone(
    cuts: list[datetime], columns: frozenset[str], kept_since: datetime
) -> None:
    """Refused is what the sums that are left do not add up to; what is answered covers the window as ever."""
    grains = [grain for known, grain in FINEST.items() if columns <= known]
    if grains:
        possible = not any((at - EPOCH) % min(grains) for at in cuts if at < kept_since)
    else:
        possible = cuts[0] >= kept_since
    if not possible:
        with pytest.raises(BeforeRecords):
            choose(columns, cuts, Standing(kept_since))
        return
    pieces = choose(columns, cuts, Standing(kept_since))
    assert not [span for piece in pieces if piece.relation == RECORDS for span in piece.spans if span[0] < kept_since]
    spans = sorted(span for piece in pieces for span in piece.spans)
    assert (spans[0].start, spans[-1].end) == (cuts[0], cuts[-1])
    assert all(left.end == right.start for left, right in pairwise(spans))


@given(windows, columns_, days)
def test_where_nothing_is_gone_the_choice_is_the_same(
    cuts: list[datetime], columns: frozenset[str], kept_since: datetime
) -> None:
    assume(kept_since <= cuts[0])
    assert choose(columns, cuts, Standing(kept_since)) == choose(columns, cuts)


@given(windows, columns_, days)
def test_what_a_refusal_advises_is_answered(
    cuts: list[datetime], columns: frozenset[str], kept_since: datetime
) -> None:
    window = [cuts[0], cuts[-1]]
    try:
        choose(columns, window, Standing(kept_since))
    except BeforeRecords as refusal:
        advised = {
            what: datetime.fromisoformat(at)
            for what, at in re.findall(r"(begin it|end it|begin the window) at (\S+Z)", str(refusal))
        }
        later = advised["begin the window"]
        assert later == kept_since
        choose(columns, [later, later + timedelta(hours=1)], Standing(kept_since))
        if not [known for known in FINEST if columns <= known]:
            assert advised.keys() == {"begin the window"}
            return
        start, end = advised.get("begin it", window[0]), advised.get("end it", window[1])
        assert window[0] - timedelta(days=1) < start <= window[0]
        assert window[1] <= end < window[1] + timedelta(days=1)
        choose(columns, [start, end], Standing(kept_since))


KEPT = datetime(2026, 8, 24, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 3, 7, 13, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "cuts", "message"),
    [
        (
            {"model"},
            [NOW.replace(year=2025), NOW],
            "Of earlier calls only sums over whole quarters of an hour in UTC are left, and the window begins at "
            "2025-11-22T03:07:13.250000Z: begin it at 2025-11-22T03:00:00Z (`between`), or begin the window at "
            "2026-08-24T00:00:00Z or later.",
        ),
        (
            {"agent"},
            [datetime(2026, 1, 1, 0, 30, tzinfo=UTC), datetime(2026, 1, 2, 0, 30, tzinfo=UTC)],
            "Of earlier calls only sums over whole hours in UTC are left, and the window begins at "
            "2026-01-01T00:30:00Z and the window ends at 2026-01-02T00:30:00Z: begin it at 2026-01-01T00:00:00Z "
            "(`between`) and end it at 2026-01-02T01:00:00Z, or begin the window at 2026-08-24T00:00:00Z or later.",
        ),
        (
            {"user_id"},
            [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 23, tzinfo=UTC), NOW],
            "Of earlier calls only sums over whole days in UTC are left, and a point of the series begins at "
            "2026-01-01T23:00:00Z: choose `bucket` and `timezone` so that points are whole days in UTC, or begin the "
            "window at 2026-08-24T00:00:00Z or later.",
        ),
        (
            {"source", "channel", "search"},
            [datetime(2026, 1, 1, tzinfo=UTC), NOW],
            "Of earlier calls only sums are left, none of them by channel or search: ask without that, or begin the "
            "window at 2026-08-24T00:00:00Z or later.",
        ),
        (
            {"conversation", "agent", "item_name", "source", "user_id"},
            [datetime(2026, 1, 1, tzinfo=UTC), NOW],
            "Of earlier calls only sums are left, none of them by agent and user at once: ask without that, or begin "
            "the window at 2026-08-24T00:00:00Z or later.",
        ),
    ],
    ids=["window start", "both edges", "points", "no rollup", "not together"],
)
def test_a_refusal_says_why_and_the_way_out(columns: set[str], cuts: list[datetime], message: str) -> None:
    with pytest.raises(BeforeRecords) as caught:
        choose(frozenset(columns), cuts, Standing(KEPT))
    assert str(caught.value) == f"Records are kept since 2026-08-24T00:00:00Z. {message}"
    assert caught.value.code == "BEFORE_RECORDS"


def test_an_empty_window_needs_no_records() -> None:
    before = KEPT - timedelta(days=3, minutes=1)
    choose(frozenset({"channel"}), [before, before], Standing(KEPT))
