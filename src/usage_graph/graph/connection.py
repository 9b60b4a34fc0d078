"""Lists, a page at a time: the Relay cursor connections specification, with keyset cursors.

A cursor carries the window that its first page resolved and the key of its node, so a rolling window does not slide
while a client pages, and what arrives meanwhile shifts nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Generic, NamedTuple, TypeVar

import strawberry
from strawberry.types import Info

from usage_graph.errors import BadCursor
from usage_graph.graph.cursors import Id, Value, read_cursor
from usage_graph.graph.fields import resolved
from usage_graph.graph.inputs import bounded
from usage_graph.graph.operation import Operation
from usage_graph.graph.scalars import BigInt
from usage_graph.question import Scope
from usage_graph.window import Window

PAGE = 20
MAX_PAGE = 100

T = TypeVar("T")
K = TypeVar("K")

FirstArgument = Annotated[
    int | None, strawberry.argument(description="The number of nodes from the start, 0 to 100; 20 without `last`.")
]
LastArgument = Annotated[int | None, strawberry.argument(description="The number of nodes from the end, 0 to 100.")]
CursorArgument = Annotated[str | None, strawberry.argument(description="A cursor of a page of the same list.")]


class Page(NamedTuple, Generic[T]):
    """Some of a list, in its order. ``cursor`` says where the node stands that is at a place of ``nodes``."""

    nodes: Sequence[T]
    cursor: Callable[[int], str]
    has_next: bool
    has_previous: bool


class Listing(ABC, Generic[T]):
    """A list that can be read a page at a time. Nothing is read before it is asked."""

    @abstractmethod
    async def page(self, operation: Operation) -> Page[T]:
        """The page; asked again, the same."""

    @abstractmethod
    async def count(self, operation: Operation) -> int:
        """The length of the whole list."""


@strawberry.type(description="One node and its place in the list.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(
        description="The node's place, for `after` and `before`; opaque, valid under the same arguments."
    )
    node: T = strawberry.field(description="The node.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether nodes follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether nodes precede this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's first node; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(description="The cursor of the page's last node; null on an empty page.")


@strawberry.type(
    description="A page of a list. Only what is selected is read: `totalCount` alone reads no page, a page alone does "
    "not count."
)
class Connection(Generic[T]):
    listing: strawberry.Private[Listing[T]]

    @resolved("The nodes of the page with their cursors.")
    async def edges(self, info: Info[Operation, None]) -> list[Edge[T]]:
        page = await self.listing.page(info.context)
        return [Edge(cursor=page.cursor(place), node=node) for place, node in enumerate(page.nodes)]

    @resolved("The nodes of the page.")
    async def nodes(self, info: Info[Operation, None]) -> list[T]:
        return [*(await self.listing.page(info.context)).nodes]

    @resolved("Where the page stands in the list.")
    async def page_info(self, info: Info[Operation, None]) -> PageInfo:
        page = await self.listing.page(info.context)
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursor(0) if page.nodes else None,
            end_cursor=page.cursor(len(page.nodes) - 1) if page.nodes else None,
        )

    @resolved("Number of nodes on all pages: in the window of the first page, under the filter.")
    async def total_count(self, info: Info[Operation, None]) -> BigInt:
        return BigInt(await self.listing.count(info.context))


@dataclass(frozen=True, slots=True)
class PageArguments:
    """What a client said of the page it wants; ``None`` for what it did not say."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None


class Cut(NamedTuple, Generic[K]):
    """Checked arguments. ``scope`` has the window of the cursors; at least one of ``first`` and ``last`` is set.

    ``size``: how many nodes the page may have.
    """

    scope: Scope
    first: int | None
    last: int | None
    after: K | None
    before: K | None
    size: int


def cut(scope: Scope, question: bytes, arguments: PageArguments, key: Callable[[Window, Value, Id], K]) -> Cut[K]:
    """What ``arguments`` ask for of the list whose cursors are valid under the fingerprint ``question``.

    ``key`` makes the key of a node of what a cursor holds, see ``read_cursor``.

    Raises:
        QueryError: a negative ``first`` or ``last``.
        LimitExceeded: one above ``MAX_PAGE``.
        BadCursor: a cursor that is none, or of another question, or two of different windows.
    """
    first, last = arguments.first, arguments.last
    if first is None and last is None:
        first = PAGE
    sizes = [bounded(size, name, MAX_PAGE, 0) for size, name in ((first, "first"), (last, "last")) if size is not None]
    start = None if arguments.after is None else read_cursor(arguments.after, question, key)
    end = None if arguments.before is None else read_cursor(arguments.before, question, key)
    if start and end and start.window != end.window:
        raise BadCursor("`after` and `before` come from different windows: take both from pages of one list.")
    if position := start or end:
        scope = replace(scope, start=position.window.start, end=position.window.end)
    return Cut(scope, first, last, start and start.key, end and end.key, min(sizes))
