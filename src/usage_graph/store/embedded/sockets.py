"""The directory of the Unix socket, whose permissions are what guards the database.

Connections are trusted without a password (``trust``), and there is no TCP, so whoever may enter this directory may do
all that the database allows. It is PostgreSQL's own data directory, mode 0700: who can enter that could read and change
the data without any socket, so the socket opens no door that was not open. It admits PostgreSQL's user and root, hence
our server, which is one of the two. A path that is too long for a socket address gets a directory in the temporary
directory instead, made anew under a name nobody can foresee, with the same owner and mode; as a server that is killed
cannot remove it, a symbolic link in the data directory tells the next one.
"""

import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded.account import Account
from usage_graph.store.embedded.directory import DataDirectory

PORT = 5432
LONGEST_ADDRESS = 103  # bytes, on macOS; Linux has room for 107

_PREFIX = "usage-graph-"


def open_sockets(directory: DataDirectory, account: Account) -> Path:
    """The directory for the socket: there, private, and short enough."""
    close_sockets(directory)
    if _fits(directory.cluster):
        return directory.cluster
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp")):  # noqa: S108 - in a directory of our own
        path = Path(place, _PREFIX + 8 * "x")
        # Root may enter anything; the user that PostgreSQL runs as may not.
        if _fits(path) and not (os.geteuid() == 0 and account.trouble_entering([path.parent])):
            made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            account.own(made)
            directory.sockets.symlink_to(made)
            return made
    raise EmbeddedError(
        f"The path {directory.cluster} is too long for a socket, and so is that of the temporary directory. Choose a "
        f"shorter USAGE_GRAPH_DATA_DIR or TMPDIR."
    )


def close_sockets(directory: DataDirectory) -> None:
    """Remove the temporary directory that the link names, if there is one, and the link."""
    if not directory.sockets.is_symlink():
        return
    target = directory.sockets.readlink()
    # As root we remove nothing but what is ours by name, wherever a forged link may lead.
    if target.name.startswith(_PREFIX) and target.is_dir() and not target.is_symlink():
        for file in target.glob(".s.PGSQL.*"):
            file.unlink()
        if not any(target.iterdir()):
            target.rmdir()
    directory.sockets.unlink()


def dsn(sockets: Path, *, user: str, database: str) -> str:
    """The address for asyncpg and libpq; what the environment says of TLS and replicas is meant for other servers."""
    place = f"host={quote(str(sockets), safe='/')}&port={PORT}"
    return f"postgresql://{user}@/{database}?{place}&sslmode=disable&target_session_attrs=any"


def _fits(directory: Path) -> bool:
    """Whether a socket in ``directory`` can be named: in its address, in PostgreSQL's list and in asyncpg's."""
    name = str(directory)
    address = os.fsencode(directory / f".s.PGSQL.{PORT}")
    return len(address) <= LONGEST_ADDRESS and name.isprintable() and not set(name) & set(',"')
