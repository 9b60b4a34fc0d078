"""What is kept of conversations: whatever calls tell, in any order, however they change, go, or are copied."""

import itertools
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversations import turn_of
from tests.model import value_of
from tests.records import BASE, record
from tests.store.database import as_it_is, connected, insert, migrate_to, put, write
from tests.store.test_conversations import EVER, EXAMPLES, batches, in_project, long_ago, page_of
from tests.store.test_copy import copy, forget
from tests.store.test_copy import source as source
from tests.store.test_retention import keep_since
from usage_graph.observation import Ancestor, Observation
from usage_graph.question import Dimension, Scope
from usage_graph.store import migrate
from usage_graph.store.connect import Connection
from usage_graph.store.rows import record_of
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord

DAY = timedelta(days=1)
FEW = settings(EXAMPLES, max_examples=20)
_projects = itertools.count()

Known = tuple[dict[str, tuple[Any, ...]], dict[tuple[str, int, str | None], tuple[datetime, datetime]]]
"""What is kept by conversation, and by turn and model."""


async def known(connection: Connection, project: str) -> Known:
    conversations = await connection.fetch(
        "SELECT conversation, first_at, last_at, title, agent, channel, user_id FROM usage_conversation "
        "WHERE project = $1",
        project,
    )
    turns = await connection.fetch(
        "SELECT conversation, turn, model, first_at, last_at FROM usage_turn WHERE project = $1", project
    )
    return (
        {
            name: (first, last, *(quote and tuple(quote) for quote in quotes))
            for name, first, last, *quotes in conversations
        },
        {(name, turn, model): (first, last) for name, turn, model, first, last in turns},
    )


def told(records: Sequence[UsageRecord]) -> Known:
    """What ``records`` tell."""
    conversations: dict[str, tuple[Any, ...]] = {}
    turns: dict[tuple[str, int, str | None], tuple[datetime, datetime]] = {}
    for one in sorted(records, key=lambda record: (record.started_at, record.id)):
        if one.conversation is None:
            continue
        first, _, *quotes = conversations.get(one.conversation, (one.started_at, None, None, None, None, None))
        for place, name in enumerate(("name", "agent", "channel", "user_id")):
            if (said := getattr(one, name)) is not None:
                quotes[place] = (one.started_at, one.id, said)
        conversations[one.conversation] = (first, one.started_at, *quotes)
        digest = md5(turn_of(one).encode(), usedforsecurity=False).digest()
        turn = int.from_bytes(digest[:8], signed=True)
        key = (one.conversation, turn, value_of(one, Dimension.MODEL))
        turns[key] = (turns.get(key, (one.started_at,))[0], one.started_at)
    return conversations, turns


@given(batches, st.randoms(use_true_random=False))
@FEW
async def test_in_any_order_and_batches_calls_leave_the_same_behind(
    database: str, records: list[UsageRecord], dice: random.Random
) -> None:
    project = f"kept {next(_projects)}"
    left = in_project(project, records)
    dice.shuffle(left)
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        while left:
            size = dice.randint(1, len(left))
            await put(writer, left[:size])
            del left[:size]
    async with connected(database) as connection:
        assert await known(connection, project) == told(in_project(project, records))


_changed = st.sampled_from(
    ["conversation", "name", "agent", "channel", "user_id", "turn", "response_model", "cost_nano"]
)


@given(batches.filter(bool), st.data())
@FEW
async def test_whatever_changes_or_goes_is_taken_back(
    database: str, records: list[UsageRecord], data: st.DataObject
) -> None:
    """As merges and late identities do it: some of a conversation's calls, or all, in one statement."""
    project = f"kept {next(_projects)}"
    stored = {one.id: one for one in in_project(project, records)}
    await write(database, list(stored.values()))
    async with connected(database) as connection:
        for _ in range(4):
            some = (
                data.draw(st.lists(st.sampled_from(list(stored)), min_size=1, max_size=6, unique=True))
                if stored
                else []
            )
            if data.draw(st.integers(0, 3)) == 0:
                await connection.execute(
                    "DELETE FROM usage_record WHERE project = $1 AND id = ANY($2::bigint[])", project, some
                )
                for id in some:
                    del stored[id]
            else:
                name = data.draw(_changed)
                value = data.draw(
                    st.sampled_from([7, 8]) if name == "cost_nano" else st.none() | st.sampled_from(["a", "b"])
                )
                change: dict[str, Any] = {name: value}
                await connection.execute(
                    f"UPDATE usage_record SET {name} = $3 WHERE project = $1 AND id = ANY($2::bigint[])",  # noqa: S608
                    project,
                    some,
                    value,
                )
                for id in some:
                    stored[id] = stored[id]._replace(**change)
            assert await known(connection, project) == told(list(stored.values()))


async def stored_in(connection: Connection, project: str) -> list[UsageRecord]:
    fields = ", ".join(UsageRecord._fields)
    rows = await connection.fetch(f"SELECT {fields} FROM usage_record WHERE project = $1", project)  # noqa: S608
    return [record_of(row) for row in rows]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_calls_that_become_one_are_one_in_their_conversation(database: str, order: tuple[int, ...]) -> None:
    """Two observations that share nothing, until a third shares an id with one and is right above the other."""
    first = Observation(record(span_id=b"\1" * 8, conversation="inner", response_model="m", agent="a", name="one"))
    second = Observation(
        record(span_id=b"\2" * 8, started_at=BASE + DAY / 24, conversation="other", response_model="m-2026-01-01"),
        response_id="resp_12345678",
    )
    between = Observation(
        record(span_id=b"\3" * 8, trace_id=b"\1" * 16, conversation="outer", turn="7", agent="b"),
        response_id="resp_12345678",
        parent_span_id=b"\1" * 8,
    )
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        for number in order:
            await writer.write([(first, second, between)[number]])
    async with connected(database) as connection:
        records = await stored_in(connection, "default")
        assert len(records) == 1
        assert await known(connection, "default") == told(records)


_spans = [bytes([n]) * 8 for n in range(1, 7)]
_texts = st.none() | st.sampled_from(["a", "b"])
_told: dict[str, Any] = {"conversation": _texts, "agent": _texts, "user_id": _texts, "channel": _texts}
_ancestors = st.builds(
    Ancestor,
    project=st.just("default"),
    trace_id=st.just(b"\1" * 16),
    span_id=st.sampled_from(_spans),
    parent_span_id=st.sampled_from([b"", *_spans]),
    **_told,
)
_observations = st.builds(
    Observation,
    record=st.builds(
        record,
        span_id=st.sampled_from(_spans),
        trace_id=st.sampled_from([b"\1" * 16, b"\2" * 16]),
        started_at=st.integers(0, 3).map(lambda minutes: BASE + timedelta(minutes=minutes)),
        name=_texts,
        turn=_texts,
        response_model=st.sampled_from([None, "m", "m-2026-01-01"]),
        input_tokens=st.just(100) | st.none(),
        **_told,
    ),
    parent_span_id=st.sampled_from([b"", *_spans]),
    response_id=st.sampled_from([None, "resp_12345678", "resp_87654321"]),
)
_items = st.lists(_observations | _ancestors, max_size=8)


@given(st.lists(_items, max_size=5))
@FEW
async def test_whoever_tells_of_calls_in_whatever_order(
    database: str, batches: list[list[Observation | Ancestor]]
) -> None:
    """Observations that are merged, and whom calls were for, told by the spans above them."""
    project = f"kept {next(_projects)}"
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        for batch in batches:
            await writer.write(
                [
                    one._replace(project=project)
                    if isinstance(one, Ancestor)
                    else one._replace(record=in_project(project, [one.record])[0])
                    for one in batch
                ]
            )
    async with connected(database) as connection:
        assert await known(connection, project) == told(await stored_in(connection, project))


async def test_a_conversation_that_is_told_late(database: str) -> None:
    """By the span above, after the calls."""

    calls = [
        record(span_id=bytes([n]) * 8, started_at=BASE + n * DAY / 24, agent="a" if n == 1 else None) for n in (1, 2)
    ]
    above = Ancestor(project="default", trace_id=b"\1" * 16, span_id=b"\7" * 8, conversation="c", agent="late")
    async with open_writer(database, mode="copy", connections=1, price=as_it_is) as writer:
        await writer.write([Observation(call, parent_span_id=b"\7" * 8) for call in calls])
        async with connected(database) as connection:
            assert await known(connection, "default") == ({}, {})
        await writer.write([above])
    async with connected(database) as connection:
        records = await stored_in(connection, "default")
        assert {one.conversation for one in records} == {"c"}
        assert await known(connection, "default") == told(records)
    page = await page_of(database, Scope("default", *EVER))
    assert [(one.agent, one.turns) for one in page] == [("late", 1)]


@pytest.mark.parametrize("kept", [False, True])
async def test_a_copy_knows_the_same(source: str, database: str, kept: bool) -> None:
    await write(source, long_ago())
    if kept:
        await forget(source, BASE + 2 * DAY)
    expected = await page_of(source, Scope("default", *EVER))
    for _ in range(2):
        assert (await copy(source, database)).projects["default"].equal
        assert await page_of(database, Scope("default", *EVER)) == expected
        async with connected(database) as target, connected(source) as origin:
            assert await known(target, "default") == await known(origin, "default")


@pytest.mark.parametrize("kept", [False, True])
async def test_a_database_that_has_records_already(unmigrated: str, kept: bool) -> None:
    """Records are told of all at once; of calls whose records are gone what the rollups know is."""
    records = long_ago()
    await migrate_to(unmigrated, 12)
    async with connected(unmigrated) as connection:
        await insert(connection, records)
    if kept:
        await keep_since(unmigrated, BASE + 2 * DAY, expire=True)
    async with connected(unmigrated) as connection:
        assert (await migrate.migrate(connection))[0] == "0013_conversations.sql"
        if not kept:
            assert await known(connection, "default") == told(records)
    await write(unmigrated, [record(started_at=BASE + 4 * DAY, trace_id=b"\xff" * 16, conversation="long")])
    gone, long = await page_of(unmigrated, Scope("default", *EVER))
    assert (gone.started_at, gone.agent, gone.totals.calls) == (BASE, "planner", 4)
    assert (long.started_at, long.agent, long.title) == (BASE, "planner", "Day 2")
    assert (gone.turns, long.turns) == ((0, 3) if kept else (2, 7))
