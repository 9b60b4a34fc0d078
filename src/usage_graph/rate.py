"""How much one caller may ask for in a minute: a bucket of points for each, which fills again as time passes."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic
from typing import Any, NamedTuple

from usage_graph.grant import grant_in

_MINUTE = 60.0
_CALLERS = 10_000
"""Callers that are remembered at once: about 2 MB. Beyond that the one who was silent longest is forgotten."""
_CRUMB = 1e-6
"""Of a point: so much is lost in sums of floating-point numbers, and nobody waits for it."""
_NETWORK = 64
"""Bits of an IPv6 address that tell callers apart: whoever has one address of such a network has all of them."""


class Allowance(NamedTuple):
    """What became of a wish for points. ``remaining``: what may still be taken now.

    ``retry_after``: whole seconds until the same wish is granted; 0: it was.
    """

    remaining: int
    retry_after: int

    @property
    def granted(self) -> bool:
        return self.retry_after == 0


class RateLimits:
    """``per_minute`` points for each caller, all of them at once or one by one; 0: as many as they like.

    Whoever has been silent for a minute has the whole minute's points. A wish for more than those is granted where all
    of them are there, and paid off afterwards: so nothing is refused for ever, and nobody gets more in the long run.
    ``clock`` gives seconds that never go back.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        # Points that are left, and when that was; those who asked last come last.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, cost: int) -> Allowance:
        """Take ``cost`` points from the bucket of ``who``, or, where there are not enough, none."""
        if not self.per_minute:
            return Allowance(0, 0)
        now = self._clock()
        self._forget(now)
        left, since = self._left.pop(who, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - since) * self.per_minute / _MINUTE)
        missing = min(cost, self.per_minute) - left
        if granted := missing <= _CRUMB:
            left -= cost
        self._left[who] = left, now
        wait = 0 if granted else ceil((missing - _CRUMB) * _MINUTE / self.per_minute)
        return Allowance(max(0, int(left + _CRUMB)), wait)

    def _forget(self, now: float) -> None:
        """Those whose buckets are full again, and those who are too many."""
        while self._left:
            left, since = next(iter(self._left.values()))
            full = left + (now - since) * self.per_minute / _MINUTE >= self.per_minute
            if not full and len(self._left) < _CALLERS:
                break
            self._left.popitem(last=False)


def caller_of(scope: Mapping[str, Any]) -> str:
    """Who sends the request of an ASGI ``scope``: the key that it shows, without one the address that it comes from.

    Raises:
        KeyError: it did not come in through the door (see ``grant``).
    """
    if (key := grant_in(scope).key) is not None:
        return f"key {key}"
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return f"address {host}"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        host = str(IPv6Address(int(address) >> (128 - _NETWORK) << (128 - _NETWORK)))
    return f"address {host}"
