"""The past of a database that forgets records: the sums that its rollups keep of days whose records are gone."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from usage_graph.errors import CopyError
from usage_graph.store.connect import Connection
from usage_graph.store.measures import HISTOGRAMS, MEASURES
from usage_graph.store.rollup import FAMILIES, Family
from usage_graph.store.sql import query
from usage_graph.store.sums import ALL
from usage_graph.usage import Totals

_BATCH = 5_000
_WHOLE = "usage_by_model_1d"
"""A rollup that has every call."""

Past = Mapping[str, Mapping[str, Sequence[int]]]
"""By rollup and project: how many rows there are, and what they add up to in the order of ``Totals``."""


async def past_of(connection: Connection, before: datetime) -> Past:
    """What the rollups hold of the time before ``before``, as of their last refresh."""
    found: dict[str, dict[str, Sequence[int]]] = {}
    for _, rollup in _rollups():
        rows = await connection.fetch(query("sum_past").format(rollup=rollup, sums=ALL.sql), before)
        found[rollup] = {project: sums for project, *sums in rows}
    return found


def totals_of(past: Past) -> dict[str, Totals]:
    """Of each project."""
    return {project: Totals.of_sums(sums[1:]) for project, sums in past.get(_WHOLE, {}).items()}


async def carry_past(source: Connection, target: Connection, since: datetime) -> Past:
    """Make the rollups of ``target`` hold of the time before ``since`` what those of ``source`` do, and that alone.

    All or nothing. Where they do already, nothing happens; else ``target`` takes no records of that time from then on.
    Returns what both hold.

    Raises:
        CopyError: ``target`` has calls of that time that are others than those of ``source``.
    """
    past = await past_of(source, since)
    async with target.transaction():
        # No writer adds to what is compared here and, below, written.
        await target.execute(query("lock_retention"))
        present = await past_of(target, since)
        if present == past:
            return past
        if any(present.values()):
            raise CopyError(
                f"Of the time before {since:%Y-%m-%d} the source knows sums alone, as its records are no longer kept. "
                "The target has calls of that time, with other sums: mixed, they would count some calls twice. "
                "Copy to an empty database."
            )
        await target.execute(query("lock_settled"))
        await target.execute(query("remove_settled"))
        for family, rollup in _rollups():
            await _carry(source, target, family, rollup, since)
        kept_since = await target.fetchval("SELECT usage_keep_since($1)", since)
        if kept_since is None or kept_since < since:
            raise CopyError(
                f"The target has just been given calls from before {since:%Y-%m-%d}, which would be mixed with the "
                "source's sums of that time. Copy to an empty database."
            )
    return past


def _rollups() -> list[tuple[Family, str]]:
    return [(family, rollup.relation) for family in FAMILIES for rollup in family.rollups]


async def _carry(source: Connection, target: Connection, family: Family, rollup: str, before: datetime) -> None:
    texts = ("project", *sorted(family.columns))
    # Histograms go as texts: of an array of arrays, unnest would make one of all their entries.
    types = {"bucket": "timestamptz"} | dict.fromkeys(texts, "text")
    types |= {name: "text" if name in HISTOGRAMS else "numeric" for name in MEASURES}
    statement = query("store_past").format(
        table=await target.fetchval("SELECT usage_rollup_table($1)::text", rollup),
        columns=", ".join(types),
        values=", ".join(f"p.{name}::bigint[]" if name in HISTOGRAMS else f"p.{name}" for name in types),
        arrays=", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types.values(), start=1)),
    )
    read = ", ".join(f"{name}::text" if name in HISTOGRAMS else name for name in types)
    rows = source.cursor(query("list_past").format(rollup=rollup, columns=read), before, prefetch=_BATCH)
    async for batch in batches(rows, _BATCH):
        await target.execute(statement, *zip(*batch, strict=True))


async def batches(rows: AsyncIterable[Any], size: int) -> AsyncIterator[list[Any]]:
    """``rows`` in lists of ``size``, the last one shorter; never an empty one."""
    batch: list[Any] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
