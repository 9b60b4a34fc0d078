"""The OpenTelemetry SDK's own exporters, as applications use them: all three signals run clean."""

import logging
from typing import Any, NamedTuple

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.receiver.running import Receiver
from usage_graph.errors import StoreUnavailable

_PROJECT = {"x-usage-graph-project": "sdk"}


class Exporters(NamedTuple):
    spans: Any
    logs: Any
    metrics: Any


def exporters(protocol: str, receiver: Receiver, *, gzipped: bool) -> Exporters:
    if protocol == "grpc":
        compression = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression
        options: Any = {
            "endpoint": f"http://127.0.0.1:{receiver.grpc_port}",
            "compression": compression,
            "headers": _PROJECT,
        }
        return Exporters(GrpcSpans(**options), GrpcLogs(**options), GrpcMetrics(**options))
    base = f"http://127.0.0.1:{receiver.http_port}/v1"
    options = {"compression": Compression.Gzip if gzipped else Compression.NoCompression, "headers": _PROJECT}
    return Exporters(
        HttpSpans(f"{base}/traces", **options),
        HttpLogs(f"{base}/logs", **options),
        HttpMetrics(f"{base}/metrics", **options),
    )


def make_calls(provider: TracerProvider, count: int) -> None:
    tracer = provider.get_tracer("tests")
    for number in range(count):
        with tracer.start_as_current_span("workflow"), tracer.start_as_current_span("chat") as span:
            span.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.usage.input_tokens": number,
                }
            )


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_all_three_signals_run_clean(
    protocol: str, gzipped: bool, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    out = exporters(protocol, receiver, gzipped=gzipped)
    resource = Resource({"service.name": "assistant"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(out.spans))
    metering = MeterProvider([PeriodicExportingMetricReader(out.metrics)], resource=resource)
    logged = LoggerProvider(resource=resource)
    logged.add_log_record_processor(BatchLogRecordProcessor(out.logs))
    with caplog.at_level(logging.WARNING):
        make_calls(tracing, 100)
        metering.get_meter("tests").create_counter("calls").add(1)
        logged.get_logger("tests").emit(body="hello")
        assert tracing.force_flush()
        assert metering.force_flush()
        assert logged.force_flush()
        for provider in (tracing, metering, logged):
            provider.shutdown()
    assert caplog.records == []
    assert sorted(record.input_tokens or 0 for record in receiver.records) == list(range(100))
    assert {(record.service, record.project) for record in receiver.records} == {("assistant", "sdk")}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_sdk_sends_again_what_was_refused_for_now(
    protocol: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = receiver.store.write
    attempts = 0

    async def away_once(records: Any) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise StoreUnavailable("away", retry_after=1)
        await write(records)

    monkeypatch.setattr(receiver.store, "write", away_once)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporters(protocol, receiver, gzipped=False).spans))
    make_calls(provider, 5)
    assert provider.force_flush()
    provider.shutdown()
    assert attempts == 2
    assert len(receiver.records) == 5
