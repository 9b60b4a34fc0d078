"""An HTTP request's body, read with limits: never more of it in memory than may be kept."""

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from usage_graph.errors import MalformedRequest, RequestTooLarge, RetryableError, UnsupportedContent
from usage_graph.receiver.gunzip import Gunzip
from usage_graph.receiver.intake import Hold


async def read_body(headers: Headers, receive: Receive, *, max_bytes: int, hold: Hold, max_seconds: float) -> bytes:
    """The body, decompressed. A sender that vanished, or trickles, holds its share for ``max_seconds`` at most.

    Raises:
        RequestTooLarge: it is over ``max_bytes`` as sent or decompressed; the rest is not read.
        UnsupportedContent: its encoding is neither gzip nor identity.
        MalformedRequest: it is not gzip although it should be.
        QueueFull: there is no room for it now.
        RetryableError: it was not whole in time.
        ClientDisconnect: the sender went away.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise UnsupportedContent(f"Content-Encoding {encoding[:40]!r} is not supported; send gzip or identity.")
    _check_length(headers.get("content-length"), max_bytes)
    sent = _stream(receive, max_bytes=max_bytes)
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(max_seconds):
            async for piece in _gunzip(sent, max_bytes=max_bytes) if encoding == "gzip" else sent:
                hold.grow(len(piece))
                pieces.append(piece)
    except TimeoutError:
        raise RetryableError(
            f"The body was not whole after {max_seconds:g} seconds; send the same request again."
        ) from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_length(declared: str | None, max_bytes: int) -> None:
    if declared is None:
        return
    if not (declared.isascii() and declared.isdigit()):
        raise MalformedRequest("Content-Length is not a number.")
    # Compared by digits first: a number of a thousand digits is too large whatever it is.
    if len(declared.lstrip("0")) > 18 or int(declared) > max_bytes:
        raise _too_large("The body", max_bytes)


async def _stream(receive: Receive, *, max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        if piece := message.get("body", b""):
            size += len(piece)
            if size > max_bytes:
                raise _too_large("The body", max_bytes)
            yield piece


async def _gunzip(sent: AsyncIterator[bytes], *, max_bytes: int) -> AsyncIterator[bytes]:
    stream = Gunzip()
    size = 0
    async for compressed in sent:
        for piece in stream.feed(compressed):
            size += len(piece)
            if size > max_bytes:
                raise _too_large("The decompressed body", max_bytes)
            yield piece
            await asyncio.sleep(0)
    stream.close()


def _too_large(what: str, max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(f"{what} is over the limit of {max_bytes} bytes; send fewer spans per request.")
