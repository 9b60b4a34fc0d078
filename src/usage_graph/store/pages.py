"""Keyset pages of records: the condition and order of one page, as SQL fragments. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from usage_graph.question import Direction, PageRequest, RecordField, RecordKey, RecordOrder, Scope
from usage_graph.store.conditions import Parameters
from usage_graph.store.keyset import Page, cut, standing
from usage_graph.store.searching import FirstRecords
from usage_graph.store.sql import query
from usage_graph.usage import EPOCH, UsageRecord

_MICROSECOND = timedelta(microseconds=1)

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
    records = FirstRecords(scope.filter, parameters, project=project)
    by_time = order.field is RecordField.STARTED_AT

    def where(*sides: _Side) -> str:
        start, end = scope.start, scope.end
        for key, later, _ in sides if by_time else ():
            # A scan of the primary key begins where the window does, unless the key's own time is said by itself.
            if later is (order.direction is Direction.ASC):
                start = max(start, _time_of(key))
            else:
                end = min(end, _time_of(key) + _MICROSECOND)
        within = [
            f"r.project = {project}::text",
            f"r.started_at >= {parameters.add(start)}::timestamptz",
            f"r.started_at < {parameters.add(end)}::timestamptz",
        ]
        return " AND ".join([*within, *(_standing(order, side, parameters) for side in sides)])

    # Is there anything on the far side of the cursor that the page starts from?
    from_ = request.before if backwards else request.after
    beyond = "false"
    if from_ is not None:
        # Asked for the nearest, not for any: EXISTS alone may read half the table from its wrong end.
        outside = where(_Side(from_, later=backwards, inclusive=True))
        nearest = records.first(outside, _by_time(not ascending), "1") if by_time else records.any(outside)
        beyond = f"coalesce((SELECT true FROM {nearest} AS r), false)"  # noqa: S608 (closed fragments)
    value = _VALUE[order.field]
    inside = where(*(_Side(key, later) for key, later in ((request.after, True), (request.before, False)) if key))
    more = parameters.add(limit + 1)
    if by_time:
        page = records.first(inside, _by_time(ascending), more)
    else:
        page = records.ordered(inside, f"{value} {way}, r.id {way}", more)
    return Page(
        sql=query("list_records").format(
            beyond=beyond,
            columns=COLUMNS,
            value=value,
            page=page,
            page_order=f"page.value {way}, page.id {way}",
        ),
        values=parameters.values,
        backwards=backwards,
        limit=limit,
        last=last,
    )


class _Side(NamedTuple):
    """Records that stand after ``key``, or before it (or at it)."""

    key: RecordKey
    later: bool
    inclusive: bool = False


def _by_time(ascending: bool) -> str:
    # Without a nulls clause the primary key serves the order; no other field is indexed.
    return "r.started_at, r.id" if ascending else "r.started_at DESC, r.id DESC"


def _time_of(key: RecordKey) -> datetime:
    """Where ``key`` stands in an order by time, which is never unknown."""
    return EPOCH + timedelta(microseconds=key.value or 0)


def _standing(order: RecordOrder, side: _Side, parameters: Parameters) -> str:
    """The condition of standing on ``side`` of its key in ``order``; unknown values stand last."""
    key, later, inclusive = side
    id_ = f"{parameters.add(key.id)}::bigint"
    ascending = order.direction is Direction.ASC
    if order.field is RecordField.STARTED_AT:
        compare = (">" if ascending is later else "<") + ("=" if inclusive else "")
        return f"((r.started_at, r.id) {compare} ({parameters.add(_time_of(key))}::timestamptz, {id_}))"
    value = None if key.value is None else f"{parameters.add(key.value)}::bigint"
    return standing(_VALUE[order.field], "r.id", value, id_, ascending=ascending, later=later, inclusive=inclusive)
