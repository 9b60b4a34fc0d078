"""OTLP in, whatever the transport: one export per request, answered after its records are committed."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TypeVar

from usage_graph.exporter.exporter import Exporter
from usage_graph.health import Outcome, Tell
from usage_graph.observation import Ancestor, Observation
from usage_graph.processor.events import EventProcessor, Ignored
from usage_graph.processor.marks import NEVER_LEAF_SCOPES
from usage_graph.processor.measurements import MeasurementProcessor
from usage_graph.processor.span import Rejection, Resource, check
from usage_graph.processor.spans import NotACall, Processor
from usage_graph.receiver.ledger import Ledger, PartialSuccess
from usage_graph.receiver.lineage import Lineage
from usage_graph.receiver.logs import LogRecord
from usage_graph.receiver.metrics import Measured, Metered, Uncounted
from usage_graph.receiver.request import Request, Signal
from usage_graph.receiver.traces import Decoded, Outline

_log = logging.getLogger("usage_graph.receiver")

_YIELD_EVERY = 32
"""Parts decoded before others get a turn: about 1 ms of LLM calls. The batch that is being written takes a dozen turns,
between which the database has nothing to do."""
_NO_SPAN = bytes(8)
_SERVICE_NAME = "service.name"

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


def _since_ever() -> None:
    return None


def _nobody(project: str, outcome: Outcome, detail: str, count: int) -> None:
    pass


class Service:
    """Turns requests into stored usage records.

    ``kept_since`` says since when records are kept, ``None``: since ever. An answer that has become old costs time, no
    more: the store knows best. ``tell`` hears what became of each part of a request, once the request is stored.
    ``declared`` are the attributes that the processors keep.
    """

    def __init__(
        self,
        *,
        processor: Processor,
        events: EventProcessor,
        measurements: MeasurementProcessor,
        exporter: Exporter,
        tell: Tell = _nobody,
        clock: Callable[[], datetime] = _now,
        kept_since: Callable[[], datetime | None] = _since_ever,
        declared: Collection[str] = (),
    ) -> None:
        self.declared = frozenset(declared)
        self._processor = processor
        self._events = events
        self._measurements = measurements
        self._exporter = exporter
        self._tell = tell
        self._clock = clock
        self._kept_since = kept_since
        self._lineage = Lineage()
        self._cumulative: set[str] = set()
        """Services that were found to send cumulative sums: only those whose metrics count, so it stays small."""

    def wants_metrics(self, resource: Resource) -> bool:
        """Whether the metrics of ``resource`` count; those of others need not be read."""
        return self._measurements.wants(resource)

    async def export_traces(self, request: Request[Decoded], *, project: str | None) -> PartialSuccess:
        """Returns after the request's LLM calls are committed; a span that cannot be a record is rejected alone.

        ``project`` is the one the sender named, if any; else each resource may name its own.

        Raises:
            RetryableError: the request may be sent again, as a whole.
        """
        return await self._export(Signal.TRACES, request, self._take_span, project)

    async def export_logs(self, request: Request[LogRecord | Rejection], *, project: str | None) -> PartialSuccess:
        """The same for the log records that are events of LLM calls."""
        return await self._export(Signal.LOGS, request, self._take_log_record, project)

    async def export_metrics(self, request: Request[Metered], *, project: str | None) -> PartialSuccess:
        """The same for the data points of services whose metrics count."""
        return await self._export(Signal.METRICS, request, self._take_points, project)

    async def _export(
        self, signal: Signal, request: Request[T], take: Callable[[Ledger, T], None], project: str | None
    ) -> PartialSuccess:
        ledger = Ledger(signal, project=project, now=self._clock(), since=self._kept_since())
        try:
            await self._take(signal, request, take, ledger)
            refused = await self._exporter.export(ledger.items, size=request.size)
        except BaseException:
            self._lineage.give_back(item for item in ledger.items if isinstance(item, Ancestor))
            raise
        answer = ledger.settle(refused)
        ledger.tell(self._tell)
        _log.debug("%s: %s", signal, ledger)
        return answer

    async def _take(
        self, signal: Signal, request: Request[T], take: Callable[[Ledger, T], None], ledger: Ledger
    ) -> None:
        taken = 0
        for part in request.parts:
            if part is None:
                await asyncio.sleep(0)
                continue
            try:
                take(ledger, part)
            except Exception:
                # A defect of this program, met by one part: its neighbours are stored all the same.
                _log.exception("a %s could not be processed", signal.noun)
                ledger.reject(ledger.sender, f"{signal.noun} cannot be processed by this version of usage-graph")
            taken += 1
            if taken % _YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _take_span(self, ledger: Ledger, decoded: Decoded) -> None:
        if isinstance(decoded, Outline):
            self._take_outline(ledger, decoded)
            return
        if isinstance(decoded, Rejection):
            self._refuse(ledger, decoded.reason)
            return
        resource, scope, span = decoded
        project = ledger.project(resource, scope)
        ledger.accept(project)
        found = self._processor.observe(resource, scope, span, project=project, now=ledger.now)
        if isinstance(found, Observation):
            self._observe(ledger, found)
        elif isinstance(found, NotACall):
            ledger.pass_over(project, scope, unrecognised=found.unrecognised)
            self._place(ledger, found.ancestor, certain=found.certain)
        else:
            ledger.reject(project, found.reason)

    def _take_outline(self, ledger: Ledger, outline: Outline) -> None:
        # Nearly all spans of an application are no calls, so this is short.
        resource, scope, trace_id, span_id, parent_span_id, start_ns, end_ns, tokens = outline
        project = ledger.project(resource, scope)
        ledger.accept(project)
        if rejection := check(trace_id, span_id, start_ns, end_ns, ledger.now_ns):
            ledger.reject(project, rejection.reason)
            return
        ledger.pass_over(project, scope, unrecognised=tokens and not scope.name.startswith(NEVER_LEAF_SCOPES))
        parent = parent_span_id if len(parent_span_id) == 8 and parent_span_id != _NO_SPAN else b""
        self._place(ledger, Ancestor(project, trace_id, span_id, parent), certain=False)

    def _take_log_record(self, ledger: Ledger, record: LogRecord | Rejection) -> None:
        if isinstance(record, Rejection):
            self._refuse(ledger, record.reason)
            return
        resource, scope, event = record
        project = ledger.project(resource, scope)
        ledger.accept(project)
        match self._events.observe(resource, scope, event, project=project, now=ledger.now):
            case Observation() as call:
                self._observe(ledger, call)
            case Ignored(unrecognised):
                ledger.pass_over(project, scope, unrecognised=unrecognised)
            case Rejection(reason):
                ledger.reject(project, reason)

    def _take_points(self, ledger: Ledger, found: Metered) -> None:
        match found:
            case Measured(resource, scope, points):
                project = ledger.project(resource, scope)
                ledger.accept(project, len(points))
                told = self._measurements.observe(resource, scope, points, project=project, now=ledger.now)
                for one in told:
                    if isinstance(one, Rejection):
                        ledger.reject(project, one.reason)
                    else:
                        self._observe(ledger, one)
                if not told:
                    ledger.pass_over(project, scope, parts=len(points))
            case Uncounted(resource, scope, count, cumulative):
                project = ledger.project(resource, scope)
                ledger.accept(project, count)
                ledger.pass_over(project, scope, parts=count)
                if cumulative:
                    self._warn_of_cumulative(resource)
            case Rejection(reason):
                self._refuse(ledger, reason)

    def _observe(self, ledger: Ledger, call: Observation) -> None:
        """Store ``call``, and what waited above it for a call."""
        if ledger.observe(call) and call.parent_span_id:
            record = call.record
            ledger.items.extend(self._lineage.call(record.project, record.trace_id, call.parent_span_id))

    def _place(self, ledger: Ledger, ancestor: Ancestor, *, certain: bool) -> None:
        ledger.items.extend(self._lineage.above(ancestor, certain=certain))

    def _refuse(self, ledger: Ledger, reason: str) -> None:
        """Reject what could not be read, or not whose it is."""
        ledger.accept(ledger.sender)
        ledger.reject(ledger.sender, reason)

    def _warn_of_cumulative(self, resource: Resource) -> None:
        source = str(resource.attributes.get(_SERVICE_NAME))
        if source not in self._cumulative:
            self._cumulative.add(source)
            _log.warning(
                "%s sends metrics as cumulative sums, which are not counted: each tells again what came before. "
                "Set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta where it runs.",
                source,
            )
