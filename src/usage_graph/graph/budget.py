"""What one operation may cost, and what its caller may spend in a minute. ``cost`` says what it costs."""

from collections.abc import Mapping
from typing import Any

from usage_graph.config import QUERY_COST
from usage_graph.errors import CostExceeded, RateLimited
from usage_graph.rate import Allowance, RateLimits, caller_of


class Budgets:
    """Makes the budgets of a server's operations. Without ``rates`` nobody has to wait."""

    def __init__(self, *, limit: int = QUERY_COST, rates: RateLimits | None = None) -> None:
        self._limit = limit
        self._rates = rates

    def of(self, scope: Mapping[str, Any]) -> "Budget":
        """The budget of one operation for whoever sends the request of this ASGI ``scope``."""
        return Budget(limit=self._limit, rates=self._rates, who=caller_of(scope))


class Budget:
    """What one operation may cost, and what its caller may spend in a minute; notes what was ``requested``.

    ``who`` is the caller as ``rate.caller_of`` names it.
    """

    def __init__(self, *, limit: int = QUERY_COST, rates: RateLimits | None = None, who: str = "") -> None:
        self.limit = limit
        self.requested: int | None = None
        self._rates = rates if rates is not None and rates.per_minute else None
        self._who = who
        self._allowance: Allowance | None = None

    @property
    def retry_after(self) -> int:
        """Seconds until the caller may ask this again; 0: now."""
        return self._allowance.retry_after if self._allowance else 0

    @property
    def described(self) -> dict[str, int]:
        """As ``extensions.cost`` says it."""
        said = {"requested": self.requested or 0, "limit": self.limit}
        if self._rates is not None and self._allowance is not None:
            said |= {"perMinute": self._rates.per_minute, "remaining": self._allowance.remaining}
            if not self._allowance.granted:
                said["retryAfter"] = self._allowance.retry_after
        return said

    def spend(self, requested: int) -> None:
        """Take what an operation costs, before it runs.

        Raises:
            CostExceeded: it is more than any operation may cost.
            RateLimited: it is more than the caller may spend now.
        """
        self.requested = requested
        self.check(requested)
        self.pay(requested)

    def pay(self, points: int) -> None:
        """Take ``points``, however many one operation may cost. Raises ``RateLimited`` as ``spend`` does."""
        if self._rates is None:
            return
        self._allowance = self._rates.take(self._who, points)
        if not self._allowance.granted:
            raise RateLimited(
                f"This operation may cost {points} points. Of the {self._rates.per_minute} that you may spend in a "
                f"minute (USAGE_GRAPH_RATE_LIMIT) {self._allowance.remaining} are left: ask again in "
                f"{self._allowance.retry_after} seconds.",
                cost=self.described,
            )

    def check(self, points: int) -> None:
        """Raises ``CostExceeded`` where so many are more than one operation may cost."""
        if points > self.limit:
            raise CostExceeded(
                f"This operation may cost {points} points, and the limit is {self.limit} (USAGE_GRAPH_QUERY_COST): ask "
                "for a larger bucket, fewer groups, shorter pages or fewer fields. What is asked of every entry of a "
                "list counts as often as the list is long.",
                cost=self.described,
            )
