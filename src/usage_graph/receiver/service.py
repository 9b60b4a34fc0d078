"""OTLP in, whatever the transport: one export per request, answered after its records are committed."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from usage_graph.exporter.exporter import Exporter
from usage_graph.processor.spans import Processor, Rejection, check
from usage_graph.receiver.request import Call, Decoded, Outline, TraceRequest
from usage_graph.usage import UsageRecord

_log = logging.getLogger("usage_graph.receiver")

_YIELD_EVERY = 128
"""Spans decoded before other requests get a turn: about 3 ms of LLM calls."""
_REASONS_TOLD = 5
_TOO_OLD = "span starts before {:%Y-%m-%d}, since when records are kept (USAGE_GRAPH_RETENTION)"


class Signal(StrEnum):
    """What OTLP carries."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class PartialSuccess(NamedTuple):
    """How many spans of a stored request were rejected, and why; empty for none."""

    rejected: int = 0
    message: str = ""


def _now() -> datetime:
    return datetime.now(UTC)


def _since_ever() -> None:
    return None


class Service:
    """Turns requests into stored usage records.

    ``kept_since`` says since when records are kept, ``None``: since ever. An answer that has become old costs time, no
    more: the store knows best.
    """

    def __init__(
        self,
        *,
        processor: Processor,
        exporter: Exporter,
        clock: Callable[[], datetime] = _now,
        kept_since: Callable[[], datetime | None] = _since_ever,
    ) -> None:
        self._processor = processor
        self._exporter = exporter
        self._clock = clock
        self._kept_since = kept_since

    async def export_traces(self, request: TraceRequest, *, project: str | None) -> PartialSuccess:
        """Returns after the request's LLM calls are committed; a span that cannot be a record is rejected alone.

        ``project`` is the one the sender named, if any; else each resource may name its own.

        Raises:
            RetryableError: the request may be sent again, as a whole.
        """
        now = self._clock()
        now_ns = int(now.timestamp() * 10**9)
        since = self._kept_since()
        records: list[UsageRecord] = []
        reasons: Counter[str] = Counter()
        spans = 0
        for decoded in request.spans:
            if decoded is None:
                await asyncio.sleep(0)
                continue
            spans += 1
            match self._record(decoded, project=project, now=now, now_ns=now_ns):
                case UsageRecord() as record if since is not None and record.started_at < since:
                    reasons[_TOO_OLD.format(since)] += 1
                case UsageRecord() as record:
                    records.append(record)
                case Rejection(reason):
                    reasons[reason] += 1
                case None:
                    pass
            if spans % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        for refused in await self._exporter.export(records, size=request.size):
            reasons[f"the store refused the call: {refused.reason}"] += 1
        _log.debug("%d spans, %d calls, %d rejected", spans, len(records), reasons.total())
        return _partial_success(reasons)

    def _record(
        self, decoded: Decoded, *, project: str | None, now: datetime, now_ns: int
    ) -> UsageRecord | Rejection | None:
        match decoded:
            case Rejection():
                return decoded
            case Outline():
                return check(*decoded, now_ns)
            case Call(resource, scope, span):
                try:
                    return self._processor.record(resource, scope, span, project=project, now=now)
                except Exception:
                    # A defect of this program, met by one span: its neighbours are stored all the same.
                    _log.exception("a span could not be turned into a record")
                    return Rejection("span cannot be processed by this version of usage-graph")


def _partial_success(reasons: Counter[str]) -> PartialSuccess:
    """Of many reasons the most frequent are told, so that the message stays short."""
    if not reasons:
        return PartialSuccess()
    total = reasons.total()
    told = [f"{count} x {reason}" for reason, count in reasons.most_common(_REASONS_TOLD)]
    if len(reasons) > _REASONS_TOLD:
        told.append("and other reasons")
    return PartialSuccess(total, f"{total} {'span' if total == 1 else 'spans'} rejected: {'; '.join(told)}")
