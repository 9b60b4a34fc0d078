"""``GET /export/records``, ``/export/conversations`` and ``/export/series``."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any, Self

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from usage_graph.config import EXPORT_TIMEOUT
from usage_graph.errors import Forbidden, FormatUnavailable, QueryError, QueryTimeout
from usage_graph.grant import Access, grant_in
from usage_graph.graph import failures
from usage_graph.graph.budget import Budgets
from usage_graph.graph.disconnect import unless_disconnected
from usage_graph.graph.export import parameters
from usage_graph.graph.export.columns import Column, values_of
from usage_graph.graph.export.formats import MEDIA_TYPES, Csv, Encoder, Format, Ndjson
from usage_graph.graph.export.parameters import Asked, Table
from usage_graph.graph.export.places import Places
from usage_graph.graph.export.response import Sending
from usage_graph.graph.export.tables import COLUMNS, ExportOperation, NotAsked, Opened, open_table
from usage_graph.graph.live import KEYS_IN_SCOPE, Keys
from usage_graph.graph.operation import Reader
from usage_graph.project import DEFAULT_PROJECT, PROJECT_HEADER, project_in
from usage_graph.rate import caller_of

MAX_AT_ONCE = 4
"""Exports that one server makes at the same time: each holds a connection and a view of the database."""
PATIENCE = 60.0
"""Seconds after which a client that reads nothing is given up."""
ROWS_HEADER = "x-usage-graph-rows"

_RETRY_AFTER = {"retry-after": "10"}
_STATUS = {
    "FORBIDDEN": 403,
    "COST_EXCEEDED": 422,
    "BEFORE_RECORDS": 422,
    "LIMIT_EXCEEDED": 422,
    "TOO_MANY_POINTS": 422,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "FORMAT_UNAVAILABLE": 501,
    "UNAVAILABLE": 503,
    "TIMEOUT": 504,
}
"""Of the codes of errors; 400 for all others, which say that something is wrong with the request."""
_METHODS = ("GET", "HEAD")

_log = logging.getLogger(__name__)


class Refused(Exception):
    """There is no file. ``status`` is HTTP's word for why, ``errors`` are as GraphQL has them."""

    def __init__(self, status: int, errors: list[dict[str, Any]], headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.errors = errors
        self.headers = headers
        super().__init__(errors[0]["message"])

    @classmethod
    def of(cls, error: Exception) -> Self:
        """What to say of ``error``."""
        if isinstance(error, cls):
            return error
        if isinstance(error, NotAsked):
            errors = error.errors
            if error.retry_after:
                return cls(429, errors, {"retry-after": str(error.retry_after)})
        elif isinstance(error, QueryError):
            errors = [failures.refusal(str(error), error.code)]
        else:
            errors = [failures.internal(error, "an export")]
        status = _STATUS.get(errors[0]["extensions"]["code"], 400)
        return cls(status, errors, _RETRY_AFTER if status in (429, 503) else None)

    @property
    def response(self) -> Response:
        return JSONResponse({"errors": self.errors}, self.status, {"cache-control": "no-store", **(self.headers or {})})


def routes(
    *,
    reader: Reader,
    clock: Callable[[], datetime],
    declared: tuple[str, ...] = (),
    budgets: Budgets | None = None,
    at_once: int = MAX_AT_ONCE,
    patience: float = PATIENCE,
    timeout: float = EXPORT_TIMEOUT,
) -> list[BaseRoute]:
    """The routes of exports. ``reader`` is theirs alone, or questions would wait for them.

    ``clock`` gives the aware instant that windows end at; ``declared`` are the attributes that can be asked for;
    ``budgets`` are those of GraphQL. ``timeout``: seconds that one export may take, however fast its client reads. The
    door before them has noted the caller's grant.
    """
    exports = Exports(
        reader=reader,
        clock=clock,
        declared=declared,
        budgets=budgets or Budgets(),
        places=Places(at_once),
        patience=patience,
        timeout=timeout,
    )
    return [Route("/export/{table}", exports)]


class Exports:
    """ASGI: one file per request."""

    def __init__(
        self,
        *,
        reader: Reader,
        clock: Callable[[], datetime],
        declared: tuple[str, ...],
        budgets: Budgets,
        places: Places,
        patience: float,
        timeout: float,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._declared = declared
        self._budgets = budgets
        self._places = places
        self._patience = patience
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, sending = Request(scope, receive), Sending(send, patience=self._patience)
        try:
            await unless_disconnected(request, self._answer(request, sending))
        except ClientDisconnect:
            return None
        except Exception as error:
            if not sending.started:
                return await Refused.of(error).response(scope, receive, send)
            # No last chunk is sent, and the server hangs up: what has arrived shows that it is not whole.
            _log.warning("an export was broken off: %s: %s", type(error).__name__, error)
            return None

    async def _answer(self, request: Request, sending: Sending) -> None:
        asked, operation = self._asked(request)
        columns = COLUMNS[asked.table]
        encoder = _encoder(asked, columns)
        with self._places.taken(caller_of(request.scope)):
            # The deadline within the operation: giving the connection back is not cut short by it.
            async with operation, _deadline(self._timeout):
                opened = await open_table(operation, asked)
                headers = _headers(asked, opened)
                if request.method == "HEAD":
                    await sending.start(200, headers)
                else:
                    async with aclosing(_file(opened.portions, columns, encoder)) as parts:
                        # Until there is something to send, what goes wrong can still be said.
                        first = await anext(parts)
                        await sending.start(200, headers)
                        await sending.part(first)
                        async for part in parts:
                            _check_key(request.scope)
                            await sending.part(part)
        # The connection is free again before the client has read to the end.
        await sending.end()

    def _asked(self, request: Request) -> tuple[Asked, ExportOperation]:
        """Raises ``Refused`` and ``QueryError``."""
        if request.method not in _METHODS:
            raise Refused(405, [failures.refusal("Exports are asked with GET.", "BAD_REQUEST")], {"allow": "GET, HEAD"})
        name, now = request.path_params["table"], self._clock()
        if name not in set(Table):
            message = f"There is no export of {name[:50]!r}: there are {', '.join(Table)}."
            raise Refused(404, [failures.refusal(message, "BAD_REQUEST")])
        grant = grant_in(request.scope)
        grant.require(Access.READ)
        header = request.headers.get(PROJECT_HEADER)
        try:
            named = None if header is None else project_in(header)
        except ValueError as error:
            raise Refused(400, [failures.refusal(str(error), "BAD_REQUEST")]) from None
        project = grant.project_for(named) or DEFAULT_PROJECT
        asked = parameters.read(Table(name), request.query_params, now)
        operation = ExportOperation(
            reader=self._reader,
            project=project,
            now=now,
            grant=grant,
            declared=self._declared,
            purse=self._budgets.of(request.scope),
        )
        return asked, operation


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    """Until an export is read, its transaction locks the tables that it reads: others may wait for these.

    Raises:
        QueryTimeout: the export is not read to its end within ``seconds``.
    """
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield
    except TimeoutError:
        if not deadline.expired():
            raise
        raise QueryTimeout(
            f"The export took longer than {seconds:g} seconds, which is all that one may take "
            "(USAGE_GRAPH_EXPORT_TIMEOUT): ask for a shorter window, or for one part of it after another."
        ) from None


def _check_key(scope: Scope) -> None:
    """Raises ``Forbidden`` once the key that the export was asked for with is no longer good."""
    keys: Keys | None = scope.get(KEYS_IN_SCOPE)
    if keys is not None and not keys.holds(grant_in(scope)):
        raise Forbidden("The key has been revoked or has expired meanwhile.")


def _headers(asked: Asked, opened: Opened) -> dict[str, str]:
    start, end = (f"{at:%Y%m%dT%H%M%SZ}" for at in (opened.scope.start, opened.scope.end))
    name = f"usage-graph-{asked.table}-{start}-{end}.{asked.format}"
    headers = {
        "content-type": MEDIA_TYPES[asked.format],
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return headers if opened.count is None else {**headers, ROWS_HEADER: str(opened.count)}


def _encoder(asked: Asked, columns: Sequence[Column[Any]]) -> Encoder:
    if asked.format is Format.CSV:
        return Csv(columns, guard=asked.guard)
    if asked.format is Format.NDJSON:
        return Ndjson(columns)
    try:
        from usage_graph.graph.export.parquet import Parquet
    except ModuleNotFoundError:
        raise FormatUnavailable(
            'This server cannot write Parquet: pip install "usage-graph[parquet]" beside it. It writes csv and ndjson.'
        ) from None
    return Parquet(columns)


async def _file(
    portions: AsyncGenerator[Sequence[Any], None], columns: Sequence[Column[Any]], encoder: Encoder
) -> AsyncGenerator[bytes, None]:
    """The bytes of the file; the first part waits for the first rows."""

    def encoded(rows: Sequence[Any]) -> bytes:
        return encoder.encode(values_of(columns, rows))

    part = encoder.begin()
    async with aclosing(portions):
        async for rows in portions:
            # Beside the loop: whoever asks questions meanwhile does not wait for it.
            part += await asyncio.to_thread(encoded, rows)
            yield part
            part = b""
    yield part + await asyncio.to_thread(encoder.end)
