"""What calls consumed of a plan's credits, and what they pushed over it: exactly, from the rollups.

How much the pools had given before a window, and by its end, says what is additional of all calls in it. Of the calls
that a filter keeps, those after the one that used up their pool are additional, and so is a part of that one: it is
looked for by day, by hour and by quarter of an hour, then among the records. Whatever is asked of several pools is one
statement, so a year of daily pools costs no more statements than a month.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

import asyncpg

from usage_graph.credits import CreditPlan, CreditUsage, Plans, Pool
from usage_graph.errors import BeforeRecords
from usage_graph.question import Filter, Scope
from usage_graph.store.cells import cells
from usage_graph.store.conditions import Parameters, conditions
from usage_graph.store.credits import plans_of
from usage_graph.store.rollup import EPOCH, Standing
from usage_graph.store.sql import query

Fetch = Callable[..., Awaitable[list[asyncpg.Record]]]
"""Runs a statement with its values."""

_EVERYTHING = Filter()
_MICROSECOND = timedelta(microseconds=1)
_GRAINS = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=15))


class _Drawn(NamedTuple):
    """What the window's calls drew from a pool: those of ``[start, end)``, with which it had given ``before`` and then
    ``after`` nano-credits."""

    pool: Pool
    start: datetime
    end: datetime
    before: int
    after: int

    @property
    def additional_nano(self) -> int:
        return self.pool.additional_nano(self.before, self.after)


class _Stretch(NamedTuple):
    """Where the call is with which more than ``most`` nano-credits have been consumed since ``start``."""

    start: datetime
    end: datetime
    most: int


class _Crossing(NamedTuple):
    """The call that used up a pool; ``over``: how many nano-credits of it the pool no longer had."""

    started_at: datetime
    id: int
    over: int


async def credit_usage(fetch: Fetch, scope: Scope, kept_since: datetime | None) -> CreditUsage:
    """What the calls of ``scope`` consumed, and what of it the plans of its project did not include.

    Raises:
        BeforeRecords: of calls from before ``kept_since`` not enough is known to tell.
    """
    return await _Ledger(fetch, scope, kept_since).usage()


class _Ledger:
    def __init__(self, fetch: Fetch, scope: Scope, kept_since: datetime | None) -> None:
        self._fetch = fetch
        self._scope = scope
        self._kept_since = kept_since

    async def usage(self) -> CreditUsage:
        scope = self._scope
        plans = Plans(plans_of(await self._fetch(query("list_credit_plans"), scope.project)))
        running = await self._running([scope.start, max(scope.start, scope.end)], scope.filter)
        consumed = max(running.values())
        at_end = plans.pool(scope.end - _MICROSECOND)
        if at_end is None and not plans.in_force(scope.start, scope.end):
            return CreditUsage(consumed)

        drawn, remaining = await self._drawn(await self._pools(plans), at_end)
        if scope.filter == _EVERYTHING:
            additional = [one.additional_nano for one in drawn]
        else:
            additional = await self._kept_by_filter(drawn)
        by_plan: dict[CreditPlan, int] = {}
        for one, over in zip(drawn, additional, strict=True):
            by_plan[one.pool.plan] = by_plan.get(one.pool.plan, 0) + over
        return CreditUsage(
            consumed_nano=consumed,
            additional_nano=sum(additional),
            additional_cost_nano=sum(plan.cost_nano(over) for plan, over in by_plan.items()),
            planned=plans.in_force(scope.start, scope.end),
            remaining_nano=remaining,
            plan=at_end.plan if at_end is not None else None,
        )

    async def _pools(self, plans: Plans) -> list[Pool]:
        """Those that calls of the window drew from, in order: however long it is, only days with such calls count."""
        start, end = self._scope.start, self._scope.end
        day = _GRAINS[0]
        days = _floor(start, day), _floor(end + day, day)
        found: list[Pool] = []
        for (bucket,) in await self._fetch(query("list_credit_days"), self._scope.project, *days):
            begin = max(start, bucket, *(pool.end for pool in found[-1:]))
            found += plans.pools(begin, min(end, bucket + day))
        return found

    async def _drawn(self, pools: Sequence[Pool], at_end: Pool | None) -> tuple[list[_Drawn], int | None]:
        """What was drawn from ``pools`` in the window; and what is left of the pool that is drawn from at its end."""
        start, end = self._scope.start, self._scope.end
        ranges = [(pool, max(start, pool.start), min(end, pool.end)) for pool in pools]
        cuts = {at for pool, since, until in ranges for at in (pool.start, since, until)}
        if at_end is not None:
            cuts |= {at_end.start, end}
        running = await self._running(sorted(cuts), _EVERYTHING)
        drawn = [
            _Drawn(pool, since, until, running[since] - running[pool.start], running[until] - running[pool.start])
            for pool, since, until in ranges
        ]
        if at_end is None:
            return drawn, None
        return drawn, max(0, at_end.plan.included_nano - (running[end] - running[at_end.start]))

    async def _kept_by_filter(self, drawn: Sequence[_Drawn]) -> list[int]:
        """What is additional of the calls that the filter keeps, for each of ``drawn``."""
        crossings = await self._crossings(drawn)
        after: dict[int, tuple[datetime, datetime]] = {}
        for number, one in enumerate(drawn):
            if number in crossings:
                after[number] = (crossings[number].started_at + _MICROSECOND, one.end)
            elif one.additional_nano:
                after[number] = (one.start, one.end)
        try:
            running = await self._running(sorted({at for ends in after.values() for at in ends}), self._scope.filter)
        except BeforeRecords:
            raise self._unknown() from None
        additional = [0] * len(drawn)
        for number, (since, until) in after.items():
            additional[number] = running[until] - running[since]
        if crossings:
            for number, id_, credits_nano in await self._at_once(crossings):
                crossing = crossings[number]
                additional[number] += crossing.over if id_ == crossing.id else credits_nano
        return additional

    async def _crossings(self, drawn: Sequence[_Drawn]) -> dict[int, _Crossing]:
        """The calls of the window that used up a pool, by the number of the pool in ``drawn``."""
        stretches = {
            number: _Stretch(one.start, one.end, one.pool.plan.included_nano - one.before)
            for number, one in enumerate(drawn)
            if one.before < one.pool.plan.included_nano < one.after
        }
        if not stretches:
            return {}
        for grain in _GRAINS:
            cuts = {number: _cuts(stretch, grain) for number, stretch in stretches.items()}
            running = await self._running(sorted({at for of in cuts.values() for at in of}), _EVERYTHING)
            stretches = {number: _narrowed(stretch, cuts[number], running) for number, stretch in stretches.items()}
        starts, ends = [one.start for one in stretches.values()], [one.end for one in stretches.values()]
        if self._kept_since is not None and min(starts) < self._kept_since:
            raise self._unknown()
        most = [Decimal(one.most) for one in stretches.values()]
        rows = await self._fetch(
            query("find_crossings"), self._scope.project, list(stretches), starts, ends, most, min(starts), max(ends)
        )
        return {
            number: _Crossing(started_at, id_, int(consumed) - stretches[number].most)
            for number, started_at, id_, consumed in rows
        }

    async def _at_once(self, crossings: dict[int, _Crossing]) -> list[asyncpg.Record]:
        """The calls that the filter keeps of those that start when a crossing one does, from that one on: the number
        of the crossing, id and nano-credits."""
        parameters = Parameters()
        project = parameters.add(self._scope.project)
        sql = query("list_credits_from").format(
            project=project,
            numbers=parameters.add(list(crossings)),
            starts=parameters.add([one.started_at for one in crossings.values()]),
            ids=parameters.add([one.id for one in crossings.values()]),
            conditions=" AND ".join(
                ["true", *conditions(self._scope.filter, parameters, project=project, of_records=True)]
            ),
        )
        return await self._fetch(sql, *parameters.values)

    async def _running(self, cuts: Sequence[datetime], filter_: Filter) -> dict[datetime, int]:
        """What calls that ``filter_`` keeps consumed from the first of ``cuts``, which ascend, until each."""
        if len(cuts) < 2:
            return dict.fromkeys(cuts, 0)
        parameters = Parameters()
        scope = replace(self._scope, start=cuts[0], end=cuts[-1], filter=filter_)
        inner = cells(scope, parameters, measures=("credits_nano",), bounds=cuts, standing=Standing(self._kept_since))
        bounds = parameters.add(list(cuts[:-1]))
        rows = await self._fetch(query("sum_credits").format(bounds=bounds, cells=inner), *parameters.values)
        sums = {row["stretch"]: int(row["credits_nano"]) for row in rows}
        return dict(
            zip(cuts, accumulate((sums.get(number, 0) for number in range(1, len(cuts))), initial=0), strict=True)
        )

    def _unknown(self) -> BeforeRecords:
        kept = f"{self._kept_since:%Y-%m-%dT%H:%M:%SZ}"
        return BeforeRecords(
            f"Records are kept since {kept}. Which of some calls used up the plan's credits is known of later ones "
            f"alone: ask for credits without a filter, or begin the window at {kept} or later."
        )


def _floor(at: datetime, grain: timedelta) -> datetime:
    return at - (at - EPOCH) % grain


def _cuts(stretch: _Stretch, grain: timedelta) -> list[datetime]:
    """The bounds of ``grain`` inside, with the ends."""
    cuts, at = [stretch.start], _floor(stretch.start, grain) + grain
    while at < stretch.end:
        cuts.append(at)
        at += grain
    return [*cuts, stretch.end]


def _narrowed(stretch: _Stretch, cuts: Iterable[datetime], running: dict[datetime, int]) -> _Stretch:
    """The part between two of ``cuts`` that the call is in."""
    before = running[stretch.start]
    for start, end in pairwise(cuts):
        if running[end] - before > stretch.most:
            return _Stretch(start, end, stretch.most - (running[start] - before))
    raise AssertionError("no more was consumed than that")  # a stretch is one where more was
