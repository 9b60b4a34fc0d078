"""How many calls there are: the statement. Pure.

Rollups count failed calls among the others, so how many failed, or did not, is told without the records.
"""

from dataclasses import replace

from usage_graph.question import Dimension, Scope
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters
from usage_graph.store.rollup import FAMILIES, Standing
from usage_graph.store.sql import Statement, query
from usage_graph.usage import CallStatus

_CALLS = "usage_sum(c.calls)"
_FAILED = "usage_sum(c.failed_calls)"
_OF_STATUS = {
    frozenset({CallStatus.ERROR}): _FAILED,
    frozenset({CallStatus.OK}): f"{_CALLS} - {_FAILED}",
    frozenset(CallStatus): _CALLS,
}


def ask_count(scope: Scope, standing: Standing) -> Statement:
    """Asks for the number of the calls of ``scope``."""
    counted, count, measures = scope, _CALLS, ["calls"]
    if scope.filter.status:
        any_status = replace(scope, filter=replace(scope.filter, status=None))
        if _has_rollup(any_status):
            counted, count, measures = any_status, _OF_STATUS[scope.filter.status], ["calls", "failed_calls"]
    parameters = Parameters()
    inner = cells(counted, parameters, measures=measures, standing=standing, subtracting=True)
    return Statement(query("sum_calls").format(count=count, cells=inner), parameters.values)


def _has_rollup(scope: Scope) -> bool:
    """Whether a rollup tells the calls of the filter from others."""
    needed: frozenset[Dimension] = scope.filter.dimensions
    return not scope.filter.searches and any(family.columns.issuperset(needed) for family in FAMILIES)
