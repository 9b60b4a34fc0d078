"""One LLM call of a history, whatever the history looks like."""

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple


class Call(NamedTuple):
    """What a history tells of a call. Tokens are inclusive, as in ``usage.UsageRecord``; ``None`` is unknown.

    ``identity`` is what makes it the same call wherever it is met again among histories of its kind. ``span`` are the
    trace id and the span id, where the history knows them. Costs are USD, reported ones only.
    """

    identity: str
    started_at: datetime
    duration: timedelta = timedelta()
    operation: str = "chat"
    source: str | None = None
    name: str | None = None
    agent: str | None = None
    conversation: str | None = None
    user: str | None = None
    channel: str | None = None
    service: str | None = None
    environment: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    failed: bool = False
    error_type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None
    credits: Decimal | None = None
    service_tier: str | None = None
    response_id: str | None = None
    request_id: str | None = None
    span: tuple[bytes, bytes] | None = None

    @property
    def model(self) -> str | None:
        return self.response_model or self.request_model


def ids(kind: str, call: Call) -> tuple[bytes, bytes]:
    """The trace id and the span id of ``call`` in a history of ``kind``: the same each time, so that it counts once."""
    if call.span is not None:
        return call.span
    digest = blake2b(call.identity.encode("utf-8", "surrogatepass"), digest_size=24, person=kind.encode()[:16]).digest()
    return digest[:16], digest[16:]
