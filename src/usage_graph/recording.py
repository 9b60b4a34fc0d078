"""From OTLP to the store: everything between a request and the commit that it waits for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from usage_graph.config import Settings
from usage_graph.exporter.exporter import Exporter
from usage_graph.health import Health
from usage_graph.metrics import Metrics
from usage_graph.observation import Written
from usage_graph.prices import Prices
from usage_graph.processor import Pricing, Processor
from usage_graph.processor.charging import Charging
from usage_graph.processor.events import EventProcessor
from usage_graph.processor.measurements import MeasurementProcessor
from usage_graph.receiver.service import Service
from usage_graph.rules import Rules
from usage_graph.store.announcing import open_announcer
from usage_graph.store.writer import TellWritten, open_writer

_log = logging.getLogger("usage_graph")

_WRITERS = 1
"""Batches written at once. The requests that come meanwhile share the next COMMIT: a second writer would wait for the
first one's projects all the same, with half of them each."""


@asynccontextmanager
async def recording(
    settings: Settings,
    dsn: str,
    *,
    metrics: Metrics,
    health: Health,
    kept_since: Callable[[], datetime | None],
    grace: float,
) -> AsyncIterator[Service]:
    """What takes OTLP requests, for as long as this is open; then what it has accepted is stored.

    ``kept_since`` says since when records are kept. The last batches may take ``grace`` seconds.

    Raises:
        StartupError: the database cannot be used.
        ConfigError: the file of own prices is wrong.
    """
    async with AsyncExitStack() as stack:
        pricing, charging = Pricing(), Charging()
        await stack.enter_async_context(Prices(dsn=dsn, file=settings.prices, pricing=pricing).running())
        await stack.enter_async_context(Rules(dsn=dsn, charging=charging).running())
        announcer = await stack.enter_async_context(open_announcer(dsn))
        writer = await stack.enter_async_context(
            open_writer(
                dsn,
                mode=settings.write_mode,
                connections=_WRITERS,
                price=lambda record: charging.charge(pricing.price(record)),
                by_fingerprint=settings.merge_by_fingerprint,
                tell=_both(health.tell_written, announcer.tell),
            )
        )
        exporter = Exporter(
            write=metrics.measured(writer.write),
            batch_spans=settings.batch_spans,
            batch_timeout=settings.batch_timeout,
            queue_spans=settings.queue_spans,
            queue_bytes=settings.queue_bytes,
            writers=_WRITERS,
        )
        metrics.watch_queue(lambda: exporter.waiting)
        await exporter.start()
        stack.push_async_callback(_drain, exporter, grace)
        yield _service(settings, pricing, charging, exporter, kept_since=kept_since, health=health)


def _service(
    settings: Settings,
    pricing: Pricing,
    charging: Charging,
    exporter: Exporter,
    *,
    kept_since: Callable[[], datetime | None],
    health: Health,
) -> Service:
    return Service(
        processor=Processor(pricing=pricing, charging=charging, attributes=settings.attributes),
        events=EventProcessor(pricing=pricing, charging=charging, attributes=settings.attributes),
        measurements=MeasurementProcessor(
            pricing=pricing,
            charging=charging,
            sources=frozenset(settings.metric_sources),
            attributes=settings.attributes,
        ),
        exporter=exporter,
        kept_since=kept_since,
        tell=health.tell,
        declared=settings.attributes,
    )


def _both(*listeners: TellWritten) -> TellWritten:
    def tell(project: str, written: Written) -> None:
        for listener in listeners:
            listener(project, written)

    return tell


async def _drain(exporter: Exporter, grace: float) -> None:
    try:
        await asyncio.wait_for(exporter.drain(), grace)
    except TimeoutError:
        _log.error("the database did not take %d spans in time; their senders were told to try again", exporter.waiting)
