"""What must not become one: calls that are alike in everything, but are not the same."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.merging.intake import read_records, way_in
from tests.merging.requests import Request, one_by_one
from tests.merging.shapes import a_span, agent, chat, openinference, traced
from tests.rollups import assert_exact
from tests.serving import Server
from tests.store.database import connected
from usage_graph.project import PROJECT_HEADER
from usage_graph.store.connect import connect

CALLS = 10_000
PER_REQUEST = 250
CONNECTIONS = 6
CROWDS = ("one", "two", "three", "four")
"""Agents above the calls: so many that none has more below it than one batch completes."""

Project = Callable[[], str]


@pytest.fixture(scope="module", params=["off", "on"])
def server(request: pytest.FixtureRequest, shared: str) -> Iterator[Server]:
    """A server that merges by fingerprint, or does not."""
    with Server(database_url=shared, settings={"USAGE_GRAPH_MERGE_BY_FINGERPRINT": request.param}) as running:
        yield running


def send(server: Server, requests: Sequence[Request], project: str) -> None:
    """Over several connections at once."""

    def over_one(mine: Sequence[Request]) -> None:
        with httpx.Client(base_url=server.http, timeout=120) as client:
            for request in mine:
                headers = {"content-type": request.media_type, PROJECT_HEADER: project}
                answer = client.post(f"/v1/{request.signal}", content=request.body, headers=headers)
                assert (answer.status_code, answer.content) == (200, b"")

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(over_one, [requests[first::CONNECTIONS] for first in range(CONNECTIONS)]))


def in_requests(spans: Sequence[Span], **around: Any) -> list[Request]:
    return [traced(*spans[first : first + PER_REQUEST], **around) for first in range(0, len(spans), PER_REQUEST)]


@pytest.mark.parametrize("with_ids", [False, True], ids=["without ids", "with ids"])
async def test_ten_thousand_equal_calls_at_one_time(
    with_ids: bool, server: Server, shared: str, project: Project
) -> None:
    """A fan-out: one process, one trace, one model, one size, all at the same time."""
    spans = [
        a_span(
            number,
            chat(response_id=f"chatcmpl-{number:024d}" if with_ids else None),
            above=CALLS + 1 + number % len(CROWDS),
            start=number % 7,
            duration=2000,
        )
        for number in range(1, CALLS + 1)
    ]
    name = project()
    crowds = [a_span(CALLS + number, agent(crowd), duration=3000) for number, crowd in enumerate(CROWDS, start=1)]
    send(server, in_requests(spans), name)
    for crowd in crowds:
        send(server, [traced(crowd)], name)
    async with connected(shared) as connection:
        found = await read_records(connection, name)
        assert Counter((record.input_tokens, record.output_tokens, record.agent) for record in found) == {
            (100, 20, crowd): CALLS // len(CROWDS) for crowd in CROWDS
        }


async def test_equal_calls_that_two_instrumentations_saw(shared: str, project: Project) -> None:
    """Each of them saw all: merged by size and time there are as many as there were, whichever is taken for which."""
    calls = 300
    one = [a_span(number, chat(), of_trace=number, start=number % 7, duration=2000) for number in range(1, calls + 1)]
    other = [
        a_span(calls + number, openinference(), of_trace=calls + number, start=number % 7 + 1, duration=1990)
        for number in range(1, calls + 1)
    ]
    name = project()
    both = [*in_requests(one), *in_requests(other, scope="other.scope")]
    async with way_in(shared, by_fingerprint=True, writers=2) as way:
        await way.send_at_once(both, project=name)
        assert len(await way.records(name)) == calls


async def test_rollups_count_them_all(shared: str) -> None:
    connection = await connect(shared)
    try:
        await assert_exact(connection)
    finally:
        await connection.close()


class Apart:
    """Calls that are alike. ``calls`` of them are there, with so many input tokens in all."""

    def __init__(self, *requests: Request, calls: int, used: int) -> None:
        self.requests = requests
        self.calls = calls
        self.used = used


APART = {
    "siblings under one agent": Apart(
        traced(*(a_span(number, chat(), above=9) for number in (1, 2, 3)), a_span(9, agent("planner"))),
        calls=3,
        used=300,
    ),
    "siblings under one plain span": Apart(
        traced(*(a_span(number, chat(), above=9) for number in (1, 2)), a_span(9, {"http.route": "/"})),
        calls=2,
        used=200,
    ),
    "ids of a local server": Apart(
        traced(*(a_span(n, chat(response_id="chatcmpl-842"), of_trace=n) for n in (1, 2))), calls=2, used=200
    ),
    "ids of a framework": Apart(
        traced(
            *(
                a_span(n, chat(response_id="3f0c9be1-52cd-4a5e-9a59-d1a0a0d6b1c0"), of_trace=n, failed=True)
                for n in (1, 2)
            )
        ),
        calls=2,
        used=200,
    ),
    "a call in a call of another size": Apart(
        traced(a_span(1, chat(used=100)), a_span(2, chat(used=7), above=1)), calls=2, used=107
    ),
    "a call in a call of another model, not measured": Apart(
        traced(
            a_span(1, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}),
            a_span(2, chat() | {"gen_ai.request.model": "o3"}, above=1),
        ),
        calls=2,
        used=100,
    ),
    "two calls in one that measured nothing": Apart(
        traced(
            a_span(1, {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "gpt-4o-mini"}),
            a_span(2, chat(used=100), above=1),
            a_span(3, chat(used=50), above=1),
        ),
        calls=2,
        used=150,
    ),
    "two calls, each in one that measured nothing, in one that measured nothing": Apart(
        traced(
            a_span(1, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}),
            a_span(2, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}, above=1),
            a_span(3, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}, above=1),
            a_span(4, chat(used=100), above=2),
            a_span(5, chat(used=50), above=3),
        ),
        calls=2,
        used=150,
    ),
    "a failed attempt beside the one that worked": Apart(
        traced(
            a_span(1, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}, above=9, failed=True),
            a_span(2, chat(), above=9, start=1000),
            a_span(9, agent(), duration=3000),
        ),
        calls=2,
        used=100,
    ),
    "one after the other, seen by two instrumentations": Apart(
        traced(a_span(1, chat(), duration=500)),
        traced(a_span(2, openinference(), of_trace=2, start=600, duration=500), scope="other.scope"),
        calls=2,
        used=200,
    ),
    "at one time in two processes, seen by two instrumentations": Apart(
        traced(a_span(1, chat())),
        traced(
            a_span(2, openinference(), of_trace=2), scope="other.scope", resource={"service.instance.id": "another"}
        ),
        calls=2,
        used=200,
    ),
    "at one time, with two ids, seen by two instrumentations": Apart(
        traced(a_span(1, chat(response_id="chatcmpl-aaaaaaaa1"))),
        traced(a_span(2, chat(response_id="chatcmpl-aaaaaaaa2"), of_trace=2), scope="other.scope"),
        calls=2,
        used=200,
    ),
}


@pytest.mark.parametrize("by_fingerprint", [False, True])
@pytest.mark.parametrize("forth", [True, False], ids=["forth", "back"])
@pytest.mark.parametrize("case", APART)
async def test_they_stay_apart(case: str, forth: bool, by_fingerprint: bool, shared: str, project: Project) -> None:
    apart = APART[case]
    for requests in (list(apart.requests), one_by_one(apart.requests)):
        async with way_in(shared, by_fingerprint=by_fingerprint) as way:
            await way.send(requests if forth else requests[::-1], project=(name := project()))
            found = await way.records(name)
        assert (len(found), sum(record.input_tokens or 0 for record in found)) == (apart.calls, apart.used)


async def test_equal_ids_in_two_projects(shared: str, project: Project) -> None:
    call = traced(a_span(1, chat(response_id="chatcmpl-0123456789")))
    names = project(), project()
    async with way_in(shared, by_fingerprint=True) as way:
        for name in names:
            await way.send([call], project=name)
        assert [len(await way.records(name)) for name in names] == [1, 1]
