"""The server's own metrics: OpenTelemetry instruments of a provider of our own, as text for Prometheus.

Nothing here is global: an application that embeds the server, or its OTEL_* variables, neither gets these metrics nor
changes them (but OTEL_SDK_DISABLED, which leaves them empty). There is no label for the project: there may be any
number of projects, and ``ingestHealth`` tells of each.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, Counter, MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usage_graph.config import SERVICE
from usage_graph.exporter.bisect import Write
from usage_graph.health import MAX_DETAILS, Outcome
from usage_graph.observation import Item

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Those that OpenTelemetry's semantic conventions give for durations of HTTP requests."""
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"})


class _Counted(NamedTuple):
    """The counter of an outcome; ``label`` is what its detail is."""

    name: str
    unit: str
    label: str | None
    description: str


_COUNTERS = {
    Outcome.ACCEPTED: _Counted(
        "items.received", "{item}", "signal", "Spans, log records and data points that were received."
    ),
    Outcome.STORED: _Counted("calls.stored", "{call}", None, "LLM calls that were new."),
    Outcome.REPEATED: _Counted("observations.repeated", "{observation}", None, "Observations that were stored before."),
    Outcome.MERGED: _Counted(
        "observations.merged", "{observation}", "reason", "Observations that told of a call that was known."
    ),
    Outcome.COMPLETED: _Counted(
        "calls.completed", "{call}", None, "LLM calls that learned from a span above them whom they were for."
    ),
    Outcome.NOT_LLM: _Counted("items.not_llm", "{item}", None, "Items that are no LLM call."),
    Outcome.REJECTED: _Counted("items.rejected", "{item}", "reason", "Items that could not be stored."),
    Outcome.UNRECOGNISED: _Counted(
        "items.unrecognised", "{item}", "scope", "Items with token counts that follow no known convention."
    ),
}


class Metrics:
    """The instruments, and what they show. Of values that senders choose, a counter tells ``MAX_DETAILS`` apart."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(
            registry=self._registry, scope_info_enabled=False, cardinality_limits={Counter: MAX_DETAILS}
        )
        self._meter = MeterProvider(
            [reader],
            # Said in full, and no exemplars, so that the environment has no say in it.
            resource=Resource({"service.name": SERVICE, "service.version": _version()}),
            exemplar_filter=AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
        ).get_meter("usage_graph")
        self._counters = {
            outcome: self._meter.create_counter(f"usage_graph.{name}", unit, description)
            for outcome, (name, unit, _, description) in _COUNTERS.items()
        }
        for outcome, counted in _COUNTERS.items():
            if counted.label is None:
                self._counters[outcome].add(0)  # 0 from the start, so that a first call is a rise
        self._batch_size = self._histogram(
            "usage_graph.exporter.batch.size", "{item}", "Items of batches that were written.", _SIZES
        )
        self._batch_duration = self._histogram(
            "usage_graph.exporter.batch.duration", "s", "How long writing a batch took, COMMIT included.", _SECONDS
        )
        self.request_duration = self._histogram(
            "http.server.request.duration", "s", "How long answering a request over HTTP took.", _SECONDS
        )

    def _histogram(self, name: str, unit: str, description: str, bounds: Sequence[float]) -> Histogram:
        return self._meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=bounds)

    def tell(self, _: str, outcome: Outcome, detail: str, count: int) -> None:
        """A ``Tell``."""
        label = _COUNTERS[outcome].label
        self._counters[outcome].add(count, {label: detail} if label else None)

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Show what ``length`` says of how many items wait for the database or are being written."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(length())

        self._meter.create_observable_up_down_counter(
            "usage_graph.exporter.queue.length",
            [observe],
            "{item}",
            "Items that wait for the database or are being written.",
        )

    def watch_live(self, connections: Callable[[], int], dropped: Callable[[], int]) -> None:
        """Show how many ``connections`` last, and how many new records were ``dropped`` for slow subscribers."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(connections())

        def observe_dropped(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(dropped())

        self._meter.create_observable_up_down_counter(
            "usage_graph.live.connections", [observe], "{connection}", "WebSockets and event streams that are open."
        )
        self._meter.create_observable_counter(
            "usage_graph.live.records.dropped",
            [observe_dropped],
            "{record}",
            "New records that subscribers were not told of, as they did not read fast enough.",
        )

    def measured(self, write: Write) -> Write:
        """``write``, with its batches measured; those that fail have the label ``error.type``."""

        async def measured(items: Sequence[Item]) -> None:
            begun = time.perf_counter()
            labels = {}
            try:
                await write(items)
            except BaseException as error:
                labels["error.type"] = type(error).__name__
                raise
            finally:
                self._batch_duration.record(time.perf_counter() - begun, labels)
                self._batch_size.record(len(items), labels)

        return measured

    def text(self) -> bytes:
        """Everything, in Prometheus' text format (``MEDIA_TYPE``)."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that measures requests by method, route and status; it belongs around all others."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._duration = metrics.request_duration

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method = scope["method"]
        labels: dict[str, str | int] = {"http.request.method": method if method in _METHODS else "_OTHER"}

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                labels["http.response.status_code"] = message["status"]
            await send(message)

        begun = time.perf_counter()
        try:
            return await self._app(scope, receive, watched)
        finally:
            # Known once it was found, and never what a caller made up.
            if (path := getattr(scope.get("route"), "path", None)) is not None:
                labels["http.route"] = path
            self._duration.record(time.perf_counter() - begun, labels)


def _version() -> str:
    try:
        return version("usage-graph")
    except PackageNotFoundError:
        return "unknown"
