"""One running ``postgres``: a child of ours that does not outlive us."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from usage_graph.store.embedded.account import HERE, Account, environment

# Reads until whoever holds the other end has gone. A line means all is well: PostgreSQL has ended, and its process id
# may be somebody else's by now. Without one the server was killed, so PostgreSQL is stopped, if it is still the same.
_WATCH = 'read -r line || { read -r pid < "$1" && [ "$pid" = "$0" ] && kill -INT "$pid"; }'

_FAST_SHUTDOWN_SECONDS = 30.0


class Postmaster:
    """``postgres`` on ``cluster``, named ``HERE`` if ``by_cwd``, with ``settings``, writing to the open file ``log``.

    When this process ends, however it does, so does PostgreSQL. On Linux the kernel sees to it; but it goes by the
    thread that started the program, so elsewhere than in the main thread, and on other systems, a shell watches us
    through a pipe.
    """

    def __init__(
        self,
        *,
        account: Account,
        postgres: Path,
        cluster: Path,
        by_cwd: bool,
        settings: Mapping[str, str],
        log: int,
    ) -> None:
        self._pid_file = cluster / "postmaster.pid"
        bound = sys.platform == "linux" and threading.current_thread() is threading.main_thread()
        command: list[str | Path] = [postgres, "-D", HERE if by_cwd else cluster]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self._process = subprocess.Popen(  # noqa: S603
            account.command(command, dies_with_us=bound, place=cluster),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for us to handle
        )
        self._watcher = None if bound else _watch(self._process.pid, self._pid_file)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def outcome(self) -> int | None:
        """None while it runs, else its exit status, or minus the signal that ended it."""
        status = self._process.poll()
        if status is not None:
            self._dismiss_watcher()
        return status

    @property
    def accepts_connections(self) -> bool:
        """Whether it says so in its ``postmaster.pid`` (first line: process id, eighth: state)."""
        try:
            lines = self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Fast shutdown: clients are cut off, everything is written. After half a minute less politely."""
        if self.outcome is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_FAST_SHUTDOWN_SECONDS)
            except subprocess.TimeoutExpired:
                self.abort()
        self._dismiss_watcher()

    def abort(self) -> None:
        """End it without writing anything; the next start recovers from the write-ahead log."""
        if self.outcome is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._dismiss_watcher()

    def _dismiss_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.communicate(b"\n")
            self._watcher = None


def _watch(pid: int, pid_file: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _WATCH, str(pid), str(pid_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # or whoever reads our output would wait for the watcher too
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
