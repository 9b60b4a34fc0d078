"""Becomes another program as another user: ``python -I -S launch.py UID GID NAMESPACE PARENT PLACE PROGRAM ARG...``.

A script rather than a ``preexec_fn``: between fork and exec of a process with threads (gRPC's, for one) no Python may
run safely, and the server starts PostgreSQL again while it serves. It is run by path, isolated, so it imports nothing
but the standard library, and of that only what starts fast.

    UID, GID    who to become; nothing is done where we are that user already
    NAMESPACE   1: enter a new user namespace, in which UID is seen as the user 65534
    PARENT      process id: PROGRAM is sent SIGINT when the thread that started us ends; 0: it lives on (Linux only)
    PLACE       the directory to be in; entered before we become UID, who may be unable to
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

SEEN_AS = 65534
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_DUMPABLE = 4
CLONE_NEWUSER = 0x10000000  # linux/sched.h


def become(uid: int, gid: int) -> None:
    """Give up being root for good: groups first, while we still may."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def enter_namespace(libc: ctypes.CDLL, uid: int) -> None:
    """Be ``SEEN_AS`` to ourselves and ``uid`` to everyone else, without any of root's powers once we exec."""
    # A process that has changed its user does not own its own /proc files until it says it may be dumped.
    libc.prctl(PR_SET_DUMPABLE, 1)
    if libc.unshare(CLONE_NEWUSER):
        error = ctypes.get_errno()
        raise OSError(error, f"a user namespace is not allowed here: {os.strerror(error)}")
    try:
        Path("/proc/self/uid_map").write_text(f"{SEEN_AS} {uid} 1")
    except OSError as error:
        raise OSError(error.errno, f"a user namespace is of no use here: {error.strerror}") from None


def die_with(libc: ctypes.CDLL, parent: int) -> None:
    """Ask the kernel for SIGINT, PostgreSQL's fast shutdown, when ``parent`` ends.

    After the change of user, because that clears the request; exec keeps it.
    """
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        raise OSError("the process that asked for this one has ended")


def main(uid: int, gid: int, namespace: int, parent: int, place: str, program: list[str]) -> None:
    os.chdir(place)
    os.umask(0o077)
    if uid != os.geteuid():
        become(uid, gid)
    if namespace or parent:
        libc = ctypes.CDLL(None, use_errno=True)
        if namespace:
            enter_namespace(libc, uid)
        if parent:
            die_with(libc, parent)
    # Python ignores these two, and a program keeps ignoring what it found ignored.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606 - this is what the script is for


if __name__ == "__main__":
    try:
        uid, gid, namespace, parent = map(int, sys.argv[1:5])
        main(uid, gid, namespace, parent, sys.argv[5], sys.argv[6:])
    except OSError as reason:
        sys.exit(str(reason.strerror or reason))
