"""Retention: records go, the sums over them stay, and no answer is wrong in between."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model import ModelReader, ModelSnapshot, key_in
from tests.questions import filters, splits
from tests.records import BASE, record, usage_records
from tests.store.database import as_it_is, put, write
from tests.store.test_reader import ZONES
from usage_graph.errors import BeforeRecords, RefusedRecords
from usage_graph.exporter.bisect import write_all
from usage_graph.observation import Item, Observation
from usage_graph.question import (
    By,
    ConsumerKind,
    Dimension,
    Direction,
    Filter,
    Freshness,
    PageRequest,
    RecordField,
    RecordOrder,
    Scope,
    StringFilter,
)
from usage_graph.store.reader import open_reader
from usage_graph.store.rollup import FAMILIES
from usage_graph.store.snapshot import Snapshot
from usage_graph.store.writer import Writer, open_writer
from usage_graph.usage import Metric, Totals, UsageRecord, record_id
from usage_graph.window import Bucket, Window, boundaries, time_zone

DAY = timedelta(days=1)
_projects = itertools.count()

LONG = 8
"""Days from the first to the last record: few, so that windows, records and the time they are kept from often meet."""
_days = st.integers(0, LONG).map(lambda number: BASE + number * DAY)
_starts = st.one_of(
    _days,
    st.integers(0, LONG * 24).map(lambda hours: BASE + hours * timedelta(hours=1)),
    st.integers(0, LONG * 96).map(lambda quarters: BASE + quarters * timedelta(minutes=15)),
    st.integers(0, LONG * 86_400 * 10**6).map(lambda us: BASE + timedelta(microseconds=us)),
)
_windows = st.lists(_starts, min_size=2, max_size=2, unique=True).map(sorted).map(lambda pair: Window(*pair))
_records = usage_records().map(lambda one: one._replace(started_at=BASE + (one.started_at - BASE) % (LONG * DAY)))
_batches = st.lists(_records, min_size=8, max_size=30, unique_by=lambda one: (one.trace_id, one.span_id))
_some_filters = st.one_of(st.just(Filter()), st.just(Filter()), filters)

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


async def execute(database: str, *statements: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def keep_since(database: str, since: datetime, *, expire: bool) -> None:
    """What upkeep does: rollups first, then the time is moved, and (some time after) records are removed."""
    connection = await asyncpg.connect(database)
    try:
        for start, end in await connection.fetch("SELECT * FROM usage_stale() AS s WHERE s.since < $1", since):
            await connection.execute("CALL usage_refresh($1, $2)", start, end)
        assert await connection.fetchval("SELECT usage_keep_since($1)", since) == since
        if expire:
            await connection.execute("CALL usage_expire()")
    finally:
        await connection.close()


async def count(database: str, table: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        found: int = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        return found
    finally:
        await connection.close()


async def rollups(database: str) -> dict[str, list[asyncpg.Record]]:
    """Every row of every rollup, as queries see it."""
    connection = await asyncpg.connect(database)
    try:
        return {
            rollup.relation: await connection.fetch(
                f"SELECT * FROM {rollup.relation}('default', '2000-01-01', '2100-01-01') AS r ORDER BY r"  # noqa: S608
            )
            for family in FAMILIES
            for rollup in family.rollups
        }
    finally:
        await connection.close()


def in_project(project: str, records: Sequence[UsageRecord]) -> list[UsageRecord]:
    return [one._replace(project=project, id=record_id(project, one.trace_id, one.span_id)) for one in records]


async def data_through(snapshot: Snapshot | ModelSnapshot, project: str) -> datetime | None:
    return (await snapshot.freshness(project)).data_through


async def outcome(answer: Awaitable[object]) -> object:
    """The answer, or that there is none."""
    try:
        return await answer
    except BeforeRecords:
        return BeforeRecords


@given(_batches, _windows, _some_filters, st.sampled_from(ZONES), _days, st.data())
@EXAMPLES
async def test_every_question_is_answered_as_before_or_refused(
    database: str,
    records: list[UsageRecord],
    window: Window,
    wanted: Filter,
    zone: str,
    since: datetime,
    data: st.DataObject,
) -> None:
    """Exactly those are refused that need records of before; whether these have been removed yet shows in nothing."""
    project = f"project {next(_projects)}"
    records = in_project(project, records)
    scope = Scope(project, window.start, window.end, wanted)
    bounds = boundaries(window, data.draw(st.sampled_from([Bucket.DAY, Bucket.MONTH, Bucket.HOUR])), time_zone(zone))
    by = data.draw(splits)
    kind = data.draw(st.sampled_from(ConsumerKind))
    metric = data.draw(st.sampled_from(Metric))
    first = data.draw(st.integers(1, 4))
    latency = data.draw(st.booleans())
    order = RecordOrder(data.draw(st.sampled_from(RecordField)), data.draw(st.sampled_from(Direction)))
    cursor = st.none() | st.sampled_from(records).map(lambda one: key_in(one, order.field))
    page = PageRequest(first=data.draw(st.integers(1, 9)), after=data.draw(cursor))

    def questions(snapshot: Snapshot | ModelSnapshot) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "kept since": lambda: snapshot.kept_since(),
            "totals": lambda: snapshot.totals(scope, latency=latency),
            "series": lambda: snapshot.series(scope, bounds, by=None, metric=metric, top=first, latency=latency),
            "series by": lambda: snapshot.series(scope, bounds, by=by, metric=metric, top=first, latency=latency),
            "breakdown": lambda: snapshot.breakdown(scope, by=(by,), metric=metric, first=first, latency=latency),
            "consumers": lambda: snapshot.consumers(scope, kind=kind, metric=metric, first=first, latency=latency),
            "unpriced models": lambda: snapshot.unpriced_models(scope, first=first),
            "records": lambda: snapshot.records(scope, order=order, page=page),
            "count": lambda: snapshot.record_count(scope),
            "by id": lambda: snapshot.records_by_id(
                project, [(one.started_at, one.id) for one in records], filter=Filter()
            ),
            "data through": lambda: data_through(snapshot, project),
        }

    # As if it had not been moved by the example before: every example has a project of its own.
    await execute(database, "UPDATE usage_retention SET kept_since = NULL")
    await write(database, records)
    async with (
        ModelReader(records, kept_since=since).snapshot() as model,
        open_reader(database, connections=1, statement_timeout=30) as reader,
    ):
        expected = {name: await outcome(ask()) for name, ask in questions(model).items()}
        for expire in (False, True):
            await keep_since(database, since, expire=expire)
            async with reader.snapshot() as real:
                for name, ask in questions(real).items():
                    assert await outcome(ask()) == expected[name], (name, expire)


@given(_batches, _windows, _some_filters, splits, _days)
@EXAMPLES
async def test_sums_and_lists_agree_from_then_on(
    database: str, records: list[UsageRecord], window: Window, wanted: Filter, by: By, since: datetime
) -> None:
    project = f"project {next(_projects)}"
    start = max(window.start, since)
    scope = Scope(project, start, max(window.end, start + timedelta(microseconds=1)), wanted)
    await execute(database, "UPDATE usage_retention SET kept_since = NULL")
    await write(database, in_project(project, records))
    await keep_since(database, since, expire=True)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        totals = await snapshot.totals(scope)
        assert await snapshot.record_count(scope) == totals.calls
        bounds = boundaries(Window(scope.start, scope.end), Bucket.DAY, time_zone("Europe/Berlin"))
        series = await snapshot.series(scope, bounds, by=by, metric=Metric.CALLS, top=3)
        breakdown = await snapshot.breakdown(scope, by=(by,), metric=Metric.CALLS, first=3)
        for parts in (
            series.points,
            [group.totals for group in (*series.groups, *filter(None, [series.other]))],
            [group.totals for group in (*breakdown.groups, *filter(None, [breakdown.other]))],
        ):
            whole = Totals()
            for part in parts:
                whole = whole.plus(part)
            assert whole == totals


SINCE = BASE + 2 * DAY
OLD = record(span_id=b"\1" * 8, started_at=SINCE - timedelta(microseconds=1), name="Old title", conversation="c")
NEW = record(span_id=b"\2" * 8, started_at=SINCE, conversation="c", agent="planner")
WHOLE = Scope("default", BASE, BASE + 4 * DAY)


@pytest.mark.parametrize("expire", [False, True], ids=["not yet removed", "removed"])
async def test_old_records_are_in_no_list_and_their_sums_stay(database: str, expire: bool) -> None:
    await write(database, [OLD, NEW])
    await keep_since(database, SINCE, expire=expire)
    assert await count(database, "usage_record") == (1 if expire else 2)
    assert await count(database, "usage_identity") == (1 if expire else 2)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        assert await snapshot.kept_since() == SINCE
        assert (await snapshot.totals(WHOLE)).calls == 2
        assert await snapshot.record_count(WHOLE) == 1
        page = await snapshot.records(WHOLE, order=RecordOrder(), page=PageRequest(first=1))
        assert tuple(page) == ([NEW], False, False)
        before = Scope("default", BASE, SINCE)
        assert tuple(await snapshot.records(before, order=RecordOrder(), page=PageRequest(first=1))) == (
            [],
            False,
            False,
        )
        assert await snapshot.record_count(before) == 0
        assert (await snapshot.totals(before)).calls == 1
        ids = [(one.started_at, one.id) for one in (OLD, NEW)]
        assert await snapshot.records_by_id("default", ids, filter=Filter()) == [None, NEW]
        # The conversation is still known, the name that titled it is not.
        (consumer,) = await snapshot.consumers(WHOLE, kind=ConsumerKind.ITEM, metric=Metric.CALLS, first=5)
        assert (consumer.key, consumer.label, consumer.totals.calls) == ("c", "c", 2)


@pytest.mark.parametrize("expire", [False, True], ids=["not yet removed", "removed"])
async def test_pages_go_on_from_a_cursor_whose_record_is_gone(database: str, expire: bool) -> None:
    await write(database, [OLD, NEW])
    await keep_since(database, SINCE, expire=expire)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        for order in (RecordOrder(), RecordOrder(RecordField.STARTED_AT, Direction.ASC)):
            key = key_in(OLD, order.field)
            after = await snapshot.records(WHOLE, order=order, page=PageRequest(first=5, after=key))
            before = await snapshot.records(WHOLE, order=order, page=PageRequest(last=5, before=key))
            ascending = order.direction is Direction.ASC
            assert tuple(after) == (([NEW] if ascending else []), False, not ascending)
            assert tuple(before) == (([] if ascending else [NEW]), ascending, False)


@pytest.mark.parametrize("expire", [False, True], ids=["not yet removed", "removed"])
async def test_freshness_is_that_of_the_records(database: str, expire: bool) -> None:
    await write(database, [OLD, NEW._replace(project="other", id=record_id("other", NEW.trace_id, NEW.span_id))])
    await keep_since(database, SINCE, expire=expire)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        assert await snapshot.freshness("default") == Freshness(None, None)
        assert await snapshot.freshness("other") == Freshness(SINCE, SINCE)


async def test_what_only_records_know_is_refused_with_the_reason(database: str) -> None:
    await write(database, [OLD, NEW])
    await keep_since(database, SINCE, expire=True)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        named = Filter(((Dimension.NAME, StringFilter(eq="Old title")),))
        for wanted in (named, Filter(search="old")):
            with pytest.raises(
                BeforeRecords, match=r"^Records are kept since 2026-03-03T00:00:00Z\. .* by (name|search)"
            ):
                await snapshot.totals(Scope("default", BASE, BASE + 4 * DAY, wanted))
        with pytest.raises(BeforeRecords, match=r"begins at 2026-03-01T00:00:01Z: begin it at 2026-03-01T00:00:00Z"):
            await snapshot.totals(Scope("default", BASE + timedelta(seconds=1), BASE + 4 * DAY))
        # The list of the same calls is not: those that are kept.
        assert await snapshot.record_count(Scope("default", BASE, BASE + 4 * DAY, Filter(search="gpt"))) == 1


@pytest.mark.parametrize("expire", [False, True], ids=["not yet removed", "removed"])
async def test_an_old_span_sent_again_is_never_counted_twice(database: str, expire: bool) -> None:
    await write(database, [OLD, NEW])
    await keep_since(database, SINCE, expire=expire)
    before = await rollups(database)
    async with open_writer(database, mode="unnest", connections=1, price=as_it_is) as writer:
        if expire:
            with pytest.raises(RefusedRecords, match="starts before 2026-03-03, since when records are kept") as caught:
                await put(writer, [OLD])
            assert caught.value.before == SINCE
        else:
            await put(writer, [OLD])  # its identity is still there: stored already
        for unknown in (record(span_id=b"\3" * 8), record(span_id=b"\3" * 8, project="other")):
            with pytest.raises(RefusedRecords, match="USAGE_GRAPH_RETENTION"):
                await put(writer, [NEW, unknown])
        await put(writer, [NEW])
    assert await rollups(database) == before
    assert await count(database, "usage_record") == (1 if expire else 2)


async def test_old_records_cost_their_neighbours_one_more_write(database: str) -> None:
    """Also where every second record of a large batch is old, and poison is among them."""
    await keep_since(database, SINCE, expire=False)
    batch = [
        Observation(record(span_id=(n + 1).to_bytes(8, "big"), started_at=SINCE + (-DAY if n % 2 else DAY)))
        for n in range(400)
    ]
    writes: list[int] = []

    async def counted(writer: Writer, items: Sequence[Item]) -> None:
        writes.append(len(items))
        await writer.write(items)

    async with open_writer(database, mode="unnest", connections=1, price=as_it_is) as writer:
        answers = await write_all(lambda items: counted(writer, items), [batch[:150], batch[150:]])
    assert writes == [400, 200]
    assert [[rejected.item for rejected in answer] for answer in answers] == [batch[1:150:2], batch[151::2]]
    assert {rejected.reason for answer in answers for rejected in answer} == {
        "it starts before 2026-03-03, since when records are kept (USAGE_GRAPH_RETENTION)"
    }
    assert await count(database, "usage_record") == 200


async def test_the_time_is_read_once_and_with_the_rest_of_the_snapshot(several_backends: str) -> None:
    await write(several_backends, [OLD, NEW])
    async with open_reader(several_backends, connections=1, statement_timeout=30) as reader:
        async with reader.snapshot() as snapshot:
            assert (await snapshot.totals(WHOLE)).calls == 2
            await keep_since(several_backends, SINCE, expire=False)
            assert await snapshot.kept_since() is None
            assert await snapshot.record_count(WHOLE) == 2
        async with reader.snapshot() as snapshot:
            assert await snapshot.kept_since() == SINCE
            assert await snapshot.record_count(WHOLE) == 1


async def test_records_are_kept_from_a_whole_day_on(database: str) -> None:
    """Else a bucket of the rollups would be cut, and be known neither whole nor in parts."""
    connection = await asyncpg.connect(database)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.fetchval("SELECT usage_keep_since($1)", datetime(2026, 3, 1, 1, tzinfo=UTC))
        assert await connection.fetchval("SELECT usage_keep_since($1)", SINCE) == SINCE
        assert await connection.fetchval("SELECT usage_keep_since($1)", SINCE - DAY) == SINCE  # never back
    finally:
        await connection.close()
