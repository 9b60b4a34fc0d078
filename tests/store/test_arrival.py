"""Observations of calls arriving in any order, split in any way: one record each, and rollups exact."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.records import BASE, record
from tests.rollups import assert_exact_before_and_after_refresh, refresh, refresh_all
from tests.store.database import as_it_is, connected
from usage_graph.observation import Ancestor, Item, MergeReason, Observation, Written
from usage_graph.store import linking
from usage_graph.store.arrival import arrive
from usage_graph.store.connect import Connection
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.store.writer import Writer, open_writer
from usage_graph.usage import UsageRecord

WRITES = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TRACE = b"\7" * 16


def span(number: int) -> bytes:
    return number.to_bytes(8, "big")


def observed(number: int, above: int = 0, **changes: Any) -> Observation:
    """The observation in span ``number``; ``above``: the number of its parent."""
    about = {
        name: changes.pop(name)
        for name in ("response_id", "request_id", "trusted", "source_derived", "scope", "instance")
        if name in changes
    }
    fields: dict[str, Any] = {"trace_id": TRACE, "span_id": span(number)} | changes
    return Observation(record(**fields), parent_span_id=span(above) if above else b"", **about)


def above(number: int, parent: int = 0, **changes: Any) -> Ancestor:
    return Ancestor("default", TRACE, span(number), span(parent) if parent else b"", **changes)


class Told:
    """Adds up what a writer says."""

    def __init__(self) -> None:
        self.stored = self.repeated = self.completed = 0
        self.merged: Counter[MergeReason] = Counter()

    def __call__(self, _: str, written: Written) -> None:
        self.stored += written.stored
        self.repeated += written.repeated
        self.completed += written.completed
        self.merged.update(written.merged)


@asynccontextmanager
async def writing(database: str, told: Told | None = None, **options: Any) -> AsyncIterator[Writer]:
    async with open_writer(
        database, mode="copy", connections=2, price=as_it_is, tell=told or Told(), **options
    ) as writer:
        yield writer


async def records(connection: Connection) -> list[UsageRecord]:
    rows = await connection.fetch(f"SELECT {', '.join(UsageRecord._fields)} FROM usage_record ORDER BY span_id")  # noqa: S608
    return [record_of(row) for row in rows]


async def empty(connection: Connection) -> None:
    await connection.execute(
        "TRUNCATE usage_identity, usage_observation, usage_ancestor, usage_fingerprint; DELETE FROM usage_record"
    )


async def end(database: str, items: Sequence[Sequence[Item]], **options: Any) -> tuple[list[UsageRecord], Told]:
    """What the store holds after these batches."""
    told = Told()
    async with connected(database) as connection, writing(database, told, **options) as writer:
        for batch in items:
            await writer.write(batch)
        found = await records(connection)
        await assert_exact_before_and_after_refresh(connection)
    return found, told


async def test_two_instrumentations_that_share_a_response_id(database: str) -> None:
    traceloop = observed(1, response_id="msg_12345678", output_tokens=107, user_id="ada")
    sdk = observed(2, trace_id=b"\10" * 16, response_id="msg_12345678", output_tokens=106, trusted=True)
    found, told = await end(database, [[traceloop], [sdk], [sdk, traceloop]])
    assert [(one.output_tokens, one.user_id) for one in found] == [(106, "ada")]
    assert (told.stored, told.repeated, told.merged) == (1, 2, {MergeReason.RESPONSE_ID: 1})


async def test_what_was_measured_anew_is_priced_anew(several_backends: str) -> None:
    def price(merged: UsageRecord) -> UsageRecord:
        return merged._replace(cost_nano=merged.output_tokens)

    async with connected(several_backends) as connection:
        async with open_writer(several_backends, mode="copy", connections=1, price=price) as writer:
            await writer.write([observed(1, response_id="msg_12345678", output_tokens=107)])
            await writer.write([observed(2, response_id="msg_12345678", output_tokens=106, trusted=True)])
        assert [one.cost_nano for one in await records(connection)] == [106]


async def test_a_merge_never_moves_a_call(database: str) -> None:
    late = observed(2, 1, started_at=BASE + timedelta(hours=3))
    early = observed(1, started_at=BASE)
    (found,), _ = await end(database, [[late], [early]])
    assert (found.started_at, found.id) == (late.record.started_at, late.record.id)


CHAIN = [observed(1, name="outer"), observed(2, 1, response_id="resp_12345678"), observed(3, 2, user_id="ada")]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_chain_is_one_call_whatever_comes_first(several_backends: str, order: tuple[int, ...]) -> None:
    """Also where two are stored as calls of their own before the one between them arrives."""
    (found,), told = await end(several_backends, [[CHAIN[number]] for number in order])
    assert (found.name, found.user_id, found.span_id) == ("outer", "ada", span(1))
    assert told.merged[MergeReason.NESTED] == 2


async def test_two_stored_calls_become_one(database: str) -> None:
    first, second, between = CHAIN[0], CHAIN[2], CHAIN[1]
    found, _ = await end(database, [[first], [second], [between], [first], [second], [between]])
    assert len(found) == 1


async def test_calls_below_one_agent_stay_apart(database: str) -> None:
    siblings = [observed(number, 9, input_tokens=100) for number in (1, 2, 3)]
    found, told = await end(database, [siblings[:1], siblings[1:], [above(9, agent="planner")]])
    assert [one.agent for one in found] == ["planner"] * 3
    assert not told.merged
    assert told.completed == 3


async def test_a_call_inside_a_call_of_another_size_is_another(database: str) -> None:
    found, _ = await end(database, [[observed(1, input_tokens=100)], [observed(2, 1, input_tokens=7)]])
    assert len(found) == 2


ROOF = [
    observed(1, input_tokens=None, output_tokens=None, user_id="ada"),
    *(observed(number, 1, input_tokens=100) for number in (2, 3, 4)),
]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)])
@pytest.mark.parametrize("at_once", [False, True])
async def test_calls_under_one_that_measured_nothing_stay_apart(
    several_backends: str, order: tuple[int, ...], at_once: bool
) -> None:
    batches = [[ROOF[number] for number in order]] if at_once else [[ROOF[number]] for number in order]
    found, told = await end(several_backends, batches)
    assert [one.input_tokens for one in found] == [100] * 3
    assert told.merged == {MergeReason.NESTED: 1}


async def test_an_id_is_not_remembered_for_ever(database: str) -> None:
    """A week later it is another call, and what comes with the same id after that is the later one."""
    weeks = [timedelta(), timedelta(days=8), timedelta(days=8, seconds=1)]
    calls = [
        observed(number, response_id="resp_12345678", started_at=BASE + later, trace_id=span(number) * 2)
        for number, later in enumerate(weeks, start=1)
    ]
    found, _ = await end(database, [[call] for call in calls])
    assert [one.started_at for one in found] == [BASE, BASE + timedelta(days=8)]


async def test_equal_ids_in_two_projects_are_two_calls(several_backends: str) -> None:
    calls = [observed(1, response_id="resp_12345678", project=project) for project in ("a", "b")]
    found, _ = await end(several_backends, [calls[:1], calls[1:]])
    assert {one.project for one in found} == {"a", "b"}


LINEAGE: list[Item] = [
    above(1, user_id="ada", agent="far"),
    above(2, 1, agent="near"),
    above(3, 2),
    observed(4, 3, source="chat", source_derived=True),
]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (3, 0, 1, 2), (2, 3, 0, 1), (1, 3, 0, 2)])
async def test_whom_a_call_was_for_is_learned_from_the_spans_above(database: str, order: tuple[int, ...]) -> None:
    (found,), told = await end(database, [[LINEAGE[number]] for number in order])
    assert (found.user_id, found.agent, found.source) == ("ada", "near", "agent")
    assert told.stored == 1


@pytest.mark.parametrize("says", [False, True])
async def test_spans_above_that_say_nothing_are_not_worked_for(postgresql: str, says: bool) -> None:
    """Nearly all spans of an application are such: calls below them are staged once, and not read again later."""
    asked: list[str] = []
    words = {"agent": "planner"} if says else {}
    batches: list[list[Item]] = [[above(1, 4, **words), observed(2, above=1), observed(3, above=9)], [above(9, 1)]]
    async with connected(postgresql) as connection:
        await connection.execute(query("create_staging"))
        with connection.query_logger(lambda logged: asked.append(logged.query)):
            for items in batches:
                async with connection.transaction():
                    await arrive(connection, items, mode="copy", price=lambda one: one, by_fingerprint=False)
        assert {one.agent for one in await records(connection)} == {"planner" if says else None}
    worked = {name for name in ("find_told", "find_below", "drop_staged_records") if query(name) in asked}
    assert worked == ({"find_told", "find_below", "drop_staged_records"} if says else {"find_told"})


async def test_the_nearest_agent_of_each_call(database: str) -> None:
    batch: list[Item] = [
        observed(4, 2),
        observed(5, 3),
        above(2, 1, agent="a"),
        above(3, 1, agent="b"),
        above(1, user_id="ada"),
    ]
    found, _ = await end(database, [batch[:2], batch[2:4], batch[4:]])
    assert [(one.agent, one.user_id) for one in found] == [("a", "ada"), ("b", "ada")]


async def test_what_a_call_knows_itself_stays(database: str) -> None:
    (found,), told = await end(database, [[observed(4, 1, user_id="eve", source="ci")], [above(1, user_id="ada")]])
    assert (found.user_id, found.source) == ("eve", "ci")
    assert told.completed == 0


async def test_a_later_observations_own_word_goes_before_that_of_a_span_above(database: str) -> None:
    inner = observed(4, 3, response_id="resp_12345678", user_id=None)
    second = observed(2, response_id="resp_12345678", user_id="own")
    (found,), _ = await end(database, [[inner], [above(3, user_id="from above")], [second]])
    assert found.user_id == "own"


async def test_spans_that_are_each_others_ancestors_end_nowhere(several_backends: str) -> None:
    circle: list[Item] = [above(1, 2, user_id="ada"), above(2, 1), observed(3, 1)]
    (found,), _ = await end(several_backends, [circle[:1], circle[1:]])
    assert found.user_id == "ada"


TWINS = [
    observed(1, input_tokens=50, scope="langchain", instance="p", duration_us=2_000_000),
    observed(
        2,
        input_tokens=50,
        output_tokens=21,
        scope="openai",
        instance="p",
        trace_id=b"\3" * 16,
        started_at=BASE + timedelta(milliseconds=10),
        duration_us=1_000_000,
    ),
]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("split", [False, True])
async def test_calls_of_one_size_at_one_time_are_one_only_where_it_is_asked_for(
    several_backends: str, order: tuple[int, int], split: bool
) -> None:
    twins = [TWINS[number] for number in order]
    batches = [[twin] for twin in twins] if split else [twins]
    found, told = await end(several_backends, batches, by_fingerprint=True)
    assert len(found) == 1
    assert told.merged == {MergeReason.FINGERPRINT: 1}


async def test_without_it_they_are_two(database: str) -> None:
    found, _ = await end(database, [TWINS])
    assert len(found) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "langchain"},
        {"instance": "q"},
        {"output_tokens": 23},
        {"input_tokens": 51},
        {"started_at": BASE + timedelta(seconds=1, milliseconds=10)},
        {"instance": None},
    ],
)
async def test_what_is_no_twin(postgresql: str, change: dict[str, Any]) -> None:
    other = {name: change.pop(name) for name in ("scope", "instance") if name in change}
    twin = TWINS[1]._replace(**other, record=TWINS[1].record._replace(**change))
    found, _ = await end(postgresql, [TWINS[:1], [twin]], by_fingerprint=True)
    assert len(found) == 2


async def test_two_response_ids_are_two_calls(postgresql: str) -> None:
    twins = [twin._replace(response_id=f"resp_1234567{n}") for n, twin in enumerate(TWINS)]
    found, _ = await end(postgresql, [twins], by_fingerprint=True)
    assert len(found) == 2


async def test_twenty_calls_at_once_seen_by_two_instrumentations_are_twenty(postgresql: str) -> None:
    def call(number: int, scope: str) -> Observation:
        return observed(number, input_tokens=50, scope=scope, instance="p", duration_us=2_000_000)

    seen = [call(number, "a") for number in range(1, 21)] + [call(number, "b") for number in range(21, 41)]
    found, told = await end(postgresql, [seen[:7], seen[7:25], seen[25:]], by_fingerprint=True)
    assert len(found) == 20
    assert told.merged[MergeReason.FINGERPRINT] == 20


_numbers = st.integers(1, 5)
_items = st.one_of(
    st.builds(
        lambda number, parent, response, tokens, user, trusted: observed(
            number,
            parent,
            response_id=response,
            input_tokens=tokens,
            output_tokens=tokens and 20,
            user_id=user,
            trusted=trusted,
            started_at=BASE + timedelta(seconds=number),
        ),
        _numbers,
        st.integers(0, 8),
        st.sampled_from([None, "resp_aaaaaaaa", "resp_bbbbbbbb"]),
        st.sampled_from([None, 100, 200]),
        st.sampled_from([None, "ada", "eve"]),
        st.booleans(),
    ),
    st.builds(
        lambda number, parent, agent: above(number, parent, agent=agent),
        st.integers(6, 8),
        st.integers(6, 9),
        st.sampled_from([None, "planner", "coder"]),
    ),
)


def _span_of(item: Item) -> bytes:
    return item.record.span_id if isinstance(item, Observation) else item.span_id


def _ambiguous(items: Sequence[Item]) -> bool:
    """Whether what belongs together depends on what is known first: an id says one thing, and a span above another.

    Or a span has several calls below it, and is of one of them.
    """
    calls = {item.key: linking.seen(item) for item in items if isinstance(item, Observation)}
    ids = {item.key: item.response_id for item in items if isinstance(item, Observation)}
    homes = {key: {key} for key in calls}
    for key, other in product(calls, repeat=2):
        inner, outer = calls[key], calls[other]
        if (ids[key] and ids[key] == ids[other]) or (inner.parent == outer.key and linking.nested(inner, outer)):
            homes[key] |= homes[other]
            homes.update(dict.fromkeys(homes[key], homes[key]))
    sizes = [{calls[key].record.input_tokens for key in home} - {None} for home in homes.values()]
    return any(len(size) > 1 for size in sizes) or any(
        sum(inner.parent == key for inner in calls.values()) > 1 for key in calls
    )


@given(st.lists(_items, max_size=8, unique_by=_span_of), st.randoms(use_true_random=False))
@WRITES
async def test_any_order_and_any_split_end_the_same(several_backends: str, items: list[Item], random: Any) -> None:
    assume(not _ambiguous(items))
    ends = []
    async with connected(several_backends) as connection, writing(several_backends) as writer:
        for _ in range(3):
            await empty(connection)
            shuffled = list(items)
            random.shuffle(shuffled)
            while shuffled:
                size = random.randint(1, len(shuffled))
                await writer.write(shuffled[:size])
                shuffled = shuffled[size:]
            ends.append([one._replace(started_at=BASE, id=0) for one in await records(connection)])
    assert ends[0] == ends[1] == ends[2]


async def test_a_call_inside_another_one_was_for_the_same(database: str) -> None:
    batch: list[Item] = [observed(3, 2, input_tokens=7), observed(2, 1, user_id="ada"), above(1, agent="planner")]
    for batches in ([batch], [[item] for item in batch], [[item] for item in reversed(batch)]):
        async with connected(database) as connection:
            await empty(connection)
        found, _ = await end(database, batches)
        assert [(one.agent, one.user_id) for one in found] == [("planner", "ada")] * 2


async def test_what_a_span_above_says_late_goes_before_what_another_one_said(database: str) -> None:
    """Of observations that are not above each other, that is said first which is above the one that began first."""
    first = observed(1, 8, response_id="resp_00000001", started_at=BASE)
    second = observed(2, 7, response_id="resp_00000001", started_at=BASE + timedelta(seconds=1))
    coder, planner = above(8, agent="coder"), above(7, agent="planner", channel="web")
    batches: list[list[list[Item]]] = [
        [[first, second, coder, planner]],
        [[first, second, planner], [coder]],
        [[second, planner], [first], [coder]],
        [[coder], [planner, second], [first]],
    ]
    for arriving in batches:
        async with connected(database) as connection:
            await empty(connection)
        found, _ = await end(database, arriving)
        assert [(one.agent, one.channel, one.source) for one in found] == [("coder", "web", "chat")]


async def test_a_doubtful_span_is_kept_where_something_stored_is_below_it(database: str) -> None:
    doubtful = above(9, user_id="ada")._replace(certain=False)
    stranger = above(8, user_id="eve")._replace(certain=False)
    async with connected(database) as connection, writing(database) as writer:
        await writer.write([stranger])
        await writer.write([observed(1, 9), stranger])
        await writer.write([doubtful, stranger])
        await writer.write([above(7, user_id="ada")._replace(certain=False), observed(2, 7)])
        found = await records(connection)
        kept = await connection.fetch("SELECT user_id FROM usage_ancestor")
    assert [one.user_id for one in found] == ["ada", "ada"]
    assert [tuple(row) for row in kept] == [("ada",), ("ada",)]


async def test_calls_below_a_measured_one_are_one_only_by_their_ids(database: str) -> None:
    roof = observed(1, response_id="resp_00000001")
    below = [observed(number, 1, response_id=f"resp_0000000{number}") for number in (2, 3)]
    for batches in ([[roof, *below]], [[roof], below[:1], below[1:]], [below, [roof]]):
        async with connected(database) as connection:
            await empty(connection)
        found, _ = await end(database, batches)
        assert len(found) == 2


async def test_an_id_that_is_handed_out_again_is_another_call(database: str) -> None:
    first = observed(1, response_id="chatcmpl-12345678")
    again = observed(
        2,
        response_id="chatcmpl-12345678",
        trace_id=b"\2" * 16,
        input_tokens=999,
        started_at=BASE + timedelta(days=5),
    )
    for batches in ([[first, again]], [[first], [again]], [[again], [first]]):
        async with connected(database) as connection:
            await empty(connection)
        found, _ = await end(database, batches)
        assert len(found) == 2


async def test_only_what_a_span_above_told_is_counted_as_completed(database: str) -> None:
    _, told = await end(database, [[observed(1, user_id="ada")], [observed(2, 1, agent="planner")]])
    assert told.completed == 0


async def test_a_repeated_span_above_prices_nothing_anew(postgresql: str) -> None:
    prices = iter(range(100))

    def price(merged: UsageRecord) -> UsageRecord:
        return merged._replace(cost_nano=next(prices))

    twins = [observed(1, 9, response_id="msg_12345678"), observed(2, response_id="msg_12345678")]
    async with connected(postgresql) as connection:
        async with open_writer(postgresql, mode="copy", connections=1, price=price) as writer:
            for _ in range(3):
                await writer.write([*twins, above(9, agent="planner")])
        assert [(one.agent, one.cost_nano) for one in await records(connection)] == [("planner", 0)]


async def test_of_a_call_all_observations_are_forgotten_or_none(database: str) -> None:
    first = observed(1, response_id="msg_12345678", input_tokens=1000, trusted=True)
    empty_ones = [
        observed(number, response_id="msg_12345678", input_tokens=None, output_tokens=None) for number in (2, 3, 4)
    ]
    async with connected(database) as connection, writing(database) as writer:
        await writer.write([first, empty_ones[0]])
        await connection.execute("UPDATE usage_observation SET seen_at = seen_at - INTERVAL '8 days'")
        await writer.write([empty_ones[1]])
        await connection.execute("CALL usage_forget()")
        await writer.write([empty_ones[2]])
        assert [one.input_tokens for one in await records(connection)] == [1000]


async def test_what_is_about_to_be_forgotten_is_not_merged_with(database: str) -> None:
    """Its sums are the rollups' alone."""
    async with connected(database) as connection, writing(database) as writer:
        await writer.write([observed(1, 9, response_id="msg_12345678")])
        await refresh(connection)
        await connection.execute("SELECT usage_keep_since($1)", BASE + timedelta(days=1))
        later = observed(2, response_id="msg_12345678", started_at=BASE + timedelta(days=2), user_id="ada")
        await writer.write([later, above(9, agent="planner")])
        found = await records(connection)
    assert [(one.user_id, one.agent) for one in found if one.started_at == BASE] == [(None, None)]
    assert [one.user_id for one in found if one.started_at > BASE] == ["ada"]


async def test_late_words_on_calls_in_the_columnstore(every_timescaledb: str) -> None:
    """However many rows of it have to be read for that: the server's own limit would never let them in."""
    calls = [
        observed(number, 9, response_id=f"msg_{number:08}", started_at=BASE + timedelta(minutes=number))
        for number in range(10, 60)
    ]
    async with connected(every_timescaledb) as connection:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        limit = "timescaledb.max_tuples_decompressed_per_dml_transaction"
        await connection.execute(f"ALTER DATABASE {name} SET {limit} = 1")
        try:
            async with writing(every_timescaledb) as writer:
                await writer.write(calls)
                await refresh_all(every_timescaledb)
                await connection.execute("SELECT compress_chunk(c) FROM show_chunks('usage_record') AS c")
                again = observed(1, response_id="msg_00000010", user_id="ada", started_at=BASE)
                between = [observed(2, response_id="msg_00000011"), observed(3, 2, response_id="msg_00000012")]
                await writer.write([again])
                await writer.write([above(9, agent="planner")])
                await writer.write(between)
                found = await records(connection)
            await assert_exact_before_and_after_refresh(connection)
        finally:
            await connection.execute(f"ALTER DATABASE {name} RESET {limit}")
    assert len(found) == 49
    assert {one.agent for one in found} == {"planner"}
    assert [one.user_id for one in found].count("ada") == 1


async def test_at_the_same_instant_by_two_writers(several_backends: str) -> None:
    """A span and the one above it, neither of which sees the other before its commit."""
    async with (
        connected(several_backends) as connection,
        writing(several_backends) as one,
        writing(several_backends) as other,
    ):
        for number in range(10, 110, 2):
            outer = observed(number, response_id=f"resp_{number:08}")
            inner = observed(number + 1, number)
            await asyncio.gather(one.write([outer]), other.write([inner]))
        assert len(await records(connection)) == 50


async def test_what_only_later_calls_could_need_is_forgotten(database: str) -> None:
    async with connected(database) as connection, writing(database, by_fingerprint=True) as writer:
        await writer.write([*TWINS, above(9)])
        for table in ("usage_observation", "usage_ancestor", "usage_fingerprint"):
            await connection.execute(f"UPDATE {table} SET seen_at = seen_at - INTERVAL '8 days'")  # noqa: S608
        await writer.write([above(10)])
        await connection.execute("CALL usage_forget()")
        left = [
            await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
            for table in ("usage_observation", "usage_ancestor", "usage_fingerprint")
        ]
        # A later observation still finds its call.
        await writer.write([observed(3, 2, trace_id=b"\3" * 16, input_tokens=50, user_id="ada")])
        found = await records(connection)
    assert left == [0, 1, 0]
    assert [one.user_id for one in found] == ["ada"]
