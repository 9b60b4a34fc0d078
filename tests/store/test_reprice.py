"""Costs computed anew: what was computed or unknown, never what was reported, with rollups exact at every step."""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.records import BASE, record
from tests.rollups import assert_exact, assert_exact_before_and_after_refresh, refresh
from tests.store.database import connected, write
from tests.store.test_timescaledb import COMPRESS, COMPRESSED
from usage_graph.credits import CreditRule
from usage_graph.errors import RepriceError
from usage_graph.observation import Observation
from usage_graph.price import OwnPrice
from usage_graph.processor import Pricing
from usage_graph.processor.charging import Charging
from usage_graph.store import reprice as repricing
from usage_graph.store.connect import Connection
from usage_graph.store.pages import COLUMNS
from usage_graph.store.reprice import Difference, Progress, Step, Wanted, compare, kept, reprice
from usage_graph.store.rows import record_of
from usage_graph.store.sql import query
from usage_graph.store.upkeep import Upkeep
from usage_graph.store.writer import open_writer
from usage_graph.usage import NANO, UsageRecord
from usage_graph.window import Window, parse_duration

DAY = timedelta(days=1)
EVER = Window(BASE - DAY, BASE + 90 * DAY)
ALL = Wanted(EVER, ["default"])
CHEAP = OwnPrice("house-model", None, None, Decimal(1), Decimal(2))
DEAR = CHEAP._replace(since=BASE + 2 * DAY, input=Decimal(10), output=Decimal(20))
PRICES = Pricing([CHEAP, DEAR])
"""A call of 100 and 20 tokens of `house-model` costs 140,000 nano-USD, from the third day on ten times as much."""


def quiet(_: Progress) -> None:
    pass


def calls(number: int = 9, *, every: timedelta = timedelta(hours=12), **changes: object) -> list[UsageRecord]:
    """Of `house-model`, which had no price when they came."""
    fields = {"request_model": "house-model", "provider": None, "cost_nano": None, "agent": "a"} | changes
    return [record(span_id=(1000 + n).to_bytes(8, "big"), started_at=BASE + n * every, **fields) for n in range(number)]


async def stored(connection: Connection) -> list[UsageRecord]:
    rows = await connection.fetch(f"SELECT {COLUMNS} FROM usage_record AS r ORDER BY project, started_at, id")  # noqa: S608
    return [record_of(row) for row in rows]


def costs(records: Sequence[UsageRecord]) -> list[int | None]:
    return [one.cost_nano for one in records]


async def test_what_was_unpriced_costs_what_was_in_force_at_the_time_of_each_call(database: str) -> None:
    await write(database, calls())
    async with connected(database) as connection:
        await refresh(connection)
        told: list[Progress] = []
        planned = await compare(connection, ALL, price=PRICES.price, tell=told.append)
        assert planned == {"house-model": Difference(9, 9, 9, 0, 0, 0, 4 * 140_000 + 5 * 1_400_000)}
        assert told[-1] == (Step.COMPARING, 9, 9)
        assert costs(await stored(connection)) == [None] * 9

        assert await reprice(connection, ALL, price=PRICES.price, tell=told.append) == planned
        assert told[-1] == (Step.CHANGING, 9, 9)
        found = await stored(connection)
        assert costs(found) == [140_000] * 4 + [1_400_000] * 5
        assert [(one.input_cost_nano, one.output_cost_nano) for one in found[:1]] == [(100_000, 40_000)]
        await assert_exact_before_and_after_refresh(connection)
        # Once more, there is nothing to do.
        again = await reprice(connection, ALL, price=PRICES.price, tell=quiet)
        assert again == {}


async def test_reported_costs_stay_and_lost_prices_unprice(database: str) -> None:
    reported = record(request_model="house-model", provider=None, cost_nano=5, cost_reported=True)
    gone = record(span_id=b"\2" * 8, request_model="was-known", provider=None, cost_nano=77)
    right = PRICES.price(record(span_id=b"\3" * 8))
    assert right.cost_nano == 27_000
    # As it was stored before the parts of costs were known.
    whole = right._replace(span_id=b"\4" * 8, id=4, input_cost_nano=None, output_cost_nano=None)
    await write(database, [reported, gone, right, whole])
    async with connected(database) as connection:
        planned = await compare(connection, ALL, price=PRICES.price, tell=quiet)
        assert planned == {
            "was-known": Difference(1, 1, 0, 1, 0, 77, 0),
            "gpt-4o-mini": Difference(2, 0, 0, 0, 1, 54_000, 54_000),
        }
        changed = await reprice(connection, ALL, price=PRICES.price, tell=quiet)
        assert changed["gpt-4o-mini"] == Difference(1, 0, 0, 0, 1, 27_000, 27_000)
        found = {one.span_id: one for one in await stored(connection)}
        assert found[reported.span_id] == reported
        assert found[gone.span_id].cost_nano is None
        assert found[right.span_id] == right
        assert found[whole.span_id].input_cost_nano == right.input_cost_nano
        await assert_exact_before_and_after_refresh(connection)


async def test_only_what_is_asked_for_is_changed(database: str) -> None:
    records = [
        *calls(4),
        *[
            one._replace(project="other", id=one.id + 1, trace_id=b"\7" * 16, response_model="house-model")
            for one in calls(2, request_model="alias", provider="azure")
        ],
    ]
    await write(database, records)
    inside = Window(BASE, BASE + DAY)
    async with connected(database) as connection:
        for wanted, changed in [
            (Wanted(inside, ["nobody's"]), 0),
            (Wanted(inside, ["default", "other"], model="house"), 0),
            (Wanted(inside, ["default", "other"], provider="openai"), 0),
            (Wanted(inside, ["default", "other"], model="alias"), 2),
            (Wanted(inside, ["default", "other"], provider="azure"), 2),
            (Wanted(inside, ["default"]), 2),
            (Wanted(Window(BASE + DAY, EVER.end), ["default"], model="house-model"), 2),
        ]:
            planned = await compare(connection, wanted, price=PRICES.price, tell=quiet)
            assert sum(one.changed for one in planned.values()) == changed, wanted
        await reprice(connection, Wanted(inside, ["other"]), price=PRICES.price, tell=quiet)
        found = await stored(connection)
        assert [one.project for one in found if one.cost_nano is not None] == ["other", "other"]
        await reprice(connection, Wanted(inside, ["default"]), price=PRICES.price, tell=quiet)
        assert costs(await stored(connection)) == [140_000] * 2 + [None] * 2 + [140_000] * 2
        await assert_exact(connection)


async def test_many_batches_many_of_one_instant(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "_BATCH", 4)
    records = calls(10, every=timedelta()) + calls(7, trace_id=b"\5" * 16, every=timedelta(minutes=20))
    await write(database, records)
    async with connected(database) as connection:
        changed = await reprice(connection, ALL, price=PRICES.price, tell=quiet)
        assert changed["house-model"].changed == 17
        assert set(costs(await stored(connection))) == {140_000}
        await assert_exact_before_and_after_refresh(connection)


async def test_cut_short_it_goes_on_where_it_was(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "_BATCH", 3)
    await write(database, calls(8))

    class Cut(Exception):
        pass

    def cut(progress: Progress) -> None:
        if progress.done == 6:
            raise Cut

    async with connected(database) as connection:
        with pytest.raises(Cut):
            await reprice(connection, ALL, price=PRICES.price, tell=cut)
        assert costs(await stored(connection)) == [140_000] * 4 + [1_400_000] * 2 + [None] * 2
        await assert_exact(connection)
        rest = await reprice(connection, ALL, price=PRICES.price, tell=quiet)
        assert rest["house-model"].changed == 2
        assert None not in costs(await stored(connection))
        await assert_exact_before_and_after_refresh(connection)


async def test_a_database_that_goes_away_is_said_in_plain_words(several_backends: str) -> None:
    await write(several_backends, calls(3))

    async with connected(several_backends) as connection, connected(several_backends) as other:
        pid = connection.get_server_pid()

        await other.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(0.2)
        with pytest.raises(RepriceError, match="give the same command again to go on"):
            await reprice(connection, ALL, price=PRICES.price, tell=quiet)


async def test_a_merge_meanwhile_is_priced_as_it_is_then(several_backends: str) -> None:
    """Between reading a page and changing it, somebody finds more tokens of a call."""
    await write(several_backends, calls(2))
    async with connected(several_backends) as connection, connected(several_backends) as merging:
        merge = merging.transaction()
        await merge.start()
        await merging.execute("SELECT pg_advisory_xact_lock(1970497395, hashtext('default'))")
        await merging.execute("UPDATE usage_record SET input_tokens = 1100 WHERE started_at = $1", BASE)
        task = asyncio.create_task(reprice(connection, ALL, price=PRICES.price, tell=quiet))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with asyncio.timeout(30):
            while not await merging.fetchval(waiting):  # noqa: ASYNC110  # what is waited for is a state
                await asyncio.sleep(0.01)
        await merge.commit()
        await task
        found = await stored(connection)
        assert [(one.input_tokens, one.cost_nano) for one in found] == [(1100, 1_140_000), (100, 140_000)]
        await assert_exact(connection)


async def test_beside_writers_that_merge_every_cost_is_of_the_tokens_there_are(
    several_backends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of each call comes first, the rest while costs are computed anew, again and again."""
    monkeypatch.setattr(repricing, "_BATCH", 7)
    first = [Observation(one, response_id=f"r{n}") for n, one in enumerate(calls(60, every=timedelta(minutes=7)))]
    second = [
        Observation(
            one.record._replace(span_id=b"\x09" + one.record.span_id[1:], output_tokens=50), response_id=one.response_id
        )
        for one in first
    ]
    second = [one._replace(record=one.record._replace(id=one.key)) for one in second]
    async with (
        open_writer(several_backends, mode="copy", connections=2, price=PRICES.price) as writer,
        connected(several_backends) as connection,
    ):
        await writer.write(first)

        async def merge() -> None:
            for start in range(0, 60, 5):
                await writer.write(second[start : start + 5])

        async def reprice_all() -> None:
            while not merging.done():
                await reprice(connection, ALL, price=PRICES.price, tell=quiet)

        merging = asyncio.create_task(merge())
        await asyncio.gather(merging, reprice_all())
        await reprice(connection, ALL, price=PRICES.price, tell=quiet)
        found = await stored(connection)
        assert len(found) == 60
        assert all(PRICES.price(one) == one and one.cost_nano for one in found)
        await assert_exact_before_and_after_refresh(connection)


async def test_records_that_are_no_longer_kept_are_not_touched(database: str) -> None:
    await write(database, calls(10))
    clock: Callable[[], datetime] = lambda: BASE + 5 * DAY  # noqa: E731
    async with connected(database) as connection:
        await refresh(connection)
        # Records before the third day go, but sums stay.
        await Upkeep(dsn=database, retention=parse_duration("P2D"), clock=clock, patience=10**6).round()
        window = await kept(connection, EVER)
        assert window == (BASE + 2 * DAY, EVER.end)
        assert await kept(connection, Window(BASE, BASE + DAY)) == (BASE + 2 * DAY, BASE + 2 * DAY)
        # Whoever did not ask: each batch asks again.
        await reprice(connection, ALL, price=PRICES.price, tell=quiet)
        assert costs(await stored(connection)) == [None] * 4 + [1_400_000] * 6


async def test_calls_in_the_columnstore(every_timescaledb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "_BATCH", 50)
    records = calls(120, every=timedelta(minutes=30))
    await write(every_timescaledb, records)
    async with connected(every_timescaledb) as connection:
        await refresh(connection)
        await connection.fetch(COMPRESS, BASE + 90 * DAY)
        assert await connection.fetchval(COMPRESSED) == 3
        planned = await compare(connection, ALL, price=PRICES.price, tell=quiet)
        assert await reprice(connection, ALL, price=PRICES.price, tell=quiet) == planned
        found = await stored(connection)
        assert [one._replace(cost_nano=None, input_cost_nano=None, output_cost_nano=None) for one in found] == [
            one._replace(cache_read_cost_nano=0, cache_write_cost_nano=0) for one in records
        ]
        assert costs(found) == [140_000] * 96 + [1_400_000] * 24
        await assert_exact_before_and_after_refresh(connection)
        # They go back into the columnstore as any late call does.
        await connection.fetch(COMPRESS, BASE + 90 * DAY)
        assert costs(await stored(connection)) == costs(found)
        await assert_exact_before_and_after_refresh(connection)


async def test_an_update_looks_at_its_chunks_and_batches_alone(every_timescaledb: str) -> None:
    many = calls(2500, every=timedelta(seconds=50))
    await write(every_timescaledb, many)
    async with connected(every_timescaledb) as connection:
        await connection.fetch(COMPRESS, BASE + 90 * DAY)
        assert await connection.fetchval(COMPRESSED) == 2
        at, call = many[70].started_at, many[70].id
        values = [[at], [call], *[[n] for n in (1, 1, 0, 0, 0, 0)], at, at]
        plan = await connection.fetch(f"EXPLAIN ANALYZE {query('set_costs')}", "default", *values)
        said = "\n".join(line for (line,) in plan)
        assert len(set(re.findall(r"\b_hyper_\d+_\d+_chunk\b", said))) == 1, said
        assert "Batches decompressed: 1\n" in said, said


async def test_credits_that_nobody_reported_are_those_of_the_rules(database: str) -> None:
    """Also of calls whose cost was reported, and of none whose credits were."""
    charging = Charging([CreditRule("default", per_call=Decimal(2))])

    def price(one: UsageRecord) -> UsageRecord:
        return charging.charge(PRICES.price(one))

    priced = PRICES.price(record())
    charged = priced._replace(span_id=b"\2" * 8, id=2, credits_nano=2 * NANO)
    reported = priced._replace(span_id=b"\3" * 8, id=3, credits_nano=9 * NANO, credits_reported=True)
    costs_reported = priced._replace(span_id=b"\4" * 8, id=4, cost_reported=True, credits_nano=NANO)
    both_reported = costs_reported._replace(span_id=b"\5" * 8, id=5, credits_reported=True)
    dearer = reported._replace(span_id=b"\6" * 8, id=6, cost_nano=1, credits_reported=False)
    before = [priced, charged, reported, costs_reported, both_reported, dearer]
    await write(database, before)
    async with connected(database) as connection:
        planned = await compare(connection, ALL, price=price, tell=quiet)
        difference = planned["gpt-4o-mini"]
        assert (difference.calls, difference.changed, difference.split, difference.written) == (4, 1, 0, 3)
        assert (difference.recharged, difference.recharged_alone) == (3, 2)
        assert (difference.old_credits_nano, difference.new_credits_nano) == (10 * NANO, 6 * NANO)
        changed = await reprice(connection, ALL, price=price, tell=quiet)
        assert changed["gpt-4o-mini"].written == 3
        after = {one.id: one for one in await stored(connection)}
        assert after == {one.id: price(one) for one in before}
        assert {one.credits_nano // NANO for one in after.values()} == {1, 2, 9}
        assert await reprice(connection, ALL, price=price, tell=quiet) == {}
        await assert_exact_before_and_after_refresh(connection)
