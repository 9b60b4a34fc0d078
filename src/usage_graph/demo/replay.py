"""Sending the story: every application has its own OpenTelemetry SDK, as it would in life, with times in the past.

Runs in a process of its own (``python -m usage_graph.demo``): applications do not live in the server's process, the
server's event loop and the senders do not wait for one interpreter lock, and the user's ``OTEL_*`` variables, which
belong to other collectors, are kept away from these SDKs.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context

from usage_graph.demo import cast
from usage_graph.demo.conventions import LIBRARIES, Described, http_request
from usage_graph.demo.workload import Call, Run
from usage_graph.errors import DemoError

QUEUE = 2**17
"""Spans that may wait in each SDK: more than the whole story, since a batch processor drops what does not fit."""
PATIENCE_MS = 600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """``http``: base URL of OTLP/HTTP; ``grpc``: URL of OTLP/gRPC, or ``None`` to send everything by HTTP."""

    http: str
    grpc: str | None


class SeededIds(IdGenerator):
    """Trace and span ids that are the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"ids {seed}")  # noqa: S311  (repeatable on purpose)

    def generate_span_id(self) -> int:
        return self._dice.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._dice.getrandbits(128) or 1


class Tally:
    """Counts what the exporters delivered; safe to use from their threads."""

    def __init__(self, *, on_delivered: Callable[[int], None]) -> None:
        self.delivered = 0
        self.lost = 0
        self._on_delivered = on_delivered
        self._lock = Lock()

    def add(self, spans: int, result: SpanExportResult) -> None:
        with self._lock:
            if result is SpanExportResult.SUCCESS:
                self.delivered += spans
            else:
                self.lost += spans
        self._on_delivered(spans)


class TalliedExporter(SpanExporter):
    """An exporter whose outcome is not only logged: a batch processor forgets what could not be sent."""

    def __init__(self, *, exporter: SpanExporter, tally: Tally) -> None:
        self._exporter = exporter
        self._tally = tally

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        self._tally.add(len(spans), result)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def exporter_for(app: cast.App, *, to: Destination) -> SpanExporter:
    """What ``app`` sends with: gRPC where it uses that and the server has it, else HTTP."""
    if app.grpc and to.grpc is not None:
        return GrpcExporter(endpoint=to.grpc, insecure=True)
    compression = Compression.Gzip if app.gzip else Compression.NoCompression
    return HttpExporter(endpoint=f"{to.http}/v1/traces", compression=compression)


def span_count(story: Iterable[Run]) -> int:
    """How many spans ``send`` makes of ``story``: one around each run, its calls, and their HTTP requests."""
    return sum(1 + len(run.calls) * (2 if run.app.traces_http else 1) for run in story)


def send(
    story: Sequence[Run],
    *,
    exporter_of: Callable[[cast.App], SpanExporter],
    seed: int,
    on_delivered: Callable[[int], None] = lambda spans: None,
) -> int:
    """Send ``story`` and return how many spans were delivered: all of them.

    ``on_delivered`` is called from the exporters' threads with the number of spans of each batch.

    Raises:
        DemoError: the server did not take some of them.
    """
    tally, ids = Tally(on_delivered=on_delivered), SeededIds(seed)
    providers = {app: _provider(app, exporter=exporter_of(app), ids=ids, tally=tally) for app in cast.APPS}
    try:
        for run in story:
            _emit(run, providers[run.app])
        for provider in providers.values():
            provider.force_flush(PATIENCE_MS)
    finally:
        for provider in providers.values():
            provider.shutdown()
    expected = span_count(story)
    if tally.delivered != expected:
        raise DemoError(f"The server took {tally.delivered:,} of {expected:,} sample spans; its own output says why.")
    return tally.delivered


def _provider(app: cast.App, *, exporter: SpanExporter, ids: IdGenerator, tally: Tally) -> TracerProvider:
    resource = Resource({"service.name": app.service, "deployment.environment.name": app.environment})
    provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    tallied = TalliedExporter(exporter=exporter, tally=tally)
    provider.add_span_processor(BatchSpanProcessor(tallied, max_queue_size=QUEUE))
    return provider


def _emit(run: Run, provider: TracerProvider) -> None:
    library = LIBRARIES[run.app.convention]
    tracer = provider.get_tracer(library.scope)
    outer = _start(tracer, library.run(run), run.started_at)
    for call in run.calls:
        span = _start(tracer, library.call(run, call), call.started_at, parent=outer)
        if run.app.traces_http:
            http = provider.get_tracer("opentelemetry.instrumentation.httpx")
            request = _start(http, http_request(call), call.started_at + timedelta(milliseconds=1), parent=span)
            _end(request, call, call.ended_at - timedelta(milliseconds=1))
        _end(span, call, call.ended_at)
    outer.end(nanoseconds(run.ended_at))


def _start(tracer: Tracer, described: Described, at: datetime, *, parent: Span | None = None) -> Span:
    return tracer.start_span(
        described.name,
        context=Context() if parent is None else set_span_in_context(parent, Context()),
        kind=described.kind,
        attributes=described.attributes,
        start_time=nanoseconds(at),
    )


def _end(span: Span, call: Call, at: datetime) -> None:
    if call.error_type is not None:
        span.set_status(StatusCode.ERROR)
    span.end(nanoseconds(at))


def nanoseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1) * 1000
