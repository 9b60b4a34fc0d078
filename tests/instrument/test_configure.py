"""``configure``: where spans go, over real OTLP."""

import logging
import socket
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.otel.sink import HttpSink, Sink
from usage_graph.instrument import configure, record_call, usage

LOGGER = "usage_graph.instrument.configuration"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "PROTOCOL", "HEADERS"):
        for signal in ("", "TRACES_"):
            monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{signal}{name}", raising=False)


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    made = TracerProvider(resource=Resource({"service.name": "theirs"}), shutdown_on_exit=False)
    yield made
    made.shutdown()


def make_call(provider: TracerProvider) -> None:
    """One span by some library, inside ``usage``, sent at once."""
    with usage(source="chat", user="u1"):
        provider.get_tracer("some.library").start_span("call").end()
    assert provider.force_flush()


# A provider that is there


def test_it_adds_to_the_given_provider(provider: TracerProvider, sink: HttpSink) -> None:
    others = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(others))
    assert configure(endpoint=sink.url, provider=provider) is provider
    make_call(provider)
    [span] = sink.spans
    assert span.attributes == {"usage_graph.source": "chat", "usage_graph.user": "u1"}
    assert span.resource["service.name"] == "theirs"
    [theirs] = others.get_finished_spans()
    assert theirs.attributes == span.attributes


def test_calling_it_again_changes_nothing(
    provider: TracerProvider, sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        configure(endpoint=sink.url, project="p1", provider=provider)
    assert not caplog.records
    configure(endpoint="http://127.0.0.1:9", provider=provider)
    assert "keeps that one" in caplog.text
    make_call(provider)
    assert len(sink.spans) == 1


def test_a_resource_that_cannot_change_any_more_is_a_warning(
    provider: TracerProvider, sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        configure(endpoint=sink.url, service_name="theirs", project="p1", provider=provider)
        assert not caplog.records
        configure(endpoint=sink.url, service_name="ours", environment="production", project="p1", provider=provider)
    assert [record.getMessage().partition(" before")[0] for record in caplog.records] == [
        "configure(): the tracer provider was made with service.name = theirs",
        "configure(): the tracer provider was made with deployment.environment.name = None",
    ]


def test_a_provider_that_takes_no_processors_is_refused() -> None:
    with pytest.raises(TypeError, match="is a NoOpTracerProvider, not an OpenTelemetry SDK TracerProvider"):
        configure(provider=trace.NoOpTracerProvider())  # type: ignore[arg-type]


# Where to


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/v1/traces", "{}/v1/traces/"])
def test_the_endpoint_is_a_base_url(provider: TracerProvider, sink: HttpSink, form: str) -> None:
    configure(endpoint=form.format(sink.url), provider=provider)
    make_call(provider)
    assert [path for path, _ in sink.requests] == ["/v1/traces"]


def test_an_endpoint_may_have_a_path(provider: TracerProvider, sink: HttpSink) -> None:
    configure(endpoint=f"{sink.url}/otel", provider=provider)
    make_call(provider)
    assert [path for path, _ in sink.requests] == ["/otel/v1/traces"]


def test_the_project_and_further_headers_are_sent(provider: TracerProvider, sink: HttpSink) -> None:
    configure(endpoint=sink.url, project="billing", headers={"Authorization": "Bearer t"}, provider=provider)
    make_call(provider)
    [(_, headers)] = sink.requests
    assert headers["x-usage-graph-project"] == "billing"
    assert headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_without_an_endpoint_the_environment_decides(
    provider: TracerProvider, sink: HttpSink, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, sink.url + ("/v1/traces" if "TRACES" in variable else ""))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-usage-graph-project=from-environment,x-tenant=t1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    configure(headers={"X-Tenant": "t2"}, provider=provider)
    make_call(provider)
    [(_, headers)] = sink.requests
    assert headers["x-usage-graph-project"] == "from-environment"
    assert headers["x-tenant"] == "t2"
    assert headers["content-encoding"] == "gzip"
    assert len(sink.spans) == 1


def test_a_given_endpoint_wins_over_the_environment(
    provider: TracerProvider, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    configure(endpoint=sink.url, provider=provider)
    make_call(provider)
    assert len(sink.spans) == 1


class GrpcSink(Sink, TraceServiceServicer):
    def Export(self, request: Any, context: grpc.ServicerContext) -> ExportTraceServiceResponse:  # noqa: N802
        self.receive("grpc", {key: str(value) for key, value in context.invocation_metadata()}, request)
        return ExportTraceServiceResponse()


@pytest.fixture
def grpc_sink() -> Iterator[tuple[GrpcSink, str]]:
    sink = GrpcSink()
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(sink, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield sink, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.mark.parametrize("from_environment", [True, False])
def test_grpc(
    provider: TracerProvider,
    grpc_sink: tuple[GrpcSink, str],
    monkeypatch: pytest.MonkeyPatch,
    from_environment: bool,
) -> None:
    sink, url = grpc_sink
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=t1")
    if from_environment:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        configure(project="billing", provider=provider)
    else:
        configure(endpoint=f"{url}/v1/traces", protocol="grpc", project="billing", provider=provider)
    make_call(provider)
    assert [span.attributes["usage_graph.source"] for span in sink.spans] == ["chat"]
    [(_, metadata)] = sink.requests
    assert metadata["x-usage-graph-project"] == "billing"
    assert metadata["x-tenant"] == "t1"


# Mistakes


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:4318", "127.0.0.1", "", "ftp://host", "http://", "http://[::1", "http://host:99999", "http://h:x"],
)
def test_an_endpoint_that_is_no_url_is_refused(provider: TracerProvider, endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"give a URL such as http://127\.0\.0\.1:4318"):
        configure(endpoint=endpoint, provider=provider)


def test_an_unknown_protocol_is_refused_also_from_the_environment(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="'thrift' is not supported; use one of http/protobuf, grpc"):
        configure(protocol="thrift", provider=provider)  # type: ignore[arg-type]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
    with pytest.raises(ValueError, match="'http/json' is not supported"):
        configure(provider=provider)


@pytest.mark.parametrize("project", ["", " padded ", "new\nline", "Größe"])
def test_a_project_that_cannot_be_a_header_is_refused(provider: TracerProvider, project: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        configure(project=project, provider=provider)


@pytest.mark.parametrize("argument", ["endpoint", "service_name", "environment", "project"])
def test_an_argument_of_another_type_is_refused_by_name(provider: TracerProvider, argument: str) -> None:
    with pytest.raises(TypeError, match=rf"configure\({argument}=\.\.\.\) must be a string, not int"):
        configure(**{argument: 1}, provider=provider)  # type: ignore[arg-type]


def test_a_missing_exporter_says_what_to_install_and_changes_nothing(run_script: Callable[..., str]) -> None:
    printed = run_script(
        """
        import sys
        sys.modules["grpc"] = None  # what an import of a package that is not installed finds
        from opentelemetry import trace
        from usage_graph.instrument import configure
        try:
            configure(protocol="grpc")
        except ImportError as error:
            print(error)
        print(type(trace.get_tracer_provider()).__name__)
        """
    )
    assert printed.splitlines() == [
        "configure(): sending over grpc needs the exporter; pip install opentelemetry-exporter-otlp-proto-grpc",
        "ProxyTracerProvider",
    ]


# The global provider, in processes of their own


def test_without_a_provider_it_makes_one_that_sends_at_exit(run_script: Callable[..., str], sink: HttpSink) -> None:
    run_script(
        """
        from opentelemetry import trace
        early = trace.get_tracer("made.before.configure")
        from usage_graph.instrument import configure, record_call, usage
        provider = configure(endpoint=ENDPOINT, service_name="app", environment="staging", project="p1")
        assert trace.get_tracer_provider() is provider
        assert configure(endpoint=ENDPOINT, service_name="app", environment="staging", project="p1") is provider
        with usage(source="agent", conversation="c1"):
            early.start_span("early").end()
            record_call(model="m", input_tokens=1)
        with usage(source="agent"):
            long = early.start_span("long", attributes={"gen_ai.request.model": "m"})
        for number in range(500):
            long.set_attribute(f"llm.input_messages.{number}.message.content", "...")
        long.end()
        """.replace("ENDPOINT", repr(sink.url))
    )
    spans = {span.name: span for span in sink.spans}
    assert spans.keys() == {"early", "chat m", "long"}
    assert all(span.attributes["usage_graph.source"] == "agent" for span in sink.spans)
    assert spans["long"].attributes["gen_ai.request.model"] == "m"
    resource = spans["early"].resource
    assert resource["service.name"] == "app"
    assert resource["deployment.environment.name"] == "staging"
    assert resource["usage_graph.project"] == "p1"


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_library_that_sets_up_tracing_too_shares_the_provider(
    run_script: Callable[..., str], sink: HttpSink, order: str
) -> None:
    """Whoever is first makes the provider; libraries add to it, and OpenTelemetry refuses to replace it."""
    printed = run_script(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from usage_graph.instrument import configure, usage

        exporter = InMemorySpanExporter()

        def library():
            if not isinstance(trace.get_tracer_provider(), TracerProvider):
                trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
            trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))

        ORDER == "before" and library()
        configure(endpoint=ENDPOINT)
        ORDER == "after" and library()
        with usage(source="chat"):
            trace.get_tracer("x").start_span("call").end()
        for span in exporter.get_finished_spans():
            print(dict(span.attributes))
        """.replace("ORDER", repr(order)).replace("ENDPOINT", repr(sink.url))
    )
    assert printed == "{'usage_graph.source': 'chat'}\n"
    assert [span.attributes for span in sink.spans] == [{"usage_graph.source": "chat"}]


def test_the_default_is_this_machine(run_script: Callable[..., str]) -> None:
    printed = run_script(
        """
        import socket
        asked = []
        def connect(self, address):
            asked.append(address)
            raise ConnectionRefusedError
        socket.socket.connect = connect
        from usage_graph.instrument import configure, record_call
        provider = configure()
        record_call(model="m")
        provider.force_flush()
        print(asked[0])
        """,
        OTEL_EXPORTER_OTLP_TIMEOUT="0.1",
    )
    assert printed == "('127.0.0.1', 4318)\n"


def test_two_threads_configure_once(run_script: Callable[..., str], sink: HttpSink) -> None:
    run_script(
        """
        from concurrent.futures import ThreadPoolExecutor
        from usage_graph.instrument import configure, record_call
        with ThreadPoolExecutor(8) as pool:
            providers = set(pool.map(lambda _: configure(endpoint=ENDPOINT), range(8)))
        assert len(providers) == 1
        record_call(model="m")
        """.replace("ENDPOINT", repr(sink.url))
    )
    assert len(sink.spans) == 1


def test_a_child_process_of_a_fork_reports_too(run_script: Callable[..., str], sink: HttpSink) -> None:
    run_script(
        """
        import os, warnings
        # Python warns that a fork loses threads; that the exporter copes with it is what is seen here.
        warnings.simplefilter("ignore", DeprecationWarning)
        from usage_graph.instrument import configure, record_call, usage
        provider = configure(endpoint=ENDPOINT)
        with usage(source="worker"):
            child = os.fork()
            if child == 0:
                record_call(model="in the child")
                provider.force_flush()
                os._exit(0)
            os.waitpid(child, 0)
        """.replace("ENDPOINT", repr(sink.url))
    )
    assert [(span.name, span.attributes["usage_graph.source"]) for span in sink.spans] == [
        ("chat in the child", "worker")
    ]


def test_an_application_does_not_fail_because_usage_graph_is_away(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        configure(endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}", provider=provider)
        with usage(source="chat"):
            record_call(model="m", tracer_provider=provider)
        provider.shutdown()
