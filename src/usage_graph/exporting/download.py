"""A file from the server to where it belongs, with nothing but the standard library."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request

from usage_graph.errors import DownloadError, ReportError
from usage_graph.exporting.counting import COUNTERS
from usage_graph.project import PROJECT_HEADER, project_named
from usage_graph.report.client import graphql_url, opener
from usage_graph.report.text import printable

TIMEOUT = 120.0
"""Seconds without a byte; the server gives up on a portion of rows before."""
PIECE = 2**16
ROWS_HEADER = "x-usage-graph-rows"
STDOUT = Path("-")
_NAME = re.compile(r'filename="(\w[\w.-]*)"', re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be downloaded, and where to.

    ``output``: a file, a directory, ``-``, or ``None``: a file of the name that the server gives it. ``certificate``:
    what the server is to be known by, where it is one of this machine and these settings.
    """

    endpoint: str
    table: str
    format: str
    parameters: Mapping[str, str]
    project: str | None = None
    key: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    output: Path | None = None
    force: bool = False


class Progress(NamedTuple):
    """So far: ``rows``, where they can be counted, of ``whole``, where the server knows, in ``size`` bytes."""

    rows: int | None
    whole: int | None
    size: int


class Downloaded(NamedTuple):
    """``path``: ``None``, it went to standard output. ``rows``: ``None``, nobody has counted them."""

    path: Path | None
    rows: int | None
    size: int


def download(wanted: Wanted, *, tell: Callable[[Progress], None]) -> Downloaded:
    """Returns when the file is whole and where it belongs. Until then a file that ends in ``.part`` is beside it.

    Raises:
        DownloadError: there is no file, or it has not come to its end, or there is no place for it.
    """
    if wanted.output is not None:
        _check_free(wanted.output, force=wanted.force)
    with _answered(wanted) as response:
        if ROWS_HEADER not in response.headers and response.headers.get_filename() is None:
            raise DownloadError(f"{printable(wanted.endpoint)} is not a usage-graph server: it sends another page.")
        return _received(response, wanted, tell)


def _answered(wanted: Wanted) -> HTTPResponse:
    url = export_url(wanted.endpoint, wanted.table, {**wanted.parameters, "format": wanted.format})
    try:
        response: HTTPResponse = opener(url, wanted.certificate).open(_request(url, wanted), timeout=TIMEOUT)
    except HTTPError as error:
        with error:
            raise DownloadError(_refusal(error)) from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DownloadError(
            f"No server answers at {printable(wanted.endpoint)} ({printable(str(reason))}). Start one with "
            "`usage-graph serve`, or say where it is with --endpoint."
        ) from error
    except ValueError as error:
        raise DownloadError(f"The request cannot be made: {printable(str(error))}.") from error
    return response


def export_url(endpoint: str, table: str, parameters: Mapping[str, str]) -> str:
    """Raises ``DownloadError`` where ``endpoint`` is no http or https URL."""
    try:
        parts = urlsplit(graphql_url(endpoint))
    except ReportError as error:
        raise DownloadError(str(error)) from None
    path = f"{parts.path.removesuffix('/graphql')}/export/{table}"
    return parts._replace(path=path, query=urlencode(parameters)).geturl()


def _request(url: str, wanted: Wanted) -> Request:
    headers = {}
    if wanted.project is not None:
        try:
            # HTTP leaves the encoding open: the server reads UTF-8, the library writes Latin-1.
            headers[PROJECT_HEADER] = project_named(wanted.project).encode().decode("latin-1")
        except ValueError as error:
            raise DownloadError(f"--project: {error}") from None
    request = Request(url, headers=headers)  # noqa: S310  (export_url lets http and https pass)
    if wanted.key is not None:
        # Meant for this server, and not for another that it may redirect to.
        request.add_unredirected_header("authorization", f"Bearer {wanted.key}")
    return request


def _received(response: HTTPResponse, wanted: Wanted, tell: Callable[[Progress], None]) -> Downloaded:
    known = response.headers.get(ROWS_HEADER)
    whole = int(known) if known is not None and known.isdecimal() else None
    counter = COUNTERS[wanted.format]()
    size = 0
    path = _path(response, wanted)
    with _file(path, force=wanted.force) as file:
        tell(Progress(counter.rows, whole, size))
        for piece in _pieces(response):
            _write(file, piece, path)
            counter.add(piece)
            size += len(piece)
            tell(Progress(counter.rows, whole, size))
        if None not in (whole, counter.rows) and whole != counter.rows:
            raise DownloadError(f"The server announced {whole} rows, and {counter.rows} came: the file is not whole.")
    return Downloaded(path, whole if counter.rows is None else counter.rows, size)


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            piece = response.read(PIECE)
        except (OSError, HTTPException) as error:
            raise DownloadError(
                f"The file has not come to its end: the server broke it off, or the network did "
                f"({printable(str(error) or type(error).__name__)}). The log of the server may say more."
            ) from error
        if not piece:
            return
        yield piece


def _write(file: BinaryIO, piece: bytes, path: Path | None) -> None:
    try:
        file.write(piece)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DownloadError(f"{path or 'Standard output'} cannot be written: {error.strerror}.") from error


def _path(response: HTTPResponse, wanted: Wanted) -> Path | None:
    if wanted.output == STDOUT:
        return None
    if wanted.output is not None and not wanted.output.is_dir():
        return wanted.output
    named = _NAME.search(response.headers.get("content-disposition", ""))
    # A name, never a path: the server says where nothing goes.
    return (wanted.output or Path()) / (named[1] if named else f"{wanted.table}.{wanted.format}")


def _check_free(path: Path, *, force: bool) -> None:
    if path != STDOUT and path.exists() and not path.is_dir() and not force:
        raise DownloadError(f"{path} is there already: choose another --output, or say --force to replace it.")


@contextmanager
def _file(path: Path | None, *, force: bool) -> Iterator[BinaryIO]:
    """Where the bytes go; what is at ``path`` afterwards is whole, or what was there before."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    _check_free(path, force=force)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise DownloadError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _refusal(error: HTTPError) -> str:
    """What the server says, else what its status says."""
    try:
        found = json.loads(error.read())
        errors = [printable(str(one["message"])) for one in found["errors"]]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return (
            f"The server refuses the export with HTTP status {error.code}: is it a usage-graph server of this version?"
        )
    after = error.headers.get("retry-after")
    return "\n".join(errors) + (f" (in {printable(after)} s)" if after else "")
