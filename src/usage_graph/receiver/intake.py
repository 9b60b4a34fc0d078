"""How many bytes of request bodies may be in memory at once, over all senders and both transports."""

from collections.abc import Iterator
from contextlib import contextmanager

from usage_graph.errors import QueueFull


class Intake:
    """A budget of ``max_bytes`` for bodies that are being received, decoded, or wait for their COMMIT."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = 0

    @contextmanager
    def hold(self) -> Iterator["Hold"]:
        """A share of the budget that grows while a body arrives and is given back when its request is answered."""
        share = Hold(self)
        try:
            yield share
        finally:
            self._held -= share.size

    def _take(self, share: "Hold", size: int) -> None:
        others = self._held - share.size
        # The only request there is may be as large as one request may be: it could never pass otherwise.
        if others and self._held + size > self._max_bytes:
            raise QueueFull(
                f"The server holds {others} bytes of other requests and has no room for this one. "
                "Send the same request again a little later."
            )
        self._held += size
        share.size += size


class Hold:
    """What one request holds of an ``Intake``."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.size = 0

    def grow(self, size: int) -> None:
        """Take ``size`` bytes more. Raises: QueueFull: there are no more."""
        self._intake._take(self, size)
