"""Who stored calls tells, who subscribed hears: over a real database, by LISTEN and NOTIFY.

The TimescaleDB of the tests has one backend for all connections, which does not say whose a notification is: there
only telling is tried. Hearing is tried on every server that has several backends.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.live import until
from tests.records import record
from tests.store.database import as_it_is, connected, put
from usage_graph.errors import QueryUnavailable
from usage_graph.observation import MergeReason, Observation, Written
from usage_graph.store import announcing, listening
from usage_graph.store.announcing import (
    CHANNEL,
    MAX_PROJECTS,
    MAX_TOLD,
    Announcer,
    News,
    RecordKey,
    address,
    open_announcer,
    payloads,
)
from usage_graph.store.connect import open_pool
from usage_graph.store.listening import MAX_WAITING, Feed, Listener, open_listener
from usage_graph.store.writer import open_writer
from usage_graph.usage import EPOCH

NOW = datetime(2026, 4, 15, tzinfo=UTC)


def keys(number: int, *, first: int = 0) -> tuple[RecordKey, ...]:
    return tuple((NOW + timedelta(microseconds=at), -at) for at in range(first, first + number))


def written(new: tuple[RecordKey, ...]) -> Written:
    return Written(stored=len(new), new=new)


async def heard(feed: Feed, number: int) -> list[RecordKey]:
    """The next ``number`` new records that ``feed`` is told of."""
    found: list[RecordKey] = []
    async with asyncio.timeout(10):
        while len(found) < number:
            await feed.changed()
            found += feed.take()
    return found


async def changed(feed: Feed) -> None:
    async with asyncio.timeout(20):
        await feed.changed()


@asynccontextmanager
async def both(dsn: str) -> AsyncIterator[tuple[Announcer, Listener]]:
    async with open_listener(dsn) as listener, open_announcer(dsn) as announcer:
        yield announcer, listener


@given(
    st.lists(
        st.tuples(
            st.datetimes(max_value=datetime(9999, 1, 1), timezones=st.just(UTC)), st.integers(-(2**63), 2**63 - 1)
        ),
        max_size=600,
    ),
    st.integers(0, 10**9),
)
def test_payloads_are_short_and_hold_everything(told: list[RecordKey], omitted: int) -> None:
    found = [msgspec.json.decode(text, type=News) for text in payloads(address("é" * 256), told, omitted)]
    assert all(len(text.encode()) < 8000 for text in payloads(address("é" * 256), told, omitted))
    assert [key for news in found for key in news.keys] == told
    assert sum(news.omitted for news in found) == omitted
    assert {news.project for news in found} == {address("é" * 256)}


def test_a_full_payload_of_the_longest_keys_is_short_enough() -> None:
    longest = [(EPOCH.replace(year=1), -(2**63))] * 1000
    assert max(len(text) for text in payloads(address("p"), longest, 2**63 - 1)) < 8000


async def test_what_is_written_is_heard(several_backends: str) -> None:
    records = [record(span_id=number.to_bytes(8, "big")) for number in range(1, 4)]
    async with both(several_backends) as (announcer, listener), listener.subscribed("default") as feed:
        feed.take()
        async with open_writer(
            several_backends, mode="copy", connections=1, price=as_it_is, tell=announcer.tell
        ) as writer:
            await put(writer, records)
        assert sorted(await heard(feed, 3)) == sorted((one.started_at, one.id) for one in records)


async def test_repeats_are_not_told_of_and_changes_are(database: str) -> None:
    told: list[tuple[str, Written]] = []
    outer = record(span_id=b"\1" * 8, input_tokens=None, output_tokens=None)
    inner = record(span_id=b"\2" * 8)
    async with open_writer(
        database, mode="unnest", connections=1, price=as_it_is, tell=lambda *what: told.append(what)
    ) as writer:
        await put(writer, [outer])
        await put(writer, [outer])
        await writer.write([Observation(inner, parent_span_id=outer.span_id)])
    assert [(project, what.stored, what.repeated, what.new) for project, what in told] == [
        ("default", 1, 0, ((outer.started_at, outer.id),)),
        ("default", 0, 1, ()),
        ("default", 0, 0, ()),
    ]
    assert told[2][1].merged == {MergeReason.NESTED: 1}
    announcer = Announcer(None)  # type: ignore[arg-type]
    announcer.tell(*told[1])
    assert not announcer._told.is_set()
    announcer.tell(*told[2])
    assert announcer._told.is_set()


async def test_telling_works_where_nobody_can_hear(database: str) -> None:
    async with open_pool(database, name="test", size=1) as pool:
        announcer = Announcer(pool)
        announcer.tell("default", written(keys(1000)))
        await announcer.send()
        assert not announcer._away
        assert not announcer._told.is_set()


async def test_only_one_s_own_project_is_heard_in_order(several_backends: str) -> None:
    async with (
        both(several_backends) as (announcer, listener),
        listener.subscribed("mine") as mine,
        listener.subscribed("ours, Ä \U0001f600 '; --") as ours,
    ):
        mine.take()
        ours.take()
        announcer.tell("other", written(keys(5)))
        announcer.tell("mine", written(keys(500)))
        announcer.tell("ours, Ä \U0001f600 '; --", written(keys(1, first=7)))
        announcer.tell("mine", written(keys(400, first=500)))
        assert await heard(mine, 900) == [*keys(900)]
        assert await heard(ours, 1) == [*keys(1, first=7)]
        assert (mine.dropped, ours.dropped) == (0, 0)


async def test_several_listeners_hear_what_any_announcer_tells(several_backends: str) -> None:
    async with (
        both(several_backends) as (first, one),
        both(several_backends) as (second, other),
        one.subscribed("p") as feed,
        one.subscribed("p") as again,
        other.subscribed("p") as remote,
    ):
        for told in (feed, again, remote):
            told.take()
        first.tell("p", written(keys(1)))
        for told in (feed, again, remote):
            assert await heard(told, 1) == [*keys(1)]
        second.tell("p", written(keys(1, first=1)))
        for told in (feed, again, remote):
            assert await heard(told, 1) == [*keys(1, first=1)]


async def test_more_than_can_be_told_is_counted(several_backends: str) -> None:
    async with both(several_backends) as (announcer, listener), listener.subscribed("p") as feed:
        feed.take()
        announcer.tell("p", written(keys(MAX_TOLD + 7)))
        await heard(feed, 1)
        await until(lambda: feed.dropped + len(feed.take()) >= MAX_TOLD - MAX_WAITING)
        assert announcer._keys == 0
        announcer.tell("p", written(keys(1, first=10**9)))  # and what comes later is told again
        while (await heard(feed, 1))[-1] != keys(1, first=10**9)[0]:
            pass


async def test_any_number_of_projects(several_backends: str) -> None:
    async with (
        both(several_backends) as (announcer, listener),
        listener.subscribed("the last one") as feed,
    ):
        feed.take()
        for number in range(MAX_PROJECTS + 5):
            announcer.tell(f"project {number}", written(keys(1)))
        announcer.tell("the last one", written(keys(1)))
        assert len(announcer._waiting) == MAX_PROJECTS
        await changed(feed)  # told that something came, though not what
        assert feed.take() == []


async def test_nothing_connects_while_nobody_wants_to_hear(several_backends: str) -> None:
    async def connections() -> int:
        async with connected(several_backends) as connection:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'usage-graph listener' AND datname = current_database()"
            )
            return found

    async with open_listener(several_backends) as listener:
        assert await connections() == 0
        async with listener.subscribed("p"), listener.subscribed("q"):
            assert await connections() == 1
        async with asyncio.timeout(10):
            while await connections():  # noqa: ASYNC110 (the database says when)
                await asyncio.sleep(0.01)
        async with listener.subscribed("p"):
            assert await connections() == 1


async def test_the_connection_is_looked_at_however_often_somebody_subscribes(
    several_backends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_HEARTBEAT", 0.5)

    async def come_and_go(listener: Listener) -> None:
        while True:
            async with listener.subscribed("q"):
                await asyncio.sleep(0.01)

    async with (
        open_listener(several_backends) as listener,
        listener.subscribed("p"),
        connected(several_backends) as connection,
        asyncio.timeout(20),
    ):
        coming = asyncio.create_task(come_and_go(listener))
        said = "SELECT query FROM pg_stat_activity WHERE application_name = 'usage-graph listener' AND datname = $1"
        name = await connection.fetchval("SELECT current_database()")
        while await connection.fetchval(said, name) != "SELECT":  # noqa: ASYNC110 (the database says when)
            await asyncio.sleep(0.05)
        coming.cancel()


async def cut(dsn: str, name: str) -> None:
    """The database ends connections, as when it restarts."""
    async with connected(dsn) as connection:
        assert await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = $1 AND datname = current_database()",
            name,
        )


async def test_a_lost_connection_comes_back_and_tells_to_look_again(several_backends: str) -> None:
    async with both(several_backends) as (announcer, listener), listener.subscribed("p") as feed:
        feed.take()
        await cut(several_backends, "usage-graph listener")
        await changed(feed)
        assert feed.take() == []
        announcer.tell("p", written(keys(1)))
        assert await heard(feed, 1) == [*keys(1)]


async def test_an_announcer_whose_connection_was_cut(several_backends: str, caplog: pytest.LogCaptureFixture) -> None:
    async with both(several_backends) as (announcer, listener), listener.subscribed("p") as feed:
        announcer.tell("p", written(keys(1)))
        await heard(feed, 1)
        await cut(several_backends, "usage-graph announcer")
        announcer.tell("p", written(keys(1, first=1)))
        await changed(feed)


async def test_telling_goes_on_whatever_happens(
    several_backends: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announcing, "_AGAIN", 0.01)
    failures = iter([RuntimeError("unforeseen")])

    def failing(*what: Any) -> Iterator[str]:
        for failure in failures:
            raise failure
        return payloads(*what)

    async with both(several_backends) as (announcer, listener), listener.subscribed("p") as feed:
        feed.take()
        monkeypatch.setattr(announcing, "payloads", failing)
        announcer.tell("p", written(keys(1)))
        await changed(feed)  # that something came, as what it was is lost
        assert feed.take() == []
        announcer.tell("p", written(keys(1, first=1)))
        assert await heard(feed, 1) == [*keys(1, first=1)]
    (entry,) = [entry for entry in caplog.records if entry.levelname == "ERROR"]
    assert entry.exc_info is not None
    assert "unforeseen" in str(entry.exc_info[1])


async def test_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(listening, "CONNECT_TIMEOUT", 0.2)
    monkeypatch.setattr(announcing, "_AGAIN", 0.01)
    nowhere = "postgresql://127.0.0.1:1/none"
    async with both(nowhere) as (announcer, listener):
        for number in range(10 * MAX_PROJECTS):
            announcer.tell(f"project {number}", written(keys(100)))
        assert announcer._keys == MAX_TOLD
        with pytest.raises(QueryUnavailable):
            async with listener.subscribed("p"):
                pass
        assert listener._feeds == {}
        await until(lambda: announcer._everything and announcer._keys == 0)
        assert announcer._waiting == {}
    waits = [message for message in caplog.messages if "wait for the database" in message]
    assert len(waits) == 2, "each says so once"


@pytest.mark.parametrize(
    "payload",
    ["", "nothing", "[]", '["p", [[1]]]', '["p", [["a", 1]], 0]', '["{0}", [[1, 99999999999999999999]], 0]',
     '["{0}", [[9223372036854775807, 1]], 0]', '["{0}", [], -1]', '["{0}", [], 99999999999999999999]', "x" * 7999],
    ids=range(10),
)  # fmt: skip
async def test_nonsense_on_the_channel_is_ignored(several_backends: str, payload: str) -> None:
    async with both(several_backends) as (announcer, listener), listener.subscribed("p") as feed:
        feed.take()
        async with connected(several_backends) as connection:
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload.replace("{0}", address("p")))
        announcer.tell("p", written(keys(1)))
        assert await heard(feed, 1) == [*keys(1)]
        assert feed.dropped == 0


def test_a_feed_drops_the_oldest_and_counts_them() -> None:
    feed = Feed()
    feed.put(keys(MAX_WAITING - 1))
    assert feed.dropped == 0
    feed.put(keys(3, first=MAX_WAITING - 1), omitted=5)
    assert feed.dropped == 7
    assert feed.take() == [*keys(MAX_WAITING, first=2)]
    assert feed.take() == []


async def test_a_feed_says_when_something_came() -> None:
    feed = Feed()
    waiting = asyncio.create_task(feed.changed())
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.put()
    await asyncio.wait_for(waiting, 1)
    feed.take()
    assert not feed._changed.is_set()
