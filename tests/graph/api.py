"""The GraphQL API over the model reader, asked through its real ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette

from tests.door import Door
from tests.graph.live import ToldListener
from tests.model import ModelReader, ModelSnapshot
from tests.questions import DECLARED
from usage_graph.grant import OPEN, Grant
from usage_graph.graph.administration import Administration
from usage_graph.graph.app import routes
from usage_graph.graph.budget import Budgets
from usage_graph.graph.live import Live
from usage_graph.graph.operation import Reader, Snapshot
from usage_graph.usage import UsageRecord

NOW = datetime(2026, 4, 15, 12, 30, tzinfo=UTC)


class WatchedSnapshot(ModelSnapshot):
    """Notes what it is asked; waits or fails where a test says so."""

    def __init__(self, records: tuple[UsageRecord, ...], reader: "WatchedReader") -> None:
        super().__init__(records, reader.kept_since, tuple(reader.counts), tuple(reader.plans))
        self._reader = reader

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in dir(Snapshot) or name.startswith("_"):
            return found
        reader = self._reader

        async def watched(*args: Any, **kwargs: Any) -> Any:
            reader.asked.append(name)
            await reader.before(name)
            return await found(*args, **kwargs)

        return watched


class WatchedReader(ModelReader):
    def __init__(self, records: Iterable[UsageRecord] = ()) -> None:
        super().__init__(records)
        self.asked: list[str] = []
        self.opened = 0
        self.open = 0
        self.before: Callable[[str], Awaitable[None]] = self._at_once

    async def _at_once(self, _: str) -> None:
        await asyncio.sleep(0)

    @asynccontextmanager
    async def snapshot(
        self, measures: frozenset[str] = frozenset(), *, alone: bool = False
    ) -> AsyncIterator[ModelSnapshot]:
        self.opened += 1
        self.open += 1
        try:
            await asyncio.sleep(0)
            yield WatchedSnapshot(tuple(self.stored), self)
        finally:
            await asyncio.sleep(0)
            self.open -= 1


class Api:
    """One API with its records and its clock; over ``store`` instead of the records where one is given."""

    def __init__(
        self,
        records: Iterable[UsageRecord] = (),
        *,
        store: Reader | None = None,
        now: datetime = NOW,
        timeout: float = 30.0,
        patience: float = 30.0,
        grant: Grant = OPEN,
        budgets: Budgets | None = None,
        administration: Administration | None = None,
        declared: tuple[str, ...] = DECLARED,
    ) -> None:
        self.reader = WatchedReader(records)
        self.now = now
        self.listener = ToldListener()
        self.live = Live(listener=self.listener, clock=lambda: self.now, timeout=timeout, patience=patience)
        answering = Starlette(
            routes=routes(
                reader=store or self.reader,
                live=self.live,
                clock=lambda: self.now,
                timeout=timeout,
                budgets=budgets,
                administration=administration,
                declared=declared,
            )
        )
        self.app = Door(answering, grant)

    async def http(self, method: str, path: str = "/graphql", **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://usage-graph.test") as client:
            return await client.request(method, path, **request)

    async def ask(
        self, document: str, variables: Mapping[str, Any] | None = None, *, project: str | None = None
    ) -> dict[str, Any]:
        """The whole answer."""
        headers = {} if project is None else {"x-usage-graph-project": project}
        answer = await self.http("POST", json={"query": document, "variables": dict(variables or {})}, headers=headers)
        body: dict[str, Any] = answer.json()
        return body

    async def data(
        self, document: str, variables: Mapping[str, Any] | None = None, *, project: str | None = None
    ) -> dict[str, Any]:
        """``data`` of an answer that must have no errors."""
        body = await self.ask(document, variables, project=project)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    async def usage(self, selection: str, arguments: str = 'window: { last: "P60D" }', **given: Any) -> dict[str, Any]:
        """``data.usage`` of one question without variables."""
        data = await self.data(f"{{ usage({arguments}) {{ {selection} }} }}", **given)
        usage: dict[str, Any] = data["usage"]
        return usage

    async def refused(self, document: str, variables: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
        """Code and message of each error of an answer that must have some."""
        body = await self.ask(document, variables)
        assert body.get("errors"), body
        return [(error["extensions"]["code"], error["message"]) for error in body["errors"]]

    async def code(self, document: str, variables: Mapping[str, Any] | None = None) -> str:
        """The one code of an answer's errors."""
        (code,) = {code for code, _ in await self.refused(document, variables)}
        return code
