"""A file that is sent while it is made. It ends as HTTP ends a body only when it is whole."""

import asyncio
from collections.abc import Mapping

from starlette.types import Send

PIECE = 2**16
"""Bytes that are sent at once, each within the patience."""


class ClientStalled(Exception):
    """The client takes nothing any more."""


class Sending:
    """The response to one request, in pieces. ``patience``: seconds that the client may leave a piece untaken."""

    def __init__(self, send: Send, *, patience: float) -> None:
        self._send = send
        self._patience = patience
        self.started = False

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})

    async def part(self, part: bytes) -> None:
        """Returns when the client has taken most of it.

        Raises:
            ClientStalled: the client has stopped to read.
        """
        for start in range(0, len(part), PIECE):
            piece = {"type": "http.response.body", "body": part[start : start + PIECE], "more_body": True}
            try:
                async with asyncio.timeout(self._patience):
                    await self._send(piece)
            except TimeoutError:
                raise ClientStalled(f"it took nothing for {self._patience:g} seconds") from None

    async def end(self) -> None:
        """Say that the file is whole."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
