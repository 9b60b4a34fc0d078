"""Rollups of days that are over: they change no answer, whatever comes, goes or changes after them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model import ModelReader
from tests.questions import filters, pairs, splits
from tests.records import BASE, record, usage_records
from tests.store.database import connected, write
from tests.store.test_conversations import in_project
from tests.store.test_reader import ZONES, windows
from usage_graph.conversations import ConversationField, ConversationOrder, ConversationRequest
from usage_graph.question import By, ConsumerKind, Dimension, Direction, Filter, Scope
from usage_graph.store.reader import open_reader
from usage_graph.store.rollup import Standing
from usage_graph.store.upkeep import Upkeep
from usage_graph.usage import SUMMED, Metric, Totals, UsageRecord
from usage_graph.window import Bucket, Window, boundaries, time_zone

_projects, _spans = count(), count(1)
DAY = timedelta(days=1)
MODEL = (By(Dimension.MODEL),)
EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
calls = st.lists(usage_records(), min_size=1, max_size=40, unique_by=lambda one: (one.trace_id, one.span_id))


async def settle(database: str, *, quiet: timedelta = timedelta()) -> None:
    async with connected(database) as connection:
        await connection.execute("CALL usage_settle($1)", quiet)


async def settled_until(connection: Any, project: str) -> datetime | None:
    until: datetime | None = await connection.fetchval("SELECT until FROM usage_settled WHERE project = $1", project)
    return until


async def unsettled(connection: Any, project: str) -> list[datetime]:
    sql = "SELECT DISTINCT day FROM usage_unsettled WHERE project = $1 ORDER BY day"
    return [day for (day,) in await connection.fetch(sql, project)]


async def change(database: str, stored: Sequence[UsageRecord], data: st.DataObject) -> list[UsageRecord]:
    """What is left of ``stored`` after some of them have gone, and others have changed."""
    left = []
    async with connected(database) as connection:
        for one in stored:
            match data.draw(st.sampled_from(["stays", "stays", "goes", "changes"])):
                case "goes":
                    await connection.execute(
                        "DELETE FROM usage_record WHERE project = $1 AND started_at = $2 AND id = $3",
                        one.project,
                        one.started_at,
                        one.id,
                    )
                    continue
                case "changes":
                    one = one._replace(credits_nano=one.credits_nano + 7)
                    await connection.execute(
                        "UPDATE usage_record SET credits_nano = $4 WHERE project = $1 AND started_at = $2 AND id = $3",
                        one.project,
                        one.started_at,
                        one.id,
                        one.credits_nano,
                    )
            left.append(one)
    return left


Ask = Callable[[Any], Awaitable[object]]


async def answers(
    database: str, project: str, asking: Sequence[Ask], *, plainly: bool, now: datetime | None = None
) -> list[object]:
    """Of the store, as if it were ``now``; ``plainly``: and as if nothing were settled."""
    clock = None if now is None else lambda: now
    async with (
        open_reader(database, connections=1, statement_timeout=30, clock=clock) as reader,
        reader.snapshot() as snapshot,
    ):
        if plainly:
            snapshot._standings[project] = Standing()
        found = [await ask(snapshot) for ask in asking]
        assert (snapshot._standings[project].settled.until is None) is plainly
        return found


@given(calls, calls, windows, filters, st.sampled_from(ZONES), st.data())
@EXAMPLES
async def test_what_is_settled_changes_no_answer(
    database: str,
    early: list[UsageRecord],
    late: list[UsageRecord],
    window: Window,
    wanted: Filter,
    zone: str,
    data: Any,
) -> None:
    project = f"settled {next(_projects)}"
    scope = Scope(project, *window, wanted)
    before = replace(scope, start=window.start - 30 * DAY, end=window.start)
    bounds = boundaries(window, data.draw(st.sampled_from([Bucket.DAY, Bucket.WEEK, Bucket.HOUR])), time_zone(zone))
    by, keys, kind = data.draw(splits), data.draw(pairs), data.draw(st.sampled_from(ConsumerKind))
    metric, first = data.draw(st.sampled_from(Metric)), data.draw(st.integers(1, 4))
    order = ConversationOrder(data.draw(st.sampled_from(ConversationField)), data.draw(st.sampled_from(Direction)))
    now = data.draw(st.sampled_from([window.start, window.end, BASE]))

    asking: list[Ask] = [
        lambda one: one.totals(scope),
        lambda one: one.totals(scope, latency=True),
        lambda one: one.totals(replace(scope, filter=Filter()), latency=True),
        lambda one: one.breakdown(replace(scope, filter=Filter()), by=MODEL, metric=metric, first=first, latency=True),
        lambda one: one.breakdown(scope, by=keys, metric=metric, first=first, latency=True),
        lambda one: one.record_count(scope),
        lambda one: one.series(scope, bounds, by=None, metric=metric, top=first),
        lambda one: one.series(scope, bounds, by=by, metric=metric, top=first),
        lambda one: one.breakdown(scope, by=keys, metric=metric, first=first, previous=before),
        lambda one: one.dimension_values(scope, by=by, prefix="", first=first),
        lambda one: one.consumers(scope, kind=kind, metric=metric, first=first, latency=True),
        lambda one: one.unpriced_models(scope, first=first),
        lambda one: one.conversation_count(scope),
        lambda one: one.conversations(scope, order=order, page=ConversationRequest(first=9), latency=True),
    ]

    async def compare(records: Sequence[UsageRecord]) -> None:
        async with ModelReader(records).snapshot() as model:
            expected = [await ask(model) for ask in asking]
        assert await answers(database, project, asking, plainly=False) == expected
        assert await answers(database, project, asking, plainly=False, now=now) == expected
        assert await answers(database, project, asking, plainly=True) == expected

    stored = in_project(project, early)
    await write(database, stored)
    await settle(database)
    await compare(stored)
    known = {(one.trace_id, one.span_id) for one in stored}
    more = [one for one in in_project(project, late) if (one.trace_id, one.span_id) not in known]
    await write(database, more)
    stored = await change(database, [*stored, *more], data)
    await compare(stored)
    await settle(database)
    await compare(stored)
    async with connected(database) as connection:
        assert await unsettled(connection, project) == []


def call(number: int, at: datetime) -> UsageRecord:
    return record(project=f"days {number}", started_at=at, span_id=next(_spans).to_bytes(8, "big"))


async def test_days_are_settled_some_hours_after_they_are_over(database: str) -> None:
    now = datetime.now(UTC)
    over = (now - timedelta(hours=6)).replace(hour=0, minute=0, second=0, microsecond=0)
    times = [BASE, over - DAY, over, now - timedelta(seconds=1)]
    await write(database, [call(1, at) for at in times])
    await settle(database)
    async with connected(database) as connection:
        assert await settled_until(connection, "days 1") == over
        days = await connection.fetch(
            "SELECT bucket, calls FROM usage_by_source_1d WHERE project = 'days 1' ORDER BY 1"
        )
        assert [tuple(row) for row in days] == [(BASE.replace(hour=0), 1), (over - DAY, 1)]


async def test_long_buckets_may_end_where_no_calls_are(database: str) -> None:
    """Which are passed over: what settles goes on with the next calls, there hundreds of days later."""
    await write(database, [call(6, BASE - 400 * DAY), call(6, BASE)])
    await settle(database)
    async with connected(database) as connection:
        for rollup in ("usage_by_user_3d", "usage_by_user_36d", "usage_by_user_108d"):
            calls = f"SELECT calls FROM {rollup} WHERE project = 'days 6' AND bucket <= $1"  # noqa: S608
            assert await connection.fetchval(calls, BASE - 400 * DAY) == 1


async def test_only_the_days_that_late_calls_touch_are_settled_again(database: str) -> None:
    await write(database, [call(2, BASE), call(2, BASE + 40 * DAY)])
    await settle(database)
    late = BASE + 40 * DAY + timedelta(hours=3)
    await write(database, [call(2, late)])
    async with connected(database) as connection:
        day = late.replace(hour=0, minute=0, second=0, microsecond=0)
        assert await unsettled(connection, "days 2") == [day]
        await settle(database, quiet=timedelta(hours=1))  # somebody may still be loading
        assert await unsettled(connection, "days 2") == [day]
        await settle(database)
        assert await unsettled(connection, "days 2") == []
        counted = await connection.fetch(
            "SELECT calls FROM usage_by_agent_36d WHERE project = 'days 2' ORDER BY bucket"
        )
        assert sum(calls for (calls,) in counted) == 3


async def test_live_calls_unsettle_nothing(database: str) -> None:
    await write(database, [call(3, BASE)])
    await settle(database)
    await write(database, [call(3, datetime.now(UTC) - timedelta(seconds=1))])
    async with connected(database) as connection:
        assert await unsettled(connection, "days 3") == []


async def test_nobody_settles_while_an_older_call_is_written(several_backends: str) -> None:
    await write(several_backends, [call(4, BASE)])
    await settle(several_backends)
    async with connected(several_backends) as writing, connected(several_backends) as settling:
        async with writing.transaction():
            await writing.execute("UPDATE usage_record SET credits_nano = 5 WHERE project = 'days 4'")
            await settling.execute("CALL usage_settle($1)", timedelta())
            sums = await settling.fetch("SELECT credits_nano FROM usage_by_source_1d WHERE project = 'days 4'")
            assert [int(sum_) for (sum_,) in sums] == [call(4, BASE).credits_nano]
        assert await unsettled(settling, "days 4") == [BASE.replace(hour=0)]
        await settling.execute("CALL usage_settle($1)", timedelta())
        sums = await settling.fetch("SELECT credits_nano FROM usage_by_source_1d WHERE project = 'days 4'")
        assert [int(sum_) for (sum_,) in sums] == [5]


async def test_a_project_whose_sums_leave_their_range_stops_no_other(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not settled of it is read from the rollups by day, as before; the log says so."""
    most = 5 * 10**18

    def of(project: str, day: int, cost: int = 1) -> UsageRecord:
        return record(
            project=project, started_at=BASE + day * DAY, span_id=next(_spans).to_bytes(8, "big"), cost_nano=cost
        )

    await write(database, [of("dear", 0, most), of("dear", 1, most), of("cheap", 0), of("late", 0)])
    await Upkeep(dsn=database, retention=None, clock=lambda: datetime.now(UTC)).round()
    assert "leave their range" in caplog.text
    async with connected(database) as connection:
        assert await settled_until(connection, "dear") is None
        assert None not in (await settled_until(connection, "cheap"), await settled_until(connection, "late"))
        await write(database, [of("late", 1, most), of("late", 2, most), of("cheap", 1)])
        for _ in range(2):
            await settle(database)
            assert await unsettled(connection, "late") == [BASE + DAY, BASE + 2 * DAY]
            assert await unsettled(connection, "cheap") == []
    for project, cost in (("late", most + 1), ("cheap", 2)):
        scope = Scope(project, BASE, BASE + 2 * DAY)
        asking: list[Ask] = [lambda one, scope=scope: one.totals(scope)]  # type: ignore[misc]
        (totals,) = await answers(database, project, asking, plainly=False)
        assert isinstance(totals, Totals)
        assert totals.cost_nano == cost


async def test_a_day_of_which_somebody_still_writes_is_not_over(several_backends: str) -> None:
    """Calls of the last hour are written without a word; in a transaction that lasts they may be of any day since."""
    over = "SELECT usage_over(clock_timestamp() + INTERVAL '10 days')"
    async with connected(several_backends) as writing, connected(several_backends) as settling:
        began = datetime.now(UTC)
        async with writing.transaction():
            await writing.execute("SELECT count(*) FROM usage_record")
            assert await settling.fetchval(over) <= began
        assert await settling.fetchval(over) > began + 8 * DAY


async def test_what_was_written_while_it_waited_is_settled(several_backends: str) -> None:
    """Whatever isolation the server gives transactions by itself."""
    await write(several_backends, [call(9, BASE)])
    async with connected(several_backends) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    async with connected(several_backends) as writing, connected(several_backends) as settling:
        waits = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1"
        async with writing.transaction(isolation="read_committed"):
            await writing.execute("UPDATE usage_record SET credits_nano = 5 WHERE project = 'days 9'")
            task = asyncio.create_task(settling.execute("CALL usage_settle($1)", timedelta()))
            async with asyncio.timeout(30):
                while not (task.done() or await writing.fetchval(waits, settling.get_server_pid())):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        await task
        await settling.execute("CALL usage_settle($1)", timedelta())
        sums = await settling.fetch("SELECT credits_nano FROM usage_by_source_1d WHERE project = 'days 9'")
        assert [int(sum_) for (sum_,) in sums] == [5]


async def test_another_measure_is_settled_anew(database: str) -> None:
    await write(database, [call(5, BASE)])
    await settle(database)
    async with connected(database) as connection:
        await connection.execute(
            "INSERT INTO usage_measure (number, name, amount) VALUES (99, 'doubled', '2'); SELECT usage_build_rollups()"
        )
        assert await settled_until(connection, "days 5") is None
    await settle(database)
    async with connected(database) as connection:
        doubled = await connection.fetch("SELECT doubled FROM usage_by_user_36d WHERE project = 'days 5'")
        assert [int(sum_) for (sum_,) in doubled] == [2]


@given(calls, windows, st.frozensets(st.sampled_from(SUMMED)), st.sampled_from(Metric))
@EXAMPLES
async def test_sums_that_are_asked_for_are_those_of_all(
    database: str, records: list[UsageRecord], window: Window, measures: frozenset[str], metric: Metric
) -> None:
    """Of the others there is nothing; and what groups are ranked by is always known."""
    project = f"settled {next(_projects)}"
    await write(database, in_project(project, records))
    scope = Scope(project, *window)
    bounds = boundaries(window, Bucket.DAY, time_zone("UTC"))

    async def sums(told: frozenset[str]) -> list[Totals]:
        async with (
            open_reader(database, connections=1, statement_timeout=30) as reader,
            reader.snapshot(told) as snapshot,
        ):
            split = await snapshot.series(scope, bounds, by=By(Dimension.MODEL), metric=metric, top=2)
            parts = await snapshot.breakdown(scope, by=(By(Dimension.USER),), metric=metric, first=2)
            top = await snapshot.consumers(scope, kind=ConsumerKind.ITEM, metric=metric, first=2)
            groups: list[Any] = [*split.groups, *parts.groups, *top, *filter(None, [split.other, parts.other])]
            shares.append([group.share for group in groups])
            return [await snapshot.totals(scope), *split.points, *(group.totals for group in groups)]

    shares: list[list[float | None]] = []
    everything, some = await sums(frozenset(SUMMED)), await sums(measures)
    assert shares[0] == shares[1]
    for whole, told in zip(everything, some, strict=True):
        for name in SUMMED:
            assert getattr(told, name) == getattr(whole, name) or (name not in measures and not getattr(told, name))
