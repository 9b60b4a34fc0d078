"""Keyset pages of records: the condition and order of one page, as SQL fragments. Pure."""

from datetime import timedelta

from usage_graph.question import Direction, PageRequest, RecordField, RecordKey, RecordOrder, Scope
from usage_graph.store.cells import Parameters, conditions
from usage_graph.store.keyset import Page, cut, standing
from usage_graph.store.sql import query
from usage_graph.usage import EPOCH, UsageRecord

COLUMNS = ", ".join(f"r.{field}" for field in UsageRecord._fields)

_VALUE = {
    RecordField.STARTED_AT: "r.started_at",
    RecordField.COST: "r.cost_nano",
    RecordField.TOKENS: (
        "CASE WHEN r.input_tokens IS NOT NULL OR r.output_tokens IS NOT NULL "
        "THEN coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0) END"
    ),
    RecordField.INPUT_TOKENS: "r.input_tokens",
    RecordField.OUTPUT_TOKENS: "r.output_tokens",
    RecordField.CREDITS: "r.credits_nano",
    RecordField.DURATION: "r.duration_us",
}


def list_page(scope: Scope, order: RecordOrder, request: PageRequest) -> Page:
    """The statement that reads ``request``."""
    parameters = Parameters()
    backwards, ascending, way, limit, last = cut(
        request.first, request.last, ascending=order.direction is Direction.ASC
    )
    project = parameters.add(scope.project)
    where = [
        f"r.project = {project}::text",
        f"r.started_at >= {parameters.add(scope.start)}::timestamptz",
        f"r.started_at < {parameters.add(scope.end)}::timestamptz",
        *conditions(scope.filter, parameters, project=project, of_records=True),
    ]
    value = _VALUE[order.field]
    inside = list(where)
    if request.after is not None:
        inside.append(_beyond(order, request.after, parameters, later=True))
    if request.before is not None:
        inside.append(_beyond(order, request.before, parameters, later=False))

    # Is there anything on the far side of the cursor that the page starts from?
    start = request.before if backwards else request.after
    beyond = "false"
    if start is not None:
        outside = _beyond(order, start, parameters, later=backwards, inclusive=True)
        # Asked for the nearest, not for any: EXISTS alone may read half the table from its wrong end.
        nearest = f"ORDER BY {_by_time(not ascending)}" if order.field is RecordField.STARTED_AT else ""
        found = f"SELECT true FROM usage_record AS r WHERE {' AND '.join([*where, outside])} {nearest} LIMIT 1"  # noqa: S608 (closed fragments)
        beyond = f"coalesce(({found}), false)"
    return Page(
        sql=query("list_records").format(
            beyond=beyond,
            columns=COLUMNS,
            value=value,
            where=" AND ".join(inside),
            # Without the nulls clause the primary key serves the order; no other field is indexed.
            order=_by_time(ascending) if order.field is RecordField.STARTED_AT else f"{value} {way}, r.id {way}",
            page_order=f"page.value {way}, page.id {way}",
            limit=parameters.add(limit + 1),
        ),
        values=parameters.values,
        backwards=backwards,
        limit=limit,
        last=last,
    )


def _by_time(ascending: bool) -> str:
    return "r.started_at, r.id" if ascending else "r.started_at DESC, r.id DESC"


def _beyond(order: RecordOrder, key: RecordKey, parameters: Parameters, *, later: bool, inclusive: bool = False) -> str:
    """The condition of standing after ``key`` in ``order``, or before it (or at it); unknown values stand last."""
    id_ = f"{parameters.add(key.id)}::bigint"
    ascending = order.direction is Direction.ASC
    if order.field is RecordField.STARTED_AT:  # which is never unknown, and indexed
        compare = (">" if ascending is later else "<") + ("=" if inclusive else "")
        at = EPOCH + timedelta(microseconds=key.value or 0)
        return f"((r.started_at, r.id) {compare} ({parameters.add(at)}::timestamptz, {id_}))"
    value = None if key.value is None else f"{parameters.add(key.value)}::bigint"
    return standing(_VALUE[order.field], "r.id", value, id_, ascending=ascending, later=later, inclusive=inclusive)
