"""Records, a page at a time: the Relay cursor connections specification, with keyset cursors.

A cursor carries the window that its first page resolved and the key of its record, so a rolling window does not
slide while a client pages, and rows that arrive meanwhile shift nothing.
"""

from dataclasses import replace

import strawberry
from strawberry.types import Info

from usage_graph import usage
from usage_graph.errors import BadCursor
from usage_graph.graph.cursors import read_cursor, write_cursor
from usage_graph.graph.fields import resolved
from usage_graph.graph.inputs import bounded
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.graph.scalars import BigInt
from usage_graph.graph.types import UsageRecord
from usage_graph.question import PageRequest, RecordField, RecordOrder, RecordPage, Scope, key_of
from usage_graph.window import Window

PAGE = 20
MAX_PAGE = 100


@strawberry.type(description="One record and its place in the list.")
class UsageRecordEdge:
    cursor: str = strawberry.field(
        description="The record's place, for `after` and `before`; opaque, valid under the same arguments."
    )
    node: UsageRecord = strawberry.field(description="The record.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether records follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether records precede this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's first record; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's last record; null on an empty page."
    )


@strawberry.type(
    description="A page of records. Only what is selected is read: `totalCount` alone reads no page, a page alone does "
    "not count."
)
class UsageRecordConnection:
    scope: strawberry.Private[Scope]
    order: strawberry.Private[RecordOrder]
    request: strawberry.Private[PageRequest]
    question: strawberry.Private[bytes]

    @resolved("The records of the page with their cursors.")
    async def edges(self, info: Info[Operation, None]) -> list[UsageRecordEdge]:
        page = await self._page(info.context)
        return [UsageRecordEdge(cursor=self._cursor(record), node=UsageRecord.of(record)) for record in page.records]

    @resolved("The records of the page.")
    async def nodes(self, info: Info[Operation, None]) -> list[UsageRecord]:
        return [UsageRecord.of(record) for record in (await self._page(info.context)).records]

    @resolved("Where the page stands in the list.")
    async def page_info(self, info: Info[Operation, None]) -> PageInfo:
        page = await self._page(info.context)
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=self._cursor(page.records[0]) if page.records else None,
            end_cursor=self._cursor(page.records[-1]) if page.records else None,
        )

    @resolved("Number of records on all pages: in the window of the first page, under the filter.")
    async def total_count(self, info: Info[Operation, None]) -> BigInt:
        return BigInt(await info.context.ask(Snapshot.record_count, self.scope))

    async def _page(self, operation: Operation) -> RecordPage:
        return await operation.ask(Snapshot.records, self.scope, order=self.order, page=self.request)

    def _cursor(self, record: usage.UsageRecord) -> str:
        window = Window(self.scope.start, self.scope.end)
        return write_cursor(self.question, window, key_of(record, self.order.field))


def connect(
    scope: Scope,
    order: RecordOrder,
    question: bytes,
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> tuple[UsageRecordConnection, int]:
    """The connection for checked arguments, and how many records it may answer. Nothing is read yet.

    ``question`` is the fingerprint under which the list's cursors are valid.

    Raises:
        QueryError: a negative ``first`` or ``last``.
        LimitExceeded: one above ``MAX_PAGE``.
        BadCursor: a cursor that is none, or of another question, or two of different windows.
    """
    if first is None and last is None:
        first = PAGE
    sizes = [bounded(size, name, MAX_PAGE, 0) for size, name in ((first, "first"), (last, "last")) if size is not None]
    by_time = order.field is RecordField.STARTED_AT
    start = None if after is None else read_cursor(after, question, by_time=by_time)
    end = None if before is None else read_cursor(before, question, by_time=by_time)
    if start and end and start.window != end.window:
        raise BadCursor("`after` and `before` come from different windows: take both from pages of one list.")
    if position := start or end:
        scope = replace(scope, start=position.window.start, end=position.window.end)
    request = PageRequest(first=first, last=last, after=start and start.key, before=end and end.key)
    return UsageRecordConnection(scope=scope, order=order, request=request, question=question), min(sizes)
