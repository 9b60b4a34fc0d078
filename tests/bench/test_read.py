"""What is asked in the benchmark: each question is answered, as the SQL beside it says, and measured on every side."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from bench import cases, cold, load, read
from bench.capture import answering
from bench.cases import Asking, Case, between, pages_around_500
from bench.database import Database
from bench.workload import Amount
from usage_graph.store.embedded import Embedded

END = datetime(2026, 11, 20, tzinfo=UTC)
START = END - timedelta(days=30)


@pytest.fixture(scope="module")
def month(postgres: Embedded) -> Iterator[Database]:
    """A server with the database ``bench_month``."""
    database = Database(postgres.dsn)
    database.create("bench_month")
    load.load(database, "bench_month", Amount(1, 1_500, START, END), processes=1)
    yield database
    database.drop("bench_month")


def _totals(totals: dict[str, Any]) -> tuple[int, ...]:
    cost = Decimal(totals["cost"]) * 10**9 if totals["cost"] is not None else 0
    return int(totals["calls"]), int(totals["inputTokens"]), int(totals["outputTokens"]), int(cost)


def _answered(case: Case, usage: Any) -> list[Any]:
    """What the server says, in the form of the rows of the SQL."""
    if "totals" in usage:
        return [_totals(usage["totals"])]
    if "series" in usage:
        points = [
            (datetime.fromisoformat(point["start"]), _totals(point["totals"])) for point in usage["series"]["points"]
        ]
        return [(start, *totals) for start, totals in points if totals[0]]
    if "records" in usage:
        return [(node["agent"], int(node["inputTokens"] or 0)) for node in usage["records"]["nodes"]]
    groups = usage["breakdown"]["groups"] if "breakdown" in usage else usage["topConsumers"]
    return [(group["key"], *_totals(group["totals"])) for group in groups]


@pytest.mark.parametrize("case", [case for case in cases.questions() if case.sql], ids=lambda case: case.name)
async def test_sql_by_hand_answers_whole_buckets_as_the_server_does(month: Database, case: Case) -> None:
    assert case.window is not None
    window = END - case.window, END
    body = orjson.dumps({"query": case.document, "variables": {**case.variables, "window": between(*window)}})
    dsn = month.dsn("bench_month")
    async with answering(dsn) as ask:
        usage = (await ask(body))["usage"]
    connection = await asyncpg.connect(dsn)
    try:
        assert case.sql is not None
        rows = await connection.fetch(case.sql, *window)
    finally:
        await connection.close()
    if "records" in usage:
        assert [(row["agent"], row["input_tokens"] or 0) for row in rows] == _answered(case, usage)
        assert len(rows) == 20
    else:
        assert sorted(map(tuple, rows)) == sorted(_answered(case, usage))
        assert rows


def test_what_is_asked_is_measured_on_every_side(
    month: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold, "_DROP_CACHES", tmp_path / "caches")  # other tests' are left alone
    wanted = ("totals 24 h", "search by name 30 d", "records, page 500 30 d", "nothing")
    asked = [case for case in (*cases.questions(), *cases.flat()) if case.name in wanted]
    plan = read.Plan(rounds=2, requests=2, concurrency=(1, 3), seconds=0.02, cold=True)
    found = read.measure(month, "bench_month", asked, plan, lambda _: None, end=END, days=30)
    assert found.records == 1_500
    assert list(found.cases) == [case.name for case in asked]
    for case in asked:
        one = found.cases[case.name]
        assert len(one.http) == len(one.raw) == 4
        assert len(one.hand) == (4 if case.sql else 0)
        assert one.statements == 0 if case.name == "nothing" else one.statements > 0
        assert (one.cold is None) == case.paged
        assert {clients: at.requests_per_second > 0 for clients, at in one.at.items()} == {1: True, 3: True}


def test_windows_are_never_asked_for_twice_and_keep_to_the_records() -> None:
    asking = Asking(END, timedelta(days=30))
    windows = [asking.window(length) for length in (timedelta(days=1), timedelta(days=30)) for _ in range(1_000)]
    assert len(set(windows)) == len(windows)
    assert all(START <= start < end < END for start, end in windows)
    assert {end - start for start, end in windows[:1_000]} == {timedelta(days=1)}
    assert all(end - start > timedelta(days=29, hours=20) for start, end in windows[1_000:])


def test_pages_around_the_500th() -> None:
    walk = list(pages_around_500((START, END), 5))
    assert sum(keep for _, keep in walk) == 5
    skipped, kept = 0, []
    for variables, keep in walk:
        skipped += variables["first"]
        if keep:
            kept.append(skipped)
    # What lies before the 500th page of 20, the 501st, ...
    assert kept == [9_980, 10_000, 10_020, 10_040, 10_060]


def test_the_year_is_asked_for_a_day_a_month_and_all_of_it() -> None:
    names = [case.name for case in cases.over_a_year()]
    assert len(set(names)) == len(names)
    for window in ("24 h", "30 d", "1 y"):
        assert {f"totals {window}", f"UsagePage {window}", f"top agents {window}"} <= set(names)
