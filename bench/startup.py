"""How long it takes to begin: the server on its own database, the program's shortest answer, what applications import.

And what labels cost an application for each span. All of it with modules compiled already, as an installation has them.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.children import embedded
from bench.figures import Kind
from bench.meter import cpu_seconds

_ROUNDS = 7
_NOT_KEPT = "PYTHONDONTWRITEBYTECODE"
_API = "import opentelemetry.trace, opentelemetry.context"
"""What the instrumentation of any library has imported before us."""

Startup = Mapping[str, tuple[float, str, Kind]]
"""What was measured -> its median, the unit, and how far it repeats itself."""


class _Spent(NamedTuple):
    """Seconds, by the clock and of processors."""

    clock: float
    cpu: float


def measure(tell: Callable[[str], None], *, rounds: int = _ROUNDS) -> Startup:
    """Every figure is the median of ``rounds``, after one that is not counted."""
    tell(f"startup: {rounds} times each")
    with _compiled():
        version = _median(lambda: _run("-m", "usage_graph.cli", "--version"), rounds)
        report = _median(lambda: _run("-m", "usage_graph.cli", "report", "--help"), rounds)
        alone = _median(lambda: _run("-c", _API), rounds)
        with_ours = _median(lambda: _run("-c", f"{_API}, usage_graph.instrument"), rounds)
        overhead = median(float(_output("-m", "bench.labelled")) for _ in range(rounds))
        with tempfile.TemporaryDirectory() as directory:
            ready = _median(lambda: _served(Path(directory)), rounds)
    return {
        "serve to ready": (ready.clock, "s", "clock"),
        "CPU of serve to ready, with its database": (ready.cpu, "s", "cpu"),
        "--version": (version.clock, "s", "clock"),
        "CPU of --version": (version.cpu, "s", "cpu"),
        "CPU of report --help": (report.cpu, "s", "cpu"),
        "import of usage_graph.instrument": (max(0.0, with_ours.cpu - alone.cpu), "s", "cpu"),
        "overhead per LLM span": (overhead, "us", "cpu"),
    }


def _median(once: Callable[[], _Spent], rounds: int) -> _Spent:
    once()
    clock, cpu = zip(*(once() for _ in range(rounds)), strict=True)
    return _Spent(median(clock), median(cpu))


@contextmanager
def _compiled() -> Iterator[None]:
    """Modules stay compiled, whatever the environment says, for as long as this is open."""
    said = os.environ.pop(_NOT_KEPT, None)
    try:
        yield
    finally:
        if said is not None:
            os.environ[_NOT_KEPT] = said


def _run(*arguments: str) -> _Spent:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun, before = time.perf_counter(), used.ru_utime + used.ru_stime
    _output(*arguments)
    clock, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return _Spent(clock, used.ru_utime + used.ru_stime - before)


def _output(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


def _served(data_dir: Path) -> _Spent:
    begun = time.perf_counter()
    with embedded(data_dir) as server:
        return _Spent(time.perf_counter() - begun, cpu_seconds(server.pid))
