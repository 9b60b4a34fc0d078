"""Observations of one call that come at the same instant, at two servers, or with a server's death in between."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import grpc
import httpx
import pytest

from tests.merging.intake import read_records
from tests.merging.requests import Request
from tests.merging.shapes import a_span, agent, chat, openinference, traced
from tests.receiver.wire import APIS
from tests.rollups import assert_exact_before_and_after_refresh
from tests.serving import Server
from tests.store.database import connected
from usage_graph.project import PROJECT_HEADER
from usage_graph.usage import UsageRecord

PAIRS = 100
ON = {"USAGE_GRAPH_MERGE_BY_FINGERPRINT": "on"}

Pair = Callable[[int], tuple[Request, Request]]


def by_response_id(number: int) -> tuple[Request, Request]:
    """Two instrumentations, each with a trace of its own."""
    call = chat(response_id=f"chatcmpl-{number:012d}", used=number)
    return (
        traced(a_span(number, call, of_trace=2 * number, start=100 * number)),
        traced(a_span(number, call, of_trace=2 * number + 1, start=100 * number), scope="other.scope"),
    )


def nested(number: int) -> tuple[Request, Request]:
    """One span in the other."""
    call = chat(used=number)
    return (
        traced(a_span(1, call, of_trace=number, start=100 * number)),
        traced(a_span(2, openinference(used=number), above=1, of_trace=number, start=100 * number)),
    )


def by_fingerprint(number: int) -> tuple[Request, Request]:
    """Two instrumentations that share nothing but size and time."""
    one = a_span(1, chat(used=number), of_trace=2 * number, start=100 * number)
    other = a_span(1, openinference(used=number), of_trace=2 * number + 1, start=100 * number + 1, duration=990)
    return traced(one), traced(other, scope="other.scope")


def twice(number: int) -> tuple[Request, Request]:
    """One span, sent again by an exporter that has lost its patience."""
    request = traced(a_span(1, chat(used=number), of_trace=number, start=100 * number))
    return request, request


PAIRINGS = {"response id": by_response_id, "nested": nested, "fingerprint": by_fingerprint, "sent twice": twice}


@pytest.fixture(scope="module")
def servers(shared: str) -> Iterator[list[Server]]:
    """Two processes on one database."""
    running = [Server(database_url=shared, settings=ON) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Server.start, running))
    yield running
    for server in running:
        server.stop()


def post(client: httpx.Client, request: Request, project: str) -> None:
    headers = {"content-type": request.media_type, PROJECT_HEADER: project}
    answer = client.post(f"/v1/{request.signal}", content=request.body, headers=headers)
    assert answer.status_code == 200, answer.content


async def stored(database: str, project: str) -> list[UsageRecord]:
    async with connected(database) as connection:
        return await read_records(connection, project)


def right(found: list[UsageRecord]) -> None:
    """The calls are those of all pairs, each once."""
    assert sorted(record.input_tokens or 0 for record in found) == list(range(1, PAIRS + 1))


@pytest.mark.parametrize("pair", PAIRINGS.values(), ids=PAIRINGS)
async def test_at_the_same_instant_at_two_servers(
    pair: Pair, servers: list[Server], shared: str, project: Callable[[], str]
) -> None:
    name, start = project(), Barrier(2)

    def send(side: int) -> None:
        with httpx.Client(base_url=servers[side].http, timeout=60) as client:
            for number in range(1, PAIRS + 1):
                start.wait(60)
                post(client, pair(number)[side], name)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, range(2)))
    right(await stored(shared, name))


async def test_at_the_same_instant_over_two_connections(
    servers: list[Server], shared: str, project: Callable[[], str]
) -> None:
    """HTTP and gRPC of one server."""
    name, start = project(), Barrier(2)

    def over_http() -> None:
        with httpx.Client(base_url=servers[0].http, timeout=60) as client:
            for number in range(1, PAIRS + 1):
                start.wait(60)
                post(client, by_response_id(number)[0], name)

    def over_grpc() -> None:
        with grpc.insecure_channel(servers[0].otlp_grpc) as channel:
            for number in range(1, PAIRS + 1):
                request = by_response_id(number)[1]
                export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(APIS[request.signal].method)
                start.wait(60)
                export(request.body, metadata=((PROJECT_HEADER, name),), timeout=60)

    with ThreadPoolExecutor(2) as pool:
        for sent in [pool.submit(over_http), pool.submit(over_grpc)]:
            sent.result()
    right(await stored(shared, name))


async def test_an_agent_comes_to_one_server_while_its_calls_come_to_the_other(
    servers: list[Server], shared: str, project: Callable[[], str]
) -> None:
    name, start = project(), Barrier(2)

    def send(side: int) -> None:
        with httpx.Client(base_url=servers[side].http, timeout=60) as client:
            for number in range(1, PAIRS + 1):
                call = a_span(1, chat(used=number), above=2, of_trace=number)
                above = a_span(2, agent(f"agent {number}"), of_trace=number)
                start.wait(60)
                post(client, traced((call, above)[side]), name)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, range(2)))
    found = await stored(shared, name)
    right(found)
    assert {record.agent == f"agent {record.input_tokens}" for record in found} == {True}


async def test_a_server_dies_between_two_observations(several_backends: str) -> None:
    """Nothing that merging needs is in its memory; also not what is above what."""
    requests = {
        name: [pair(number) for number in range(1, 6)] for name, pair in PAIRINGS.items() if name != "sent twice"
    }
    below = a_span(1, chat(), above=2, of_trace=10**6)
    above = a_span(2, agent("planner"), of_trace=10**6)
    for side in range(2):
        server = Server(database_url=several_backends, settings=ON).start()
        with httpx.Client(base_url=server.http, timeout=60) as client:
            for name, pairs in requests.items():
                for pair in pairs:
                    post(client, pair[side], name)
            post(client, traced((below, above)[side]), "late")
        server.kill()
    async with connected(several_backends) as connection:
        for name in requests:
            found = await read_records(connection, name)
            assert sorted(record.input_tokens or 0 for record in found) == [1, 2, 3, 4, 5], name
        assert [record.agent for record in await read_records(connection, "late")] == ["planner"]
        await assert_exact_before_and_after_refresh(connection)


async def test_rollups_are_exact_after_all_of_it(servers: list[Server], shared: str) -> None:
    async with connected(shared) as connection:
        await assert_exact_before_and_after_refresh(connection)
