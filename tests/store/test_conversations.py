"""Conversations: the same answers as a program that looks at every record, in whatever order they came."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conversations import calls
from tests.model import ModelReader, ModelSnapshot, sum_of
from tests.questions import filters
from tests.records import BASE, record
from tests.store.database import as_it_is, connected, put, write
from tests.store.test_copy import source as source
from tests.store.test_reader import windows
from tests.store.test_retention import execute, keep_since
from usage_graph.conversations import (
    Conversation,
    ConversationField,
    ConversationOrder,
    ConversationRequest,
    key_of,
)
from usage_graph.errors import BeforeRecords
from usage_graph.question import Dimension, Direction, Filter, Scope, StringFilter
from usage_graph.store.reader import open_reader
from usage_graph.store.snapshot import Snapshot
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord, record_id
from usage_graph.window import Window

DAY = timedelta(days=1)
EVER = Window(BASE - DAY, BASE + 100 * DAY)
_projects = itertools.count()

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

batches = st.lists(calls, max_size=40, unique_by=lambda one: (one.trace_id, one.span_id))
orders = st.builds(ConversationOrder, st.sampled_from(ConversationField), st.sampled_from(Direction))
bounds = st.sampled_from([Dimension.USER, Dimension.AGENT]).map(lambda by: Filter(((by, StringFilter(eq="a")),)))
"""What keys are bound to."""
searches = st.none() | st.sampled_from(["a", "b", "B", "%", "_", "\\", "ä", "Ä", "naïve", "'", "\x1f", "\0", "\ud800"])


def in_project(project: str, records: Sequence[UsageRecord]) -> list[UsageRecord]:
    return [one._replace(project=project, id=record_id(project, one.trace_id, one.span_id)) for one in records]


@asynccontextmanager
async def both(database: str, records: Sequence[UsageRecord]) -> AsyncIterator[tuple[Snapshot, ModelSnapshot, str]]:
    """A snapshot of the store that holds ``records`` in a project of their own, one of the model, and the project."""
    project = f"project {next(_projects)}"
    mine = in_project(project, records)
    async with (
        open_writer(database, mode="copy", connections=1, price=as_it_is) as writer,
        open_reader(database, connections=1, statement_timeout=30) as reader,
    ):
        await put(writer, mine)
        async with reader.snapshot() as real, ModelReader(mine).snapshot() as model:
            yield real, model, project


@given(batches, windows, filters, orders, searches, st.data())
@EXAMPLES
async def test_pages_are_those_of_the_model(
    database: str,
    records: list[UsageRecord],
    window: Window,
    wanted: Filter,
    order: ConversationOrder,
    search: str | None,
    data: st.DataObject,
) -> None:
    bound = data.draw(st.just(Filter()) | bounds)
    async with both(database, records) as (real, model, project):
        scope = Scope(project, *window, Filter(all_of=(bound, wanted)), bound)
        everything = ConversationRequest(first=100)
        whole = (await model.conversations(scope, order=order, page=everything)).conversations
        assert list((await real.conversations(scope, order=order, page=everything)).conversations) == list(whole)
        assert await real.conversation_count(scope) == len(whole)

        keys = [key_of(one, order.field) for one in whole]
        cursors = st.none() | (st.sampled_from(keys) if keys else st.nothing())
        for _ in range(4):
            first = data.draw(st.none() | st.integers(0, 5))
            page = ConversationRequest(
                first=first,
                last=data.draw(st.integers(0, 5)) if first is None else data.draw(st.none() | st.integers(0, 5)),
                after=data.draw(cursors),
                before=data.draw(cursors),
            )
            found = await real.conversations(scope, order=order, page=page, search=search)
            expected = await model.conversations(scope, order=order, page=page, search=search)
            assert tuple(found) == (list(expected.conversations), *expected[1:]), page
        assert await real.conversation_count(scope, search=search) == await model.conversation_count(
            scope, search=search
        )


@given(batches, windows, filters)
@EXAMPLES
async def test_conversations_and_the_calls_without_one_are_the_totals(
    database: str, records: list[UsageRecord], window: Window, wanted: Filter
) -> None:
    async with both(database, records) as (real, _, project):
        scope = Scope(project, *window, wanted)
        page = await real.conversations(scope, order=ConversationOrder(), page=ConversationRequest(first=100))
        outside = (Dimension.CONVERSATION, StringFilter(is_null=True))
        whole = await real.totals(Scope(project, *window, Filter(all_of=(wanted, Filter((outside,))))))
        for one in page.conversations:
            whole = whole.plus(one.totals)
        assert whole == await real.totals(scope)


async def page_of(database: str, scope: Scope, search: str | None = None) -> list[Conversation]:
    """Up to a hundred, by id."""
    async with open_reader(database, connections=1, statement_timeout=30) as reader, reader.snapshot() as snapshot:
        order = ConversationOrder(ConversationField.ID, Direction.ASC)
        page = await snapshot.conversations(scope, order=order, page=ConversationRequest(first=100), search=search)
        return list(page.conversations)


def long_ago() -> list[UsageRecord]:
    """Three days of one conversation, two turns a day, each of two calls, another model and title every day; on the
    first day also those of another one."""
    return [
        record(
            started_at=BASE + day * DAY + turn * DAY / 3 + call * DAY / 24,
            trace_id=bytes([day * 2 + turn + 1]) * 16,
            span_id=bytes([100 * (name == "gone") + day * 4 + turn * 2 + call + 1]) * 8,
            conversation=name,
            name=f"Day {day}",
            user_id="ada",
            agent="planner" if day == 0 else None,
            response_model=f"model-{day}",
        )
        for name, days in (("long", 3), ("gone", 1))
        for day in range(days)
        for turn in range(2)
        for call in range(2)
    ]


async def test_what_retention_removes_stays_known(database: str) -> None:
    records = long_ago()
    await write(database, records)
    before = await page_of(database, Scope("default", *EVER))
    assert [(one.conversation, one.turns, one.title, one.agent, one.models) for one in before] == [
        ("gone", 2, "Day 0", "planner", ("model-0",)),
        ("long", 6, "Day 2", "planner", ("model-0", "model-1", "model-2")),
    ]
    await keep_since(database, BASE + 2 * DAY, expire=True)
    assert await page_of(database, Scope("default", *EVER)) == before

    # A window that ends where there are no records any more.
    gone, long = await page_of(database, Scope("default", BASE, BASE + DAY))
    assert (gone.turns, gone.totals.calls, long.turns, long.totals.calls) == (2, 4, 2, 4)
    assert (long.started_at, long.last_active_at) == (BASE, BASE + DAY / 3 + DAY / 24)
    assert [one.conversation for one in await page_of(database, Scope("default", BASE + 2 * DAY, EVER.end))] == ["long"]

    # What is left of it changes, and goes.
    async with connected(database) as connection:
        newest = "project = 'default' AND started_at >= $1"
        await connection.execute(f"UPDATE usage_record SET name = NULL WHERE {newest}", BASE + 2 * DAY)  # noqa: S608
        await connection.execute(
            f"UPDATE usage_record SET response_model = 'other' WHERE {newest}",  # noqa: S608
            BASE + 2 * DAY,
        )
        _, long = await page_of(database, Scope("default", *EVER))
        assert (long.turns, long.title, long.models) == (6, None, ("model-0", "model-1", "other"))
        await connection.execute(f"DELETE FROM usage_record WHERE {newest}", BASE + 2 * DAY)  # noqa: S608
    _, long = await page_of(database, Scope("default", *EVER))
    assert (long.turns, long.models, long.started_at) == (4, ("model-0", "model-1"), BASE)
    assert long.last_active_at == BASE + DAY + DAY / 3 + DAY / 24


async def test_windows_that_only_records_could_answer_are_refused(database: str) -> None:
    await write(database, long_ago())
    await keep_since(database, BASE + 2 * DAY, expire=True)
    bound = Filter(((Dimension.USER, StringFilter(eq="ada")),))
    for scope in (
        Scope("default", BASE + DAY / 24, EVER.end),
        Scope("default", BASE, EVER.end, bound),
        Scope("default", BASE, EVER.end, bound, bound),
    ):
        with pytest.raises(BeforeRecords):
            await page_of(database, scope)
    (long,) = await page_of(database, Scope("default", BASE + 2 * DAY, EVER.end, bound, bound))
    assert (long.started_at, long.turns, long.models, long.agent) == (BASE + 2 * DAY, 2, ("model-2",), None)


async def test_who_may_see_some_calls_learns_nothing_of_others(database: str) -> None:
    mine = record(conversation="c", user_id="ada", agent="mine", name=None, response_model="small", channel=None)
    others = record(
        span_id=b"\2" * 8,
        trace_id=b"\2" * 16,
        started_at=BASE + DAY / 24,
        conversation="c",
        user_id="bob",
        agent="secret",
        name="Secret title",
        response_model="secret-model",
        channel="secret-channel",
    )
    apart = record(span_id=b"\3" * 8, conversation="secret", user_id="bob", name="Secret title")
    await write(database, [mine, others, apart])
    ada = Filter(((Dimension.USER, StringFilter(eq="ada")),))
    scope = Scope("default", *EVER, ada, ada)
    assert await page_of(database, scope) == [
        Conversation("c", None, "mine", None, "ada", BASE, BASE, 1, ("small",), sum_of([mine]))
    ]
    for text in ("secret", "bob"):
        assert await page_of(database, scope, search=text) == []
    # The same filter as a choice only says which calls are counted.
    (chosen,) = await page_of(database, replace(scope, bound=Filter()))
    assert (chosen.title, chosen.agent, chosen.turns, chosen.totals.calls) == ("Secret title", "secret", 2, 1)


async def test_pages_do_not_shift_while_calls_arrive(several_backends: str) -> None:
    """Each conversation once, in its first order, though all go on after the window's end meanwhile."""
    end = BASE + 10 * DAY

    def call(number: int, started_at: datetime) -> UsageRecord:
        return record(
            started_at=started_at,
            trace_id=(number // 3 + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            conversation=f"conversation {number % 60:02}",
            name=f"Title {number % 60:02}",
        )

    initial = [call(n, end - timedelta(minutes=7 * n + 1)) for n in range(300)]
    scope = Scope("default", BASE, end)
    for field in ConversationField:
        await execute(several_backends, "DELETE FROM usage_record; TRUNCATE usage_identity")
        async with (
            open_writer(several_backends, mode="copy", connections=1, price=as_it_is) as writer,
            open_reader(several_backends, connections=1, statement_timeout=30) as reader,
        ):
            await put(writer, initial)
            order = ConversationOrder(field, Direction.DESC)
            async with reader.snapshot() as snapshot:
                page = ConversationRequest(first=100)
                expected = (await snapshot.conversations(scope, order=order, page=page)).conversations
            found: list[Conversation] = []
            after = None
            for start in range(300, 1_300, 200):
                async with reader.snapshot() as snapshot:
                    page = ConversationRequest(first=15, after=after)
                    part = await snapshot.conversations(scope, order=order, page=page)
                found += part.conversations
                if not part.has_next:
                    break
                after = key_of(found[-1], field)
                await put(writer, [call(n, end + timedelta(seconds=n)) for n in range(start, start + 200)])
            assert found == list(expected), field
