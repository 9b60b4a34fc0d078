"""GraphQL over HTTP: a request becomes one operation, its result a response.

After the GraphQL-over-HTTP specification: a client that accepts ``application/graphql-response+json`` gets status 400
for a document that did not run; one that accepts only ``application/json`` gets 200 for every well-formed request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from usage_graph.errors import QueryTimeout
from usage_graph.graph import failures, graphiql
from usage_graph.graph.operation import Operation, Reader
from usage_graph.graph.schema import schema
from usage_graph.usage import DEFAULT_PROJECT, PROJECT_HEADER, project_in

MAX_BODY = 2**20

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

T = TypeVar("T")


class _Refused(Exception):
    """The request is no GraphQL request; ``status`` is HTTP's word for it."""

    def __init__(self, status: int, message: str, *, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers
        super().__init__(message)


class _Asked(msgspec.Struct, rename="camel"):
    """The parameters of a GraphQL request."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class Endpoint:
    """``GET`` and ``POST`` of ``/graphql``. ``timeout`` is in seconds, for a whole operation."""

    def __init__(self, *, reader: Reader, clock: Callable[[], datetime], timeout: float) -> None:
        self._reader = reader
        self._clock = clock
        self._timeout = timeout

    async def respond(self, request: Request) -> Response:
        """Never raises: what goes wrong is in the response."""
        if graphiql.is_wanted(request):
            return graphiql.page()
        media_type = GRAPHQL_JSON if GRAPHQL_JSON in request.headers.get("accept", "") else JSON
        try:
            project = _project(request)
            asked = await _read(request)
            status, answer = await _unless_disconnected(request, self._answer(asked, project))
        except _Refused as refused:
            return _response(
                {"errors": [failures.refusal(str(refused), "BAD_REQUEST")]}, refused.status, media_type, refused.headers
            )
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it
        return _response(answer, status if media_type == GRAPHQL_JSON else 200, media_type)

    async def _answer(self, asked: _Asked, project: str) -> tuple[int, dict[str, Any]]:
        """The status for ``application/graphql-response+json``, and the body."""
        try:
            async with asyncio.timeout(self._timeout):
                result = await self._execute(asked, project)
        except TimeoutError:
            message = f"The operation took longer than {self._timeout:g} seconds: ask for less, or a shorter window."
            return 200, {"data": None, "errors": [failures.refusal(message, QueryTimeout.code)]}
        except (MissingQueryError, CannotGetOperationTypeError):
            message = "The document has no operation" + (f" {asked.operation_name!r}." if asked.operation_name else ".")
            return 400, {"errors": [failures.refusal(message, "OPERATION_RESOLUTION_FAILURE")]}
        except InvalidOperationTypeError:
            message = "This API only answers queries: usage is recorded through OTLP."
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

    async def _execute(self, asked: _Asked, project: str) -> ExecutionResult:
        name = asked.operation_name or None
        async with Operation(reader=self._reader, project=project, now=self._clock(), name=name) as operation:
            return await schema.execute(
                asked.query,
                variable_values=asked.variables,
                context_value=operation,
                operation_name=name,
                allowed_operation_types=(OperationType.QUERY,),
            )


def _project(request: Request) -> str:
    """The project that the request names; ``default`` where it names none."""
    header = request.headers.get(PROJECT_HEADER)
    if header is None:
        return DEFAULT_PROJECT
    try:
        return project_in(header)
    except ValueError as error:
        raise _Refused(400, str(error)) from None


async def _read(request: Request) -> _Asked:
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
    return _decoded(lambda: msgspec.json.decode(body, type=_Asked))


def _from_url(request: Request) -> _Asked:
    parameters = request.query_params
    values: dict[str, Any] = {name: parameters[name] for name in ("query", "operationName") if parameters.get(name)}
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            values[name] = _decoded(partial(msgspec.json.decode, text))
    return _decoded(lambda: msgspec.convert(values, _Asked))


def _decoded(decode: Callable[[], T]) -> T:
    try:
        return decode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _Refused(
            400, f'The request is not a GraphQL request ({error}): send {{"query": "...", "variables": {{...}}}}.'
        ) from None


async def _unless_disconnected(request: Request, answer: Awaitable[T]) -> T:
    """``answer``, cancelled as soon as the client is gone.

    Raises:
        ClientDisconnect: it is.
    """

    async def disconnected() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working = asyncio.ensure_future(answer)
    watching = asyncio.create_task(disconnected())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        # Waits until a cancelled operation has released its snapshot.
        await asyncio.gather(working, watching, return_exceptions=True)


def _response(answer: dict[str, Any], status: int, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(answer), status, headers, media_type)
