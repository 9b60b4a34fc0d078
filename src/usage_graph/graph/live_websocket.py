"""GraphQL over WebSocket: the sub-protocol ``graphql-transport-ws``, as graphql-ws documents it.

A browser cannot send headers with a WebSocket, so the key and the project may come in the payload of
``connection_init``, under the names that the headers have.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing
from typing import Annotated, Any

import msgspec
import orjson
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from usage_graph.errors import Forbidden, LimitExceeded, Unauthenticated
from usage_graph.grant import OPEN, Access, Grant, attach, grant_in, is_attached
from usage_graph.graph import failures
from usage_graph.graph.live import (
    FORBIDDEN,
    GOING_AWAY,
    KEYS_IN_SCOPE,
    UNAUTHORIZED,
    Answer,
    Ended,
    Gone,
    Keys,
    Live,
    Place,
)
from usage_graph.graph.request import Asked
from usage_graph.project import DEFAULT_PROJECT, PROJECT_HEADER, project_in, project_named
from usage_graph.rate import caller_of

PROTOCOL = "graphql-transport-ws"

MAX_OPERATIONS = 20
"""Operations that run at once over one connection."""

_RETRY = {"retry-after": "5"}
_INIT_TIMEOUT = 3.0
_FAREWELL = 2.0
_MAX_REASON = 123
"""Bytes that a WebSocket has for the reason of its end."""

BAD_REQUEST = 4400
NOT_ACCEPTABLE = 4406
INIT_TIMED_OUT = 4408
TAKEN = 4409
TOO_MANY_INITS = 4429

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Payload = dict[str, Any] | None


class _Init(msgspec.Struct, tag="connection_init"):
    payload: _Payload = None


class _Ping(msgspec.Struct, tag="ping"):
    payload: _Payload = None


class _Pong(msgspec.Struct, tag="pong"):
    payload: _Payload = None


class _Subscribe(msgspec.Struct, tag="subscribe"):
    id: _Id
    payload: Asked


class _Complete(msgspec.Struct, tag="complete"):
    id: _Id


_messages = msgspec.json.Decoder(_Init | _Ping | _Pong | _Subscribe | _Complete)

Answers = Callable[[Asked, str, dict[str, Any]], AsyncGenerator[Answer, None]]
"""What is answered to a request about a project, for whom an ASGI scope says."""


class Sockets:
    """The WebSocket side of ``/graphql``."""

    def __init__(self, *, live: Live, answers: Answers) -> None:
        self._live = live
        self._answers = answers

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, from its first byte to its last."""
        scope = websocket.scope
        try:
            with _place(self._live, scope) as place:
                if PROTOCOL not in scope["subprotocols"]:
                    await websocket.accept()
                    await websocket.close(NOT_ACCEPTABLE, "Subprotocol not acceptable")
                    return
                await websocket.accept(PROTOCOL)
                await _Socket(websocket, place, live=self._live, answers=self._answers).run()
        except LimitExceeded as error:
            answer = {"errors": [failures.refusal(str(error), error.code)]}
            await websocket.send_denial_response(JSONResponse(answer, 429, _RETRY))
        except (WebSocketDisconnect, Gone):
            pass


def _place(live: Live, scope: Mapping[str, Any]) -> AbstractContextManager[Place]:
    """Of the key in a header, where there is one; else of a connection that has yet to say whose it is.

    Raises:
        LimitExceeded: when it is entered.
    """
    if is_attached(scope) and grant_in(scope).key is not None:
        return live.connection(caller_of(scope))
    unknown = dict(scope)
    attach(unknown, OPEN)
    return live.new_connection(caller_of(unknown))


class _Socket:
    """One connection that was accepted."""

    def __init__(self, websocket: WebSocket, place: Place, *, live: Live, answers: Answers) -> None:
        self._websocket = websocket
        self._place = place
        self._live = live
        self._answers = answers
        self._scope: dict[str, Any] = dict(websocket.scope)
        self._keys: Keys | None = self._scope.get(KEYS_IN_SCOPE)
        self._project: str | None = None
        self._initialised = asyncio.Event()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Raises ``WebSocketDisconnect`` or ``Gone`` where the client is gone."""
        tasks = asyncio.TaskGroup()
        try:
            async with tasks:
                tasks.create_task(self._read(tasks))
                tasks.create_task(self._until_ended())
        except* Ended as ended:
            error = ended.exceptions[0]
            assert isinstance(error, Ended)  # noqa: S101 (the group is flat)
            await self._end(error)
        except* (WebSocketDisconnect, Gone):
            pass  # nobody is there to say it to

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            received = await self._websocket.receive()
            if received["type"] == "websocket.disconnect":
                raise Gone
            text = received.get("text")
            if text is None:
                raise Ended(BAD_REQUEST, "Messages are text.")
            try:
                message = _messages.decode(text)
            except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
                raise Ended(BAD_REQUEST, f"Not a message of {PROTOCOL}: {error}") from None
            match message:
                case _Init():
                    await self._initialise(message.payload or {})
                case _Ping():
                    await self._send({"type": "pong"})
                case _Subscribe():
                    await self._subscribe(message, tasks)
                case _Complete():
                    if (task := self._operations.pop(message.id, None)) is not None:
                        task.cancel()

    async def _initialise(self, payload: Mapping[str, Any]) -> None:
        if self._initialised.is_set():
            raise Ended(TOO_MANY_INITS, "Too many initialisation requests")
        said = {name.lower(): value for name, value in payload.items() if isinstance(value, str)}
        try:
            grant = self._grant(said)
            grant.require(Access.READ)
            self._project = grant.project_for(self._named(said)) or DEFAULT_PROJECT
            attach(self._scope, grant)
            self._place.take(caller_of(self._scope))
        except Unauthenticated as error:
            raise Ended(UNAUTHORIZED, str(error)) from None
        except (Forbidden, LimitExceeded) as error:
            raise Ended(FORBIDDEN, str(error)) from None
        except ValueError as error:
            raise Ended(BAD_REQUEST, str(error)) from None
        self._initialised.set()
        await self._send({"type": "connection_ack"})

    def _grant(self, said: Mapping[str, str]) -> Grant:
        """Raises ``Unauthenticated``."""
        if is_attached(self._scope):
            return grant_in(self._scope)
        assert self._keys is not None  # noqa: S101 (whoever attaches no grant leaves them there)
        scheme, _, credentials = said.get("authorization", "").partition(" ")
        return self._keys.grant(credentials.strip() if scheme.lower() == "bearer" else said.get("x-api-key"))

    def _named(self, said: Mapping[str, str]) -> str | None:
        """The project that the payload names, or a header; raises ``ValueError``."""
        if (name := said.get(PROJECT_HEADER)) is not None:
            return project_named(name)
        header = self._websocket.headers.get(PROJECT_HEADER)
        return None if header is None else project_in(header)

    async def _subscribe(self, message: _Subscribe, tasks: asyncio.TaskGroup) -> None:
        if not self._initialised.is_set():
            raise Ended(UNAUTHORIZED, "Unauthorized: send connection_init first.")
        if message.id in self._operations:
            raise Ended(TAKEN, f"Subscriber for {message.id} already exists")
        if len(self._operations) >= MAX_OPERATIONS:
            refusal = failures.refusal(
                f"There are {MAX_OPERATIONS} operations on this connection already: complete one of them first.",
                LimitExceeded.code,
            )
            await self._send({"id": message.id, "type": "error", "payload": [refusal]})
            return
        self._operations[message.id] = tasks.create_task(self._operate(message.id, message.payload))

    async def _operate(self, id: str, asked: Asked) -> None:
        assert self._project is not None  # noqa: S101 (it is initialised)
        async with aclosing(self._answers(asked, self._project, self._scope)) as answers:
            async for answer in answers:
                if answer.refused:
                    self._forget(id)
                    await self._send({"id": id, "type": "error", "payload": answer.body["errors"]})
                    return
                await self._send({"id": id, "type": "next", "payload": answer.body})
        self._forget(id)
        await self._send({"id": id, "type": "complete"})

    def _forget(self, id: str) -> None:
        """Before the last message is sent: the client may use ``id`` again as soon as it has it."""
        if self._operations.get(id) is asyncio.current_task():
            del self._operations[id]

    async def _until_ended(self) -> None:
        try:
            async with asyncio.timeout(_INIT_TIMEOUT):
                await self._live.unless_stopped(self._initialised)
        except TimeoutError:
            raise Ended(INIT_TIMED_OUT, "Connection initialisation timeout") from None
        await self._live.until_ended(self._keys, grant_in(self._scope))

    async def _send(self, message: dict[str, Any]) -> None:
        """Raises ``Gone`` where the client does not read."""
        async with self._sending:
            try:
                async with asyncio.timeout(self._live.patience):
                    await self._websocket.send_text(orjson.dumps(message).decode())
            except (TimeoutError, RuntimeError):  # the latter: it is being closed
                raise Gone from None

    async def _end(self, ended: Ended) -> None:
        """Say goodbye, to whoever still reads; the operations have been cancelled."""
        reason = str(ended).encode()[:_MAX_REASON].decode(errors="ignore")
        try:
            async with asyncio.timeout(_FAREWELL):
                for id in self._operations if ended.code == GOING_AWAY else ():
                    await self._send({"id": id, "type": "complete"})
                await self._websocket.close(ended.code, reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect, Gone):
            pass
