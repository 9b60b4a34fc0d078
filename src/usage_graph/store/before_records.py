"""Refusing what only records could tell, of a time that none are kept of: why, and what can be asked instead. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import combinations

from usage_graph.errors import BeforeRecords
from usage_graph.store.rollup import DAY, FAMILIES, HOUR, QUARTER, Family, ceil, floor

_WORDS = {"user_id": "user", "item_name": "name"}
"""What columns are called outside the store, where it is not their own name."""
_GRAINS = {QUARTER: "quarters of an hour", HOUR: "hours", DAY: "days"}


def before_records(columns: frozenset[str], cuts: Sequence[datetime], kept_since: datetime) -> BeforeRecords:
    """The refusal of sums by ``columns`` between ``cuts``, of which some would have to be of records from before
    ``kept_since``."""
    grains = [family.finest for family in _holding(columns)]
    return BeforeRecords(_cut(cuts, min(grains), kept_since) if grains else _unheld(columns, kept_since))


def _holding(columns: Iterable[str]) -> list[Family]:
    return [family for family in FAMILIES if family.columns.issuperset(columns)]


def _unheld(columns: frozenset[str], kept_since: datetime) -> str:
    """The refusal of ``columns`` that no family holds: of those that none has, else of two that none has at once."""
    if missing := [column for column in sorted(columns) if not _holding({column})]:
        by = " or ".join(missing)
    else:
        pair = next(pair for pair in combinations(sorted(columns), 2) if not _holding(pair))
        by = " and ".join(_WORDS.get(column, column) for column in pair) + " at once"
    kept = _text(kept_since)
    return (
        f"Records are kept since {kept}. Of earlier calls only sums are left, none of them by {by}: ask without that, "
        f"or begin the window at {kept} or later."
    )


def _cut(cuts: Sequence[datetime], grain: timedelta, kept_since: datetime) -> str:
    """The refusal of ``cuts`` that lie inside a bucket of ``grain`` where it is known only as a whole."""
    start, *inside, end = cuts
    wrong, remedies = [], []
    if start != (whole := floor(start, grain)):
        wrong.append(f"the window begins at {_text(start)}")
        remedies.append(f"begin it at {_text(whole)} (`between`)")
    if point := next((at for at in inside if at < kept_since and at != floor(at, grain)), None):
        wrong.append(f"a point of the series begins at {_text(point)}")
        remedies.append(f"choose `bucket` and `timezone` so that points are whole {_GRAINS[grain]} in UTC")
    if end < kept_since and end != (whole := ceil(end, grain)):
        wrong.append(f"the window ends at {_text(end)}")
        remedies.append(f"end it at {_text(whole)}")
    kept = _text(kept_since)
    return (
        f"Records are kept since {kept}. Of earlier calls only sums over whole {_GRAINS[grain]} in UTC are left, and "
        f"{' and '.join(wrong)}: {' and '.join(remedies)}, or begin the window at {kept} or later."
    )


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
