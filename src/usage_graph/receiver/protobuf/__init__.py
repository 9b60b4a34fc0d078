"""OTLP in protobuf: requests in, responses out."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from usage_graph.errors import MalformedRequest
from usage_graph.receiver.protobuf import schema
from usage_graph.receiver.protobuf.reader import Reader
from usage_graph.receiver.request import Signal

__all__ = ["MEDIA_TYPE", "Reader", "encode_response", "parse"]

MEDIA_TYPE = "application/x-protobuf"

_MALFORMED = (
    "The body is not an OTLP request in protobuf. "
    "Send what an OTLP exporter makes, or name the body's real type in Content-Type."
)


def parse(signal: Signal, body: bytes) -> Sequence[Any]:
    """The resources that a request of ``signal`` holds; on the wire the signals differ only in what those hold.

    Raises:
        MalformedRequest: the body is no such request; a bad part of it is not an error.
    """
    try:
        resources: Sequence[Any] = schema.Request.FromString(body).resources
    except DecodeError:
        raise MalformedRequest(_MALFORMED) from None
    return resources


def encode_response(signal: Signal, rejected: int, message: str) -> bytes:
    """An ``Export...ServiceResponse``, with ``partial_success`` only where there is something to say."""
    if not rejected:
        return b""
    encoded: bytes = schema.Response(
        partial_success={"rejected": rejected, "error_message": message}
    ).SerializeToString()
    return encoded
