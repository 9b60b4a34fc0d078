"""The composition root: builds the server from its parts, runs it, and takes it down in order."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.config import SERVICE, Settings
from usage_graph.errors import MigrationError, QueryError, StartupError
from usage_graph.exporter.exporter import Exporter
from usage_graph.graph import app as graph
from usage_graph.guard import LoopbackGuard
from usage_graph.key import Key, KeyGuard
from usage_graph.listen import PortTaken, bind, url
from usage_graph.processor import Pricing, Processor
from usage_graph.receiver import grpc as otlp_grpc
from usage_graph.receiver import http as otlp_http
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.service import Service
from usage_graph.store import migrate as migrations
from usage_graph.store.connect import connect
from usage_graph.store.copy import Copied, Progress
from usage_graph.store.copy import copy as copy_database
from usage_graph.store.embedded import Embedded
from usage_graph.store.embedded.directory import DataDirectory
from usage_graph.store.engine import EngineChoice
from usage_graph.store.reader import Reader, open_reader
from usage_graph.store.upkeep import Upkeep
from usage_graph.store.writer import open_writer

_log = logging.getLogger("usage_graph")

_WRITERS = 2
"""Batches written at once: while the database commits one, the next is on its way."""

_KEEP_ALIVE = 75
"""Seconds that an idle HTTP connection is kept: longer than the pauses of exporters (5 to 60 s), or they meet a
connection that is just being closed."""

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
        dsn = await stack.enter_async_context(_database(settings))
        await _prepare(settings, dsn, apply=migrate)
        upkeep = Upkeep(
            dsn=dsn, retention=settings.retention, clock=_clock, patience=settings.statement_timeout + _GRACE
        )
        await stack.enter_async_context(upkeep.running())

        writer = await stack.enter_async_context(open_writer(dsn, mode=settings.write_mode, connections=_WRITERS))
        reader = await stack.enter_async_context(
            open_reader(dsn, connections=settings.pool_size, statement_timeout=settings.statement_timeout)
        )
        exporter = Exporter(
            write=writer.write,
            batch_spans=settings.batch_spans,
            batch_timeout=settings.batch_timeout,
            queue_spans=settings.queue_spans,
            queue_bytes=settings.queue_bytes,
            writers=_WRITERS,
        )
        await exporter.start()
        stack.push_async_callback(_drain, exporter)
        service = Service(
            processor=Processor(pricing=Pricing()), exporter=exporter, kept_since=lambda: upkeep.kept_since
        )
        intake = Intake(max_bytes=settings.queue_bytes)

        grpc_address = await stack.enter_async_context(_grpc(settings, service, intake))
        _warn_if_open(settings)
        endpoints = Endpoints(
            http=url(settings.host, sockets.main),
            otlp_http=url(settings.host, sockets.otlp) if sockets.otlp else None,
            otlp_grpc=grpc_address,
        )
        web = _HttpServer(_http_app(settings, service, intake, reader, otlp_port=sockets.otlp), sockets.all)
        await stack.enter_async_context(web)
        print(f"ready {endpoints.http}", flush=True)
        await _until_stopped(stop, web, ready(endpoints) if ready else None)


async def migrate(settings: Settings) -> list[str]:
    """Bring the database up to date; returns the names of the migrations that were applied.

    Raises:
        StartupError: the database or its schema cannot be used.
    """
    async with _database(settings) as dsn:
        return await _prepare(settings, dsn, apply=True)


async def copy(settings: Settings, *, to: str, tell: Callable[[Progress], None]) -> Copied:
    """Copy the database into the one at ``to``; see ``store.copy``.

    Raises:
        StartupError: one of the databases cannot be used; a server that runs uses the embedded one alone.
        CopyError: they cannot be put together, or the copy was cut short.
    """
    if settings.database_url is None and not os.access(DataDirectory(path=settings.data_dir).cluster, os.F_OK):
        raise StartupError(
            f"There is no database in {settings.data_dir} to copy, or none that this user may see. Say where it is by "
            "USAGE_GRAPH_DATA_DIR, or by USAGE_GRAPH_DATABASE_URL."
        )
    async with _database(settings) as dsn:
        await _prepare(settings, dsn, apply=False)
        return await copy_database(dsn, to, mode=settings.write_mode, tell=tell)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[str]:
    """The DSN of the database to use; an embedded one runs, and is kept running, for as long as this does."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with Embedded(data_dir=settings.data_dir) as embedded:
        supervision = asyncio.create_task(embedded.keep_running(), name="embedded database")
        try:
            yield embedded.dsn
        finally:
            supervision.cancel()
            with suppress(asyncio.CancelledError):
                await supervision


async def _prepare(settings: Settings, dsn: str, *, apply: bool) -> list[str]:
    """Apply what is outstanding, or make sure that nothing is; say what the database runs as."""
    connection = await connect(dsn)
    try:
        applied = await migrations.migrate(connection, settings.engine) if apply else []
        schema = await migrations.inspect(connection, settings.engine)
    finally:
        await connection.close()
    if schema.pending:
        raise MigrationError(
            f"The database lacks {len(schema.pending)} migration(s), first {schema.pending[0]}. Run "
            "`usage-graph migrate`, or serve without --no-migrate."
        )
    print(f"usage-graph: {schema.server.name}, engine: {schema.engine}", file=sys.stderr, flush=True)
    if schema.server.warning is not None:
        _log.warning("%s", schema.server.warning)
    return applied


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


def _http_app(
    settings: Settings, service: Service, intake: Intake, reader: Reader, *, otlp_port: int | None
) -> ASGIApp:
    health: list[BaseRoute] = [Route("/healthz", _healthz), Route("/readyz", _readyz(reader, settings.engine))]
    otlp: list[BaseRoute] = list(otlp_http.routes(service, max_body_bytes=settings.max_body_bytes, intake=intake))
    middleware = []
    if settings.on_loopback:
        middleware.append(
            Middleware(LoopbackGuard, allowed_hosts=settings.allowed_hosts, allowed_origins=settings.cors_origins)
        )
    if settings.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["Retry-After"],
            )
        )
    if settings.api_key:
        # Innermost: a browser's preflight carries no key, and CORS headers belong on refusals too.
        middleware.append(Middleware(KeyGuard, key=Key(settings.api_key)))
    queries = graph.routes(reader=reader, clock=_clock, timeout=settings.statement_timeout)
    home = Route("/", RedirectResponse("/graphql", 307))
    main = Starlette(routes=[home, *health, *otlp, *queries], middleware=middleware)
    if otlp_port is None:
        return main
    otlp_only = Starlette(routes=[*health, *otlp], middleware=middleware)

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        address = scope.get("server") or (None, None)
        await (otlp_only if address[1] == otlp_port else main)(scope, receive, send)

    return by_port


async def _healthz(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "service": SERVICE})


def _readyz(reader: Reader, choice: EngineChoice) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def readyz(_: Request) -> JSONResponse:
        try:
            schema = await reader.schema(choice)
        except (QueryError, MigrationError) as error:
            return _unready(str(error))
        if schema.pending:
            return _unready(f"{len(schema.pending)} migration(s) outstanding")
        return JSONResponse({"status": "ok", "service": SERVICE, "engine": schema.engine})

    return readyz


def _unready(reason: str) -> JSONResponse:
    return JSONResponse({"status": "unavailable", "service": SERVICE, "reason": reason}, 503)


class _HttpServer(uvicorn.Server):
    """Uvicorn on sockets that are bound already, in a loop that is not its own; signals are left to us."""

    def __init__(self, app: ASGIApp, sockets: list[socket.socket]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=round(_GRACE),
            )
        )
        self._sockets = sockets

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def __aenter__(self) -> "_HttpServer":
        self.serving = asyncio.create_task(self.serve(sockets=self._sockets), name="http")
        while not self.started and not self.serving.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.005)
        if self.serving.done():
            await self.serving
            raise StartupError("The HTTP server did not start.")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.should_exit = True
        await self.serving


async def _until_stopped(stop: asyncio.Event, web: _HttpServer, beside: Awaitable[None] | None) -> None:
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
