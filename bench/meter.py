"""Processor time and memory of processes. On a noisy machine the former repeats better than the clock does."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import nan
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_SAMPLE_SECONDS = 0.05


def cpu_seconds(pid: int) -> float:
    """User and system time so far of ``pid``, and of its descendants unless it is this process.

    What a descendant used counts also after it has ended.
    """
    root = psutil.Process(pid)
    times = root.cpu_times()
    spent: float = times.user + times.system
    if pid == os.getpid():
        return spent
    spent += times.children_user + times.children_system
    for child in root.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent


def parent(pid: int) -> int:
    found: int = psutil.Process(pid).ppid()
    return found


def is_here(address: str | None) -> bool:
    """Whether a server at ``address`` (``None``: a Unix socket) is one of this machine's processes."""
    own = (known.address for interface in psutil.net_if_addrs().values() for known in interface)
    return address is None or address in own


class Cpu:
    """Processor seconds that each of ``pids`` spends inside a ``with`` block; afterwards in ``seconds``.

    Those of ``None``, a process that cannot be looked at, are not a number.
    """

    def __init__(self, *pids: int | None) -> None:
        self._pids = pids
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        self._before = self._spent()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = [after - before for after, before in zip(self._spent(), self._before, strict=True)]

    def _spent(self) -> list[float]:
        return [nan if pid is None else cpu_seconds(pid) for pid in self._pids]


class PeakMemory:
    """The largest resident set of one process (without children) inside a ``with`` block, in bytes, in ``peak``.

    Sampled; Linux also knows the largest since the process began, which no sample misses: see ``high_water_mark``.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def _watch(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while not self._done.wait(_SAMPLE_SECONDS):
                self.peak = max(self.peak, self._process.memory_info().rss)

    def __enter__(self) -> Self:
        self.peak = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()


def high_water_mark(pid: int) -> int | None:
    """The largest resident set of the process so far, in bytes, where the system tells (Linux: VmHWM)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


@contextmanager
def peak_of(pid: int, into: dict[str, int | None]) -> Iterator[None]:
    """Both ways of knowing the peak, into ``sampled`` and ``high_water_mark``."""
    with PeakMemory(pid) as memory:
        yield
    into["sampled"], into["high_water_mark"] = memory.peak, high_water_mark(pid)
