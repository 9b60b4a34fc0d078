"""The domain: one usage record per LLM call, their totals, and the names by which they are asked for.

Units: money is integer nano-USD (1e-9 USD), credits are integer nano-credits (1e-9), durations are integer
microseconds, instants are aware ``datetime`` in UTC. ``None`` means unknown; 0 means measured zero.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from hashlib import blake2b
from typing import NamedTuple, Self

from usage_graph.latency import Histogram, Latency, Times, latency_of

NANO = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

MAX_TOKENS = 10**12
"""A token count above this is noise, not a measurement."""
MAX_COST_NANO = 10**4 * NANO
"""A call that claims to cost more than ten thousand USD is not believed. Sums are 64-bit: a million such calls fit."""
MAX_CREDITS_NANO = 10**6 * NANO
MAX_DURATION_US = 7 * 24 * 3600 * 10**6
"""No call takes over a week: such an end is a wrong clock, and sums of such durations would leave 64 bits."""


class CallStatus(StrEnum):
    OK = "OK"
    ERROR = "ERROR"


class CostStatus(StrEnum):
    """Where a record's cost comes from."""

    REPORTED = "REPORTED"
    COMPUTED = "COMPUTED"
    UNPRICED = "UNPRICED"


class Metric(StrEnum):
    """What groups are ranked and shared by; values name the measure of ``Totals``."""

    COST = "cost"
    TOKENS = "total_tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    CALLS = "calls"
    CREDITS = "credits"
    DURATION = "duration"


class UsageRecord(NamedTuple):
    """One LLM call. The field order is the column order of the store's staging table and of its reads.

    Tokens are inclusive: ``input_tokens`` contains cache reads and writes, ``output_tokens`` contains reasoning, and
    ``cache_write_tokens`` those that are written for an hour. The four parts of the cost are of the input that was not
    cached, of cache reads, of cache writes and of the output; where they are known they add up to at most the cost: the
    rest is charged per call. ``suspect``: the counts contradicted each other as they were sent.

    ``first_token_us`` is the time to the first token. ``turn`` is set where the application says what turn of the user
    the call belongs to; else that is the trace. ``attributes``: the declared ones (``USAGE_GRAPH_ATTRIBUTES``) that it
    has, by key, in the order of keys.
    """

    project: str
    started_at: datetime
    id: int
    trace_id: bytes
    span_id: bytes
    duration_us: int
    failed: bool
    error_type: str | None
    source: str
    operation: str
    name: str | None
    agent: str | None
    conversation: str | None
    user_id: str | None
    channel: str | None
    service: str | None
    environment: str | None
    provider: str | None
    request_model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    cost_reported: bool
    credits_nano: int
    cache_write_1h_tokens: int | None = None
    input_cost_nano: int | None = None
    cache_read_cost_nano: int | None = None
    cache_write_cost_nano: int | None = None
    output_cost_nano: int | None = None
    service_tier: str | None = None
    suspect: bool = False
    first_token_us: int | None = None
    credits_reported: bool = False
    turn: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> CallStatus:
        return CallStatus.ERROR if self.failed else CallStatus.OK

    @property
    def total_tokens(self) -> int | None:
        """Input plus output; unknown only where both are."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens by the duration; unknown where they are, and where it is 0."""
        if self.output_tokens is None or not self.duration_us:
            return None
        return self.output_tokens / self.duration_us * 10**6

    @property
    def cost_status(self) -> CostStatus:
        if self.cost_nano is None:
            return CostStatus.UNPRICED
        return CostStatus.REPORTED if self.cost_reported else CostStatus.COMPUTED

    @property
    def costs(self) -> "Costs":
        """Parts that are unknown are in ``other``, so that those that are known add up to the cost."""
        parts = (self.input_cost_nano, self.cache_read_cost_nano, self.cache_write_cost_nano, self.output_cost_nano)
        return Costs.of(self.cost_nano, parts)


def record_id(project: str, trace_id: bytes, span_id: bytes) -> int:
    """A record's id: a signed 64-bit hash of its span key.

    Derived rather than drawn, so that the same spans have the same ids and order in every database. It names a
    record only together with ``started_at``; the span key itself is what identity is decided by.
    """
    digest = blake2b(trace_id + span_id + project.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Costs(NamedTuple):
    """What a cost is made of, in USD: together it is the cost. Unknown parts are ``None``."""

    input: Decimal | None
    cache_read: Decimal | None
    cache_write: Decimal | None
    output: Decimal | None
    other: Decimal | None

    @classmethod
    def of(cls, cost: int | None, parts: tuple[int | None, int | None, int | None, int | None]) -> Self:
        """``other`` is what is left of ``cost`` (all in nano-USD); of a cost that is unknown all parts are."""
        if cost is None:
            return cls(None, None, None, None, None)
        input_, cache_read, cache_write, output = (None if part is None else from_nano(part) for part in parts)
        return cls(input_, cache_read, cache_write, output, from_nano(cost - sum(part or 0 for part in parts)))


_NO_TIMES = Histogram()


class Totals(NamedTuple):
    """Exact sums over calls, and histograms where they were asked for. The sums (``SUMMED``) are the columns of every
    aggregate query, in this order.

    ``timed_calls`` took time, as far as is known; ``timed_output_tokens`` and ``timed_output_us`` are the output tokens
    and the time of those of them whose output tokens are known; ``first_token_calls`` those whose time to the first
    token is known, and ``first_token_us`` the sum of these times.
    """

    calls: int = 0
    failed_calls: int = 0
    unpriced_calls: int = 0
    unmeasured_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0
    credits_nano: int = 0
    duration_us: int = 0
    suspect_calls: int = 0
    cache_write_1h_tokens: int = 0
    input_cost_nano: int = 0
    cache_read_cost_nano: int = 0
    cache_write_cost_nano: int = 0
    output_cost_nano: int = 0
    timed_calls: int = 0
    timed_output_tokens: int = 0
    timed_output_us: int = 0
    first_token_calls: int = 0
    first_token_us: int = 0
    durations: Histogram = _NO_TIMES
    first_tokens: Histogram = _NO_TIMES

    @classmethod
    def of_sums(cls, sums: Iterable[int]) -> Self:
        """From numbers in the order of ``SUMMED``."""
        return cls._make((*map(int, sums), _NO_TIMES, _NO_TIMES))

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def cost(self) -> Decimal | None:
        """USD; 0 on zero calls, unknown where there are calls and none is priced."""
        known = self.known_cost_nano
        return None if known is None else from_nano(known)

    @property
    def known_cost_nano(self) -> int | None:
        """The same in nano-USD."""
        return None if self.calls and self.unpriced_calls == self.calls else self.cost_nano

    @property
    def costs(self) -> Costs:
        """Unknown where ``cost`` is. Calls whose parts are unknown are in ``other`` with all of their cost."""
        parts = (self.input_cost_nano, self.cache_read_cost_nano, self.cache_write_cost_nano, self.output_cost_nano)
        return Costs.of(self.known_cost_nano, parts)

    @property
    def priced_share(self) -> float | None:
        """The part of the calls whose cost is known, 0 to 1; unknown on zero calls."""
        return (self.calls - self.unpriced_calls) / self.calls if self.calls else None

    @property
    def avg_cost(self) -> Decimal | None:
        """USD per priced call, half-even at 1e-9; unknown without a priced call."""
        priced = self.calls - self.unpriced_calls
        return from_nano(round(Fraction(self.cost_nano, priced))) if priced else None

    @property
    def credits(self) -> Decimal:
        return from_nano(self.credits_nano)

    @property
    def avg_duration_ms(self) -> float | None:
        return self.duration_us / self.calls / 1000 if self.calls else None

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens per second of the calls that took time; unknown where there is none with known tokens."""
        return self.timed_output_tokens / self.timed_output_us * 10**6 if self.timed_output_us else None

    @property
    def latency(self) -> Latency:
        """How long the calls took; quantiles are unknown where histograms were not asked for."""
        return latency_of(
            Times(self.timed_calls, self.duration_us, self.durations),
            Times(self.first_token_calls, self.first_token_us, self.first_tokens),
            self.tokens_per_second,
        )

    def metric(self, metric: Metric) -> int | None:
        """The measure ``metric`` as an integer in the units of this class; unknown only for COST."""
        match metric:
            case Metric.COST:
                return self.known_cost_nano
            case Metric.TOKENS:
                return self.total_tokens
            case Metric.INPUT_TOKENS:
                return self.input_tokens
            case Metric.OUTPUT_TOKENS:
                return self.output_tokens
            case Metric.CALLS:
                return self.calls
            case Metric.CREDITS:
                return self.credits_nano
            case Metric.DURATION:
                return self.duration_us

    def plus(self, other: "Totals") -> "Totals":
        sums = map(int.__add__, self[:_WIDTH], other[:_WIDTH])  # type: ignore[arg-type]  # these are numbers
        return Totals._make((*sums, self.durations.plus(other.durations), self.first_tokens.plus(other.first_tokens)))

    def share_of(self, whole: "Totals", metric: Metric) -> float | None:
        """This part of ``whole`` by ``metric``, 0 to 1; unknown where either is, or where the whole is 0."""
        part, all_ = self.metric(metric), whole.metric(metric)
        return part / all_ if part is not None and all_ else None


SUMMED: tuple[str, ...] = Totals._fields[:-2]
"""The fields of ``Totals`` that are sums."""
_WIDTH = len(SUMMED)


def sum_of(parts: Iterable[Totals]) -> Totals:
    """All of ``parts`` together; zeros where there are none."""
    whole = Totals()
    for part in parts:
        whole = whole.plus(part)
    return whole


def from_nano(nano: int) -> Decimal:
    """1e-9 units as an exact ``Decimal``."""
    return Decimal(nano).scaleb(-9)
