"""Which questions the database plans once for all windows, and which for each anew.

Planning a small question takes as long as answering it. What is read from rollups, or from the end of a list, is read
by the same indexes whatever the window, so one plan is as good as another. Where many records are read, or a filter
says which, the best plan depends on the values.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from usage_graph.question import By, ConsumerKind, Filter, RecordField, Scope
from usage_graph.store.rollup import FAMILIES

ONCE: Final = "force_generic_plan"
ANEW: Final = "force_custom_plan"
"""Values of ``plan_cache_mode``."""

KEPT = 60.0
"""Seconds that a connection keeps a plan: a table that was empty when it was made may have grown since."""

_SMALL = FAMILIES[:2]
"""Rollups that are small, whatever the window: by model, and by agent."""
_POINTS = 100
"""Of a series that is small."""
_EVERYTHING = Filter()
_mode: ContextVar[str] = ContextVar("plan_cache_mode", default=ANEW)


def mode() -> str:
    """How to plan the statements of the question that is being answered."""
    return _mode.get()


@contextmanager
def planned_for(arguments: Sequence[Any], named: Mapping[str, Any]) -> Iterator[None]:
    """Inside, a question is answered that has these arguments, of which the first is its scope or its project."""
    token = _mode.set(ONCE if _is_planned_once(arguments, named) else ANEW)
    try:
        yield
    finally:
        _mode.reset(token)


def _is_planned_once(arguments: Sequence[Any], named: Mapping[str, Any]) -> bool:
    about = arguments[0]
    filter_ = about.filter if isinstance(about, Scope) else named.get("filter", _EVERYTHING)
    if filter_ != _EVERYTHING or named.get("latency"):
        return False
    if (order := named.get("order")) is not None:
        return bool(order.field is RecordField.STARTED_AT)
    if "top" in named:
        return named["by"] is None and len(arguments[1]) <= _POINTS
    return any(family.columns >= _columns(named) for family in _SMALL)


def _columns(named: Mapping[str, Any]) -> set[str]:
    if (kind := named.get("kind")) is not None:
        return {"item_name" if kind is ConsumerKind.ITEM else kind.value}
    by: By | tuple[By, ...] | None = named.get("by")
    if by is None:
        return set()
    return {one.dimension.value for one in ((by,) if isinstance(by, By) else by)}
