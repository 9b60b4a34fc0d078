"""How an operation is executed: by its plan where there is one, by the plain executor where there is none."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    VariableValues,
    Visitor,
    get_operation_ast,
    visit,
)
from graphql import OperationType as Kind
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from usage_graph.errors import QueryError
from usage_graph.graph.arguments import Unplanned, Variables
from usage_graph.graph.cost import Bill
from usage_graph.graph.limits import DOCUMENTS, valid_document
from usage_graph.graph.measures import measures_of
from usage_graph.graph.operation import Operation
from usage_graph.graph.plan import Plan, Planner
from usage_graph.graph.request import Asked
from usage_graph.graph.schema import schema
from usage_graph.graph.source import Run

_log = logging.getLogger("usage_graph.graph")

PLANS = 32
"""How many are kept, those that were used last: one for each query and what is left out of it. A full-size one takes
about 1 MB."""


class Prepared:
    """One query of a valid document: all that does not depend on a request."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        """Raises ``Unplanned`` where its variables are none."""
        self._schema = schema
        self._operation = operation
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._switches = _switches(document)
        self.measures = measures_of(document)
        self.variables = Variables(schema, operation)
        self.bill = Bill(schema, document, operation)
        self.broken = False
        """Whether its plan failed where nothing was wrong, which is a bug: from then on the plain executor answers."""

    def plan(self, variables: VariableValues) -> Plan:
        """Raises ``Unplanned`` where there is none for these variables."""
        key = self, tuple(variables.coerced.get(name, Undefined) for name in self._switches)
        if key not in _plans:
            while len(_plans) >= PLANS:
                _plans.popitem(last=False)
            _plans[key] = self._make(variables)
        _plans.move_to_end(key)
        plan = _plans[key]
        if plan is None:
            raise Unplanned
        return plan

    def _make(self, variables: VariableValues) -> Plan | None:
        try:
            return Planner(self._schema, self._fragments, self._operation, variables).plan()
        except (Unplanned, GraphQLError, RecursionError):
            return None


_plans: OrderedDict[tuple[Prepared, tuple[Any, ...]], Plan | None] = OrderedDict()


@lru_cache(maxsize=DOCUMENTS)
def prepared(text: str, name: str | None) -> Prepared | None:
    """The query ``name`` of a document; ``None`` where it is none, or anything is wrong with it."""
    document = valid_document(text, schema._schema, only=name is None)
    operation = None if document is None else get_operation_ast(document, name)
    if document is None or operation is None or operation.operation is not Kind.QUERY or operation.directives:
        return None
    try:
        return Prepared(schema._schema, document, operation)
    except Unplanned:
        return None


def _switches(document: DocumentNode) -> tuple[str, ...]:
    """The variables that decide what is left out of an answer."""
    found: set[str] = set()

    class Directives(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            values = [argument.value for argument in node.arguments or ()]
            found.update(value.name.value for value in values if isinstance(value, VariableNode))

    visit(document, Directives())
    return tuple(sorted(found))


async def execute(asked: Asked, operation: Operation, allowed: Sequence[OperationType]) -> ExecutionResult:
    """The result of an operation; raises what Strawberry does for documents that have none of that name."""
    query = prepared(asked.query, operation.name)
    if query is None or query.broken:
        return await plain(asked, operation, allowed)
    try:
        return await _planned(query, asked, operation)
    except Exception as error:  # whatever it is: the plain executor meets it again, and says what it is
        operation.again()
        result = await plain(asked, operation, allowed)
        if not result.errors and not isinstance(error, Unplanned):
            query.broken = True
            _log.error("an operation is no longer answered by its plan, which fails", exc_info=error)
        return result


async def plain(asked: Asked, operation: Operation, allowed: Sequence[OperationType]) -> ExecutionResult:
    """The same by the plain executor alone."""
    return await schema.execute(
        asked.query,
        variable_values=asked.variables,
        context_value=operation,
        operation_name=operation.name,
        allowed_operation_types=allowed,
    )


async def _planned(query: Prepared, asked: Asked, operation: Operation) -> ExecutionResult:
    variables = query.variables.read(asked.variables or {})
    plan = query.plan(variables)
    try:
        operation.budget.spend(query.bill.points(variables, operation.now))
    except QueryError as error:
        return PreExecutionError(data=None, errors=[GraphQLError(str(error), original_error=error)])
    operation.selects(query.measures)
    operation.expects(alone=plan.alone, in_turn=plan.in_turn)
    return ExecutionResult(data=await plan.answer(Run(operation, variables)), errors=None)
