"""Reading: the same answers as a program that looks at every record, for any window, zone, filter and page."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model import ModelReader, key_in
from tests.questions import filters, pairs, splits, texts
from tests.records import BASE, record, usage_records
from tests.rollups import refresh_all
from tests.store.database import as_it_is, put
from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.question import (
    ConsumerKind,
    Dimension,
    Direction,
    Filter,
    PageRequest,
    RecordField,
    RecordOrder,
    Scope,
    StringFilter,
)
from usage_graph.store.reader import Reader, open_reader
from usage_graph.store.snapshot import Snapshot
from usage_graph.store.writer import open_writer
from usage_graph.usage import Metric, Totals, UsageRecord
from usage_graph.window import Bucket, Window, boundaries, time_zone

ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "Asia/Kolkata"]

_starts = st.one_of(
    st.integers(-5, 60 * 96).map(lambda quarters: BASE + timedelta(minutes=15) * quarters),
    st.integers(0, 60 * 86_400 * 10**6).map(lambda us: BASE + timedelta(microseconds=us)),
)
windows = (
    st.tuples(_starts, _starts).filter(lambda pair: pair[0] != pair[1]).map(sorted).map(lambda pair: Window(*pair))
)
batches = st.lists(usage_records(), max_size=60, unique_by=lambda one: (one.trace_id, one.span_id))

READS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@asynccontextmanager
async def both(database: str, records: list[UsageRecord]) -> AsyncIterator[tuple[Snapshot, Snapshot]]:
    """A snapshot of the store that holds ``records``, and one of the model."""
    connection = await asyncpg.connect(database)
    await connection.execute("TRUNCATE usage_identity; DELETE FROM usage_record")
    await connection.close()
    async with (
        open_writer(database, mode="copy", connections=1, price=as_it_is) as writer,
        open_reader(database, connections=1, statement_timeout=30) as reader,
    ):
        await put(writer, records)
        async with reader.snapshot() as real, ModelReader(records).snapshot() as model:
            yield real, model  # type: ignore[misc] # the model has a snapshot's methods


@given(batches, windows, filters, st.sampled_from(ZONES), st.data())
@READS
async def test_every_question_is_answered_as_the_model_does(
    database: str, records: list[UsageRecord], window: Window, wanted: Filter, zone: str, data: st.DataObject
) -> None:
    scope = Scope("default", window.start, window.end, wanted)
    bucket = data.draw(st.sampled_from([Bucket.DAY, Bucket.WEEK, Bucket.MONTH, Bucket.HOUR]))
    bounds = boundaries(window, bucket, time_zone(zone))
    by = data.draw(splits)
    keys = data.draw(pairs)
    before = data.draw(st.none() | windows.map(lambda other: replace(scope, start=other.start, end=other.end)))
    prefix = data.draw(texts)
    metric = data.draw(st.sampled_from(Metric))
    kind = data.draw(st.sampled_from(ConsumerKind))
    first = data.draw(st.integers(1, 4))
    latency = data.draw(st.booleans())
    async with both(database, records) as (real, model):
        totals = await real.totals(scope, latency=latency)
        assert totals == await model.totals(scope, latency=latency)
        assert await real.record_count(scope) == totals.calls
        plain = await real.series(scope, bounds, by=None, metric=metric, top=first, latency=latency)
        assert plain == await model.series(scope, bounds, by=None, metric=metric, top=first, latency=latency)
        split = await real.series(scope, bounds, by=by, metric=metric, top=first, latency=latency)
        assert split == await model.series(scope, bounds, by=by, metric=metric, top=first, latency=latency)
        asked: dict[str, Any] = {"first": first, "previous": before, "latency": latency}
        breakdown = await real.breakdown(scope, by=keys, metric=metric, **asked)
        assert breakdown == await model.breakdown(scope, by=keys, metric=metric, **asked)
        values = await real.dimension_values(scope, by=by, prefix=prefix, first=first)
        assert values == await model.dimension_values(scope, by=by, prefix=prefix, first=first)
        consumers = await real.consumers(scope, kind=kind, metric=metric, first=first, latency=latency)
        assert consumers == await model.consumers(scope, kind=kind, metric=metric, first=first, latency=latency)
        assert await real.unpriced_models(scope, first=first) == await model.unpriced_models(scope, first=first)

        # Invariant 2, spelled out: totals = series = breakdown, point by point and group by group.
        assert plain.points == split.points
        for parts in (
            plain.points,
            [group.totals for group in (*breakdown.groups, *filter(None, [breakdown.other]))],
            [group.totals for group in (*split.groups, *filter(None, [split.other]))],
        ):
            whole = Totals()
            for part in parts:
                whole = whole.plus(part)
            assert whole == totals


@given(batches, windows, filters, st.sampled_from(RecordField), st.sampled_from(Direction), st.data())
@READS
async def test_pages_are_those_of_the_model(
    database: str,
    records: list[UsageRecord],
    window: Window,
    wanted: Filter,
    field: RecordField,
    direction: Direction,
    data: st.DataObject,
) -> None:
    scope = Scope("default", window.start, window.end, wanted)
    order = RecordOrder(field, direction)
    cursors = st.none() | (st.sampled_from(records).map(lambda one: key_in(one, field)) if records else st.nothing())
    async with both(database, records) as (real, model):
        for _ in range(4):
            first = data.draw(st.none() | st.integers(0, 5))
            page = PageRequest(
                first=first,
                last=data.draw(st.integers(0, 5)) if first is None else data.draw(st.none() | st.integers(0, 5)),
                after=data.draw(cursors),
                before=data.draw(cursors),
            )
            assert tuple(await real.records(scope, order=order, page=page)) == tuple(
                await model.records(scope, order=order, page=page)
            ), page


async def test_records_by_id_keep_their_order_and_their_project(database: str) -> None:
    mine, other = record(), record(project="other")
    async with both(database, [mine, other]) as (real, _):
        ids = [(mine.started_at, mine.id), (mine.started_at, 1), (other.started_at, other.id)]
        assert await real.records_by_id("default", ids[::-1], filter=Filter()) == [None, None, mine]
        assert await real.records_by_id("default", [], filter=Filter()) == []


async def test_records_by_id_are_found_within_a_filter_alone(database: str) -> None:
    ada, eve = (record(span_id=bytes([0] * 7 + [number]), user_id=user) for number, user in ((1, "ada"), (2, "eve")))
    ids = [(one.started_at, one.id) for one in (ada, eve)]
    async with both(database, [ada, eve]) as snapshots:
        for snapshot in snapshots:
            for user, found in (("ada", [ada, None]), ("eve", [None, eve]), ("bob", [None, None])):
                within = Filter(((Dimension.USER, StringFilter(eq=user)),))
                assert await snapshot.records_by_id("default", ids, filter=within) == found


async def test_a_conversation_is_named_by_what_the_caller_may_see(database: str) -> None:
    mine = record(conversation="shared", user_id="ada", name="Mine")
    later = mine._replace(started_at=BASE + timedelta(minutes=1), id=mine.id + 1, user_id="eve", name="Theirs")
    asked: dict[str, Any] = {"kind": ConsumerKind.ITEM, "metric": Metric.CALLS, "first": 1}
    ada = Filter(((Dimension.USER, StringFilter(eq="ada")),))
    async with both(database, [mine, later]) as snapshots:
        for snapshot in snapshots:
            chosen = Scope("default", BASE, BASE + timedelta(hours=1), ada)
            assert [one.label for one in await snapshot.consumers(chosen, **asked)] == ["Theirs"]
            bound = replace(chosen, bound=ada)
            assert [one.label for one in await snapshot.consumers(bound, **asked)] == ["Mine"]


async def test_freshness(database: str) -> None:
    newest = BASE + timedelta(days=3)
    async with both(database, [record(), record(span_id=b"\2" * 8, started_at=newest)]) as (real, _):
        assert (await real.freshness("default")).data_through == newest
        assert (await real.freshness("nobody")) == (None, None)
    await refresh_all(database)
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        assert (await snapshot.freshness("default")) == (newest, newest)


async def test_a_snapshot_does_not_see_what_comes_later(several_backends: str) -> None:
    scope = Scope("default", BASE, BASE + timedelta(days=1))
    async with (
        open_writer(several_backends, mode="copy", connections=1, price=as_it_is) as writer,
        open_reader(several_backends, connections=2, statement_timeout=30) as reader,
    ):
        await put(writer, [record()])
        async with reader.snapshot() as snapshot:
            assert (await snapshot.totals(scope)).calls == 1
            await put(writer, [record(span_id=b"\2" * 8)])
            questions = [snapshot.totals(scope), snapshot.totals(scope)]  # overlapping ones are fine
            assert {totals.calls for totals in await asyncio.gather(*questions)} == {1}
        async with reader.snapshot() as snapshot:
            assert (await snapshot.totals(scope)).calls == 2


async def test_search_folds_case_beyond_ascii(database: str) -> None:
    async with both(database, [record(name="Straßenkarte ÄRGER")]) as (real, _):
        for text, found in [("ärger", 1), ("STRASSEN", 0), ("straßen", 1), ("karte ä", 1), ("%", 0), ("gpt-4O", 1)]:
            scope = Scope("default", BASE, BASE + timedelta(days=1), Filter(search=text))
            assert await real.record_count(scope) == found, text


async def test_text_that_no_record_can_hold_matches_none(database: str) -> None:
    async with both(database, [record(name="a")]) as (real, _):
        for text in ("\0", "a\0", "\ud800"):
            for strings in (StringFilter(eq=text), StringFilter(contains=text), StringFilter(is_in=(text,))):
                scope = Scope("default", BASE, BASE + timedelta(days=1), Filter(((Dimension.NAME, strings),)))
                assert await real.record_count(scope) == 0
            assert await real.record_count(Scope("default", BASE, BASE + timedelta(days=1), Filter(search=text))) == 0


async def test_a_question_that_takes_too_long(several_backends: str) -> None:
    async with (
        open_reader(several_backends, connections=1, statement_timeout=0.5) as reader,
        reader.snapshot() as snapshot,
    ):
        with pytest.raises(QueryTimeout, match="took too long"):
            await snapshot._fetch("SELECT pg_sleep(5)")


async def test_a_database_that_is_away() -> None:
    async with open_reader("postgresql://me@127.0.0.1:1/x", connections=1, statement_timeout=1) as reader:
        with pytest.raises(QueryUnavailable, match="cannot answer now"):
            async with reader.snapshot():
                raise AssertionError("unreachable")
        with pytest.raises(QueryUnavailable):
            await reader.schema("auto")


async def test_a_connection_that_is_cut_under_a_question_costs_that_question_alone(several_backends: str) -> None:
    connection = await asyncpg.connect(several_backends)
    async with open_reader(several_backends, connections=1, statement_timeout=5) as reader:
        async with reader.snapshot() as snapshot:
            asked = asyncio.ensure_future(snapshot._fetch("SELECT pg_sleep(4)"))
            await asyncio.sleep(0.1)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'usage-graph reader'"
            )
            with pytest.raises(QueryUnavailable, match="cannot answer now"):
                await asked
        async with reader.snapshot() as snapshot:
            assert await snapshot.record_count(Scope("default", BASE, BASE + timedelta(days=1))) == 0
    await connection.close()


async def test_a_server_that_neither_answers_nor_hangs_up_is_left(postgresql: str) -> None:
    """As when the network is gone: even cancelling needs an answer."""
    async with open_reader(postgresql, connections=1, statement_timeout=60) as reader, asyncio.timeout(30):
        async with reader.snapshot() as snapshot:
            backend = (await snapshot._fetch("SELECT pg_backend_pid()"))[0][0]
        try:
            async with reader.snapshot() as snapshot:
                os.kill(backend, signal.SIGSTOP)
                asked = asyncio.ensure_future(snapshot._fetch("SELECT 1"))
                await asyncio.sleep(0.1)
                asked.cancel()
            async with reader.snapshot() as snapshot:
                assert (await snapshot._fetch("SELECT pg_backend_pid()"))[0][0] != backend
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_connections_that_were_cut_are_replaced(several_backends: str) -> None:
    scope = Scope("default", BASE, BASE + timedelta(days=1))
    connection = await asyncpg.connect(several_backends)

    async def ask(reader: Reader) -> Totals:
        async with reader.snapshot() as snapshot:
            return await snapshot.totals(scope)

    async with open_reader(several_backends, connections=1, statement_timeout=5) as reader:
        assert await ask(reader) == Totals()
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'usage-graph reader'"
        )
        try:
            await ask(reader)
        except QueryUnavailable:
            assert await ask(reader) == Totals()
    await connection.close()


async def test_connections_that_are_all_in_use(several_backends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_graph.store.reader._ACQUIRE_TIMEOUT", 0.2)
    async with (
        open_reader(several_backends, connections=1, statement_timeout=5) as reader,
        reader.snapshot() as snapshot,
    ):
        await snapshot.freshness("default")
        with pytest.raises(QueryUnavailable, match="All connections are busy"):
            async with reader.snapshot():
                raise AssertionError("unreachable")
