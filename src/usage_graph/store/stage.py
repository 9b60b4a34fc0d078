"""Rows on their way into the store, in the connection's staging tables until the end of the transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from usage_graph.config import WriteMode
from usage_graph.observation import Observation
from usage_graph.store.connect import Connection
from usage_graph.store.flags import flags_of
from usage_graph.store.identity import identities, span_key
from usage_graph.store.linking import Kind, Seen
from usage_graph.store.rows import row_of
from usage_graph.store.sql import query
from usage_graph.usage import UsageRecord

_IDENTITY = ("kind", "key", "started_at", "record", "flags", "parent", "parent_key", "observation")


async def stage(connection: Connection, records: Sequence[UsageRecord], *, mode: WriteMode) -> None:
    """Put ``records`` into the staging table (``create_staging``)."""
    await _put(
        connection, "usage_staging", "stage_records_by_unnest", UsageRecord._fields, [*map(row_of, records)], mode
    )


async def unstage(connection: Connection) -> None:
    """Take all records out of it again."""
    await connection.execute("DELETE FROM pg_temp.usage_staging")


async def stage_identities(
    connection: Connection, observations: Mapping[int, Observation], seen: Mapping[int, Seen], *, mode: WriteMode
) -> None:
    """Put what ``observations`` are known by into the other one, as if each were a call of its own."""
    rows: list[tuple[Any, ...]] = []
    for key, one in observations.items():
        record, known = one.record, seen[key]
        at, above = record.started_at, one.parent_span_id
        parent_key = span_key(record.project, record.trace_id, above) if above else None
        for kind, identity in identities(one):
            if kind is Kind.SPAN:
                rows.append((kind, identity, at, key, flags_of(known), known.parent, parent_key, key))
            else:
                rows.append((kind, identity, at, key, 0, None, None, key))
    await _put(connection, "usage_staging_identity", "stage_identities_by_unnest", _IDENTITY, rows, mode)


async def _put(
    connection: Connection, table: str, unnest: str, columns: Sequence[str], rows: Sequence[Any], mode: WriteMode
) -> None:
    if not rows:
        return
    if mode == "copy":
        await connection.copy_records_to_table(table, records=rows, columns=columns, schema_name="pg_temp")
    else:
        arrays: list[Any] = list(zip(*rows, strict=True))
        await connection.execute(query(unnest), *arrays)
