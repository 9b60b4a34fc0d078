"""Questions for records, newest first."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.peers.question import (
    DAY,
    NANO,
    PAGE,
    VARIANTS,
    Answer,
    Asking,
    Json,
    Question,
    Variant,
    variant,
    window,
    windows,
)

_FIELDS = "startedAt source name agent responseModel inputTokens outputTokens cost status durationMs"
_THEIR_FIELDS = "startedAt source name agent responseModel inputTokens outputTokens costNano failed durationUs"
_COLUMNS = (
    "started_at, source, name, agent, response_model, input_tokens, output_tokens, cost_nano, failed, duration_us, id"
)
_WITHIN = "{startedAt: {greaterThanOrEqualTo: $from, lessThan: $to}}"
_LIST_WITHIN = (
    f"SELECT {_COLUMNS} FROM peers.call WHERE started_at >= $1 AND started_at < $2 {{}} "  # noqa: S608
    f"ORDER BY started_at DESC, id DESC LIMIT {PAGE}"
)


def _record_of(node: Json) -> tuple[Any, ...]:
    cost = node["cost"]
    return (
        datetime.fromisoformat(node["startedAt"]).astimezone(UTC),
        *(node[name] for name in ("source", "name", "agent", "responseModel")),
        *(None if node[name] is None else int(node[name]) for name in ("inputTokens", "outputTokens")),
        None if cost is None else int(Decimal(cost) * NANO),
        node["status"] == "ERROR",
        round(node["durationMs"] * 1000),
    )


def _their_record_of(node: Json) -> tuple[Any, ...]:
    return (
        datetime.fromisoformat(node["startedAt"]).astimezone(UTC),
        *(node[name] for name in ("source", "name", "agent", "responseModel")),
        *(None if node[name] is None else int(node[name]) for name in ("inputTokens", "outputTokens", "costNano")),
        node["failed"],
        int(node["durationUs"]),
    )


def _read_page(data: Any) -> Answer:
    return [_record_of(node) for node in data["usage"]["records"]["nodes"]]


def _read_their_page(data: Any) -> Answer:
    return [_their_record_of(node) for node in data["usage"]["nodes"]]


def _read_sql_page(found: Sequence[Any]) -> Answer:
    return [tuple(row)[:-1] for row in found]


def _page(
    name: str,
    *,
    given: tuple[str, str],
    where: tuple[str, str],
    after: tuple[str, str],
    sql: str,
    variants: Callable[[datetime, Asking], Iterator[Variant]],
    faster: float = 1.0,
    more: float | None = None,
) -> Question:
    """Of each pair the first is ours: further variables, filters, and further arguments of the list."""
    return Question(
        name,
        ours=f"query Ours($window: WindowInput!{given[0]}) {{ usage(window: $window{where[0]}) "
        f"{{ records(first: {PAGE}{after[0]}) {{ nodes {{ {_FIELDS} }} }} }} }}",
        theirs=f"query Theirs($from: Datetime!, $to: Datetime!{given[1]}) {{ usage: allCalls(first: {PAGE}{after[1]}, "
        f"orderBy: [STARTED_AT_DESC, ROW_ID_DESC], filter: {where[1]}) {{ nodes {{ {_THEIR_FIELDS} }} }} }}",
        sql=_LIST_WITHIN.format(sql),
        variants=variants,
        read_ours=_read_page,
        read_theirs=_read_their_page,
        read_sql=_read_sql_page,
        faster=faster,
        more=more,
    )


def first_page() -> Question:
    return _page(
        f"{PAGE} records, page 1",
        given=("", ""),
        where=("", _WITHIN),
        after=("", ""),
        sql="",
        variants=windows(30 * DAY),
        more=1.1,
    )


def search() -> Question:
    def variants(end: datetime, _: Asking) -> Iterator[Variant]:
        for number in range(VARIANTS):
            of, text = variant(*window(end, 0, 30 * DAY)), f"worker-{120 + number}"
            yield Variant(of.ours | {"text": text}, of.theirs | {"text": text}, (*of.sql, f"%{text}%"))

    return _page(
        f"{PAGE} records by part of a name",
        given=(", $text: String!", ", $text: String!"),
        where=(", filter: {name: {contains: $text}}", _WITHIN[:-1] + ", name: {includes: $text}}"),
        after=("", ""),
        sql="AND name LIKE $3",
        variants=variants,
    )


_OUR_WALK = """query Walk($window: WindowInput!, $after: String) {
  usage(window: $window) { records(first: 100, after: $after) { edges { cursor } } }
}"""
_THEIR_CURSOR = f"""query Cursor($from: Datetime!, $to: Datetime!, $offset: Int!) {{
  usage: allCalls(first: 1, offset: $offset, orderBy: [STARTED_AT_DESC, ROW_ID_DESC], filter: {_WITHIN}) {{
    edges {{ cursor }}
  }}
}}"""
_SQL_PLACE = (
    "SELECT started_at, id FROM peers.call WHERE started_at >= $1 AND started_at < $2 "
    "ORDER BY started_at DESC, id DESC OFFSET $3 LIMIT 1"
)


def far_page(page: int, *, by_offset: bool) -> Question:
    """``page`` and those after it. PostGraphile gets there by an offset, or by a cursor as usage-graph does.

    For a cursor one has to have walked there, which is not measured.
    """

    def variants(end: datetime, asking: Asking) -> Iterator[Variant]:
        of = variant(*window(end, 0, 30 * DAY))
        cursors = _walk(of, asking, (page + VARIANTS) * PAGE)
        for number in range(page - 1, page - 1 + VARIANTS):
            last = number * PAGE - 1  # of the page before, from 0
            place: Json = {"offset": last + 1}
            if not by_offset:
                place = {
                    "after": asking.theirs(_THEIR_CURSOR, of.theirs | {"offset": last})["usage"]["edges"][0]["cursor"]
                }
            (at,) = asking.sql(_SQL_PLACE, *of.sql, last)
            yield Variant(of.ours | {"after": cursors[last]}, of.theirs | place, (*of.sql, *at))

    return _page(
        f"page {page} (PostGraphile: by offset)" if by_offset else f"page {page}, all by cursor",
        given=(", $after: String", ", $offset: Int!" if by_offset else ", $after: Cursor!"),
        where=("", _WITHIN),
        after=(", after: $after", ", offset: $offset" if by_offset else ", after: $after"),
        sql="AND (started_at, id) < ($3, $4)",
        variants=variants,
        faster=3.0 if by_offset else 1.0,
    )


def _walk(of: Variant, asking: Asking, count: int) -> list[str]:
    """The cursors of the first ``count`` records."""
    cursors: list[str] = []
    while len(cursors) < count:
        data = asking.ours(_OUR_WALK, of.ours | {"after": cursors[-1] if cursors else None})
        edges = data["usage"]["records"]["edges"]
        assert edges, "there are too few records for a page so far down"
        cursors += (edge["cursor"] for edge in edges)
    return cursors
