"""The user that PostgreSQL runs as: it refuses to be root.

An ordinary user's PostgreSQL runs as that user. Root's runs as the owner of the data directory, or as ``nobody`` where
that is root. Such a user may be unable to go where we can. To the data directory we take it along: see ``HERE``. To
the programs that does not help (a checkout below a ``/root`` that is closed to others); then it runs in a user
namespace: root to the file system, without root's powers, and an ordinary user to itself.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from usage_graph.errors import EmbeddedError

_LAUNCH = Path(__file__).with_name("launch.py")

HERE = Path("/proc/self/cwd")
"""The directory a process is in, under a name that works even if no other leads there. All of PostgreSQL's processes
stay in the data directory, so they need no right to enter those above it (Linux only)."""

# What a program needs to run. Nothing else is passed on: PG* and LC_* would change what PostgreSQL does, and
# whoever may read its environment should find no secrets there.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

# Prints the directories that may not be entered.
_TRY_TO_ENTER = 'for path; do test -x "$path" || printf "%s\\n" "$path"; done'


@dataclass(frozen=True, slots=True)
class Account:
    """Who PostgreSQL's processes are; ``namespace`` puts them in a user namespace of their own."""

    uid: int
    gid: int
    namespace: bool = False

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def known(self) -> bool:
        """Whether the user database knows this user; ``initdb`` insists on it, ``postgres`` does not."""
        return self.namespace or self.name != str(self.uid)

    def in_namespace(self) -> "Account":
        return replace(self, namespace=True)

    def command(
        self, program: Iterable[str | Path], *, dies_with_us: bool = False, place: Path = Path("/")
    ) -> list[str]:
        """``program`` as this user, in the directory ``place``.

        With ``dies_with_us`` it gets SIGINT when the calling thread ends (Linux).
        """
        parent = os.getpid() if dies_with_us else 0
        how = (self.uid, self.gid, int(self.namespace), parent, place)
        return [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, how), *map(str, program)]

    def trouble_entering(self, directories: Sequence[Path]) -> str:
        """What keeps this user from entering ``directories``; empty when nothing does.

        Tried rather than reckoned from mode bits: access lists, network file systems and security modules have a say.
        """
        command = self.command(["/bin/sh", "-c", _TRY_TO_ENTER, "sh", *directories])
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())  # noqa: S603
        if done.returncode:
            return done.stderr.strip() or f"no process can be run as the user {self.name}"
        closed = done.stdout.partition("\n")[0]
        return closed and f"the user {self.name} may not enter {closed}"

    def own(self, file: Path | int) -> None:
        """Make ``file``, something of ours, this user's. Only root can; for others it is theirs already."""
        found = file.stat() if isinstance(file, Path) else os.fstat(file)
        if os.geteuid() == 0 and found.st_uid != self.uid:
            os.chown(file, self.uid, self.gid)

    def own_tree(self, top: Path) -> None:
        """The same for a directory and all in it. The top comes last: cut short, it is all done again."""
        if os.geteuid() == 0 and top.stat().st_uid != self.uid:
            for folder, folders, files in os.walk(top):
                for name in (*folders, *files):
                    os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)
            self.own(top)


def environment() -> dict[str, str]:
    """The environment for PostgreSQL's programs, whatever ours is."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath} | kept | {"LC_ALL": "C", "TZ": "UTC"}


def needs_taking_along() -> bool:
    """Whether PostgreSQL runs as another user than we, on a system where it can be taken ``HERE``."""
    return sys.platform == "linux" and os.geteuid() == 0


def choose(*, owner: int, directories: Sequence[Path]) -> Account:
    """The account for data that belongs to the user ``owner``; it must be able to enter ``directories``.

    Only root has a choice to make.

    Raises:
        EmbeddedError: no account may go where it must; says which directory is closed and what to do.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    account = _account(owner) if owner else _nobody()
    trouble = account.trouble_entering(directories)
    if not trouble:
        return account
    # Data of an ordinary user stays theirs: for a namespace it would have to become root's.
    if sys.platform == "linux" and owner in (0, _nobody().uid):
        root = Account(0, 0, namespace=True)
        further = root.trouble_entering(directories)
        if not further:
            return root
        trouble += f"; nor does a user namespace help: {further}"
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and {trouble}. Install usage-graph where every user may go, such as /opt "
        f"(and keep its data there too: USAGE_GRAPH_DATA_DIR); or run it as an ordinary user; or set "
        f"USAGE_GRAPH_DATABASE_URL to a database that runs already."
    )


def _nobody() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and this system has no user `nobody` to run it as. Run usage-graph as "
            "an ordinary user, or set USAGE_GRAPH_DATABASE_URL to a database that runs already."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _account(uid: int) -> Account:
    try:
        return Account(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        return Account(uid, uid)
