"""Decompression in bounded steps: what a few bytes can grow into never exists as a whole."""

import zlib
from collections.abc import Iterator

from usage_graph.errors import MalformedRequest

_INPUT_STEP = 2**16
_OUTPUT_STEP = 2**18
_GZIP = 31  # zlib's window bits: 32 kB window, gzip header and checksum required
_MAX_MEMBERS = 1024
"""A stream may be several gzip files in a row. Each costs a fresh decompressor, so their number is bounded."""


class Gunzip:
    """A gzip stream, fed piece by piece."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes, at most 256 KiB at a time. Raises: MalformedRequest: ``data`` is not gzip."""
        view = memoryview(data)
        for start in range(0, len(view), _INPUT_STEP):
            rest: bytes | memoryview = view[start : start + _INPUT_STEP]
            while rest:
                if self._member.eof:
                    self._next_member()
                try:
                    yield self._member.decompress(rest, _OUTPUT_STEP)
                except zlib.error:
                    raise MalformedRequest("The body is not gzip although Content-Encoding says so.") from None
                rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def close(self) -> None:
        """Raises: MalformedRequest: the stream ended before its end."""
        if not self._member.eof:
            raise MalformedRequest("The gzip body is cut short; send it whole.")

    def _next_member(self) -> None:
        if self._members == _MAX_MEMBERS:
            raise MalformedRequest(f"The body has more than {_MAX_MEMBERS} gzip members; compress it as one.")
        self._members += 1
        self._member = zlib.decompressobj(_GZIP)
