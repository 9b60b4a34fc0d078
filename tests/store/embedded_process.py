"""A server with an embedded PostgreSQL as a process of its own, to be killed, and a look at what it leaves."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

import usage_graph

SOURCES = Path(usage_graph.__file__).parents[1]

# Prints the DSN, or what start() said; then serves until it is killed. "thread" starts PostgreSQL elsewhere than in
# the main thread.
_SCRIPT = """
import signal, sys, threading
from pathlib import Path
from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded import Embedded

embedded = Embedded(data_dir=Path(sys.argv[1]))

def start():
    try:
        print(embedded.start(), flush=True)
    except EmbeddedError as error:
        print(repr(str(error)), flush=True)

if sys.argv[2] == "thread":
    starting = threading.Thread(target=start)
    starting.start()
    starting.join()
else:
    start()
if sys.argv[2] == "once":
    embedded.stop()
else:
    signal.pause()
"""


class EmbeddedProcess:
    """``answer`` is the DSN, or the message of the error. ``prefix`` is a command that runs the rest."""

    def __init__(self, *, data_dir: Path, how: str = "serve", prefix: Sequence[str] = (), **popen: Any) -> None:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)} | popen.pop("env", {})
        command = [*prefix, sys.executable, "-c", _SCRIPT, str(data_dir), how]
        self.process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, **popen)
        self._answer: str | None = None

    @property
    def answer(self) -> str:
        if self._answer is None:
            assert self.process.stdout
            self._answer = self.process.stdout.readline().strip()
        return self._answer

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=10)


def answer_of(*, data_dir: Path, **how: Any) -> str:
    """What a server says that starts, prints and stops."""
    with EmbeddedProcess(data_dir=data_dir, how="once", **how) as process:
        said = process.answer
        assert process.process.wait(30) == 0
        return said


def run_sql(dsn: str, *statements: str, values: Sequence[object] = ()) -> Any:
    """Execute all but the last, return the first value of the last, whose parameters are ``values``."""

    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1], *values)
        finally:
            await connection.close()

    return asyncio.run(run())


def processes_on(data_dir: Path) -> list[int]:
    """PostgreSQL's processes there that are not zombies: they all work in its data directory."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").samefile(data_dir / "postgresql"):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, a zombie, or not ours to see
    return found


def postmaster_on(data_dir: Path) -> int:
    return int((data_dir / "postgresql" / "postmaster.pid").read_text().split()[0])


def eventually(true: Callable[[], object], *, within: float = 30.0) -> bool:
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
