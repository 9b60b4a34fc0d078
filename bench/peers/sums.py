"""Questions for figures: in all, over time, and by what made the calls."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bench.peers.question import DAY, NANO, Answer, Json, Question, windows

_SUMS = "calls inputTokens outputTokens cost"
_THEIR_SUMS = "sum { calls inputTokens outputTokens costNano }"
_SQL_SUMS = (
    "sum(calls)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cost_nano)::bigint AS cost_nano"
)


def _ours(selection: str) -> str:
    return f"query Ours($window: WindowInput!) {{ usage(window: $window) {{ {selection} }} }}"


def _theirs(connection: str, selection: str) -> str:
    return (
        "query Theirs($from: Datetime!, $to: Datetime!) { usage: "
        f"{connection}(filter: {{hour: {{greaterThanOrEqualTo: $from, lessThan: $to}}}}) {{ {selection} }} }}"
    )


def _sql(table: str, key: str, rest: str = "") -> str:
    return f"SELECT {key}, {_SQL_SUMS} FROM peers.{table} WHERE hour >= $1 AND hour < $2 {rest}"  # noqa: S608


def _ours_of(key: Any, totals: Json) -> tuple[Any, ...]:
    cost = int(Decimal(totals["cost"] or 0) * NANO)
    return key, int(totals["calls"]), int(totals["inputTokens"]), int(totals["outputTokens"]), cost


def _theirs_of(key: Any, totals: Json) -> tuple[Any, ...]:
    return key, *(int(totals[name] or 0) for name in ("calls", "inputTokens", "outputTokens", "costNano"))


def _grouped(data: Any) -> Answer:
    return [_theirs_of(group["keys"][0], group["sum"]) for group in data["usage"]["groups"]]


def _rows(found: Sequence[Any]) -> Answer:
    return [tuple(row) for row in found]


def _sorted(answer: Answer) -> Answer:
    return sorted(row for row in answer if row[1])


def _ranked(answer: Answer) -> Answer:
    """PostGraphile returns every group; who asked it for the top ones has to look for them."""
    return sorted(answer, key=lambda row: (-row[4], row[0]))[:10]


def totals(name: str, days: int, *, more: float | None = None) -> Question:
    return Question(
        name,
        ours=_ours(f"totals {{ {_SUMS} }}"),
        theirs=_theirs("allByModels", f"aggregates {{ {_THEIR_SUMS} }}"),
        sql=_sql("by_model", "''"),
        variants=windows(days * DAY),
        read_ours=lambda data: [_ours_of("", data["usage"]["totals"])],
        read_theirs=lambda data: [_theirs_of("", data["usage"]["aggregates"]["sum"])],
        read_sql=_rows,
        more=more,
    )


def series(name: str, bucket: str, *, more: float | None = None) -> Question:
    def start(text: str) -> datetime:
        at = datetime.fromisoformat(text).astimezone(UTC)
        return at.replace(hour=0) if bucket == "DAY" else at  # the first day of a window may begin later

    def read_ours(data: Any) -> Answer:
        return _sorted(
            [_ours_of(start(point["start"]), point["totals"]) for point in data["usage"]["series"]["points"]]
        )

    return Question(
        name,
        ours=_ours(f"series(bucket: {bucket}) {{ points {{ start totals {{ {_SUMS} }} }} }}"),
        theirs=_theirs(
            "allByModels", f"groups: groupedAggregates(groupBy: [HOUR_TRUNCATED_TO_{bucket}]) {{ keys {_THEIR_SUMS} }}"
        ),
        sql=_sql("by_model", f"date_trunc('{bucket}', hour)", "GROUP BY 1 ORDER BY 1"),
        variants=windows(30 * DAY),
        read_ours=read_ours,
        read_theirs=lambda data: _sorted([(start(key), *sums) for key, *sums in _grouped(data)]),
        read_sql=lambda found: _sorted(_rows(found)),
        more=more,
    )


def by_model() -> Question:
    def read_ours(data: Any) -> Answer:
        groups = data["usage"]["breakdown"]["groups"]
        return _sorted([_ours_of(group["key"], group["totals"]) for group in groups])

    return Question(
        "by model, 30 days",
        ours=_ours(f"breakdown(by: MODEL, first: 100) {{ groups {{ key totals {{ {_SUMS} }} }} }}"),
        theirs=_theirs("allByModels", f"groups: groupedAggregates(groupBy: [MODEL]) {{ keys {_THEIR_SUMS} }}"),
        sql=_sql("by_model", "model", "GROUP BY 1"),
        variants=windows(30 * DAY),
        read_ours=read_ours,
        read_theirs=lambda data: _sorted(_grouped(data)),
        read_sql=lambda found: _sorted(_rows(found)),
    )


def top(name: str, by: str, *, faster: float, more: float | None = None) -> Question:
    def read_ours(data: Any) -> Answer:
        return _ranked([_ours_of(one["key"], one["totals"]) for one in data["usage"]["topConsumers"]])

    return Question(
        f"{name}, 30 days",
        ours=_ours(f"topConsumers(by: {by.upper()}, first: 10) {{ key totals {{ {_SUMS} }} }}"),
        theirs=_theirs(
            f"allBy{by.title()}s", f"groups: groupedAggregates(groupBy: [{by.upper()}]) {{ keys {_THEIR_SUMS} }}"
        ),
        sql=_sql(f"by_{by}", by, "GROUP BY 1 ORDER BY cost_nano DESC, 1 LIMIT 10"),
        variants=windows(30 * DAY),
        read_ours=read_ours,
        read_theirs=lambda data: _ranked(_grouped(data)),
        read_sql=lambda found: _ranked(_rows(found)),
        faster=faster,
        more=more,
    )
