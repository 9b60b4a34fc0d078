"""The real way from OTLP into a database, in this process: routes, service, exporter, writer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
from starlette.applications import Starlette

from tests.door import Door
from tests.merging.requests import Request
from tests.store.database import connected
from usage_graph.exporter.exporter import Exporter
from usage_graph.observation import MergeReason, Written
from usage_graph.processor import Pricing, Processor
from usage_graph.processor.charging import Charging
from usage_graph.processor.events import EventProcessor
from usage_graph.processor.measurements import MeasurementProcessor
from usage_graph.project import PROJECT_HEADER
from usage_graph.receiver import http
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.service import Service
from usage_graph.store.connect import Connection
from usage_graph.store.rows import record_of
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord

MOST_BYTES = 2**26

_COLUMNS = ", ".join(UsageRecord._fields)


@cache
def pricing() -> Pricing:
    """The price list, which takes a while to load."""
    return Pricing()


class Way:
    """Takes requests as a server does, and shows what became of them. ``merged`` counts merges by reason."""

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        self._client = client
        self.connection = connection
        self.merged: Counter[MergeReason] = Counter()

    async def send(self, requests: Iterable[Request], *, project: str) -> None:
        """One after the other; each must be taken, and nothing of it rejected."""
        for request in requests:
            await self._send(request, project)

    async def send_at_once(self, requests: Sequence[Request], *, project: str) -> None:
        await asyncio.gather(*(self._send(request, project) for request in requests))

    async def _send(self, request: Request, project: str) -> None:
        headers = {"content-type": request.media_type, PROJECT_HEADER: project}
        answer = await self._client.post(f"/v1/{request.signal}", content=request.body, headers=headers)
        assert (answer.status_code, answer.content) in ((200, b""), (200, b"{}")), answer.text

    async def records(self, project: str) -> list[UsageRecord]:
        return await read_records(self.connection, project)


async def read_records(connection: Connection, project: str) -> list[UsageRecord]:
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM usage_record WHERE project = $1", project)  # noqa: S608
    return [record_of(row) for row in rows]


@asynccontextmanager
async def way_in(
    database: str,
    *,
    by_fingerprint: bool,
    now: datetime | None = None,
    writers: int = 1,
    charging: Charging | None = None,
    **more: Any,
) -> AsyncIterator[Way]:
    """A way into ``database``; ``more`` are further settings of the exporter. ``now``: what its clock says, if not the
    time it is."""
    charge = (charging := charging or Charging()).charge
    told: list[Written] = []

    def tell(_: str, written: Written) -> None:
        told.append(written)
        way.merged.update(written.merged)

    async with (
        open_writer(
            database,
            mode="copy",
            connections=writers,
            price=lambda record: charge(pricing().price(record)),
            by_fingerprint=by_fingerprint,
            tell=tell,
        ) as writer,
        connected(database) as connection,
    ):
        bounds: dict[str, Any] = {"queue_spans": 100_000, "queue_bytes": MOST_BYTES}
        exporter = Exporter(
            write=writer.write, writers=writers, **{"batch_spans": 500, "batch_timeout": 0.0, **bounds, **more}
        )
        await exporter.start()
        service = Service(
            processor=Processor(pricing=pricing(), charging=charging),
            events=EventProcessor(pricing=pricing(), charging=charging),
            measurements=MeasurementProcessor(pricing=pricing(), charging=charging, sources=frozenset()),
            exporter=exporter,
            clock=lambda: now or datetime.now(UTC),
        )
        routes = http.routes(service, max_body_bytes=MOST_BYTES, intake=Intake(max_bytes=MOST_BYTES))
        transport = httpx.ASGITransport(app=Door(Starlette(routes=routes)))
        async with httpx.AsyncClient(transport=transport, base_url="http://usage-graph") as client:
            way = Way(client, connection)
            yield way
            await exporter.drain()
