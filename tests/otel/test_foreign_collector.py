"""A Collector between applications and usage-graph: what it has taken arrives once, whatever happens to the server.

The Collector is ``rotel``, a real one of another make and in another language than everything else here. It is not
OpenTelemetry's own, the one in Go that ``otel/collector.yaml`` is for, which no package registry has.
"""

import platform
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from tests.conftest import fresh
from tests.otel.collector import Collector, binary, without_python
from tests.serving import Server

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info >= (3, 14) or platform.machine() not in ("x86_64", "aarch64"),
    reason="rotel has wheels for Linux on x86-64 and ARM, and for Python up to 3.13",
)

KEY = "a-key-for-the-collector-0123456789"
SPANS, EVENTS = 160, 40
"""What each application reports in each wave."""
WAVES = 5

FROZEN = 1.2
PATIENCE = 20.0
"""Seconds."""

ROUTES = ["grpc in, grpc out", "http in, grpc out", "grpc in, http out", "http in, http out", "both ways"]

TOTALS = """query { usage(window: {last: "P1D"}) { totals { calls inputTokens outputTokens cacheReadTokens } } }"""
RECORDS = """query ($after: String) { usage(window: {last: "P1D"}) { records(first: 100, after: $after) {
    totalCount nodes { id traceId spanId conversation requestModel responseModel inputTokens outputTokens }
    pageInfo { hasNextPage endCursor } } } }"""


class Reported(NamedTuple):
    """What an application says of one call. ``ids``: of its span, in hexadecimal; a log event has none."""

    ids: tuple[str, str] | None
    conversation: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int


class Application:
    """Spans of GenAI's conventions and events like Claude Code's, sent by OpenTelemetry's SDK to each of ``routes``."""

    def __init__(self, project: str, *routes: tuple[str, Collector]) -> None:
        self.project = project
        self.reported: list[Reported] = []
        resource = Resource({"service.name": "tests", "usage_graph.project": project})
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        for protocol, collector in routes:
            if protocol == "grpc":
                spans: Any = GrpcSpanExporter(endpoint=collector.grpc, insecure=True)
                events: Any = GrpcLogExporter(endpoint=collector.grpc, insecure=True)
            else:
                spans = HttpSpanExporter(endpoint=f"{collector.http}/v1/traces")
                events = HttpLogExporter(endpoint=f"{collector.http}/v1/logs")
            self._tracers.add_span_processor(BatchSpanProcessor(spans, max_queue_size=10_000))
            self._loggers.add_log_record_processor(BatchLogRecordProcessor(events, max_queue_size=10_000))
        self._tracer = self._tracers.get_tracer("tests")
        self._logger = self._loggers.get_logger("com.anthropic.claude_code.events")

    def work(self, *, spans: int, events: int) -> None:
        """Ends ``spans`` spans and logs ``events`` events, each of a number of tokens that no other has."""
        for _ in range(spans):
            self.call()
        for _ in range(events):
            self.event()

    def call(self) -> None:
        number = len(self.reported)
        span = self._tracer.start_span(
            "chat gpt-5-mini",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-5-mini",
                "gen_ai.response.id": f"resp_{self.project}-{number}",
                "gen_ai.conversation.id": "in spans",
                "gen_ai.usage.input_tokens": 1000 + number,
                "gen_ai.usage.output_tokens": 20,
            },
        )
        span.end()
        context = span.get_span_context()
        ids = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        self.reported.append(Reported(ids, "in spans", 1000 + number, 20, 0))

    def event(self) -> None:
        number = len(self.reported)
        self._logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.INFO,
                body="claude_code.api_request",
                attributes={
                    "event.name": "api_request",
                    "event.sequence": number,
                    "session.id": "in events",
                    "model": "claude-haiku-4-5-20251001",
                    "input_tokens": 1000 + number,
                    "output_tokens": 30,
                    "cache_read_tokens": 2048,
                    "cache_creation_tokens": 0,
                    "cost_usd": 0.001,
                    "duration_ms": 900,
                    "request_id": f"req_{self.project}-{number}",
                },
            )
        )
        self.reported.append(Reported(None, "in events", 1000 + number + 2048, 30, 2048))

    def flush(self) -> None:
        """Returns when the collector has taken everything."""
        assert self._tracers.force_flush(30_000)
        assert self._loggers.force_flush(30_000)

    def shutdown(self) -> None:
        self._tracers.shutdown()
        self._loggers.shutdown()


def totals(server: Server, project: str) -> dict[str, int]:
    found: dict[str, int] = server.query(TOTALS, project=project)["usage"]["totals"]
    return found


def expected_totals(reported: list[Reported]) -> dict[str, int]:
    return {
        "calls": len(reported),
        "inputTokens": sum(call.input_tokens for call in reported),
        "outputTokens": sum(call.output_tokens for call in reported),
        "cacheReadTokens": sum(call.cache_read_tokens for call in reported),
    }


def records(server: Server, project: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = server.query(RECORDS, {"after": after}, project=project)["usage"]["records"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found
        after = page["pageInfo"]["endCursor"]


def wait_until(fulfilled: Callable[[], bool]) -> None:
    """Returns then, or after a while: what the test compares says more than that it took too long."""
    deadline = time.monotonic() + PATIENCE
    while not fulfilled() and time.monotonic() < deadline:
        time.sleep(0.1)


def wait_until_stored(server: Server, applications: Collection[Application]) -> None:
    wait_until(
        lambda: all(
            totals(server, application.project) == expected_totals(application.reported) for application in applications
        )
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Collector's program, to run."""
    copy: Path = tmp_path_factory.mktemp("collector") / "rotel"
    copy.write_bytes(without_python(binary()))
    copy.chmod(0o755)
    yield copy
    # It is large, and pytest keeps directories for a while.
    copy.unlink()


class Delivered(NamedTuple):
    server: Server
    applications: dict[str, Application]
    logs: dict[str, str]


@pytest.fixture(scope="module")
def delivered(request: pytest.FixtureRequest, program: Path) -> Iterator[Delivered]:
    """Applications have worked through two collectors while the server was stopped, and killed, and came back."""
    with fresh(request, "postgresql") as database, Server(database_url=database) as server:
        with (
            Collector(program, protocol="grpc", endpoint=f"http://{server.otlp_grpc}") as grpc,
            Collector(program, protocol="http", endpoint=server.otlp_http) as http,
        ):
            routes = {
                "grpc in, grpc out": [("grpc", grpc)],
                "http in, grpc out": [("http", grpc)],
                "grpc in, http out": [("grpc", http)],
                "http in, http out": [("http", http)],
                "both ways": [("grpc", http), ("http", grpc)],
            }
            applications = {route: Application(f"project-{n}", *routes[route]) for n, route in enumerate(ROUTES)}

            def work() -> None:
                """Returns when the collectors have taken it all; they may have passed on any part of it."""
                flushing = []
                for application in applications.values():
                    application.work(spans=SPANS, events=EVENTS)
                    flushing.append(threading.Thread(target=application.flush))
                    flushing[-1].start()
                for thread in flushing:
                    thread.join()

            # This Collector gives up what is under way when a connection breaks, so nothing is when the server goes.
            work()
            wait_until_stored(server, applications.values())
            assert server.stop() == 0
            work()
            server.start()
            work()
            # Frozen for longer than the collectors wait for an answer: what it had begun, it finishes after they have
            # sent it again.
            server.process.send_signal(signal.SIGSTOP)
            work()
            time.sleep(FROZEN)
            server.process.send_signal(signal.SIGCONT)
            wait_until_stored(server, applications.values())
            server.kill()
            work()
            server.start()
            wait_until_stored(server, applications.values())
            for application in applications.values():
                application.shutdown()
        # Both have ended, so nothing more can come.
        yield Delivered(server, applications, {"grpc": grpc.log, "http": http.log})


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_is_lost_and_nothing_doubled(route: str, delivered: Delivered) -> None:
    application = delivered.applications[route]
    assert len(application.reported) == WAVES * (SPANS + EVENTS)
    assert totals(delivered.server, application.project) == expected_totals(application.reported)
    found = records(delivered.server, application.project)
    assert len({record["id"] for record in found}) == len(found)
    assert sorted((r["conversation"], r["inputTokens"], r["outputTokens"]) for r in found) == sorted(
        (call.conversation, call.input_tokens, call.output_tokens) for call in application.reported
    )
    spans = {(record["traceId"], record["spanId"]) for record in found if record["conversation"] == "in spans"}
    assert spans == {call.ids for call in application.reported if call.ids}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_it_was_sent_again(protocol: str, delivered: Delivered) -> None:
    """Else the test above says little: once where nobody listened, and once where the answer came too late."""
    for reason in ("Err(Connect)", "Err(Elapsed("):
        assert re.search(rf"will retry again .*{re.escape(reason)}", delivered.logs[protocol])


def test_the_key_goes_along_as_a_header(request: pytest.FixtureRequest, program: Path) -> None:
    with fresh(request, "postgresql") as database, ExitStack() as stack:
        server = stack.enter_context(Server(database_url=database, settings={"USAGE_GRAPH_API_KEY": KEY}))

        def working(protocol: str, endpoint: str, key: str) -> tuple[Application, Collector]:
            headers = {"authorization": f"Bearer {key}"}
            collector = Collector(program, protocol=protocol, endpoint=endpoint, headers=headers)
            application = Application(f"{protocol}-{key}", (protocol, stack.enter_context(collector)))
            application.work(spans=20, events=5)
            application.flush()
            application.shutdown()
            return application, collector

        doors = (("grpc", f"http://{server.otlp_grpc}"), ("http", server.otlp_http))
        opened = [working(*door, KEY)[0] for door in doors]
        refused = [working(*door, f"not-{KEY}") for door in doors]
        wait_until_stored(server, opened)
        for application in opened:
            assert totals(server, application.project) == expected_totals(application.reported)
        for application, collector in refused:
            wait_until(partial(collector.said, "dropping data"))
            assert collector.said("The key of this request is not one of this server's")
            assert totals(server, application.project)["calls"] == 0
