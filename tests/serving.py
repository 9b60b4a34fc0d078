"""A usage-graph server as a child process, as an operator runs it."""

import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

_projects = itertools.count()

START_TIMEOUT = 60.0
START_LINE = re.compile(r"usage-graph: PostgreSQL \d+\.\d+\S*(, TimescaleDB \S+)?, engine: (postgresql|timescaledb)\n")
"""What a server says on stderr when all is well, and nothing else."""


def free_port() -> int:
    """A TCP port of loopback that nobody uses now; not one of those that systems give to clients meanwhile."""
    while True:
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", random.randint(10_240, 32_000)))  # noqa: S311
            port: int = sock.getsockname()[1]
            return port


class Server:
    """``usage-graph serve`` on free ports of loopback, against a database or in a data directory."""

    def __init__(
        self,
        *,
        database_url: str | None = None,
        data_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        program: tuple[str, ...] = ("-m", "usage_graph.cli"),
    ) -> None:
        self.http_port, self.otlp_port, self.grpc_port = free_port(), free_port(), free_port()
        self.http = f"http://127.0.0.1:{self.http_port}"
        self.otlp_http = f"http://127.0.0.1:{self.otlp_port}"
        self.otlp_grpc = f"127.0.0.1:{self.grpc_port}"
        own = {
            "USAGE_GRAPH_PORT": str(self.http_port),
            "USAGE_GRAPH_OTLP_HTTP_PORT": str(self.otlp_port),
            "USAGE_GRAPH_OTLP_GRPC_PORT": str(self.grpc_port),
        }
        if database_url is not None:
            own["USAGE_GRAPH_DATABASE_URL"] = database_url
        if data_dir is not None:
            own["USAGE_GRAPH_DATA_DIR"] = str(data_dir)
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("USAGE_GRAPH_", "OTEL_"))
        }
        self.environment = {**inherited, **own, **(settings or {})}
        self._command = [sys.executable, *program, "serve", *arguments]
        self._log: list[str] = []

    def start(self) -> "Server":
        """Returns when the server says that it is ready."""
        self.process = subprocess.Popen(
            self._command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        watchdog = threading.Timer(START_TIMEOUT, self.process.kill)
        watchdog.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if line != f"ready {self.http}\n":
            self.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{self.log}")
        return self

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        self._log.extend(self.process.stderr)

    @property
    def log(self) -> str:
        """What the server has written to stderr; whole once it has ended."""
        if self.process.poll() is not None:
            self._reader.join(10)
        return "".join(self._log)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def kill(self) -> int:
        """SIGKILL."""
        self.process.kill()
        return self._wait()

    def _wait(self) -> int:
        status = self.process.wait(60)
        self._reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return status

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def project(self) -> str:
        """A project that no other test uses."""
        return f"project-{os.getpid()}-{next(_projects)}"

    def query(
        self, document: str, variables: Mapping[str, Any] | None = None, *, project: str = "default"
    ) -> dict[str, Any]:
        """The ``data`` of a GraphQL answer that must have no errors; asked with the server's key, if it has one."""
        key = self.environment.get("USAGE_GRAPH_API_KEY")
        answer = httpx.post(
            f"{self.http}/graphql",
            json={"query": document, "variables": dict(variables or {})},
            headers={"x-usage-graph-project": project, **({"authorization": f"Bearer {key}"} if key else {})},
            timeout=60,
        )
        body = answer.json()
        assert answer.status_code == 200, body
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data


def eventually(condition: Callable[[], bool], *, within: float = 30.0) -> None:
    """Waits until ``condition`` holds; fails where it does not ``within`` so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
