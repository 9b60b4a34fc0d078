"""What is refused before it runs: documents that are too long, too deep or too wide."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from usage_graph.errors import LimitExceeded
from usage_graph.graph.measures import measures_of

MAX_CHARACTERS = 32_000
MAX_TOKENS = 2_000
MAX_DEPTH = 12
MAX_ALIASES = 30
MAX_USAGES = 20

DOCUMENTS = 64
"""How many parsed, measured and validated documents are kept; a full-size one takes about 1.3 MB."""


class _Size(NamedTuple):
    depth: int = 0
    aliases: int = 0
    usages: int = 0


def _refusal(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": LimitExceeded.code})


def _readable(error: GraphQLError) -> GraphQLError:
    """Python reads no number of thousands of digits; graphql-core passes its complaint on as a bug."""
    if not isinstance(error.original_error, ValueError):
        return error
    return GraphQLError("A number has too many digits.", error.nodes, extensions={"code": LimitExceeded.code})


class _Measure:
    """Sizes of selections with their fragments spread out.

    Each fragment is measured once, so a chain of fragments that doubles at every link costs nothing.
    """

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._sizes: dict[str, _Size] = {}

    def of(self, selections: SelectionSetNode | None) -> _Size:
        depth = aliases = usages = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                name = node.name.value
                if name.startswith("__"):
                    continue  # introspection has a depth rule of its own, and nothing to read
                inner = self.of(node.selection_set)
                depth = max(depth, inner.depth + 1)
                aliases += inner.aliases + (node.alias is not None)
                usages += inner.usages + (name == "usage")
            else:
                inner = self._fragment(node) if isinstance(node, FragmentSpreadNode) else self._inline(node)
                depth = max(depth, inner.depth)
                aliases += inner.aliases
                usages += inner.usages
        return _Size(depth, aliases, usages)

    def _inline(self, node: object) -> _Size:
        return self.of(node.selection_set) if isinstance(node, InlineFragmentNode) else _Size()

    def _fragment(self, spread: FragmentSpreadNode) -> _Size:
        name = spread.name.value
        if name not in self._sizes:
            self._sizes[name] = _Size()  # for a fragment inside itself, which validation refuses
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._sizes[name] = self.of(fragment.selection_set)
        return self._sizes[name]


def _excess(document: DocumentNode, operations: list[OperationDefinitionNode]) -> GraphQLError | None:
    measure = _Measure(document)
    for operation in operations:
        size = measure.of(operation.selection_set)
        for found, most, what in (
            (size.depth, MAX_DEPTH, "levels of fields"),
            (size.aliases, MAX_ALIASES, "aliases"),
            (size.usages, MAX_USAGES, "`usage` fields"),
        ):
            if found > most:
                return _refusal(f"An operation may have {most} {what}, fragments spread out: ask for less at once.")
    return None


@dataclass(slots=True)
class _Checked:
    document: DocumentNode
    operations: int
    refusal: GraphQLError | None
    measures: frozenset[str]
    errors: list[GraphQLError] | None = None
    """What validation found; ``None`` until it ran."""


@lru_cache(maxsize=DOCUMENTS)
def _checked(text: str) -> _Checked:
    """Raises ``GraphQLError`` where ``text`` is too long or no GraphQL."""
    if len(text) > MAX_CHARACTERS:
        raise _refusal(f"A document may have {MAX_CHARACTERS} characters, not {len(text)}: use variables for values.")
    try:
        document = parse(text, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        if f"more than {MAX_TOKENS} tokens" in error.message:
            raise _refusal(f"A document may have {MAX_TOKENS} tokens: ask for less at once.") from None
        raise
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return _Checked(document, len(operations), _excess(document, operations), measures_of(document))


class CheckedDocuments(SchemaExtension):
    """Parses, measures and validates each document once, and refuses what is over the limits.

    Takes the place of Strawberry's two caches: the one for validation hashes the whole syntax tree on every request,
    here the text finds everything.
    """

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        self._found = _checked(context.query or "")
        if self._found.operations > 1 and context.context.name is None:
            raise GraphQLError(
                "The document has several operations: say with `operationName` which one to run.",
                extensions={"code": "OPERATION_RESOLUTION_FAILURE"},
            )
        if self._found.refusal is not None:
            raise self._found.refusal
        context.graphql_document = self._found.document
        context.context.selects(self._found.measures)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        context.pre_execution_errors = _errors(context.schema._schema, self._found)
        yield


def _errors(schema: GraphQLSchema, checked: _Checked) -> list[GraphQLError]:
    """What is wrong with a document that could be read."""
    if checked.errors is None:
        found = validate_document(schema, checked.document, tuple(specified_rules))
        checked.errors = [_readable(error) for error in found]
    return checked.errors


def valid_document(text: str, schema: GraphQLSchema, *, only: bool) -> DocumentNode | None:
    """The document, where it can run; ``only``: and where it has just one operation."""
    try:
        found = _checked(text)
    except GraphQLError:
        return None
    refused = found.refusal is not None or (only and found.operations > 1)
    return None if refused or _errors(schema, found) else found.document


def operation_type(text: str, name: str | None) -> str | None:
    """``query``, ``mutation`` or ``subscription``, as the operation ``name`` is; ``None`` where there is none."""
    try:
        operation = get_operation_ast(_checked(text).document, name)
    except GraphQLError:
        return None
    return operation.operation.value if operation else None


def is_valid(text: str) -> bool:
    """Whether ``text`` was found to be valid."""
    try:
        return _checked(text).errors == []
    except GraphQLError:
        return False
