"""The composition root: builds the server from its parts, runs it, and takes it down in order."""

import asyncio
import ctypes
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from usage_graph import database
from usage_graph.config import Settings
from usage_graph.errors import StartupError
from usage_graph.grant import Access
from usage_graph.graph.export.app import MAX_AT_ONCE
from usage_graph.graph.live import Live
from usage_graph.health import Health, Tally
from usage_graph.key import admit
from usage_graph.keys import Keys
from usage_graph.listen import PortTaken, address, bind
from usage_graph.metrics import Metrics
from usage_graph.receiver import grpc as otlp_grpc
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.service import Service
from usage_graph.recording import recording
from usage_graph.store.administration import open_administration
from usage_graph.store.counts import open_counts
from usage_graph.store.listening import open_listener
from usage_graph.store.reader import open_reader
from usage_graph.store.upkeep import Upkeep
from usage_graph.tls import Certificate, certificate_of
from usage_graph.web import Answering, HttpServer, http_app

_log = logging.getLogger("usage_graph")

_GRACE = 20.0
"""Seconds that requests under way may take when the server is told to stop."""
_M_MMAP_THRESHOLD = -3
"""In ``malloc.h`` of glibc."""


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
        certificate = certificate_of(settings)
        stop = stack.enter_context(_stop_on_signals())
        sockets = stack.enter_context(_Sockets(settings))
        dsn = await stack.enter_async_context(database.running(settings))
        await database.prepare(settings, dsn, apply=migrate)
        keys = Keys(dsn=dsn, api_key=settings.api_key, clock=_clock)
        await stack.enter_async_context(keys.running())
        _refuse_to_be_open(settings, keys)
        upkeep = Upkeep(
            dsn=dsn, retention=settings.retention, clock=_clock, patience=settings.statement_timeout + _GRACE
        )
        await stack.enter_async_context(upkeep.running())
        metrics, tally = Metrics(), Tally(clock=_clock)
        health = Health(metrics.tell, tally.tell)
        await stack.enter_async_context(open_counts(dsn, tally=tally))

        service = await stack.enter_async_context(
            recording(settings, dsn, metrics=metrics, health=health, kept_since=lambda: upkeep.kept_since, grace=_GRACE)
        )
        answering = await stack.enter_async_context(_answering(settings, dsn, metrics))
        intake = Intake(max_bytes=settings.queue_bytes)

        grpc_address = await stack.enter_async_context(_grpc(settings, service, intake, keys, certificate))
        scheme = "http://" if certificate is None else "https://"
        endpoints = Endpoints(
            http=f"{scheme}{address(settings.host, sockets.main)}",
            otlp_http=f"{scheme}{address(settings.host, sockets.otlp)}" if sockets.otlp else None,
            otlp_grpc=grpc_address,
        )
        routes = http_app(
            settings,
            service=service,
            intake=intake,
            answering=answering,
            metrics=metrics,
            keys=keys,
            clock=_clock,
            otlp_port=sockets.otlp,
        )
        web = await stack.enter_async_context(HttpServer(routes, sockets.all, certificate=certificate, grace=_GRACE))
        stack.push_async_callback(answering.live.stop)
        _calm_collector()
        _give_back_memory()
        print(f"ready {endpoints.http}", flush=True)
        await _until_stopped(stop, web, ready(endpoints) if ready else None)


def _calm_collector() -> None:
    """Have the collector of cyclic garbage look seldom at what requests make, and never at what the program is made of.

    Requests hold thousands of objects until they are answered, hardly any of them in a cycle. To walk them, and now and
    then all modules, took a tenth of the server's time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def _give_back_memory() -> None:
    """Have glibc give blocks of 128 KiB and more back as soon as they are free.

    By itself it keeps those of a length that was freed before (mallopt(3), "dynamic mmap threshold"): after requests of
    20 MB that was 10 to 15 MB which nobody used. Other C libraries have no such parameter.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_MMAP_THRESHOLD, 128 * 1024)


@asynccontextmanager
async def _answering(settings: Settings, dsn: str, metrics: Metrics) -> AsyncIterator[Answering]:
    """What answers questions, each kind over connections of its own: none of them waits for another."""
    async with AsyncExitStack() as stack:
        enter, timeout = stack.enter_async_context, settings.statement_timeout
        reading = partial(open_reader, dsn, statement_timeout=timeout, clock=_clock)
        listener = await enter(open_listener(dsn))
        live = Live(listener=listener, clock=_clock, at_once=max(1, settings.pool_size // 2), timeout=timeout)
        metrics.watch_live(lambda: live.connections, lambda: listener.dropped)
        yield Answering(
            reader=await enter(reading(connections=settings.pool_size)),
            export_reader=await enter(reading(connections=MAX_AT_ONCE)),
            administration=await enter(open_administration(dsn)),
            live=live,
        )


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


def _refuse_to_be_open(settings: Settings, keys: Keys) -> None:
    """Raises ``StartupError`` where everyone on a network could do everything, and nobody said that they may."""
    if settings.on_loopback or keys.wanted:
        return
    if not settings.insecure:
        raise StartupError(
            f"{settings.host} is not loopback, and there is no key: whoever reaches these ports could send calls and "
            "read all of them. Make a key first (`usage-graph keys create --all-projects --scope admin`), or set "
            "USAGE_GRAPH_API_KEY; or say --insecure where only the right people get through."
        )
    _log.warning(
        "%s is not loopback and there is no key: whoever reaches these ports may send calls and read all of them.",
        settings.host,
    )


@asynccontextmanager
async def _grpc(
    settings: Settings, service: Service, intake: Intake, keys: Keys, certificate: Certificate | None
) -> AsyncIterator[str | None]:
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
    server = otlp_grpc.server(
        service,
        max_body_bytes=settings.max_body_bytes,
        intake=intake,
        admit=partial(admit, keys, access=Access.INGEST),
    )
    where = address(settings.host, settings.otlp_grpc_port)
    try:
        otlp_grpc.listen(server, where, certificate=certificate)
    except RuntimeError:
        raise StartupError(f"OTLP/gRPC cannot listen on {where}.") from None
    await server.start()
    try:
        yield where
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
