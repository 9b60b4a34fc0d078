"""Completing what has to be waited for: objects some of whose fields are, and fields all of whose objects are."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from graphql import GraphQLOutputType, is_list_type, is_non_null_type
from graphql.pyutils.gather_with_cancel import gather_with_cancel

from usage_graph.graph.arguments import Unplanned
from usage_graph.graph.source import Function, Run, listed

Complete = Callable[[Any, Run], Awaitable[Any]]


class Made(NamedTuple):
    """A function of a value and a ``Run``; what it answers is awaited where it ``waits``."""

    call: Function
    waits: bool


def awaited(
    at_once: Callable[[Any, Run], dict[str, Any]], waiting: list[tuple[str, Made]], *, in_turn: bool
) -> Callable[[Any, Run], Awaitable[dict[str, Any]]]:
    """An object some of whose fields have to be waited for: ``in_turn``, or all at once."""

    async def one(source: Any, run: Run) -> dict[str, Any]:
        found = at_once(source, run)
        for key, field in waiting:
            found[key] = await field.call(source, run)
        return found

    async def several(source: Any, run: Run) -> dict[str, Any]:
        found = at_once(source, run)
        values = await gather_with_cancel(*(field.call(source, run) for _, field in waiting))
        found.update(zip((key for key, _ in waiting), values, strict=True))
        return found

    return one if in_turn or len(waiting) == 1 else several


def completed(resolver: Function, below: Made | None, type_: GraphQLOutputType) -> Complete:
    """A field whose value is there at once, and all of whose objects ``below`` completes."""
    assert below is not None  # noqa: S101 (or there would be nothing to wait for)
    complete = _completion(below, type_)

    async def complete_it(source: Any, run: Run) -> Any:
        return await complete(resolver(source, run), run)

    return complete_it


def completed_later(resolver: Function, below: Made, type_: GraphQLOutputType) -> Complete:
    """The same of a field whose value has to be waited for, too."""
    complete = _completion(below, type_)

    async def complete_it(source: Any, run: Run) -> Any:
        return await complete(await resolver(source, run), run)

    return complete_it


def _completion(below: Made, type_: GraphQLOutputType) -> Complete:
    """Of the value of a field, all of whose objects ``below`` completes."""
    if is_non_null_type(type_):
        return _needed(_completion_of_present(below, type_.of_type))
    present = _completion_of_present(below, type_)

    async def nullable(value: Any, run: Run) -> Any:
        return None if value is None else await present(value, run)

    return nullable


def _needed(complete: Complete) -> Complete:
    async def needed(value: Any, run: Run) -> Any:
        if value is None:
            raise Unplanned
        return await complete(value, run)

    return needed


def _completion_of_present(below: Made, type_: GraphQLOutputType) -> Complete:
    if not is_list_type(type_):
        return below.call
    complete = _completion(below, type_.of_type)

    async def each(values: Any, run: Run) -> Any:
        return await gather_with_cancel(*(complete(value, run) for value in listed(values)))

    return each
