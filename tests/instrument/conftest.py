"""A real SDK that keeps its finished spans, and scripts run as programs of their own."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.otel.sink import HttpSink
from usage_graph.instrument import UsageSpanProcessor


class Recorder:
    """An SDK provider with our processor on it."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self.exporter = InMemorySpanExporter()
        provider.add_span_processor(UsageSpanProcessor())
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("some.library")

    def span(self, name: str = "call", **arguments: Any) -> None:
        self.tracer.start_span(name, **arguments).end()

    @property
    def attributes(self) -> list[dict[str, Any]]:
        """Of each finished span, in the order they ended."""
        return [dict(span.attributes or {}) for span in self.exporter.get_finished_spans()]

    @property
    def labels(self) -> list[dict[str, str]]:
        """The same, only ours and without their prefix."""
        prefix = "usage_graph."
        return [
            {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}
            for attributes in self.attributes
        ]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    provider = TracerProvider(shutdown_on_exit=False)
    yield Recorder(provider)
    provider.shutdown()


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as running:
        yield running


@pytest.fixture
def run_script() -> Callable[..., str]:
    """Runs Python source in a process of its own, where the global tracer provider is still unset; returns stdout.

    Warnings are errors there too. The process sees no OTEL_ variables but those given.
    """

    def run(source: str, **environment: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source)],
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
