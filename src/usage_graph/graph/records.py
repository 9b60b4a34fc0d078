"""The calls themselves, as a connection."""

from dataclasses import dataclass
from functools import partial

from usage_graph import question
from usage_graph.graph.connection import Connection, Listing, Page, PageArguments, cut
from usage_graph.graph.cursors import Id, Value, fingerprint, micros, write_cursor
from usage_graph.graph.inputs import RecordOrder
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.types import UsageRecord
from usage_graph.question import PageRequest, RecordField, RecordKey, Scope, key_of
from usage_graph.window import Window


@dataclass(frozen=True, slots=True)
class _Records(Listing[UsageRecord]):
    scope: Scope
    order: question.RecordOrder
    request: PageRequest
    question: bytes

    async def page(self, operation: Operation) -> Page[UsageRecord]:
        page = await operation.ask(Snapshot.records, self.scope, order=self.order, page=self.request)
        window = Window(self.scope.start, self.scope.end)

        def cursor(place: int) -> str:
            return write_cursor(self.question, window, *key_of(page.records[place], self.order.field))

        return Page([*map(UsageRecord.of, page.records)], cursor, page.has_next, page.has_previous)

    async def count(self, operation: Operation) -> int:
        return await operation.ask(Snapshot.record_count, self.scope)


def connect_records(
    operation: Operation,
    scope: Scope,
    order_by: RecordOrder | None,
    arguments: PageArguments,
    asked: tuple[object, ...],
) -> Connection[UsageRecord]:
    """The records of ``scope``. Nothing is read yet.

    ``asked``: what a cursor is only good for, beside project, filter and order.

    Raises:
        QueryError: a number of records that is negative, or more than a page or the operation may have.
        BadCursor: a cursor that is none, or of another list, or two of different windows.
    """
    order = question.RecordOrder(order_by.field, order_by.direction) if order_by else question.RecordOrder()
    list_of = fingerprint(scope.project, scope.filter, order, *asked)
    page = cut(scope, list_of, arguments, partial(record_key, order.field is RecordField.STARTED_AT))
    operation.reserve(page.size)
    request = PageRequest(first=page.first, last=page.last, after=page.after, before=page.before)
    return Connection(listing=_Records(page.scope, order, request, list_of))


def record_key(by_time: bool, window: Window, value: Value, id: Id) -> RecordKey:
    """Where a cursor of a list of records points. ``by_time``: that is its order, so the value lies in the window.

    Raises:
        ValueError: no record stands there.
    """
    if isinstance(value, str) or isinstance(id, str):
        raise ValueError("a record has numbers")
    if by_time and (value is None or not micros(window.start) <= value < micros(window.end)):
        raise ValueError("a record outside the window")
    return RecordKey(value, id)
