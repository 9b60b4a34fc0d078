"""What exports read: the scope, checked and narrowed as GraphQL's ``usage`` is, and its rows in portions."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Concatenate, ParamSpec, TypeVar

from strawberry.types.graphql import OperationType

from usage_graph.grant import Grant
from usage_graph.graph import failures
from usage_graph.graph.budget import Budget
from usage_graph.graph.export.columns import CONVERSATIONS, RECORDS, SERIES, Column, SeriesRow
from usage_graph.graph.export.parameters import Asked, Table
from usage_graph.graph.operation import Operation, Reader, Snapshot
from usage_graph.graph.schema import schema
from usage_graph.graph.weights import EXPORT
from usage_graph.question import Filter, Scope, Series
from usage_graph.usage import Totals

P = ParamSpec("P")
R = TypeVar("R")

_QUESTIONS = {
    Table.RECORDS: """
query ExportRecords($window: WindowInput!, $timezone: TimeZone! = "UTC", $filter: UsageFilter) {
  usage(window: $window, timezone: $timezone, filter: $filter) { __typename }
}
""",
    Table.CONVERSATIONS: """
query ExportConversations($window: WindowInput!, $timezone: TimeZone! = "UTC", $filter: UsageFilter, $search: String) {
  usage(window: $window, timezone: $timezone, filter: $filter) {
    conversations(search: $search, first: 0) { __typename }
  }
}
""",
    Table.SERIES: """
query ExportSeries(
  $window: WindowInput!, $timezone: TimeZone! = "UTC", $filter: UsageFilter
  $bucket: Bucket! = AUTO, $by: UsageDimension, $attribute: String
  $metric: UsageMetric! = COST, $top: Int! = 8
) {
  usage(window: $window, timezone: $timezone, filter: $filter) {
    series(bucket: $bucket, by: $by, attribute: $attribute, metric: $metric, top: $top) { bucket }
  }
}
""",
}
"""What an export asks of GraphQL, so that the same arguments mean the same and are refused with the same words."""


COLUMNS: dict[Table, Sequence[Column[Any]]] = {
    Table.RECORDS: RECORDS,
    Table.CONVERSATIONS: CONVERSATIONS,
    Table.SERIES: SERIES,
}


_OF_A_VARIABLE = re.compile(r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<where>[^:]+))?: ")


class NotAsked(Exception):
    """GraphQL refuses the question. ``errors`` are those of its answer.

    ``retry_after``: seconds until the caller may ask it again, where they have asked for too much; else 0.
    """

    def __init__(self, errors: list[dict[str, Any]], *, retry_after: int) -> None:
        self.errors = errors
        self.retry_after = retry_after
        super().__init__(errors[0]["message"])


class ExportOperation(Operation):
    """An operation that remembers what it was about: an export goes on where GraphQL's answer ends.

    ``purse`` is the caller's budget. It pays for the document and the export at once, when it is known what is asked:
    what is refused for its arguments costs nothing, and nobody pays for half of it.
    """

    asked: Scope
    series: Series
    bounds: Sequence[datetime]

    def __init__(
        self, *, reader: Reader, project: str, now: datetime, grant: Grant, declared: tuple[str, ...], purse: Budget
    ) -> None:
        document = Budget(limit=purse.limit)
        super().__init__(reader=reader, project=project, now=now, grant=grant, declared=declared, budget=document)
        self.purse = purse

    def scope(self, start: datetime, end: datetime, filter_: Filter | None = None) -> Scope:
        """As an operation's; ``usage`` asks for it once, before anything is asked of the database.

        Raises:
            RateLimited: the caller may not spend now what the export costs.
        """
        self.asked = super().scope(start, end, Filter() if filter_ is None else filter_)
        self.purse.pay(EXPORT + (self.budget.requested or 0))
        return self.asked

    def selects(self, measures: frozenset[str]) -> None:
        """A file has every sum, whatever its document says of them."""

    async def ask(
        self, question: Callable[Concatenate[Snapshot, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        answer = await super().ask(question, *args, **kwargs)
        if isinstance(answer, Series):
            _, self.bounds, *_ = args  # type: ignore[assignment]
            self.series = answer
        return answer


@dataclass(frozen=True, slots=True)
class Opened:
    """An export that is ready to be read. ``count``: how many rows it has, where that is known.

    ``portions`` are of what the table's columns read their values out of.
    """

    scope: Scope
    count: int | None
    portions: AsyncGenerator[Sequence[Any], None]


async def open_table(operation: ExportOperation, asked: Asked) -> Opened:
    """What ``asked`` asks for, of the caller's project and of what the caller may see.

    Raises:
        NotAsked: the question cannot be asked like that.
        QueryError: it cannot be answered.
    """
    result = await schema.execute(
        _QUESTIONS[asked.table],
        variable_values=asked.variables,
        context_value=operation,
        allowed_operation_types=(OperationType.QUERY,),
    )
    if result.errors:
        errors = failures.formatted(result.errors, executed=True)
        raise NotAsked(
            [failures.refusal(_plain(error["message"]), error["extensions"]["code"]) for error in errors],
            retry_after=operation.purse.retry_after,
        )
    if asked.table is Table.SERIES:
        rows = _series_rows(operation, asked.variables.get("by"), asked.variables.get("attribute"))
        return Opened(operation.asked, len(rows), _once(rows))
    if asked.table is Table.CONVERSATIONS:
        text = asked.variables.get("search", "")
        search = text if text.strip() else None
        expected = await operation.ask(Snapshot.expected_conversations, operation.asked, search=search)
        found = await operation.ask(Snapshot.stream_conversations, operation.asked, search=search)
        return Opened(operation.asked, expected, found)
    count = await operation.ask(Snapshot.expected_records, operation.asked)
    records = await operation.ask(Snapshot.stream_records, operation.asked)
    return Opened(operation.asked, count, records)


def _plain(message: str) -> str:
    """GraphQL's words on a variable, said of the parameter that it comes from."""
    found = _OF_A_VARIABLE.match(message)
    if found is None:
        return message
    variable, where = found["name"], found["where"] or ""
    name = where.rpartition(".")[2] if variable == "window" else variable + where
    return f"`{name}`: {message[found.end() :]}"


def _series_rows(operation: ExportOperation, by: str | None, attribute: str | None) -> list[SeriesRow]:
    """By point, and in each the groups in their order; without groups the whole, so that sums never count twice."""
    scope, found = operation.asked, operation.series
    lines: list[tuple[str | None, bool, list[Totals]]] = [(None, False, found.points)]
    if by is not None:
        lines = [(group.key, False, group.points) for group in found.groups]
        if found.other is not None:
            lines.append((None, True, found.other.points))
    rows = []
    for number, (start, end) in enumerate(pairwise(operation.bounds)):
        partial = start < scope.start or end > scope.end or end > operation.now
        rows += [
            SeriesRow(start, end, partial, by, attribute, key, rest, points[number]) for key, rest, points in lines
        ]
    return rows


async def _once(rows: Sequence[SeriesRow]) -> AsyncGenerator[Sequence[SeriesRow], None]:
    yield rows
