"""The data directory: who may use it, and what lies in it.

lock               held (flock) by the server that uses the directory; its process id is inside
postgresql/        the cluster: PostgreSQL's own data directory
postgresql.log     PostgreSQL's log; the older part of it in postgresql.log.1
sockets            where the socket is, when it cannot be in postgresql/: a symbolic link
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded.account import Account

LOG_LIMIT = 10 * 2**20

# A new cluster takes 40 MB; an old one wants room for a segment of its write-ahead log.
_ROOM_TO_CREATE = 128 * 2**20
_ROOM_TO_START = 16 * 2**20


class DataDirectory:
    """``USAGE_GRAPH_DATA_DIR``, ours alone from ``open`` to ``close``."""

    def __init__(self, *, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.cluster = self.path / "postgresql"
        self.sockets = self.path / "sockets"
        self._log = self.path / "postgresql.log"
        self._staged = "postgresql.init-"
        self._holds_only_ours = False
        self._lock_file = -1
        self._log_file = -1

    def open(self) -> None:
        """Make the directory where there is none, lock it, and open its log.

        Raises:
            EmbeddedError: it is no directory, may not be written, is full, or another server uses it.
        """
        try:
            self._make()
            self._lock()
            self._check_cluster()
            self._sweep()
            self._check_room()
            self._log_file = self._open_file(self._log, os.O_APPEND)
            self.bound_log()
        except OSError as error:
            self.close()
            raise EmbeddedError(
                f"The data directory {self.path} cannot be used: {error.strerror}. Make it one that this user may "
                f"write, or choose another with USAGE_GRAPH_DATA_DIR."
            ) from error
        except EmbeddedError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the lock and the log."""
        if self._lock_file >= 0:
            os.ftruncate(self._lock_file, 0)  # no process to name until somebody writes theirs
        for file in (self._log_file, self._lock_file):
            if file >= 0:
                os.close(file)
        self._lock_file = self._log_file = -1

    @property
    def owner(self) -> int:
        """The user id that the data belongs to."""
        return (self.cluster if self.cluster.exists() else self.path).stat().st_uid

    @property
    def major(self) -> int | None:
        """The major version of the PostgreSQL that wrote the data; None where there is none yet."""
        if not self.cluster.exists():
            return None
        return int((self.cluster / "PG_VERSION").read_text())

    @property
    def parents(self) -> list[Path]:
        """The directories on the way to the data whose permissions are not ours to change, outermost first."""
        above = [*reversed(self.path.parents)]
        return above if self._holds_only_ours else [*above, self.path]

    @property
    def log_file(self) -> int:
        """A file descriptor to append to the log with."""
        return self._log_file

    def give_to(self, account: Account) -> None:
        """Let ``account`` use the data and everything around it that is ours (only root can, or need)."""
        if self.cluster.exists():
            account.own_tree(self.cluster)
        if self._holds_only_ours:
            account.own(self.path)
        account.own(self._lock_file)
        account.own(self._log_file)

    def stage(self) -> Path:
        """An empty directory to make a cluster in."""
        return Path(tempfile.mkdtemp(prefix=self._staged, dir=self.path))

    def adopt(self, staged: Path) -> None:
        """Make the finished cluster in ``staged`` ours: all of it or, should we be killed now, nothing."""
        staged.rename(self.cluster)
        parent = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)

    def bound_log(self) -> None:
        """Move the log aside once it has passed ``LOG_LIMIT``; PostgreSQL goes on appending to the emptied file."""
        size = os.fstat(self._log_file).st_size
        if size <= LOG_LIMIT:
            return
        # Into a new file that takes its place: the old name might be a link that somebody laid for root.
        with tempfile.NamedTemporaryFile(dir=self.path, prefix=f"{self._log.name}.", delete=False) as older:
            with self._log.open("rb") as log:
                log.seek(size - LOG_LIMIT)
                shutil.copyfileobj(log, older)
            os.ftruncate(self._log_file, 0)
        Path(older.name).replace(f"{self._log}.1")

    def log_size(self) -> int:
        """Bytes in the log: where the next run's lines begin."""
        return os.fstat(self._log_file).st_size

    def log_tail(self, since: int) -> str:
        """The last lines of the log from byte ``since`` on, at most ten."""
        with self._log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-10:])

    def _make(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise EmbeddedError(
                f"The data directory {self.path} is not a directory. Choose another with USAGE_GRAPH_DATA_DIR."
            )
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = [entry.name for entry in self.path.iterdir()]
        self._holds_only_ours = all(name in ("lock", "sockets") or name.startswith("postgresql") for name in names)
        # Somebody's home, or the root of a volume, stays as open as it is; the cluster in it is closed anyway.
        if self._holds_only_ours and os.geteuid() in (0, self.path.stat().st_uid):
            self.path.chmod(0o700)

    def _lock(self) -> None:
        file = self._open_file(self.path / "lock")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode().strip()
            os.close(file)
            raise EmbeddedError(
                f"The data directory {self.path} is in use by another usage-graph server"
                f"{f', process {holder}' if holder else ''}. Use that server, or stop it"
                f"{f' (kill {holder})' if holder else ''}, or choose another directory with USAGE_GRAPH_DATA_DIR."
            ) from None
        except OSError:
            os.close(file)
            raise
        self._lock_file = file
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def _check_cluster(self) -> None:
        if self.cluster.is_symlink():
            # As root we change the owner of all that is in it: no link may lead that elsewhere.
            raise EmbeddedError(f"{self.cluster} is a symbolic link. Set USAGE_GRAPH_DATA_DIR to where the data is.")
        if not self.cluster.exists():
            return
        if self.cluster.is_dir() and not any(self.cluster.iterdir()):
            self.cluster.rmdir()
            return
        owner = self.cluster.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise EmbeddedError(
                f"The data in {self.path} belongs to the user {Account(owner, 0).name}. Run usage-graph as that user, "
                f"or choose another directory with USAGE_GRAPH_DATA_DIR."
            )
        try:
            _ = self.major
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise EmbeddedError(
                f"{self.cluster} is something else than PostgreSQL's data. Move it away, or choose another "
                f"directory with USAGE_GRAPH_DATA_DIR."
            ) from None

    def _sweep(self) -> None:
        """Remove what attempts to make a cluster that were cut short have left."""
        for left in self.path.glob(f"{self._staged}*"):
            shutil.rmtree(left, ignore_errors=True)  # an initdb may still be dying in it; the next start gets it

    def _check_room(self) -> None:
        room = os.statvfs(self.path)
        free = room.f_bavail * room.f_frsize
        needed = _ROOM_TO_START if self.cluster.exists() else _ROOM_TO_CREATE
        # Some network file systems do not say how large they are.
        if room.f_blocks and free < needed:
            raise EmbeddedError(
                f"The disk of the data directory {self.path} is full: {free // 2**20} MB are free and PostgreSQL needs "
                f"{needed // 2**20}. Make room, or choose another directory with USAGE_GRAPH_DATA_DIR."
            )

    @staticmethod
    def _open_file(path: Path, how: int = 0) -> int:
        # As root we must not follow a link that the user who owns the directory may have laid.
        return os.open(path, how | os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
