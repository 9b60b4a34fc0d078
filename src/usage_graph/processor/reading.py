"""A span's attributes read by the table of ``semconv``: each attribute is looked up once, not each key of the table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from usage_graph.processor.documents import DOCUMENTS
from usage_graph.processor.semconv import (
    IDENTITY,
    INHERITED_FIELDS,
    RESOURCE_FIELDS,
    SPAN_FIELDS,
    UNKNOWN_SERVICE,
    Field,
)
from usage_graph.processor.values import AttributeValue, dig, document, tokens
from usage_graph.project import DEFAULT_PROJECT

Attributes = Mapping[str, AttributeValue]


class Found(NamedTuple):
    """What a span says of each of ``semconv.SPAN_FIELDS``, in their order; ``None`` where nothing readable.

    Costs are nano-USD, credits nano-credits, times to the first token microseconds, ``first_token_at`` those since
    1970. ``exclusive`` (no field): the document that gave the input says that cached tokens are not in it.
    """

    source: str | None
    name: str | None
    agent: str | None
    conversation: str | None
    user: str | None
    channel: str | None
    turn: str | None
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
    cache_write_5m: int | None
    cache_write_1h: int | None
    reasoning: int | None
    first_token: int | None
    first_token_seconds: int | None
    first_token_either: int | None
    first_token_at: int | None
    total: int | None
    cost: int | None
    input_cost: int | None
    output_cost: int | None
    cache_read_cost: int | None
    cache_write_cost: int | None
    credits: int | None
    nano_credits: int | None
    service_tier: str | None
    error_type: str | None
    level: str | None
    response_id: str | None
    request_id: str | None
    bare_request_id: str | None
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
    instance: str | None
    project: str | None


class Identity(NamedTuple):
    """Whom calls are for, as a span above them says; names and order are those of ``semconv.IDENTITY``."""

    agent: str | None
    conversation: str | None
    user: str | None
    channel: str | None


Word = tuple[int, int, Any]
"""What an attribute says of a field: the field's position, the rank of the key in it, and the value as it was read."""

_Route = tuple[int, int, Callable[[Any], Any], "_Route | None"]
"""Position of the field, rank of the key in it, reader, and the next route of the same key, if any."""


class _Table:
    """Fields, and where they are found: in ``routes`` by key, and in ``documents``."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = fields
        self.positions = {field.name: position for position, field in enumerate(fields)}
        self.routes: dict[str, _Route] = {}
        for position, field in enumerate(fields):
            for rank, key in enumerate(field.keys):
                self.routes[key] = (position, rank, field.read, self.routes.get(key))
        self.last = [len(self.routes)] * len(fields)
        self.documents = tuple(
            document._replace(paths=paths)
            for document in DOCUMENTS
            if (paths := {name: ways for name, ways in document.paths.items() if name in self.positions})
        )
        self.document_keys = frozenset(document.key for document in self.documents)

    def fill(self, attributes: Attributes, values: list[Any]) -> None:
        """Every field, from the best of its keys whose value can be read; from documents where no key has it.

        ``values`` has a ``None`` for each, and a flag: see ``Found``.
        """
        ranks = self.last.copy()
        first_route = self.routes.get
        for key, value in attributes.items():
            route = first_route(key)
            while route is not None:
                position, rank, reader, route = route
                if rank < ranks[position] and (parsed := reader(value)) is not None:
                    values[position] = parsed
                    ranks[position] = rank
        self.fill_from_documents(attributes, values)

    def words(self, key: str, value: AttributeValue) -> list[Word]:
        """What one attribute says, whatever others say."""
        found: list[Word] = []
        route = self.routes.get(key)
        while route is not None:
            position, rank, reader, route = route
            if (parsed := reader(value)) is not None:
                found.append((position, rank, parsed))
        return found

    def fill_from_documents(self, attributes: Attributes, values: list[Any]) -> None:
        """Fill what is ``None`` in ``values``. A document that has nothing to add is not parsed."""
        if self.document_keys.isdisjoint(attributes):
            return
        for key, paths, exclusive in self.documents:
            if key not in attributes or all(values[self.positions[name]] is not None for name in paths):
                continue
            holds = document(attributes[key])
            if not isinstance(holds, Mapping):
                continue
            for name, ways in paths.items():
                position = self.positions[name]
                if values[position] is not None:
                    continue
                reader = self.fields[position].read
                for way in ways:
                    if (got := reader(_find(holds, way))) is not None:
                        values[position] = got
                        if name == "input":
                            values[-1] = _leaves_out(way, exclusive, holds)
                        break


SPAN_TABLE = _Table(SPAN_FIELDS)
_IDENTITY = _Table([field for field in SPAN_FIELDS if field.name in IDENTITY])
NOTHING: list[Any] = [*[None] * len(SPAN_FIELDS), False]
"""What a span without attributes says, as ``SPAN_TABLE`` fills it."""
_NOBODY: list[Any] = [*[None] * len(IDENTITY), False]
_PROJECT = RESOURCE_FIELDS[-1]


def read(attributes: Attributes) -> Found:
    """All that a span says."""
    values = NOTHING.copy()
    SPAN_TABLE.fill(attributes, values)
    return Found._make(values)


def read_identity(attributes: Attributes) -> Identity:
    """Whom it is for, no more."""
    values = _NOBODY.copy()
    _IDENTITY.fill(attributes, values)
    return Identity._make(values[:-1])


def _find(holds: Mapping[str, Any], way: tuple[str, ...]) -> Any:
    """What is at the end of ``way``: see ``documents.Paths``."""
    if not way[-1].endswith("*"):
        return dig(holds, way)
    prefix = way[-1][:-1]
    around = dig(holds, way[:-1])
    if not isinstance(around, Mapping) or tokens(around.get(prefix)) is None:
        return None
    return sum(tokens(value) or 0 for key, value in around.items() if isinstance(key, str) and key.startswith(prefix))


def _leaves_out(way: tuple[str, ...], names: frozenset[str], holds: Mapping[str, Any]) -> bool:
    """Whether what was found by ``way`` leaves out what is under one of ``names``."""
    prefix = way[-1][:-1] if way[-1].endswith("*") else None
    return any(name in holds and not (prefix and name.startswith(prefix)) for name in names)


def origin(resource: Attributes, scope: Attributes) -> Origin:
    """For what a span does not say itself: the scope's word, then the resource's."""
    service, environment, instance, project = (_first(field, resource) for field in RESOURCE_FIELDS)
    if service and service.startswith(UNKNOWN_SERVICE):
        service = None
    inherited = (_first(field, scope) or _first(field, resource) for field in INHERITED_FIELDS)
    return Origin._make((*inherited, service, environment, instance or service, project))


def project_in(resource: Attributes) -> str:
    """The project that a resource names for what it sends, else the one that has no name."""
    return _first(_PROJECT, resource) or DEFAULT_PROJECT


def _first(field: Field, attributes: Attributes) -> str | None:
    for key in field.keys:
        if key in attributes and (value := field.read(attributes[key])) is not None:
            return str(value)
    return None
