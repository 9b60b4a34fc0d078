"""What is measured, and what it is measured against, as child processes of this one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

_START_SECONDS = 60
_STOP_SECONDS = 60


class Child(NamedTuple):
    pid: int
    port: int


@contextmanager
def server(dsn: str, settings: Mapping[str, str] | None = None) -> Iterator[Child]:
    """``usage-graph serve`` with its default settings, on any free port, until the block ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("USAGE_GRAPH_", "OTEL_"))}
    environment |= {
        "USAGE_GRAPH_DATABASE_URL": dsn,
        "USAGE_GRAPH_PORT": "0",
        "USAGE_GRAPH_OTLP_HTTP_PORT": "0",
        "USAGE_GRAPH_OTLP_GRPC_PORT": "0",
        **(settings or {}),
    }
    with _child("usage_graph.cli", "serve", environment=environment) as (pid, line):
        yield Child(pid, int(line.rpartition(":")[2]))


@contextmanager
def sink() -> Iterator[Child]:
    """The null sink of ``bench.sink``."""
    with _child("bench.sink", environment=dict(os.environ)) as (pid, line):
        yield Child(pid, int(line))


@contextmanager
def _child(module: str, *arguments: str, environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Its process id and its first line; ended, by SIGTERM and in the end by SIGKILL, when the block ends."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            if not line:
                process.wait(_START_SECONDS)
                log.seek(0)
                raise RuntimeError(f"{module} did not start:\n{log.read()}")
            yield process.pid, line
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
