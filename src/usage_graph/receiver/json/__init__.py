"""OTLP in JSON (protobuf's JSON mapping with OTLP's exceptions: hex ids, enums as numbers): requests in, responses out.

Enum names are taken too, unknown fields are ignored, ``null`` is an absent field, 64-bit integers are numbers or
strings.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.json import Decoder, encode

from usage_graph.errors import MalformedRequest
from usage_graph.receiver.json.documents import UNREADABLE, request_of
from usage_graph.receiver.json.reader import Reader
from usage_graph.receiver.json.surrogates import mend
from usage_graph.receiver.request import Signal

__all__ = ["MEDIA_TYPE", "Reader", "encode_response", "parse"]

MEDIA_TYPE = "application/json"

_DECODERS = {
    Signal.TRACES: Decoder(request_of("resourceSpans", "scopeSpans", "spans")),
    Signal.LOGS: Decoder(request_of("resourceLogs", "scopeLogs", "logRecords")),
    Signal.METRICS: Decoder(request_of("resourceMetrics", "scopeMetrics", "metrics")),
}
_REJECTED = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}


def parse(signal: Signal, body: bytes) -> Sequence[Any]:
    """The resources that a request of ``signal`` holds.

    Raises:
        MalformedRequest: the body is no such request; a bad part of it is not an error.
    """
    decoder = _DECODERS[signal]
    try:
        return decoder.decode(body).resources or ()
    except UNREADABLE as error:
        mended = mend(body)
        if mended == body:
            raise MalformedRequest(_explain(error)) from None
    try:
        return decoder.decode(mended).resources or ()
    except UNREADABLE as error:
        raise MalformedRequest(_explain(error)) from None


def encode_response(signal: Signal, rejected: int, message: str) -> bytes:
    """An ``Export...ServiceResponse``, with ``partialSuccess`` only where there is something to say."""
    if not rejected:
        return b"{}"
    return encode({"partialSuccess": {_REJECTED[signal]: str(rejected), "errorMessage": message}})


def _explain(error: Exception) -> str:
    # What msgspec says holds a position and type names, never a value of the body.
    found = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")
    return f"The body is not an OTLP request in JSON: {found}. Field names are lowerCamelCase, as in resourceSpans."
