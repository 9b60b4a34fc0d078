"""The embedded PostgreSQL that another process runs: whoever may enter its directory may use it, too."""

from pathlib import Path

from usage_graph.store.embedded import cluster, sockets
from usage_graph.store.embedded.directory import DataDirectory


def dsn(data_dir: Path) -> str | None:
    """Where the PostgreSQL of ``data_dir`` listens; ``None`` if it does not, or where this user cannot see it.

    It may have been killed and have left its socket behind: whether it answers is to be tried.
    """
    directory = DataDirectory(path=data_dir)
    try:
        place = directory.sockets.readlink() if directory.sockets.is_symlink() else directory.cluster
        if not (place / f".s.PGSQL.{sockets.PORT}").is_socket():
            return None
    except OSError:
        return None
    return sockets.dsn(place, user=cluster.USER, database=cluster.DATABASE)
