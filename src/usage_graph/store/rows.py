"""From rows to the domain: sums, records. Pure."""

from collections.abc import Iterable
from typing import Any

import asyncpg
import orjson

from usage_graph.health import Count, Outcome
from usage_graph.usage import UsageRecord

_WIDTH = len(UsageRecord._fields)


def record_of(row: asyncpg.Record, *, skip: int = 0) -> UsageRecord:
    """The record in the columns of a row after the first ``skip``."""
    *values, stored = tuple(row)[skip : skip + _WIDTH]
    return UsageRecord._make((*values, tuple(sorted(orjson.loads(stored).items())) if stored else ()))


def row_of(record: UsageRecord) -> tuple[Any, ...]:
    """``record`` as the store has it: attributes are JSON, and null where there are none."""
    if not record.attributes:
        return *record[:-1], None
    return *record[:-1], orjson.dumps(dict(record.attributes)).decode()


def counts_of(rows: Iterable[asyncpg.Record]) -> list[Count]:
    """Those that this program knows of: a newer server on the same database may count more."""
    known = frozenset(Outcome)
    return [Count(project, Outcome(outcome), *rest) for project, outcome, *rest in rows if outcome in known]
