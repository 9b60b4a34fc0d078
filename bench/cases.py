"""What is asked: the example operations, and the questions that other products were asked, each over many windows.

Each has a document; most have hand-written SQL beside it, in ``questions/``, which answers for whole buckets of a
rollup: less than the server does, whose windows may begin and end anywhere, and so a bound rather than an equal.
"""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from usage_graph.graph.schema import example_operations

Kind = Literal["question", "operation", "flat", "floor"]
"""A question of those put to others; an example operation; the same over another window or zone; what any costs."""

_QUESTIONS = Path(__file__).parent / "questions"
_DAY, _WEEK, _MONTH, _YEAR = (timedelta(days=days) for days in (1, 7, 30, 365))
_LENGTHS = {_DAY: "24 h", _WEEK: "7 d", _MONTH: "30 d", _YEAR: "1 y"}
_GRAINS = {_DAY: "1h", _WEEK: "1h", _MONTH: "1d", _YEAR: "1d"}
_STEP = timedelta(seconds=37, milliseconds=411)
_STEPS = 200
_SLACK = _STEP * (_STEPS + 1)
_PAGE_500 = 499 * 20
"""Records before it."""


class Case(NamedTuple):
    """``window``: how long, ``None`` where the document has none. ``paged``: it is asked for page 500."""

    name: str
    kind: Kind
    document: str
    window: timedelta | None
    variables: dict[str, Any]
    sql: str | None = None
    grain: timedelta = timedelta()
    paged: bool = False


def _read(name: str) -> str:
    return (_QUESTIONS / name).read_text(encoding="utf-8")


def _question(
    name: str,
    document: str,
    window: timedelta | None,
    *,
    kind: Kind = "question",
    sql: str | None = None,
    grain: str | None = None,
    paged: bool = False,
    **variables: Any,
) -> Case:
    rollup = grain or (_GRAINS[window] if window else "")
    # Records have no buckets: any window will do for them.
    width = timedelta() if sql in ("records", "search") else {"1h": timedelta(hours=1), "1d": _DAY}.get(rollup, _DAY)
    statement = _read(f"{sql}.sql").replace("{grain}", rollup) if sql else None
    told = f"{name} {_LENGTHS[window]}" if window else name
    return Case(told, kind, _read(f"{document}.graphql"), window, variables, statement, width, paged)


@cache
def questions() -> tuple[Case, ...]:
    """In the order of the page on peers."""
    return (
        *(_question("totals", "totals", window, sql="totals") for window in (_DAY, _WEEK, _MONTH)),
        _question("series by day", "series", _MONTH, sql="series", bucket="DAY"),
        _question("series by hour", "series", _MONTH, sql="series", grain="1h", bucket="HOUR"),
        _question("by model", "by_model", _MONTH, sql="by_model"),
        _question("top conversations", "top_conversations", _MONTH, sql="top_conversations"),
        _question("top agents", "top_agents", _MONTH, sql="top_agents"),
        _question("records, page 1", "records", _MONTH, sql="records", first=20),
        _question("records, page 500", "records", _MONTH, paged=True, first=20),
        _question("search by name", "records", _MONTH, sql="search", first=20, search="remember-3"),
    )


@cache
def operations(window: timedelta = _MONTH) -> tuple[Case, ...]:
    """The examples, whole pages first."""
    return tuple(
        Case(name, "operation", document, window if "$window" in document else None, {})
        for name, document in example_operations().items()
    )


@cache
def flat() -> tuple[Case, ...]:
    """What the questions of 30 days are compared with: a day, and series whose days are not UTC's."""
    return (
        *_over(_DAY),
        _question("split by hour, UTC", "split", _MONTH, kind="flat", bucket="HOUR", timezone="UTC"),
        _question("split by day, Kathmandu", "split", _MONTH, kind="flat", bucket="DAY", timezone="Asia/Kathmandu"),
        _question("nothing", "nothing", None, kind="floor"),
    )


@cache
def over_a_year() -> tuple[Case, ...]:
    """The same over a day, a month and a year; the last page of them is a whole example."""
    return tuple(case for window in (_DAY, _MONTH, _YEAR) for case in _over(window, totals=True))


FLAT = ("totals", "by model", "top conversations", "top agents", "records, page 1", "Latency", "UsagePage")
"""What is asked over windows of several lengths, which ``_over`` names."""


def _over(window: timedelta, *, totals: bool = False) -> Iterator[Case]:
    if totals:
        yield _question("totals", "totals", window, kind="flat", sql="totals")
    yield _question("by model", "by_model", window, kind="flat", sql="by_model")
    # The rollup of conversations has days alone.
    yield _question("top conversations", "top_conversations", window, kind="flat", sql="top_conversations", grain="1d")
    yield _question("top agents", "top_agents", window, kind="flat", sql="top_agents")
    yield _question("records, page 1", "records", window, kind="flat", sql="records", first=20)
    # The page asks for as many points as make a readable chart.
    for name, variables in (("Latency", {}), ("UsagePage", {"bucket": "AUTO"})):
        yield Case(f"{name} {_LENGTHS[window]}", "flat", example_operations()[name], window, variables)


class Asked(NamedTuple):
    """One request: the body that is posted, and the values of the hand-written SQL."""

    body: bytes
    values: tuple[datetime, datetime] | None


class Asking:
    """Makes requests of cases, each with a window of its own before ``end``, so that nothing has its answer ready.

    ``span``: how far back records go. No window reaches beyond it, and none begins or ends on a round time.
    """

    def __init__(self, end: datetime, span: timedelta) -> None:
        self._end, self._span = end, span
        self._numbers = itertools.count()
        self._pages: dict[str, Iterator[dict[str, Any]]] = {}

    def page_of(self, case: Case, variables: list[dict[str, Any]]) -> None:
        """From now on the case is asked for these pages, in turns."""
        self._pages[case.name] = itertools.cycle(variables)

    def ask(self, case: Case) -> Asked:
        if case.paged:
            return Asked(_body(case, next(self._pages[case.name])), None)
        if case.window is None:
            return Asked(_body(case, {}), None)
        start, end = self.window(case.window)
        values = (_floor(start, case.grain), _floor(end, case.grain)) if case.sql else None
        return Asked(_body(case, {"window": between(start, end)}), values)

    def window(self, length: timedelta) -> tuple[datetime, datetime]:
        number = next(self._numbers)
        end = self._end - _STEP * (number % _STEPS + 1) - timedelta(milliseconds=number // _STEPS % 1000)
        return end - min(length, self._span - _SLACK), end


def between(start: datetime, end: datetime) -> dict[str, Any]:
    return {"between": {"from": start.isoformat(), "to": end.isoformat()}}


def _body(case: Case, variables: dict[str, Any]) -> bytes:
    return orjson.dumps({"query": case.document, "variables": {**case.variables, **variables}})


def _floor(at: datetime, grain: timedelta) -> datetime:
    return at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % grain if grain else at


def pages_around_500(window: tuple[datetime, datetime], count: int) -> Iterator[tuple[dict[str, Any], bool]]:
    """Variables to walk with, each with the cursor that the answer before gave as ``after``, and whether to keep it.

    The cursors of 20 records each around the 500th page are worth keeping.
    """
    skipped, given = 0, {"window": between(*window)}
    while skipped < _PAGE_500:
        first = min(100, _PAGE_500 - skipped)
        skipped += first
        yield {**given, "first": first}, skipped == _PAGE_500
    for _ in range(count - 1):
        yield {**given, "first": 20}, True
