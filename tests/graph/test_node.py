"""``node`` and ``nodes``: any record again by its id, and nothing else."""

from datetime import timedelta

import pytest

from tests.graph.api import NOW, Api
from tests.records import record
from usage_graph.graph.cursors import write_global_id
from usage_graph.usage import UsageRecord

NODE = "query ($id: ID!) { node(id: $id) { __typename id ... on UsageRecord { spanId cost } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on UsageRecord { spanId } } }"


async def id_of_newest(api: Api) -> str:
    id: str = (await api.usage("records(first: 1) { nodes { id } }"))["records"]["nodes"][0]["id"]
    return id


async def test_a_record_is_found_again(api: Api, month: list[UsageRecord]) -> None:
    id = await id_of_newest(api)
    found = (await api.data(NODE, {"id": id}))["node"]
    assert found == {"__typename": "UsageRecord", "id": id, "spanId": month[0].span_id.hex(), "cost": "0.001000003"}


async def test_another_projects_record_is_not_found(api: Api) -> None:
    id = await id_of_newest(api)
    assert await api.data(NODE, {"id": id}, project="other") == {"node": None}


@pytest.mark.parametrize("id", ["", "x", "VXNhZ2VSZWNvcmQ6MQ==", "é", "a" * 10_000])
async def test_an_id_of_nothing_is_null_and_asks_nothing(api: Api, id: str) -> None:
    assert await api.data(NODE, {"id": id}) == {"node": None}
    assert await api.data(NODES, {"ids": [id, id]}) == {"nodes": [None, None]}
    assert api.reader.opened == 0


async def test_an_id_of_another_type_is_null(api: Api, month: list[UsageRecord]) -> None:
    assert await api.data(NODE, {"id": write_global_id("Usage", month[0].started_at, month[0].id)}) == {"node": None}
    assert api.reader.opened == 0


async def test_an_id_of_no_record_is_null(api: Api) -> None:
    assert await api.data(NODE, {"id": write_global_id("UsageRecord", NOW - timedelta(days=1), 1)}) == {"node": None}


async def test_nodes_keep_their_order_and_places() -> None:
    calls = [record(started_at=NOW - timedelta(hours=n), span_id=n.to_bytes(8, "big")) for n in (1, 2, 3)]
    api = Api(calls)
    one, two, three = (write_global_id("UsageRecord", call.started_at, call.id) for call in calls)
    found = (await api.data(NODES, {"ids": [three, "x", one, three, two]}))["nodes"]
    assert [node and node["id"] for node in found] == [three, None, one, three, two]
    assert api.reader.asked == ["records_by_id"]
    assert await api.data(NODES, {"ids": []}) == {"nodes": []}


async def test_nodes_are_bounded(api: Api) -> None:
    assert len((await api.data(NODES, {"ids": ["x"] * 100}))["nodes"]) == 100
    assert await api.code(NODES, {"ids": ["x"] * 101}) == "LIMIT_EXCEEDED"
