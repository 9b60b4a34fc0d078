"""Asking the GraphQL API, over HTTP, with nothing but the standard library."""

import json
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import BaseHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from usage_graph.config import LOOPBACK
from usage_graph.errors import ReportError
from usage_graph.report.text import printable
from usage_graph.tls import trusting
from usage_graph.window import Bucket, CalendarPeriod

Json: TypeAlias = dict[str, Any]

THIS_MACHINE = LOOPBACK | {"0.0.0.0", "::"}  # noqa: S104  (what a server listens on, asked from beside it)
TIMEOUT = 60.0
"""Seconds; the server gives up on a query long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the report is about. ``last`` is an ISO 8601 duration; ``period``, where set, goes before it.

    ``certificate`` is what the server is to be known by, where it is one of this machine and these settings.
    """

    endpoint: str
    timezone: str
    last: str = "P30D"
    period: CalendarPeriod | None = None
    bucket: Bucket = Bucket.AUTO
    project: str | None = None
    key: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    records: int = 10

    @property
    def variables(self) -> Json:
        window = {"last": self.last} if self.period is None else {"period": self.period.value}
        return {
            "window": window,
            "timezone": self.timezone,
            "bucket": self.bucket.value,
            "records": self.records,
        }


def operation() -> str:
    """The GraphQL document of the report: one operation."""
    return files(__package__).joinpath("report.graphql").read_text(encoding="utf-8")


def fetch(question: Question) -> Json:
    """The ``data`` of the answer.

    Raises:
        ReportError: the server cannot be reached, is not a usage-graph server, or answers with errors.
    """
    url = graphql_url(question.endpoint)
    body = json.dumps({"query": operation(), "operationName": "Report", "variables": question.variables})
    headers = {"content-type": "application/json", "accept": "application/json"}
    if question.project is not None:
        headers["x-usage-graph-project"] = question.project
    try:
        request = Request(url, body.encode(), headers)  # noqa: S310  (graphql_url lets http and https pass)
        if question.key is not None:
            # Meant for this server, and not for another that it may redirect to.
            request.add_unredirected_header("authorization", f"Bearer {question.key}")
        content = _read(opener(url, question.certificate), request)
    except URLError as error:
        raise _unreachable(question.endpoint, error.reason) from error
    except (OSError, HTTPException) as error:
        raise _unreachable(question.endpoint, error) from error
    except ValueError as error:
        raise ReportError(f"The request to {printable(url)} cannot be made: {printable(str(error))}.") from error
    return _data(content, url)


def graphql_url(endpoint: str) -> str:
    """``http://127.0.0.1:8000/graphql`` for ``http://127.0.0.1:8000``, with or without a slash or ``/graphql``.

    Raises:
        ReportError: not an http or https URL.
    """
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ReportError(f"--endpoint: {printable(endpoint)!r} is not a URL such as http://127.0.0.1:8000.")
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith("/graphql") else f"{path}/graphql", fragment="").geturl()


def opener(url: str, certificate: Path | None) -> OpenerDirector:
    """Proxies of the environment are for other machines: none is asked for this one."""
    handlers: list[BaseHandler] = [ProxyHandler({})] if urlsplit(url).hostname in THIS_MACHINE else []
    if certificate is not None:
        handlers.append(HTTPSHandler(context=trusting(certificate)))
    return build_opener(*handlers)


def _read(opener: OpenerDirector, request: Request) -> bytes:
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            content: bytes = response.read()
    except HTTPError as error:  # the body says more than the status
        with error:
            content = error.read()
    return content


def _unreachable(endpoint: str, reason: object) -> ReportError:
    return ReportError(
        f"No server answers at {printable(endpoint)} ({printable(str(reason))}). Start one with `usage-graph serve` "
        "(your own data) or `usage-graph demo` (sample data), or say where it is with --endpoint."
    )


def _data(content: bytes, url: str) -> Json:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    match answer:
        case {"errors": [{"message": _}, *_] as errors}:
            raise ReportError("\n".join(map(_message, errors)))
        case {"data": {"usage": {}} as data}:
            found: Json = data
            return found
    raise ReportError(f"{printable(url)} is not a usage-graph server: it does not answer as one.")


def _message(error: Json) -> str:
    message = printable(str(error["message"]))
    code = error.get("extensions", {}).get("code")
    return f"{message} [{printable(str(code))}]" if code else message
