"""The routes of exports over a store of the test's choice, asked through their real ASGI application."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
from pyarrow import parquet
from starlette.applications import Starlette

from tests.door import Door
from tests.graph.api import NOW
from tests.model import ModelReader
from usage_graph.grant import OPEN, Grant
from usage_graph.graph.export.app import routes
from usage_graph.graph.operation import Reader
from usage_graph.usage import UsageRecord

WINDOW = {"last": "P60D"}
FORMATS = ("csv", "ndjson", "parquet")


class Exports:
    """Exports with their records and their clock; over ``store`` instead of the records where one is given."""

    def __init__(
        self,
        records: Iterable[UsageRecord] = (),
        *,
        store: Reader | None = None,
        grant: Grant = OPEN,
        declared: tuple[str, ...] = ("team", "feature"),
        now: datetime = NOW,
        **options: Any,
    ) -> None:
        self.reader = ModelReader(records)
        reader = store or self.reader
        self.app = Door(Starlette(routes=routes(reader=reader, clock=lambda: now, declared=declared, **options)), grant)

    async def get(
        self, table: str, *, project: str | None = None, method: str = "GET", **parameters: Any
    ) -> httpx.Response:
        headers = {} if project is None else {b"x-usage-graph-project": project.encode()}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://usage-graph.test") as client:
            return await client.request(method, f"/export/{table}", params=_texts(parameters), headers=headers)

    async def file(self, table: str, *, project: str | None = None, **parameters: Any) -> bytes:
        """The body of an answer that must be a file."""
        answer = await self.get(table, project=project, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def rows(self, table: str, *, project: str | None = None, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a file, as ``parsed`` has them."""
        content = await self.file(table, project=project, **parameters)
        return parsed(content, parameters.get("format", "csv"))

    async def refused(self, table: str, *, project: str | None = None, **parameters: Any) -> tuple[int, str, str]:
        """Status, code and message of an answer with one error."""
        answer = await self.get(table, project=project, **parameters)
        assert answer.headers["content-type"] == "application/json", answer.text
        (error,) = answer.json()["errors"]
        assert set(error) == {"message", "extensions"}
        return answer.status_code, error["extensions"]["code"], error["message"]


def _texts(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in parameters.items()}


def parsed(content: bytes, format: str) -> list[dict[str, Any]]:
    """The rows of a file: in CSV all values are texts, of the others as their readers know them."""
    match format:
        case "csv":
            return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        case "ndjson":
            return [json.loads(line) for line in content.splitlines()]
    rows: list[dict[str, Any]] = parquet.read_table(pa.BufferReader(content)).to_pylist(maps_as_pydicts="strict")
    return rows


def whole(rows: Iterable[dict[str, Any]], column: str) -> Decimal:
    """The sum of a column of numbers, whatever the format; what is unknown counts as 0."""
    return sum((Decimal(row[column]) for row in rows if row[column] not in (None, "")), Decimal(0))
