"""OTLP over HTTP: ``POST /v1/traces``, ``/v1/logs`` and ``/v1/metrics``."""

import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from usage_graph.errors import ExportError, MalformedRequest, UnsupportedContent
from usage_graph.grant import grant_in
from usage_graph.project import PROJECT_HEADER, project_in
from usage_graph.receiver.body import read_body
from usage_graph.receiver.encoding import BY_MEDIA_TYPE, JSON, Encoding, export
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.protobuf.schema import require_compiled_protobuf
from usage_graph.receiver.request import Signal
from usage_graph.receiver.service import Service
from usage_graph.receiver.status import Failure, failure, method_not_allowed

_log = logging.getLogger("usage_graph.receiver")

_BODY_TIMEOUT = 60.0
"""Seconds that a body may take to arrive: exporters give up after 10, collectors after 30."""


def routes(service: Service, *, max_body_bytes: int, intake: Intake) -> list[Route]:
    """One route per signal. ``max_body_bytes`` bounds a body as sent and decompressed, ``intake`` all of them.

    Raises:
        StartupError: protobuf runs here without its compiled implementation.
    """
    require_compiled_protobuf()
    return [
        Route(f"/v1/{signal}", _Endpoint(service, signal, max_body_bytes=max_body_bytes, intake=intake))
        for signal in Signal
    ]


class _Endpoint:
    """An ASGI application for one signal; it answers every method, so that a wrong one gets a reason."""

    def __init__(self, service: Service, signal: Signal, *, max_body_bytes: int, intake: Intake) -> None:
        self._service = service
        self._signal = signal
        self._max_body_bytes = max_body_bytes
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = BY_MEDIA_TYPE.get(media_type)
        try:
            if scope["method"] != "POST":
                response = _refuse(method_not_allowed(scope["path"]), encoding)
                response.headers["Allow"] = "POST"
            else:
                project = grant_in(scope).project_for(_project(headers))
                body = await self._export(headers, receive, encoding, media_type, project)
                response = Response(body, media_type=encoding.media_type if encoding else None)
        except ClientDisconnect:
            _log.debug("a sender went away before its request was whole")
            return
        except ExportError as error:
            response = _refuse(failure(error), encoding)
        except Exception as error:
            _log.exception("an OTLP/HTTP request failed")
            response = _refuse(failure(error), encoding)
        await response(scope, receive, send)

    async def _export(
        self, headers: Headers, receive: Receive, encoding: Encoding | None, media_type: str, project: str | None
    ) -> bytes:
        if encoding is None:
            found = f"Content-Type {media_type[:80]!r} is not supported" if media_type else "Content-Type is missing"
            raise UnsupportedContent(f"{found}; send {' or '.join(BY_MEDIA_TYPE)}.")
        with self._intake.hold() as hold:
            return await export(
                self._service,
                self._signal,
                encoding,
                await read_body(headers, receive, max_bytes=self._max_body_bytes, hold=hold, max_seconds=_BODY_TIMEOUT),
                project=project,
            )


def _project(headers: Headers) -> str | None:
    value = headers.get(PROJECT_HEADER)
    try:
        return project_in(value) if value is not None else None
    except ValueError as error:
        raise MalformedRequest(str(error)) from None


def _refuse(failure: Failure, encoding: Encoding | None) -> Response:
    """A ``google.rpc.Status`` in the sender's encoding, in JSON where that is not known."""
    encoding = encoding or JSON
    headers = {"Retry-After": str(failure.retry_after)} if failure.retry_after is not None else None
    return Response(encoding.encode_failure(failure), failure.http_status, headers, encoding.media_type)
