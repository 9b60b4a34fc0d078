"""The server's HTTP side: every route behind its guards, on sockets that are bound already."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from usage_graph.config import SERVICE, EngineChoice, Settings
from usage_graph.errors import MigrationError, QueryError, StartupError
from usage_graph.graph import app as graph
from usage_graph.graph.budget import Budgets
from usage_graph.graph.endpoint import MAX_BODY
from usage_graph.graph.export import app as exports
from usage_graph.graph.live import Live
from usage_graph.guard import HostGuard, LoopbackGuard, SocketGuard
from usage_graph.key import KeyGuard
from usage_graph.keys import Keys
from usage_graph.metrics import MEDIA_TYPE, Measured, Metrics
from usage_graph.page import app as page
from usage_graph.rate import RateLimits
from usage_graph.receiver import http as otlp_http
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.service import Service
from usage_graph.store.administration import Administration
from usage_graph.store.reader import Reader
from usage_graph.tls import Certificate

_KEEP_ALIVE = 75
"""Seconds that an idle HTTP connection is kept: longer than the pauses of exporters (5 to 60 s), or they meet a
connection that is just being closed."""
_LINGER = 15.0
"""Seconds between looks whether a connection that was closed has ended."""


class Answering(NamedTuple):
    """What answers questions: of operations, of exports, of admins, and of those who listen."""

    reader: Reader
    export_reader: Reader
    administration: Administration
    live: Live


def http_app(
    settings: Settings,
    *,
    service: Service,
    intake: Intake,
    answering: Answering,
    metrics: Metrics,
    keys: Keys,
    clock: Callable[[], datetime],
    otlp_port: int | None,
) -> ASGIApp:
    """Everything that is answered over HTTP; on ``otlp_port`` only OTLP and what probes ask for."""
    probes: list[BaseRoute] = [
        Route("/healthz", _healthz),
        Route("/readyz", _readyz(answering.reader, settings.engine)),
    ]
    otlp: list[BaseRoute] = list(otlp_http.routes(service, max_body_bytes=settings.max_body_bytes, intake=intake))
    budgets = Budgets(limit=settings.query_cost, rates=RateLimits(settings.rate_limit))
    queries = graph.routes(
        reader=answering.reader,
        live=answering.live,
        clock=clock,
        timeout=settings.statement_timeout,
        declared=settings.attributes,
        budgets=budgets,
        administration=answering.administration,
    )
    files = exports.routes(
        reader=answering.export_reader,
        clock=clock,
        declared=settings.attributes,
        budgets=budgets,
        timeout=settings.export_timeout,
    )
    own = Route("/metrics", _metrics(metrics))
    middleware = _guards(settings, keys)
    # The first that fits answers: those that are asked most come first.
    main = Starlette(routes=[*otlp, *queries, *page.routes(), own, *probes, *files], middleware=middleware)
    if otlp_port is None:
        return Measured(main, metrics=metrics)
    otlp_only = Starlette(routes=[*probes, *otlp], middleware=middleware)

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        address = scope.get("server") or (None, None)
        await (otlp_only if address[1] == otlp_port else main)(scope, receive, send)

    return Measured(by_port, metrics=metrics)


def _guards(settings: Settings, keys: Keys) -> list[Middleware]:
    """Who gets through, outermost first."""
    found = []
    if settings.on_loopback:
        found.append(
            Middleware(LoopbackGuard, allowed_hosts=settings.allowed_hosts, allowed_origins=settings.cors_origins)
        )
    else:
        found.append(Middleware(HostGuard, allowed_hosts=settings.allowed_hosts, keys=keys))
        found.append(Middleware(SocketGuard, allowed_origins=settings.cors_origins))
    if settings.cors_origins:
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["Content-Disposition", "Retry-After", exports.ROWS_HEADER],
            )
        )
    # Innermost: a browser's preflight carries no key, and CORS headers belong on refusals too.
    found.append(Middleware(KeyGuard, keys=keys))
    return found


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


def _metrics(metrics: Metrics) -> Callable[[Request], Awaitable[Response]]:
    async def show(_: Request) -> Response:
        return Response(metrics.text(), headers={"content-type": MEDIA_TYPE})

    return show


def _unready(reason: str) -> JSONResponse:
    return JSONResponse({"status": "unavailable", "service": SERVICE, "reason": reason}, 503)


class _Joining:
    """A transport that sends the head of a response together with what follows it at once.

    Each part by itself is a call of the system, and wakes a client that can do nothing yet. A head that nothing follows
    for now, as that of a stream, is sent as soon as nobody has more to say.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head is not None:
            data, self._head = self._head + data, None
        elif data.startswith(b"HTTP/") and data.endswith(b"\r\n\r\n"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        data, self._head = self._head, None
        if data is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Connection(HttpToolsProtocol):
    """Ends connections that were closed here and whose other side does not take what it was sent before.

    They would stay for as long as it likes, with all that waits for it. A WebSocket begins as a request over HTTP.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(_Joining(transport, self.loop))  # type: ignore[arg-type]
        self._look_after = self.loop.call_later(_LINGER, self._look, False)

    def _look(self, was_closing: bool) -> None:
        if was_closing:
            self.transport.abort()
        else:
            self._look_after = self.loop.call_later(_LINGER, self._look, self.transport.is_closing())

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_after.cancel()
        super().connection_lost(exc)


class _WebSocket(WebSocketsSansIOProtocol):
    """Knows that a refusal completes the handshake, too; uvicorn would log an error for each."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True


class HttpServer(uvicorn.Server):
    """Uvicorn on sockets that are bound already, in a loop that is not its own; signals are left to the caller.

    ``grace``, in seconds, is how long requests under way may take when this is left.
    """

    def __init__(
        self, app: ASGIApp, sockets: list[socket.socket], *, certificate: Certificate | None, grace: float
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws=_WebSocket,
                ws_max_size=MAX_BODY,
                # A window of memory for each connection, for messages that are small.
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Whoever connects could say that it is somebody else: limits are for the address itself.
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=round(grace),
                ssl_certfile=certificate and certificate.chain,
                ssl_keyfile=certificate and certificate.key,
            )
        )
        self._sockets = sockets

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def __aenter__(self) -> "HttpServer":
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
