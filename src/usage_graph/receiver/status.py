"""Errors to gRPC codes and HTTP statuses: the one table, and the ``google.rpc.Status`` that carries them.

OTLP knows two kinds of failure: what may be sent again and what may not. Unknown means retryable, for nothing is
lost by sending a span twice.
"""

from math import ceil
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from msgspec.json import encode

from usage_graph.errors import (
    ExportError,
    Forbidden,
    MalformedRequest,
    PermanentError,
    RequestTooLarge,
    RetryableError,
    Unauthenticated,
    UnsupportedContent,
)

# The first class that fits decides.
_TABLE: tuple[tuple[type[ExportError], StatusCode, int], ...] = (
    (Unauthenticated, StatusCode.UNAUTHENTICATED, 401),
    (Forbidden, StatusCode.PERMISSION_DENIED, 403),
    (MalformedRequest, StatusCode.INVALID_ARGUMENT, 400),
    (RequestTooLarge, StatusCode.RESOURCE_EXHAUSTED, 413),
    (UnsupportedContent, StatusCode.INVALID_ARGUMENT, 415),
    (PermanentError, StatusCode.INVALID_ARGUMENT, 400),
    (RetryableError, StatusCode.UNAVAILABLE, 503),
)
_UNKNOWN = "The server failed in a way it did not expect. Send the same request again."
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


class Failure(NamedTuple):
    """How a sender is told; ``retry_after`` in whole seconds where the request may be sent again."""

    code: StatusCode
    http_status: int
    message: str
    retry_after: int | None = None


def failure(error: Exception) -> Failure:
    """The failure that ``error`` is to its sender."""
    for kind, code, http_status in _TABLE:
        if isinstance(error, kind):
            # Retry-After counts in whole seconds.
            after = max(1, ceil(error.retry_after)) if isinstance(error, RetryableError) else None
            return Failure(code, http_status, str(error), after)
    return Failure(StatusCode.UNAVAILABLE, 503, _UNKNOWN, 1)


def method_not_allowed(path: str) -> Failure:
    """The answer to anything but POST."""
    return Failure(StatusCode.UNIMPLEMENTED, 405, f"{path} takes OTLP requests by POST only.")


def encode_protobuf(failure: Failure) -> bytes:
    """A ``google.rpc.Status``, with RetryInfo where the request may be sent again."""
    status = Status(code=failure.code.value[0], message=failure.message)
    if failure.retry_after is not None:
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=failure.retry_after)))
    encoded: bytes = status.SerializeToString()
    return encoded


def encode_json(failure: Failure) -> bytes:
    """The same in protobuf's JSON mapping."""
    status: dict[str, object] = {"code": failure.code.value[0], "message": failure.message}
    if failure.retry_after is not None:
        status["details"] = [{"@type": _RETRY_INFO, "retryDelay": f"{failure.retry_after}s"}]
    return encode(status)
