"""Attributes in questions: those that the server keeps, and no others."""

from collections.abc import Iterable

from usage_graph.errors import QueryError, UnknownAttribute
from usage_graph.question import By, Dimension

_SHOWN = 100


def check_declared(keys: Iterable[str], declared: tuple[str, ...]) -> None:
    """Raises ``UnknownAttribute`` unless all of ``keys`` are among ``declared``."""
    unknown = sorted(set(keys).difference(declared))
    if not unknown:
        return
    kept = f"It keeps {', '.join(map(repr, declared))}" if declared else "It keeps none"
    raise UnknownAttribute(
        f"The server does not keep the attribute {unknown[0][:_SHOWN]!r}. {kept}: USAGE_GRAPH_ATTRIBUTES declares "
        "which, of calls that come in from then on."
    )


def asked_for(
    dimension: Dimension, attribute: str | None, declared: tuple[str, ...], argument: str = "attribute"
) -> By:
    """What a question is by; ``argument`` is the name of the one that ``attribute`` comes from.

    Raises:
        QueryError: ATTRIBUTE without an attribute, or another dimension with one.
        UnknownAttribute: the server does not keep it.
    """
    if dimension is not Dimension.ATTRIBUTE:
        if attribute is not None:
            raise QueryError(f"`{argument}` goes with the dimension ATTRIBUTE, not with {dimension.name}.")
        return By(dimension)
    if attribute is None:
        raise QueryError(f"The dimension ATTRIBUTE needs `{argument}`: the key of the attribute.")
    check_declared([attribute], declared)
    return By(dimension, attribute)


def split_by(dimension: Dimension | None, attribute: str | None, declared: tuple[str, ...]) -> By | None:
    """The same where a question need not be by anything; an attribute without a dimension is refused."""
    if dimension is None:
        if attribute is not None:
            raise QueryError("`attribute` goes with the dimension ATTRIBUTE: ask `by: ATTRIBUTE`.")
        return None
    return asked_for(dimension, attribute, declared)


def keys_of(
    by: Dimension, attribute: str | None, then: Dimension | None, then_attribute: str | None, declared: tuple[str, ...]
) -> tuple[By, ...]:
    """The dimensions of a breakdown, one or two. Raises: as ``asked_for``; ``QueryError`` where both are the same."""
    first = asked_for(by, attribute, declared)
    if then is None:
        if then_attribute is not None:
            raise QueryError("`thenAttribute` goes with the dimension ATTRIBUTE: ask `then: ATTRIBUTE`.")
        return (first,)
    second = asked_for(then, then_attribute, declared, "thenAttribute")
    if first == second:
        raise QueryError("`by` and `then` are the same: leave `then` out, or choose another dimension.")
    return first, second
