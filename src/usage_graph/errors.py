"""Every error this project raises on purpose.

    UsageGraphError
    ├── ConfigError            a setting is wrong; all problems at once
    ├── StartupError           the server cannot start; says what to do
    │   ├── EmbeddedError      the embedded PostgreSQL
    │   └── MigrationError     the schema and this program do not fit
    ├── ExportError            an OTLP request is not stored
    │   ├── PermanentError     sending it again would fail again
    │   │   ├── Unauthenticated    the request does not carry a key of the server's
    │   │   ├── Forbidden          the key of the request is not good for that; a QueryError, too
    │   │   ├── MalformedRequest
    │   │   ├── RequestTooLarge
    │   │   ├── UnsupportedContent
    │   │   └── RefusedRecords     the database refused the data of the batch
    │   └── RetryableError     send it again after ``retry_after`` seconds
    │       ├── QueueFull
    │       ├── StoreUnavailable
    │       │   └── StoreFailed        the database gave up on this batch alone
    │       └── ShuttingDown
    ├── QueryError             a GraphQL question that cannot be answered; carries ``extensions.code``
    │   ├── BadWindow, BadTimeZone, BadCursor, TooManyPoints, LimitExceeded
    │   ├── OverBudget
    │   │   ├── CostExceeded   it may cost more than any operation may
    │   │   └── RateLimited    more than its caller may spend now
    │   ├── ExportUnderWay     its caller has another export that is being made
    │   ├── FormatUnavailable  an export in a format that the server was installed without
    │   ├── BeforeRecords      it needs records that are no longer kept
    │   ├── UnknownAttribute   it is about an attribute that is not declared
    │   ├── KeyRefused         there cannot be a key like that
    │   └── QueryTimeout, QueryUnavailable
    ├── CopyError              a database cannot be copied into another, or not to its end
    ├── RepriceError           costs cannot be computed anew, or not to the end
    ├── DemoError              the demo cannot be played
    ├── ImportFailed           a history cannot be imported, or not to its end
    ├── DownloadError          an export cannot be had from the server, or not to its end
    └── ReportError            the terminal report cannot be had

The messages are written for whoever made the mistake: what was wrong, where, and what to do. They never
carry SQL, paths of the server or another project's data.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar


class UsageGraphError(Exception):
    """Root of the tree; ``str(error)`` is fit for the person who made the mistake."""


class ConfigError(UsageGraphError):
    """Settings that cannot be used. ``problems`` has one line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StartupError(UsageGraphError):
    """The server cannot start."""


class EmbeddedError(StartupError):
    """The embedded PostgreSQL cannot be prepared, started or reached."""


class MigrationError(StartupError):
    """The database's schema and this program do not fit."""


class ExportError(UsageGraphError):
    """An OTLP request that was not stored. ``receiver.status`` maps each to gRPC and HTTP."""


class PermanentError(ExportError):
    """Sending the same bytes again would fail again."""


class Unauthenticated(PermanentError):
    """The server wants a key, and the request carries none, or one that is not good. Said of queries too."""


class MalformedRequest(PermanentError):
    """The body is not what its content type says."""


class RequestTooLarge(PermanentError):
    """The body, as sent or after decompression, is over the limit."""


class UnsupportedContent(PermanentError):
    """A content type or content encoding that OTLP does not know."""


class RefusedRecords(PermanentError):
    """The database refused a batch for its data. The exporter bisects the batch to find the guilty record.

    ``before``: the guilty are those that started before this, where that is known.
    """

    def __init__(self, message: str, *, before: datetime | None = None) -> None:
        self.before = before
        super().__init__(message)


class RetryableError(ExportError):
    """Nothing was stored; the same request may be sent again after ``retry_after`` seconds."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class QueueFull(RetryableError):
    """More spans or bytes wait for the database than the queue may hold."""


class StoreUnavailable(RetryableError):
    """The database is away, or too slow."""


class StoreFailed(StoreUnavailable):
    """The database gave up on one batch, and may well take others: it took too long, or needed too much."""


class ShuttingDown(RetryableError):
    """The server drains what it has accepted and takes nothing new."""


class QueryError(UsageGraphError):
    """A question that cannot be answered. ``code`` becomes ``extensions.code`` in the GraphQL answer."""

    code: ClassVar[str] = "BAD_USER_INPUT"


class Forbidden(PermanentError, QueryError):
    """The key of the request is good, but not for what it is sent with."""

    code = "FORBIDDEN"


class KeyRefused(QueryError):
    """There cannot be a key like that."""


class BadWindow(QueryError):
    code = "BAD_WINDOW"


class BadTimeZone(QueryError):
    code = "BAD_TIMEZONE"


class BadCursor(QueryError):
    code = "BAD_CURSOR"


class BeforeRecords(QueryError):
    """It needs records that are no longer kept: the rollups that are left of their time do not answer it."""

    code = "BEFORE_RECORDS"


class TooManyPoints(QueryError):
    code = "TOO_MANY_POINTS"


class LimitExceeded(QueryError):
    code = "LIMIT_EXCEEDED"


class UnknownAttribute(QueryError):
    """It is about an attribute that the server does not keep."""

    code = "UNKNOWN_ATTRIBUTE"


class OverBudget(QueryError):
    """It may cost too many points. ``cost`` has the numbers, as ``extensions.cost`` says them."""

    def __init__(self, message: str, *, cost: Mapping[str, int]) -> None:
        self.cost = cost
        super().__init__(message)


class CostExceeded(OverBudget):
    """More than any operation may."""

    code = "COST_EXCEEDED"


class RateLimited(OverBudget):
    """More than its caller may spend now; it may be asked again later."""

    code = "RATE_LIMITED"


class ExportUnderWay(QueryError):
    """The caller has another export that is being made; it may be asked again when that has ended."""

    code = "RATE_LIMITED"


class FormatUnavailable(QueryError):
    """A format of exports that this server cannot write as it is installed."""

    code = "FORMAT_UNAVAILABLE"


class QueryTimeout(QueryError):
    code = "TIMEOUT"


class QueryUnavailable(QueryError):
    """The database is away; the same question may be asked again."""

    code = "UNAVAILABLE"


class CopyError(UsageGraphError):
    """A database cannot be copied into another, or not to its end; what was copied is there and counts."""


class RepriceError(UsageGraphError):
    """Costs cannot be computed anew, or not to the end; what was changed is right and stays."""


class DemoError(UsageGraphError):
    """The demo cannot be played."""


class ImportFailed(UsageGraphError):
    """A history cannot be imported, or not to its end; what the server has accepted is there and counts once."""


class DownloadError(UsageGraphError):
    """An export cannot be had from the server, or not to its end: no file is left that looks whole."""


class ReportError(UsageGraphError):
    """The terminal report cannot be had: no server, no GraphQL, or the server's own errors, one a line."""
