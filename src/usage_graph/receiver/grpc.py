"""OTLP over gRPC, beside HTTP in the same event loop.

Messages reach the handlers as bytes, so that they take the same way through decoding as those over HTTP.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import grpc

from usage_graph.errors import ExportError, MalformedRequest
from usage_graph.grant import Grant
from usage_graph.project import PROJECT_HEADER, project_named
from usage_graph.receiver.encoding import PROTOBUF, export
from usage_graph.receiver.intake import Intake
from usage_graph.receiver.request import Signal
from usage_graph.receiver.service import Service
from usage_graph.receiver.status import failure

_log = logging.getLogger("usage_graph.receiver")

_METHODS = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Signal.TRACES,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": Signal.LOGS,
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Signal.METRICS,
}

_Context = grpc.aio.ServicerContext[bytes, bytes]
Admit = Callable[[Mapping[str, str]], Grant]
"""What the sender of these metadata may do; raises ``Unauthenticated`` or ``Forbidden`` where that is nothing."""


def server(service: Service, *, max_body_bytes: int, intake: Intake, admit: Admit) -> grpc.aio.Server:
    """A server without a port; adding one that is taken fails. gzip is on, as gRPC has it.

    ``max_body_bytes`` bounds a message as sent and decompressed (gRPC answers RESOURCE_EXHAUSTED by itself),
    ``intake`` all of them. ``admit`` sees the metadata of each request first.
    """
    made = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", max_body_bytes),
            # Several processes on one port would each get a part of the requests, unnoticed.
            ("grpc.so_reuseport", 0),
        )
    )
    made.add_generic_rpc_handlers((_Handlers(service, intake, admit),))
    return made


def listen(server: grpc.aio.Server, address: str, *, certificate: tuple[Path, Path] | None) -> None:
    """Give ``server`` its port; with a certificate and its key, both in files that were looked at, it speaks TLS.

    Raises:
        RuntimeError: the port cannot be had.
    """
    if certificate is None:
        server.add_insecure_port(address)
    else:
        chain, key = (file.read_bytes() for file in certificate)
        server.add_secure_port(address, grpc.ssl_server_credentials([(key, chain)]))


class _Handlers(grpc.GenericRpcHandler):
    """The Export methods of the three signals; gRPC answers UNIMPLEMENTED to any other."""

    def __init__(self, service: Service, intake: Intake, admit: Admit) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            method: grpc.unary_unary_rpc_method_handler(_behaviour(service, signal, intake, admit))
            for method, signal in _METHODS.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        return self._handlers.get(handler_call_details.method)


def _behaviour(
    service: Service, signal: Signal, intake: Intake, admit: Admit
) -> Callable[[bytes, _Context], Awaitable[bytes]]:
    async def run(message: bytes, context: _Context) -> bytes:
        try:
            metadata = _metadata(context)
            project = admit(metadata).project_for(_project(metadata))
            with intake.hold() as hold:
                hold.grow(len(message))
                return await export(service, signal, PROTOBUF, message, project=project)
        except ExportError as error:
            failed = failure(error)
        except Exception as error:
            _log.exception("an OTLP/gRPC request failed")
            failed = failure(error)
        details = (("grpc-status-details-bin", PROTOBUF.encode_failure(failed)),)
        await context.abort(failed.code, failed.message, trailing_metadata=details)
        raise AssertionError("abort always raises")

    return run


def _metadata(context: _Context) -> dict[str, str]:
    """The request's metadata; of a key that is there twice the first value, as ``Headers`` has it over HTTP."""
    return {key: str(value) for key, value in reversed(tuple(context.invocation_metadata() or ()))}


def _project(metadata: Mapping[str, str]) -> str | None:
    value = metadata.get(PROJECT_HEADER)
    try:
        return project_named(value) if value is not None else None
    except ValueError as error:
        raise MalformedRequest(str(error)) from None
