"""The composition root: builds the server from its parts, runs it, and takes it down in order."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from usage_graph import database
from usage_graph.config import Settings
from usage_graph.errors import StartupError
from usage_graph.exporter.exporter import Exporter
from usage_graph.health import Health, Tally
from usage_graph.key import Key
from usage_graph.listen import PortTaken, bind, url
from usage_graph.metrics import Metrics
from usage_graph.prices import Prices
from usage_graph.processor import Pricing, Processor
from usage_graph.processor.events import EventProcessor
from usage_graph.processor.measurements import MeasurementProcessor
from usage_graph.receiver import grpc as otlp_grpc
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.service import Service
from usage_graph.store.counts import open_counts
from usage_graph.store.reader import open_reader
from usage_graph.store.upkeep import Upkeep
from usage_graph.store.writer import open_writer
from usage_graph.web import HttpServer, http_app

_log = logging.getLogger("usage_graph")

_WRITERS = 2
"""Batches written at once: while the database commits one, the next is on its way."""

_GRACE = 20.0
"""Seconds that requests under way may take when the server is told to stop."""


def _clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running server listens; ``None`` where it does not."""

    http: str
    otlp_http: str | None
    otlp_grpc: str | None


async def serve(
    settings: Settings, *, migrate: bool = True, ready: Callable[[Endpoints], Awaitable[None]] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then stop accepting, store what was accepted, and return.

    ``ready http://HOST:PORT`` goes to stdout once everything answers; then ``ready`` runs beside the server, and an
    error in it stops the server and is raised.

    Raises:
        StartupError: a port, the database or its schema cannot be used.
    """
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(_stop_on_signals())
        sockets = stack.enter_context(_Sockets(settings))
        dsn = await stack.enter_async_context(database.running(settings))
        await database.prepare(settings, dsn, apply=migrate)
        upkeep = Upkeep(
            dsn=dsn, retention=settings.retention, clock=_clock, patience=settings.statement_timeout + _GRACE
        )
        await stack.enter_async_context(upkeep.running())
        metrics, tally = Metrics(), Tally(clock=_clock)
        health = Health(metrics.tell, tally.tell)
        await stack.enter_async_context(open_counts(dsn, tally=tally))

        pricing = Pricing()
        await stack.enter_async_context(Prices(dsn=dsn, file=settings.prices, pricing=pricing).running())
        writer = await stack.enter_async_context(
            open_writer(
                dsn,
                mode=settings.write_mode,
                connections=_WRITERS,
                price=pricing.price,
                by_fingerprint=settings.merge_by_fingerprint,
                tell=health.tell_written,
            )
        )
        reader = await stack.enter_async_context(
            open_reader(dsn, connections=settings.pool_size, statement_timeout=settings.statement_timeout)
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
        stack.push_async_callback(_drain, exporter)
        service = Service(
            processor=Processor(pricing=pricing),
            events=EventProcessor(pricing=pricing),
            measurements=MeasurementProcessor(pricing=pricing, sources=frozenset(settings.metric_sources)),
            exporter=exporter,
            kept_since=lambda: upkeep.kept_since,
            tell=health.tell,
        )
        intake = Intake(max_bytes=settings.queue_bytes)

        grpc_address = await stack.enter_async_context(_grpc(settings, service, intake))
        _warn_if_open(settings)
        endpoints = Endpoints(
            http=url(settings.host, sockets.main),
            otlp_http=url(settings.host, sockets.otlp) if sockets.otlp else None,
            otlp_grpc=grpc_address,
        )
        routes = http_app(
            settings,
            service=service,
            intake=intake,
            reader=reader,
            metrics=metrics,
            clock=_clock,
            otlp_port=sockets.otlp,
        )
        web = await stack.enter_async_context(HttpServer(routes, sockets.all, grace=_GRACE))
        print(f"ready {endpoints.http}", flush=True)
        await _until_stopped(stop, web, ready(endpoints) if ready else None)


class _Sockets:
    """The HTTP sockets. A taken OTLP port matters only to those who asked for that port."""

    def __init__(self, settings: Settings) -> None:
        try:
            main = bind(settings.host, settings.port)
        except PortTaken as error:
            raise StartupError(f"{error} Free it, or choose another by USAGE_GRAPH_PORT.") from None
        self.all = [main]
        self.main: int = main.getsockname()[1]
        self.otlp: int | None = None
        if settings.otlp_http_port and settings.otlp_http_port != self.main:
            try:
                self.all.append(bind(settings.host, settings.otlp_http_port))
                self.otlp = settings.otlp_http_port
            except PortTaken as error:
                _tolerate(error, settings, "otlp_http_port", f"OTLP/HTTP is served on port {self.main} only.")

    def __enter__(self) -> "_Sockets":
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self.all:
            sock.close()


def _tolerate(error: PortTaken, settings: Settings, setting: str, consequence: str) -> None:
    if setting in settings.explicit:
        raise StartupError(f"{error} Free it, or choose another by USAGE_GRAPH_{setting.upper()} (0 = off).") from None
    _log.warning("%s %s", error, consequence)


def _warn_if_open(settings: Settings) -> None:
    if not settings.on_loopback and settings.api_key is None:
        _log.warning(
            "%s is not loopback and no key is set: whoever reaches these ports may send calls and read all of them. "
            "Set USAGE_GRAPH_API_KEY, or keep them behind a proxy that lets only the right people in.",
            settings.host,
        )


async def _drain(exporter: Exporter) -> None:
    try:
        await asyncio.wait_for(exporter.drain(), _GRACE)
    except TimeoutError:
        _log.error("the database did not take %d spans in time; their senders were told to try again", exporter.waiting)


@asynccontextmanager
async def _grpc(settings: Settings, service: Service, intake: Intake) -> AsyncIterator[str | None]:
    """OTLP/gRPC while this runs; its address, or ``None`` where it is off or its port is taken."""
    if not settings.otlp_grpc_port:
        yield None
        return
    try:
        # gRPC says too little about a port that it cannot have, so it is tried beforehand.
        bind(settings.host, settings.otlp_grpc_port).close()
    except PortTaken as error:
        _tolerate(error, settings, "otlp_grpc_port", "OTLP/gRPC is off.")
        yield None
        return
    admit = Key(settings.api_key).admit if settings.api_key else None
    server = otlp_grpc.server(service, max_body_bytes=settings.max_body_bytes, intake=intake, admit=admit)
    address = url(settings.host, settings.otlp_grpc_port).removeprefix("http://")
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        raise StartupError(f"OTLP/gRPC cannot listen on {address}.") from None
    await server.start()
    try:
        yield address
    finally:
        await server.stop(_GRACE)


async def _until_stopped(stop: asyncio.Event, web: HttpServer, beside: Awaitable[None] | None) -> None:
    """Returns when ``stop`` is set or the HTTP server ends; raises what ``beside`` raises."""

    def on_done(side: asyncio.Future[None]) -> None:
        if not side.cancelled() and side.exception() is not None:
            stop.set()

    side = asyncio.ensure_future(beside) if beside is not None else None
    if side is not None:
        side.add_done_callback(on_done)
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({stopping, web.serving}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if side is not None:
        side.cancel()
        with suppress(asyncio.CancelledError):
            await side


@contextmanager
def _stop_on_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
