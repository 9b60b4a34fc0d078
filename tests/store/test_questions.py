"""What questions add up to, whatever the filter: complements, pairs of dimensions, and the window compared with."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model import matches, value_by
from tests.questions import filters, pairs
from tests.records import BASE, record, usage_records
from tests.rollups import refresh_all
from tests.store.database import connected, write
from tests.store.test_reader import READS, batches, both, windows
from usage_graph.errors import BeforeRecords
from usage_graph.question import By, Dimension, Filter, Group, Scope, StringFilter
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters
from usage_graph.store.reader import open_reader
from usage_graph.usage import Metric, Totals, UsageRecord, sum_of
from usage_graph.window import Window

TEAM, FEATURE = By(Dimension.ATTRIBUTE, "team"), By(Dimension.ATTRIBUTE, "feature")
MONTHS = Scope("default", BASE - timedelta(days=1), BASE + timedelta(days=70))


def parts(groups: Iterable[Group], other: Group | None) -> list[Group]:
    return [*groups, *([other] if other else [])]


@given(batches, windows, filters, filters)
@READS
async def test_every_record_matches_a_filter_or_its_negation(
    database: str, records: list[UsageRecord], window: Window, one: Filter, another: Filter
) -> None:
    async with both(database, records) as (real, _):

        async def totals(wanted: Filter) -> Totals:
            return await real.totals(Scope("default", window.start, window.end, wanted))

        found = await totals(one)
        assert found.plus(await totals(Filter(negated=one))) == await totals(Filter())
        assert await totals(Filter(negated=Filter(negated=one))) == found
        # De Morgan's laws, and what both match is counted twice by neither.
        neither = Filter(all_of=(Filter(negated=one), Filter(negated=another)))
        either = Filter(any_of=(one, another))
        assert await totals(Filter(negated=either)) == await totals(neither)
        assert found.plus(await totals(another)) == (await totals(either)).plus(
            await totals(Filter(all_of=(one, another)))
        )


@given(usage_records(), filters)
def test_the_model_itself_knows_two_truth_values(one: UsageRecord, wanted: Filter) -> None:
    assert matches(one, wanted) is not matches(one, Filter(negated=wanted))


@given(batches, windows, windows, filters, pairs, st.sampled_from(Metric), st.integers(1, 4))
@READS
async def test_groups_add_up_now_and_then(
    database: str,
    records: list[UsageRecord],
    window: Window,
    other: Window,
    wanted: Filter,
    by: tuple[By, ...],
    metric: Metric,
    first: int,
) -> None:
    scope = Scope("default", window.start, window.end, wanted)
    before = replace(scope, start=other.start, end=other.end)
    async with both(database, records) as (real, _):
        alone = await real.breakdown(scope, by=by, metric=metric, first=first)
        found = await real.breakdown(scope, by=by, metric=metric, first=first, previous=before)
        now, then = await real.totals(scope), await real.totals(before)
    everything = parts(*found)
    assert sum_of(group.totals for group in everything) == now
    assert sum_of(group.previous or Totals() for group in everything) == then
    assert all(group.previous is not None for group in everything)
    assert [group._replace(previous=None) for group in found.groups] == alone.groups
    if alone.other is not None:
        assert found.other is not None
        assert found.other._replace(previous=None) == alone.other
    elif found.other is not None:
        # There only for what was in the other window, in groups that are not among these.
        assert found.other.totals == Totals()
        assert (found.other.previous or Totals()).calls


@given(st.lists(usage_records(), min_size=3, max_size=20, unique_by=lambda one: (one.trace_id, one.span_id)), pairs)
@READS
async def test_each_group_is_compared_with_itself(
    database: str, records: list[UsageRecord], by: tuple[By, ...]
) -> None:
    """A breakdown compared with its own window, and one with nothing."""
    nothing = replace(MONTHS, start=BASE - timedelta(days=900), end=BASE - timedelta(days=800))
    async with both(database, records) as (real, _):
        same = await real.breakdown(MONTHS, by=by, metric=Metric.CALLS, first=3, previous=MONTHS)
        new = await real.breakdown(MONTHS, by=by, metric=Metric.CALLS, first=3, previous=nothing)
        gone = await real.breakdown(nothing, by=by, metric=Metric.CALLS, first=3, previous=MONTHS)
    assert [group.previous for group in parts(*same)] == [group.totals for group in parts(*same)]
    assert {group.previous for group in parts(*new)} == {Totals()}
    assert gone.groups == []
    assert gone.other is not None
    assert gone.other.totals == Totals()
    assert gone.other.previous == sum_of(group.totals for group in parts(*same))
    assert (gone.other.key, gone.other.then_key, gone.other.share) == (None, None, None)
    keys = {tuple(value_by(one, each) for each in by) for one in records}
    assert (same.other is None) is (len(keys) <= 3)


def labelled(number: int, **attributes: str) -> UsageRecord:
    return record(span_id=number.to_bytes(8, "big"), attributes=tuple(sorted(attributes.items())))


ATTRIBUTES = [
    labelled(1, team="a", feature="x"),
    labelled(2, team="a", feature="y"),
    labelled(3, team="a", feature="y"),
    labelled(4, team="B"),
    labelled(5),
]


async def test_attributes_are_dimensions(database: str) -> None:
    async with both(database, ATTRIBUTES) as (real, _):
        found = await real.breakdown(MONTHS, by=(TEAM, FEATURE), metric=Metric.CALLS, first=9)
        assert [(group.key, group.then_key, group.totals.calls) for group in found.groups] == [
            ("a", "y", 2),
            # One call each: in the order of bytes, those without a value last.
            ("B", None, 1),
            ("a", "x", 1),
            (None, None, 1),
        ]
        one = await real.breakdown(MONTHS, by=(FEATURE, By(Dimension.MODEL)), metric=Metric.CALLS, first=9)
        assert [(group.key, group.then_key) for group in one.groups] == [
            ("y", "gpt-4o-mini"),
            (None, "gpt-4o-mini"),
            ("x", "gpt-4o-mini"),
        ]
        bounds = [MONTHS.start, BASE, MONTHS.end]
        series = await real.series(MONTHS, bounds, by=TEAM, metric=Metric.CALLS, top=1)
        assert [(group.key, [point.calls for point in group.points]) for group in series.groups] == [("a", [0, 3])]
        assert series.other is not None
        assert series.other.totals.calls == 2
        values = await real.dimension_values(MONTHS, by=TEAM, prefix="b", first=5)
        assert values == [("B", 1)]


@pytest.mark.parametrize(
    ("condition", "calls"),
    [
        (StringFilter(eq="a"), 3),
        (StringFilter(is_in=("a", "B")), 4),
        (StringFilter(not_in=("a",)), 2),
        (StringFilter(is_null=True), 1),
        (StringFilter(starts_with="b"), 0),
        (StringFilter(contains=""), 4),
        (StringFilter(), 5),
        # Nothing that a database can hold, and nothing that it may be asked.
        (StringFilter(eq="\ud800"), 0),
        (StringFilter(contains="\0"), 0),
    ],
)
async def test_attributes_are_filtered_by(database: str, condition: StringFilter, calls: int) -> None:
    async with both(database, ATTRIBUTES) as (real, _):
        wanted = Filter(attributes=(("team", condition),))
        assert (await real.totals(replace(MONTHS, filter=wanted))).calls == calls
        rest = (await real.totals(replace(MONTHS, filter=Filter(negated=wanted)))).calls
        assert rest == len(ATTRIBUTES) - calls
        nowhere = Filter(attributes=(("tea\0m", condition),))
        assert (await real.totals(replace(MONTHS, filter=nowhere))).calls == 0


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", [("Digest", 3), ("digest", 2), ("100% done", 1), ("a_b", 1)]),
        ("DI", [("Digest", 3), ("digest", 2)]),
        ("100%", [("100% done", 1)]),
        ("%", []),
        ("a_", [("a_b", 1)]),
        ("a__", []),
        ("igest", []),
        ("\0", []),
        ("\ud800", []),
    ],
)
async def test_values_by_prefix(database: str, prefix: str, expected: list[tuple[str, int]]) -> None:
    names = ["Digest", "digest", "Digest", "100% done", "a_b", None, "Digest", "digest"]
    records = [record(name=name, span_id=number.to_bytes(8, "big")) for number, name in enumerate(names, 1)]
    async with both(database, records) as (real, _):
        assert await real.dimension_values(MONTHS, by=By(Dimension.NAME), prefix=prefix, first=10) == expected
        assert await real.dimension_values(MONTHS, by=By(Dimension.NAME), prefix=prefix, first=1) == expected[:1]


async def test_what_rollups_hold_is_answered_from_them(database: str) -> None:
    """Also of times that there are no records of any more."""
    days = Scope("default", BASE, BASE + timedelta(days=2))
    records = [
        record(
            started_at=BASE + timedelta(hours=number),
            span_id=number.to_bytes(8, "big"),
            agent=f"agent {number % 3}" if number % 4 else None,
            source=("chat", "agent")[number % 2],
        )
        for number in range(1, 20)
    ]
    await write(database, records)
    await refresh_all(database)
    wanted = Filter(
        any_of=(
            Filter(((Dimension.AGENT, StringFilter(eq="agent 1")),)),
            Filter(negated=Filter(((Dimension.SOURCE, StringFilter(eq="chat")),))),
        )
    )
    by = (By(Dimension.AGENT), By(Dimension.SOURCE))
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        async with reader.snapshot() as snapshot:
            scope = replace(days, filter=wanted)
            expected = await snapshot.breakdown(scope, by=by, metric=Metric.CALLS, first=3, previous=days)
            values = await snapshot.dimension_values(scope, by=by[0], prefix="AG", first=5)
        async with connected(database) as connection:
            await connection.execute("UPDATE usage_retention SET kept_since = $1", BASE + timedelta(days=1))
        async with reader.snapshot() as snapshot:
            again = await snapshot.breakdown(scope, by=by, metric=Metric.CALLS, first=3, previous=days)
            assert again == expected
            assert await snapshot.dimension_values(scope, by=by[0], prefix="AG", first=5) == values
            assert [value for value, _ in values] == ["agent 1", "agent 0", "agent 2"]
            with pytest.raises(BeforeRecords, match="none of them by attribute: ask without that"):
                await snapshot.breakdown(days, by=(TEAM,), metric=Metric.CALLS, first=3)
            with pytest.raises(BeforeRecords, match="none of them by attribute"):
                await snapshot.totals(
                    replace(days, filter=Filter(negated=Filter(attributes=(("team", StringFilter(eq="a")),))))
                )
            with pytest.raises(BeforeRecords, match="none of them by agent and model at once"):
                await snapshot.breakdown(days, by=(by[0], By(Dimension.MODEL)), metric=Metric.CALLS, first=3)


@pytest.mark.parametrize(
    ("by", "relation"),
    [
        ((Dimension.MODEL, Dimension.PROVIDER), "usage_by_model_1d"),
        ((Dimension.AGENT, Dimension.SOURCE), "usage_by_agent_1d"),
        ((Dimension.CONVERSATION, Dimension.AGENT), "usage_by_conversation_1d"),
    ],
)
def test_pairs_that_a_rollup_holds_are_read_from_it(by: tuple[Dimension, ...], relation: str) -> None:
    inner = cells(MONTHS, Parameters(), columns=[dimension.value for dimension in by])
    assert relation in inner
    assert "usage_record" not in inner
    apart = cells(MONTHS, Parameters(), columns=[by[0].value], attributes=["team"])
    assert "usage_by" not in apart
