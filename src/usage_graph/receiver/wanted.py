"""Which attributes are read of the parts of requests; all others stay where they are."""

from functools import cache
from typing import NamedTuple, Self

from usage_graph.processor.events import EVENT_WANTED
from usage_graph.processor.measurements import POINT_WANTED
from usage_graph.processor.semconv import WANTED, WANTED_RESOURCE


class Wanted(NamedTuple):
    """Keys that are read: of resources and scopes, spans, log records, and data points."""

    resource: frozenset[str]
    span: frozenset[str]
    event: frozenset[str]
    point: frozenset[str]

    @classmethod
    @cache
    def of(cls, declared: frozenset[str] = frozenset()) -> Self:
        """What processors read, and of everything the ``declared`` attributes."""
        return cls(*(keys | declared for keys in (WANTED_RESOURCE, WANTED, EVENT_WANTED, POINT_WANTED)))
