"""A span's attributes read by the table of ``semconv``: each attribute is looked up once, not each key of the table."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from usage_graph.processor.semconv import (
    DOCUMENTS,
    INHERITED_FIELDS,
    RESOURCE_FIELDS,
    SPAN_FIELDS,
    UNKNOWN_SERVICE,
    Field,
)
from usage_graph.processor.values import AttributeValue, dig, document

Attributes = Mapping[str, AttributeValue]


class Found(NamedTuple):
    """What a span says of each of ``semconv.SPAN_FIELDS``, in their order; ``None`` where nothing readable.

    Costs are nano-USD, credits nano-credits. ``exclusive`` (no field): the document that gave the input says that
    cached tokens are not in it.
    """

    source: str | None
    name: str | None
    agent: str | None
    conversation: str | None
    user: str | None
    channel: str | None
    service: str | None
    environment: str | None
    provider: str | None
    host: str | None
    request_model: str | None
    response_model: str | None
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    cache_write_1h: int | None
    reasoning: int | None
    total: int | None
    cost: int | None
    input_cost: int | None
    output_cost: int | None
    credits: int | None
    nano_credits: int | None
    service_tier: str | None
    error_type: str | None
    level: str | None
    exclusive: bool


class Origin(NamedTuple):
    """What a resource and a scope say of all their spans: ``INHERITED_FIELDS``, then ``RESOURCE_FIELDS``."""

    source: str | None
    name: str | None
    agent: str | None
    conversation: str | None
    user: str | None
    channel: str | None
    service: str | None
    environment: str | None
    project: str | None


_Route = tuple[int, int, Callable[[Any], Any]]


def _routes() -> dict[str, tuple[_Route, ...]]:
    """Key -> (position of the field, rank of the key in it, reader)."""
    routes: dict[str, tuple[_Route, ...]] = {}
    for position, field in enumerate(SPAN_FIELDS):
        for rank, key in enumerate(field.keys):
            routes[key] = (*routes.get(key, ()), (position, rank, field.read))
    return routes


_ROUTES = _routes()
_POSITIONS = {field.name: position for position, field in enumerate(SPAN_FIELDS)}
_DOCUMENT_KEYS = frozenset(document.key for document in DOCUMENTS)
_NOTHING: list[Any] = [*[None] * len(SPAN_FIELDS), False]
_LAST = [len(_ROUTES)] * len(SPAN_FIELDS)


def read(attributes: Attributes) -> Found:
    """Every field, from the best of its keys whose value can be read; from documents where no key has it."""
    values = _NOTHING.copy()
    ranks = _LAST.copy()
    for key, value in attributes.items():
        for position, rank, reader in _ROUTES.get(key, ()):
            if rank < ranks[position] and (parsed := reader(value)) is not None:
                values[position] = parsed
                ranks[position] = rank
    if not _DOCUMENT_KEYS.isdisjoint(attributes):
        _read_documents(attributes, values)
    return Found._make(values)


def _read_documents(attributes: Attributes, values: list[Any]) -> None:
    """Fill what is ``None`` in ``values``. A document that has nothing to add is not parsed."""
    for key, paths, exclusive in DOCUMENTS:
        if key not in attributes or all(values[_POSITIONS[name]] is not None for name in paths):
            continue
        holds = document(attributes[key])
        for name, ways in paths.items():
            position = _POSITIONS[name]
            if values[position] is not None:
                continue
            reader = SPAN_FIELDS[position].read
            values[position] = next((got for way in ways if (got := reader(dig(holds, way))) is not None), None)
            if name == "input" and values[position] is not None:
                values[-1] = not exclusive.isdisjoint(holds)


def origin(resource: Attributes, scope: Attributes) -> Origin:
    """For what a span does not say itself: the scope's word, then the resource's."""
    service, environment, project = (_first(field, resource) for field in RESOURCE_FIELDS)
    if service and service.startswith(UNKNOWN_SERVICE):
        service = None
    inherited = (_first(field, scope) or _first(field, resource) for field in INHERITED_FIELDS)
    return Origin._make((*inherited, service, environment, project))


def _first(field: Field, attributes: Attributes) -> str | None:
    for key in field.keys:
        if (value := field.read(attributes.get(key))) is not None:
            return str(value)
    return None
