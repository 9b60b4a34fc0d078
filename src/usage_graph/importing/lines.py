"""The files of a history, and their lines: of bounded length, numbered from 1, from plain and gzip files."""

import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from usage_graph.config import MIB
from usage_graph.errors import ImportFailed
from usage_graph.importing.tally import Tally
from usage_graph.report.text import printable

MAX_LINE = 16 * MIB
"""A longer line is no line of a history, and is not kept in memory."""
GZIP = ".gz"


class Line(NamedTuple):
    """``data`` is without its line end. ``whole``: it has one; a file that is being written may end in half a line."""

    number: int
    data: bytes
    whole: bool


def find(paths: Sequence[Path], suffixes: Sequence[str], tally: Tally) -> list[Path]:
    """The files that ``paths`` name, and in directories all below them with one of ``suffixes``, each once.

    Oldest first (by modification): where one file repeats another, the original is met first.

    Raises:
        ImportFailed: a path is missing, or is neither file nor directory; or nothing is there.
    """
    found: dict[tuple[int, int], tuple[float, Path]] = {}
    endings = tuple(ending for suffix in suffixes for ending in (suffix, suffix + GZIP))
    for path in paths:
        if path.is_dir():
            for each in _below(path, endings, tally):
                _add(found, each, tally)
        elif path.is_file():
            _add(found, path, tally)
        else:
            what = "neither a file nor a directory" if path.exists() else "not there"
            raise ImportFailed(f"{printable(str(path))} is {what}.")
    if not found and not tally.unreadable:
        where = ", ".join(printable(str(path)) for path in paths)
        raise ImportFailed(f"There is no {' or '.join(suffixes)} file in {where}.")
    return [path for _, path in sorted(found.values())]


def _add(found: dict[tuple[int, int], tuple[float, Path]], path: Path, tally: Tally) -> None:
    try:
        status = path.stat()
    except OSError as error:
        tally.unread(path, f"cannot be read ({error.strerror})")
    else:
        found.setdefault((status.st_dev, status.st_ino), (status.st_mtime, path))


def _below(directory: Path, endings: tuple[str, ...], tally: Tally) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        tally.unread(Path(error.filename), f"cannot be read ({error.strerror})")

    for root, _, names in os.walk(directory, onerror=refused):
        yield from (path for name in names if name.lower().endswith(endings) and (path := Path(root, name)).is_file())


def read(path: Path, tally: Tally) -> Iterator[Line]:
    """The lines of ``path``. Those that are too long are told to ``tally``, as is a file that cannot be read on."""
    tally.files += 1
    try:
        with path.open("rb") as file:
            if path.name.lower().endswith(GZIP):
                with gzip.open(file) as unpacked:
                    yield from _lines(path, unpacked, tally)
            else:
                yield from _lines(path, file, tally)
    except OSError as error:
        tally.unread(path, f"cannot be read ({error.strerror or 'it is not gzip, or damaged'})")
    except (EOFError, zlib.error):
        tally.unread(path, "cannot be read to its end (its gzip data are damaged or cut off)")


def _lines(path: Path, file: "IO[bytes] | gzip.GzipFile", tally: Tally) -> Iterator[Line]:
    number = 0
    while data := file.readline(MAX_LINE + 1):
        number += 1
        whole = data.endswith(b"\n")
        tally.line(len(data))
        if not whole and len(data) > MAX_LINE:
            _skip(file, tally)
            tally.bad(path, number, f"is longer than {MAX_LINE // MIB} MiB")
            continue
        yield Line(number, data.rstrip(b"\r\n"), whole)


def _skip(file: "IO[bytes] | gzip.GzipFile", tally: Tally) -> None:
    """To the end of the line."""
    while data := file.readline(MIB):
        tally.bytes += len(data)
        if data.endswith(b"\n"):
            return
