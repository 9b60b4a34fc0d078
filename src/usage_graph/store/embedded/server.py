"""A PostgreSQL of our own: started with the server, kept running while it serves, gone when it ends."""

import asyncio
import logging
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded import account, binaries, cluster, leftovers, sockets
from usage_graph.store.embedded.account import Account
from usage_graph.store.embedded.binaries import Binaries
from usage_graph.store.embedded.directory import DataDirectory
from usage_graph.store.embedded.postmaster import Postmaster

SILENT_SECONDS = 60.0

_POLL_SECONDS = 0.1
_LOG_CHECK_SECONDS = 60.0
_STEADY_SECONDS = 60.0
_LONGEST_PAUSE = 30.0

_log = logging.getLogger("usage_graph.store")


class Embedded:
    """PostgreSQL on ``data_dir``, reached by a Unix socket only. ``conf`` overrides PostgreSQL settings by name.

    As a context manager it runs from ``with`` to the end of the block. Use it from one thread, best the main one.
    """

    def __init__(self, *, data_dir: Path, conf: Mapping[str, str] | None = None) -> None:
        self._directory = DataDirectory(path=data_dir)
        self._conf = dict(conf or {})
        self._postmaster: Postmaster | None = None
        self._binaries: Binaries
        self._account: Account
        self._by_cwd: bool
        self._sockets: Path
        self._log_start = 0

    def start(self) -> str:
        """Start PostgreSQL, on a new cluster where there is none, and return its DSN once it accepts connections.

        Whatever an earlier server left behind is ended first. Started already, it only returns the DSN.

        Raises:
            EmbeddedError: it cannot be started; says why and what to do. Nothing is left running.
        """
        if self._postmaster is not None and self._postmaster.outcome is not None:
            self.stop()  # it ended by itself, and nobody kept it running
        if self._postmaster is None:
            with ExitStack() as undo:
                self._directory.open()
                undo.callback(self._directory.close)
                undo.callback(sockets.close_sockets, self._directory)
                try:
                    self._prepare()
                    undo.callback(self._abort)
                    self._launch()
                    for pause in self._until_ready():
                        time.sleep(pause)
                    self._create_database()
                except OSError as error:
                    raise EmbeddedError(f"PostgreSQL cannot be started: {error}.") from error
                undo.pop_all()
        return self.dsn

    def stop(self) -> None:
        """Stop PostgreSQL (fast shutdown) and wait for it; unlock the data directory. Stopped already, do nothing."""
        if self._postmaster is not None:
            self._postmaster.stop()
            self._postmaster = None
            sockets.close_sockets(self._directory)
            self._directory.close()

    @property
    def dsn(self) -> str:
        """Where PostgreSQL listens, for asyncpg or libpq; the same until ``stop``."""
        if self._postmaster is None:
            raise EmbeddedError("The embedded PostgreSQL is not running.")
        return sockets.dsn(self._sockets, user=cluster.USER, database=cluster.DATABASE)

    async def keep_running(self) -> None:
        """Start PostgreSQL again whenever it ends by itself (killed, out of memory), until cancelled or ``stop``.

        What was committed is there again, the DSN is the same. Await it in the main thread.
        """
        pause, since = 0.0, time.monotonic()
        while (outcome := await self._end()) is not None:
            _log.error("PostgreSQL ended unexpectedly (%s); starting it again.", _told(outcome))
            if time.monotonic() - since > _STEADY_SECONDS:
                pause = 0.0
            await asyncio.sleep(pause)
            pause = min(max(0.5, pause * 2), _LONGEST_PAUSE)
            try:
                await self._restart()
            except (EmbeddedError, OSError) as error:
                _log.error("PostgreSQL cannot be started again, trying further: %s", error)
            since = time.monotonic()

    async def _end(self) -> int | None:
        """Wait until PostgreSQL has ended and return its outcome; None after ``stop``."""
        checked = time.monotonic()
        while (postmaster := self._postmaster) is not None:
            if postmaster.outcome is not None:
                return postmaster.outcome
            await asyncio.sleep(_POLL_SECONDS)
            if time.monotonic() - checked > _LOG_CHECK_SECONDS:
                checked = time.monotonic()
                self._bound_log()
        return None

    def _bound_log(self) -> None:
        try:
            self._directory.bound_log()
        except OSError as error:  # no room for the older part, say; PostgreSQL itself may still do
            _log.warning("PostgreSQL's log has grown large and cannot be moved aside: %s", error)

    async def _restart(self) -> None:
        await asyncio.to_thread(leftovers.clear, self._directory.cluster, sockets=self._sockets)
        if self._postmaster is None:  # stopped meanwhile
            return
        self._launch()
        for pause in self._until_ready():
            await asyncio.sleep(pause)
        if self._postmaster is not None:
            _log.warning("PostgreSQL accepts connections again.")

    def _prepare(self) -> None:
        """Everything up to the launch: programs, account, ownership, leftovers, cluster, socket directory."""
        directory = self._directory
        self._binaries = binaries.find(major=directory.major)
        self._by_cwd = account.needs_taking_along() and self._binaries.stay_where_they_are
        others = [] if self._by_cwd else directory.parents
        self._account = account.choose(owner=directory.owner, directories=[*self._binaries.path, *others])
        leftovers.clear(directory.cluster, sockets=directory.cluster)
        directory.give_to(self._account)
        if directory.major is None:
            cluster.create(binaries=self._binaries, account=self._account, directory=directory, by_cwd=self._by_cwd)
        self._sockets = sockets.open_sockets(directory, self._account)

    def _launch(self) -> None:
        self._log_start = self._directory.log_size()
        inside = self._directory.cluster
        sockets_by_name = account.HERE if self._by_cwd and self._sockets == inside else self._sockets
        self._postmaster = Postmaster(
            account=self._account,
            postgres=self._binaries.postgres,
            cluster=inside,
            by_cwd=self._by_cwd,
            settings=cluster.settings(cluster=inside, sockets=sockets_by_name, conf=self._conf),
            log=self._directory.log_file,
        )

    def _until_ready(self) -> Iterator[float]:
        """Seconds to wait before looking again, until PostgreSQL accepts connections."""
        said, deadline = self._log_start, time.monotonic() + SILENT_SECONDS
        while (postmaster := self._postmaster) is not None and not postmaster.accepts_connections:
            if postmaster.outcome is not None:
                raise EmbeddedError(f"PostgreSQL ended while it started ({_told(postmaster.outcome)}){self._said()}")
            # Recovery after a crash may take minutes, and tells of its progress every ten seconds.
            if (size := self._directory.log_size()) != said:
                said, deadline = size, time.monotonic() + SILENT_SECONDS
            elif time.monotonic() > deadline:
                postmaster.abort()
                raise EmbeddedError(
                    f"PostgreSQL is not ready and has said nothing for {SILENT_SECONDS:.0f} seconds{self._said()}"
                )
            yield 0.005

    def _create_database(self) -> None:
        # In a thread of its own, since this one may have a running loop.
        with ThreadPoolExecutor(1) as executor:
            try:
                executor.submit(asyncio.run, cluster.create_database(self._sockets)).result()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise EmbeddedError(f"PostgreSQL runs but cannot be used: {error}{self._said()}") from error

    def _abort(self) -> None:
        if self._postmaster is not None:
            self._postmaster.abort()
            self._postmaster = None

    def _said(self) -> str:
        """The end of a message: the last lines of PostgreSQL's log."""
        tail = self._directory.log_tail(self._log_start)
        return f". The last lines of its log, {self._directory.path / 'postgresql.log'}:\n{tail}" if tail else "."

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _told(outcome: int) -> str:
    return f"killed by {signal.Signals(-outcome).name}" if outcome < 0 else f"exit status {outcome}"
