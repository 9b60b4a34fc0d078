"""GraphQL over HTTP: a request becomes one operation, its result a response.

After the GraphQL-over-HTTP specification: a client that accepts ``application/graphql-response+json`` gets status 400
for a document that did not run; one that accepts only ``application/json`` gets 200 for every well-formed request.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from usage_graph.errors import Forbidden, QueryTimeout
from usage_graph.grant import Grant, grant_in
from usage_graph.graph import failures, graphiql, live_sse
from usage_graph.graph.administration import Administration
from usage_graph.graph.budget import Budget, Budgets
from usage_graph.graph.disconnect import unless_disconnected
from usage_graph.graph.execution import execute
from usage_graph.graph.limits import operation_type
from usage_graph.graph.live import Answer, Live
from usage_graph.graph.operation import Operation, Reader
from usage_graph.graph.request import Asked
from usage_graph.project import DEFAULT_PROJECT, PROJECT_HEADER, project_in

MAX_BODY = 2**20

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

_ASKED = (OperationType.QUERY,)
_POSTED = (OperationType.QUERY, OperationType.MUTATION)
"""A GET changes nothing: links, images and caches send it without being asked."""
_ELSEWHERE = {
    OperationType.MUTATION: "Mutations are sent with POST, one answer for each.",
    OperationType.SUBSCRIPTION: "Subscriptions are answered over a WebSocket (graphql-transport-ws), or as "
    "text/event-stream where the request accepts that; usage is recorded through OTLP.",
}

T = TypeVar("T")


class _Refused(Exception):
    """The request is no GraphQL request; ``status`` is HTTP's word for it."""

    def __init__(self, status: int, message: str, *, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers
        super().__init__(message)


class Endpoint:
    """``GET`` and ``POST`` of ``/graphql``. ``timeout`` is in seconds, for a whole operation.

    ``declared``: the attributes that can be asked for.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        clock: Callable[[], datetime],
        timeout: float,
        declared: tuple[str, ...] = (),
        budgets: Budgets,
        administration: Administration | None,
        live: Live,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._timeout = timeout
        self._declared = declared
        self._budgets = budgets
        self._administration = administration
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        response = await self.respond(Request(scope, receive))
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        """Never raises: what goes wrong is in the response."""
        if graphiql.is_wanted(request):
            return graphiql.page()
        media_type = GRAPHQL_JSON if GRAPHQL_JSON in request.headers.get("accept", "") else JSON
        try:
            project, grant = _project(request), grant_in(request.scope)
            asked, budget = await _read(request), self._budgets.of(request.scope)
            if live_sse.is_wanted(request, asked):
                return live_sse.EventStream(self.answers(asked, project, request.scope), live=self._live)
            allowed = _POSTED if request.method == "POST" else _ASKED
            status, answer = await unless_disconnected(request, self._answer(asked, project, grant, budget, allowed))
        except _Refused as refused:
            return _response(
                {"errors": [failures.refusal(str(refused), "BAD_REQUEST")]}, refused.status, media_type, refused.headers
            )
        except Forbidden as error:
            return _response({"errors": [failures.refusal(str(error), error.code)]}, 403, media_type)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it
        if budget.requested is not None:
            answer["extensions"] = {"cost": budget.described}
        if budget.retry_after:
            return _response(answer, 429, media_type, {"retry-after": str(budget.retry_after)})
        return _response(answer, status if media_type == GRAPHQL_JSON else 200, media_type)

    async def _answer(
        self, asked: Asked, project: str, grant: Grant, budget: Budget, allowed: Sequence[OperationType]
    ) -> tuple[int, dict[str, Any]]:
        """The status for ``application/graphql-response+json``, and the body."""
        try:
            async with asyncio.timeout(self._timeout):
                result = await self._execute(asked, project, grant, budget, allowed)
        except TimeoutError:
            message = f"The operation took longer than {self._timeout:g} seconds: ask for less, or a shorter window."
            return 200, {"data": None, "errors": [failures.refusal(message, QueryTimeout.code)]}
        except (MissingQueryError, CannotGetOperationTypeError):
            message = "The document has no operation" + (f" {asked.operation_name!r}." if asked.operation_name else ".")
            return 400, {"errors": [failures.refusal(message, "OPERATION_RESOLUTION_FAILURE")]}
        except InvalidOperationTypeError as error:
            message = _ELSEWHERE[error.operation_type]
            return 400, {"errors": [failures.refusal(message, "OPERATION_RESOLUTION_FAILURE")]}
        except Exception as error:
            return 500, {"errors": [failures.internal(error, "the operation")]}

        if not result.errors:
            return 200, {"data": result.data}
        executed = not isinstance(result, PreExecutionError)
        errors = failures.formatted(result.errors, executed=executed)
        if result.data is None and not any(error.path for error in result.errors):
            return 400, {"errors": errors}
        return 200, {"data": result.data, "errors": errors}

    async def answers(self, asked: Asked, project: str, scope: Mapping[str, Any]) -> AsyncGenerator[Answer, None]:
        """What is answered over a connection that lasts, for whom its ASGI ``scope`` says: one answer, or many."""
        grant, budget = grant_in(scope), self._budgets.of(scope)
        if operation_type(asked.query, asked.operation_name or None) == "subscription":
            async with aclosing(self._live.events(asked, self._operation(asked, project, grant, budget))) as events:
                async for event in events:
                    yield event
            return
        status, body = await self._answer(asked, project, grant, budget, _ASKED)
        if budget.requested is not None:
            body["extensions"] = {"cost": budget.described}
        yield Answer(body, refused=status == 400)

    def _operation(self, asked: Asked, project: str, grant: Grant, budget: Budget) -> Operation:
        return Operation(
            reader=self._reader,
            project=project,
            now=self._clock(),
            grant=grant,
            declared=self._declared,
            budget=budget,
            administration=self._administration,
            name=asked.operation_name or None,
        )

    async def _execute(
        self, asked: Asked, project: str, grant: Grant, budget: Budget, allowed: Sequence[OperationType]
    ) -> ExecutionResult:
        async with self._operation(asked, project, grant, budget) as operation:
            return await execute(asked, operation, allowed)


def _project(request: Request) -> str:
    """The project of the key, else the one that the request names, else ``default``.

    Raises:
        Forbidden: it names another than the key's.
    """
    header = request.headers.get(PROJECT_HEADER)
    try:
        named = None if header is None else project_in(header)
    except ValueError as error:
        raise _Refused(400, str(error)) from None
    return grant_in(request.scope).project_for(named) or DEFAULT_PROJECT


async def _read(request: Request) -> Asked:
    if request.method == "GET":
        return _from_url(request)
    if request.method != "POST":
        raise _Refused(405, "GraphQL is asked with GET or POST.", headers={"allow": "GET, POST"})
    content_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").removeprefix("charset=").strip('"')
    if content_type.strip() != JSON or charset not in ("", "utf-8", "utf8"):
        raise _Refused(415, f"Send the request as {JSON} in UTF-8.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise _Refused(415, "Send the request without a content encoding.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _Refused(413, f"A request may have {MAX_BODY} bytes.")
    if body.lstrip()[:1] == b"[":
        raise _Refused(400, "Send one operation per request: batches are not supported.")
    return _decoded(lambda: msgspec.json.decode(body, type=Asked))


def _from_url(request: Request) -> Asked:
    parameters = request.query_params
    values: dict[str, Any] = {name: parameters[name] for name in ("query", "operationName") if parameters.get(name)}
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            values[name] = _decoded(partial(msgspec.json.decode, text))
    return _decoded(lambda: msgspec.convert(values, Asked))


def _decoded(decode: Callable[[], T]) -> T:
    try:
        return decode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _Refused(
            400, f'The request is not a GraphQL request ({error}): send {{"query": "...", "variables": {{...}}}}.'
        ) from None


def _response(answer: dict[str, Any], status: int, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(answer, option=orjson.OPT_UTC_Z), status, headers, media_type)
