"""Spans to a server, over OTLP/HTTP, with nothing but the standard library; again where they may be sent again."""

import time
from collections.abc import Callable, Sequence
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from usage_graph.config import is_loopback
from usage_graph.errors import ImportFailed
from usage_graph.importing.span import request
from usage_graph.project import PROJECT_HEADER, project_named
from usage_graph.report.text import printable
from usage_graph.tls import trusting

TIMEOUT = 60.0
PATIENCE = 300.0
"""Seconds without any answer that takes spans in, after which there is no more trying."""
_LONGEST_PAUSE = 30.0
_RETRYABLE = frozenset({429, 502, 503, 504})
_TOO_LARGE = 413
_PATH = "/v1/traces"
_PROTOBUF = "application/x-protobuf"


class Answer(NamedTuple):
    """How many spans the server took in (those that it knew already are among them), and why not the others."""

    accepted: int
    rejected: int = 0
    reason: str = ""


class _Refused(Exception):
    def __init__(self, status: int, message: str, retry_after: float | None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(message)


class _NoRedirection(HTTPRedirectHandler):
    """A POST that is sent elsewhere becomes a GET, whose answer says nothing of the spans."""

    def redirect_request(self, *_: object) -> None:
        return None


class Sender:
    """Sends to one server in the name of one project. ``wait`` is told how long it is going to wait, and why."""

    def __init__(
        self,
        endpoint: str,
        *,
        project: str | None = None,
        key: str | None = None,
        certificate: Path | None = None,
        wait: Callable[[float, str], None] = lambda seconds, _: time.sleep(seconds),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Sends nothing yet. ``certificate`` is what the server is to be known by, where it is one of these settings.

        Raises:
            ImportFailed: the endpoint is no http or https URL, the project cannot name one, or there is no certificate.
        """
        self.url = traces_url(endpoint)
        self._endpoint = endpoint
        self._key = key
        self._wait = wait
        self._clock = clock
        self._answered = False
        self._headers = {"content-type": _PROTOBUF, "content-encoding": "gzip"}
        if project is not None:
            try:
                named = project_named(project)
            except ValueError as error:
                raise ImportFailed(f"--project: {error}") from None
            # HTTP leaves the encoding open: the server reads UTF-8, the library writes Latin-1.
            self._headers[PROJECT_HEADER] = named.encode().decode("latin-1")
        # Proxies of the environment are for other machines: none is asked for this one.
        own = is_loopback(urlsplit(self.url).hostname or "")
        handlers: list[BaseHandler] = [_NoRedirection(), ProxyHandler({}) if own else ProxyHandler()]
        if certificate is not None:
            try:
                handlers.append(HTTPSHandler(context=trusting(certificate)))
            except OSError as error:
                raise ImportFailed(f"USAGE_GRAPH_TLS_CERT: {certificate} is no certificate: {error}.") from None
        self._opener: OpenerDirector = build_opener(*handlers)

    def send(self, spans: Sequence[Span]) -> Answer:
        """Returns when the server has answered for all of them.

        Raises:
            ImportFailed: it cannot be reached, not any more, or refuses them as a whole.
        """
        since, pause = self._clock(), 1.0
        while True:
            try:
                answer = self._post(spans)
            except _Refused as refused:
                if refused.status == _TOO_LARGE and len(spans) > 1:
                    middle = len(spans) // 2
                    return _sum(self.send(spans[:middle]), self.send(spans[middle:]))
                if refused.status not in _RETRYABLE:
                    raise ImportFailed(f"{printable(self._endpoint)} refuses the calls: {refused}") from None
                said, pause_asked = str(refused), refused.retry_after
            except (OSError, HTTPException) as error:
                reason = printable(str(error.reason if isinstance(error, URLError) else error))
                if not self._answered:
                    raise ImportFailed(self._unreachable(reason)) from error
                said, pause_asked = f"it cannot be reached ({reason})", None
            else:
                self._answered = True
                return answer
            self._answered = True
            seconds = pause_asked if pause_asked is not None else pause
            if self._clock() + seconds - since > PATIENCE:
                raise ImportFailed(f"{printable(self._endpoint)} takes nothing any more: {said}.")
            self._wait(seconds, said)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _post(self, spans: Sequence[Span]) -> Answer:
        asked = Request(self.url, request(spans), self._headers)  # noqa: S310  (traces_url lets http and https pass)
        if self._key is not None:
            asked.add_header("authorization", f"Bearer {self._key}")
        try:
            with self._opener.open(asked, timeout=TIMEOUT) as response:
                if response.headers.get_content_type() != _PROTOBUF:
                    raise self._another()
                return _accepted(response.read(), len(spans))
        except HTTPError as error:
            with error:
                raise _Refused(error.code, _message(error), _retry_after(error.headers)) from None
        except DecodeError:
            raise self._another() from None

    def _another(self) -> ImportFailed:
        return ImportFailed(f"{printable(self.url)} does not answer as OTLP: is it a usage-graph server?")

    def _unreachable(self, reason: str) -> str:
        return (
            f"No server answers at {printable(self._endpoint)} ({reason}). Start one with `usage-graph serve`, or say "
            "where it is with --endpoint."
        )


def traces_url(endpoint: str) -> str:
    """``http://127.0.0.1:8000/v1/traces`` for ``http://127.0.0.1:8000``, with or without a slash or that path.

    Raises:
        ImportFailed: not an http or https URL.
    """
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ImportFailed(f"--endpoint: {printable(endpoint)!r} is not a URL such as http://127.0.0.1:8000.")
    path = parts.path.rstrip("/").removesuffix("/graphql")
    return parts._replace(path=path if path.endswith(_PATH) else path + _PATH, query="", fragment="").geturl()


def _accepted(content: bytes, sent: int) -> Answer:
    partial = ExportTraceServiceResponse.FromString(content).partial_success
    rejected = max(0, min(partial.rejected_spans, sent))
    return Answer(sent - rejected, rejected, printable(partial.error_message))


def _sum(first: Answer, second: Answer) -> Answer:
    reasons = "; ".join(filter(None, (first.reason, second.reason)))
    return Answer(first.accepted + second.accepted, first.rejected + second.rejected, reasons)


def _message(error: HTTPError) -> str:
    """What the server says, else what its status says."""
    if elsewhere := error.headers.get("location"):
        return f"it redirects to {printable(elsewhere)}; say --endpoint as it is there"
    try:
        said: str = Status.FromString(error.read()).message
    except (DecodeError, OSError, HTTPException):
        said = ""
    return printable(said) or f"HTTP status {error.code}"


def _retry_after(headers: Message) -> float | None:
    asked = (headers.get("retry-after") or "").strip()
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
