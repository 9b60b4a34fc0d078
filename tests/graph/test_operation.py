"""One operation: one snapshot, each question once, and nothing left behind however it ends."""

import asyncio
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from usage_graph.errors import QueryUnavailable
from usage_graph.grant import OPEN
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.question import Scope

WINDOW = 'window: { last: "P60D" }'
EVERYTHING = """
  range { to recordsFrom } freshness { dataThrough } totals { calls }
  series(bucket: DAY) { points { totals { calls } } }
  breakdown(by: SOURCE) { groups { key } } topConsumers { key }
  records(first: 5) { totalCount edges { cursor node { id } } nodes { id } pageInfo { endCursor } }
"""
METHODS = ["breakdown", "consumers", "freshness", "kept_since", "record_count", "records", "series", "totals"]


async def test_each_child_costs_one_question_and_all_share_one_snapshot(api: Api) -> None:
    await api.usage(EVERYTHING)
    assert sorted(api.reader.asked) == METHODS
    assert (api.reader.opened, api.reader.open) == (1, 0)


async def test_identical_children_cost_one_question(api: Api) -> None:
    again = """
      b: totals { cost } c: series(bucket: DAY, by: null, metric: COST, top: 8) { bucket }
      d: breakdown(by: SOURCE, first: 10) { other { key } } e: topConsumers(by: ITEM) { label }
      f: records(first: 5, last: null, orderBy: { field: STARTED_AT }) { nodes { cost } totalCount }
      g: freshness { materializedThrough }
    """
    await api.data(
        f"{{ usage({WINDOW}) {{ {EVERYTHING} {again} }} other: usage({WINDOW}, filter: {{}}) {{ {EVERYTHING} }} }}"
    )
    assert sorted(api.reader.asked) == METHODS
    assert api.reader.opened == 1


async def test_different_children_cost_their_own_questions_in_the_same_snapshot(api: Api) -> None:
    await api.data(
        f"""{{ a: usage({WINDOW}) {{ breakdown(by: SOURCE) {{ other {{ key }} }} }}
        b: usage({WINDOW}) {{ breakdown(by: AGENT) {{ other {{ key }} }} }}
        c: usage({WINDOW}, filter: {{ status: [OK] }}) {{ breakdown(by: AGENT) {{ other {{ key }} }} }} }}"""
    )
    assert api.reader.asked == ["breakdown"] * 3
    assert api.reader.opened == 1


@pytest.mark.parametrize(
    ("selection", "asked"),
    [
        ("totalCount", ["record_count"]),
        ("nodes { id }", ["records"]),
        ("edges { cursor }", ["records"]),
        ("pageInfo { hasNextPage }", ["records"]),
        ("__typename", []),
    ],
)
async def test_records_read_only_what_is_selected(api: Api, selection: str, asked: list[str]) -> None:
    await api.usage(f"records {{ {selection} }}")
    assert api.reader.asked == asked


async def test_nothing_is_opened_where_nothing_is_read(api: Api) -> None:
    await api.usage("range { from to timezone } __typename")
    assert api.reader.opened == 0


async def test_the_fields_of_an_operation_are_of_one_moment(api: Api) -> None:
    """Records that arrive between two fields are in neither."""

    async def grow(_: str) -> None:
        api.reader.stored.clear()

    api.reader.before = grow
    found = await api.usage(
        "totals { calls } breakdown(by: SOURCE) { groups { totals { calls } } } records { totalCount }"
    )
    assert found["totals"]["calls"] == found["records"]["totalCount"] == 100
    assert sum(group["totals"]["calls"] for group in found["breakdown"]["groups"]) == 100


async def test_the_clock_is_read_once(api: Api) -> None:
    data = await api.data(
        '{ a: usage(window: { last: "PT1H" }) { range { to } } b: usage(window: { last: "PT2H" }) { range { to } } }'
    )
    assert data["a"] == data["b"]


async def test_a_failing_question_fails_its_field_and_releases_the_snapshot(api: Api) -> None:
    async def fail(name: str) -> None:
        await asyncio.sleep(0)
        if name == "breakdown":
            raise QueryUnavailable("The database is away.")
        await asyncio.sleep(60)

    api.reader.before = fail
    body = await api.ask(f"{{ usage({WINDOW}) {{ {EVERYTHING} }} }}")
    assert [error["extensions"]["code"] for error in body["errors"]] == ["UNAVAILABLE"]
    assert api.reader.open == 0


async def test_an_operation_that_takes_too_long_is_cancelled(api: Api) -> None:
    slow = Api(timeout=0.5)

    async def wait(_: str) -> None:
        await asyncio.sleep(60)

    slow.reader.before = wait
    body = await slow.ask(f"{{ usage({WINDOW}) {{ totals {{ calls }} }} }}")
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "TIMEOUT"}
    assert "longer than 0.5 seconds" in error["message"]
    assert (slow.reader.opened, slow.reader.open) == (1, 0)


async def test_a_client_that_leaves_takes_its_questions_along(api: Api) -> None:
    started, left = asyncio.Event(), asyncio.Event()

    async def wait(_: str) -> None:
        started.set()
        await asyncio.sleep(60)

    api.reader.before = wait
    body = b'{"query": "{ usage(window: { last: \\"P1D\\" }) { totals { calls } freshness { dataThrough } } }"}'
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    request = asyncio.ensure_future(api.app(scope, receive, send))  # type: ignore[arg-type]
    await started.wait()
    assert api.reader.open == 1
    left.set()
    await asyncio.wait_for(request, 5)
    assert api.reader.open == 0
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_cancelled_asker_does_not_cancel_the_others_answer(api: Api) -> None:
    go = asyncio.Event()

    async def wait(_: str) -> None:
        await go.wait()

    api.reader.before = wait
    scope = Scope("default", NOW.replace(year=2025), NOW)
    async with Operation(reader=api.reader, project="default", now=NOW, grant=OPEN) as operation:
        first = asyncio.ensure_future(operation.ask(Snapshot.totals, scope))
        second = asyncio.ensure_future(operation.ask(Snapshot.totals, scope))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        assert (await second).calls == 100
    assert api.reader.asked == ["totals"]


async def test_an_operation_that_is_cancelled_while_it_is_cancelled_lets_its_snapshot_go(api: Api) -> None:
    asked = asyncio.Event()

    async def hold_on(_: str) -> None:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)

    api.reader.before = hold_on
    scope = Scope("default", NOW.replace(year=2025), NOW)

    async def operate() -> None:
        async with Operation(reader=api.reader, project="default", now=NOW, grant=OPEN) as operation:
            await operation.ask(Snapshot.totals, scope)

    running = asyncio.create_task(operate())
    await asked.wait()
    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0.001)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert api.reader.open == 0


async def test_a_snapshot_that_cannot_be_opened_is_an_error_of_every_field(api: Api) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise QueryUnavailable("The database is away.")

    api.reader.snapshot = refuse  # type: ignore[method-assign]
    assert await api.code(f"{{ usage({WINDOW}) {{ {EVERYTHING} }} }}") == "UNAVAILABLE"
