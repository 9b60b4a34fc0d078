"""What a server that was killed may have left running, and the files that then keep PostgreSQL from starting.

PostgreSQL refuses to start when the process named in ``postmaster.pid`` is alive. Alive it looks when it is a zombie
that nobody reaps, or when its number now belongs to some other process: both are usual in containers. And it refuses
when any process of the killed one still has the shared memory. So we look for the processes ourselves, by a mark that
every one of them carries in its command line, end them, and only then take the file away.
"""

import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from usage_graph.errors import EmbeddedError

_log = logging.getLogger("usage_graph.store")

# Signals in turn, and the seconds each is given: a fast shutdown writes all that is in memory, the others nothing.
_PATIENCE = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_ALONE_SECONDS = 1.0


def mark(cluster: Path) -> str:
    """What ``cluster_name`` is set to, which PostgreSQL shows in the title of each of its processes."""
    return "usage_graph_" + hashlib.blake2b(os.fsencode(cluster), digest_size=8).hexdigest()


def clear(cluster: Path, *, sockets: Path) -> None:
    """Wait for, or end, what still runs on ``cluster``; then remove the files that say it does.

    Only for the holder of the data directory's lock: no living server can own what is found.

    Raises:
        EmbeddedError: a process of the earlier server does not end.
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return
    _end_all(cluster, _first_number(pid_file))
    for file in (pid_file, *sockets.glob(".s.PGSQL.*")):
        file.unlink(missing_ok=True)


def _end_all(cluster: Path, postmaster: int | None) -> None:
    for number, seconds in _PATIENCE:
        running = _running(cluster)
        if not running:
            return
        told = running
        if number is signal.SIGINT:
            # Only the postmaster takes it for a fast shutdown. Its children, without it, end by themselves, if idle.
            told = [pid for pid in running if pid == postmaster]
            seconds = seconds if told else _ALONE_SECONDS
        _log.warning("Of an earlier run, PostgreSQL's processes %s still run; ending them (%s).", running, number.name)
        for pid in told:
            with suppress(ProcessLookupError):  # it ended by itself, which is as good
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while _running(cluster) and time.monotonic() < deadline:
            time.sleep(0.02)
    if running := _running(cluster):
        raise EmbeddedError(
            f"PostgreSQL of an earlier run does not end (processes {', '.join(map(str, running))}). End them, then "
            f"start again."
        )


def _first_number(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):  # written by halves, on a full disk for one
        return None


def _running(cluster: Path) -> list[int]:
    """The process ids of PostgreSQL on ``cluster``. Zombies have no command line left, so they are not among them."""
    name, users = mark(cluster).encode(), {0, cluster.stat().st_uid}
    child, postmaster = b"postgres: " + name, b"cluster_name=" + name
    return [
        pid
        for pid, user, command in _processes()
        if user in users and (command.startswith(child) or postmaster in command)
    ]


def _processes() -> Iterator[tuple[int, int, bytes]]:
    """Every process we may see: id, user id, command line."""
    if sys.platform == "linux":
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    yield int(entry.name), entry.stat().st_uid, (entry / "cmdline").read_bytes()
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue  # ended while we looked, or somebody else's and hidden
        return
    command = ["/bin/ps", "-axww", "-o", "pid=,uid=,command="]
    listed = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    for line in listed.stdout.splitlines():
        pid, uid, title = line.split(None, 2)
        yield int(pid), int(uid), title
