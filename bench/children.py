"""What is measured, and what it is measured against, as child processes of this one."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_START_SECONDS = 60
_STOP_SECONDS = 60


class Child(NamedTuple):
    """``grpc_port`` is 0 where it does not take OTLP/gRPC."""

    pid: int
    port: int
    grpc_port: int = 0


@contextmanager
def server(dsn: str, settings: Mapping[str, str] | None = None, *, grpc: bool = False) -> Iterator[Child]:
    """``usage-graph serve`` with its default settings, on any free port, until the block ends."""
    grpc_port = _free_port() if grpc else 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("USAGE_GRAPH_", "OTEL_"))}
    environment |= {
        "USAGE_GRAPH_DATABASE_URL": dsn,
        "USAGE_GRAPH_PORT": "0",
        "USAGE_GRAPH_OTLP_HTTP_PORT": "0",
        "USAGE_GRAPH_OTLP_GRPC_PORT": str(grpc_port),
        **(settings or {}),
    }
    with _child("usage_graph.cli", "serve", environment=environment) as (pid, line):
        yield Child(pid, int(line.rpartition(":")[2]), grpc_port)


@contextmanager
def embedded(data_dir: Path) -> Iterator[Child]:
    """The same on a database of its own in ``data_dir``, with OTLP/gRPC."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("USAGE_GRAPH_", "OTEL_"))}
    environment |= {
        "USAGE_GRAPH_DATA_DIR": str(data_dir),
        "USAGE_GRAPH_PORT": "0",
        "USAGE_GRAPH_OTLP_HTTP_PORT": "0",
        "USAGE_GRAPH_OTLP_GRPC_PORT": str(_free_port()),
    }
    with _child("usage_graph.cli", "serve", environment=environment) as (pid, line):
        yield Child(pid, int(line.rpartition(":")[2]))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def sink() -> Iterator[Child]:
    """The null sink of ``bench.sink``."""
    with _child("bench.sink", environment=dict(os.environ)) as (pid, line):
        yield Child(pid, *map(int, line.split()))


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
