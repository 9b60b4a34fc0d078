"""A receiver on real sockets, over a store that the tests command."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import httpx
import uvicorn
import uvloop
from starlette.applications import Starlette

from tests.door import Door
from tests.exporter.store import Store
from usage_graph.exporter.exporter import Exporter
from usage_graph.grant import OPEN
from usage_graph.health import Outcome
from usage_graph.observation import Ancestor, Observation
from usage_graph.processor.cost import Pricing
from usage_graph.processor.events import EventProcessor
from usage_graph.processor.measurements import MeasurementProcessor
from usage_graph.processor.spans import Processor
from usage_graph.receiver import grpc, http
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.service import Service
from usage_graph.usage import UsageRecord

METERED = "claude-code"
"""The one service whose metrics count."""
MAX_BODY = 2**20
INTAKE = 4 * MAX_BODY
QUEUE_SPANS = 1000


def service_of(exporter: Exporter, **more: Any) -> Service:
    """A service of the real processors; ``more`` are further arguments of it."""
    pricing = Pricing()
    parts: dict[str, Any] = {
        "processor": Processor(pricing=pricing),
        "events": EventProcessor(pricing=pricing),
        "measurements": MeasurementProcessor(pricing=pricing, sources=frozenset({METERED})),
    }
    return Service(exporter=exporter, **parts | more)


class Receiver:
    """Both transports on free ports of loopback, in an event loop and thread of their own."""

    def __init__(self) -> None:
        self.store = Store()
        self.told: Counter[tuple[str, Outcome, str]] = Counter()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        # One client for all tests: making one reads every certificate authority of the machine.
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def run(self, action: Callable[[], None]) -> None:
        """Call ``action`` in the receiver's own thread."""

        async def call() -> None:
            action()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def reset(self) -> None:
        """An empty, healthy store."""

        def clear() -> None:
            self.store.stored.clear()
            self.store.batches.clear()
            self.store.error = None
            self.store.open.set()
            self.told.clear()

        self.run(clear)

    @property
    def waiting(self) -> int:
        """Spans that wait for the store or are being written."""
        return self._exporter.waiting

    @property
    def records(self) -> list[UsageRecord]:
        return [item.record for item in self.store.stored.values() if isinstance(item, Observation)]

    @property
    def ancestors(self) -> list[Ancestor]:
        return [item for item in self.store.stored.values() if isinstance(item, Ancestor)]

    @property
    def numbers(self) -> list[int]:
        """The calls stored, by their spans' numbers."""
        return sorted(int.from_bytes(record.span_id, "big") for record in self.records)

    def tell(self, project: str, outcome: Outcome, detail: str, count: int) -> None:
        self.told[project, outcome, detail] += count

    async def _serve(self) -> None:
        self._exporter = exporter = Exporter(
            write=lambda items: self.store.write(items),
            batch_spans=500,
            batch_timeout=0.002,
            queue_spans=QUEUE_SPANS,
            queue_bytes=2**24,
        )
        await exporter.start()
        service = service_of(exporter, tell=self.tell)
        intake = Intake(max_bytes=INTAKE)
        rpc = grpc.server(service, max_body_bytes=MAX_BODY, intake=intake, admit=lambda _: OPEN)
        self.grpc_port = rpc.add_insecure_port("127.0.0.1:0")
        await rpc.start()
        app = Door(Starlette(routes=http.routes(service, max_body_bytes=MAX_BODY, intake=intake)))
        web = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.http_port = listener.getsockname()[1]
            serving = asyncio.create_task(web.serve(sockets=[listener]))
            self._ready.set()
            await self._stop.wait()
            await exporter.drain()
            await rpc.stop(0)
            web.should_exit = True
            await serving
