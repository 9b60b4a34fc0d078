"""Invariant 4: both engines give the same answer to the same operation on the same calls."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph.api import Api
from tests.questions import DECLARED, splits
from tests.records import BASE, usage_records
from tests.rollups import refresh_all
from tests.store.database import as_it_is, put
from tests.store.test_reader import ZONES, windows
from usage_graph.comparison import PreviousWindow
from usage_graph.question import By, ConsumerKind, RecordField
from usage_graph.store.reader import open_reader
from usage_graph.store.writer import open_writer
from usage_graph.usage import CallStatus, Metric, UsageRecord, record_id
from usage_graph.window import Window

_projects = itertools.count()

OPERATION = """
query (
  $window: WindowInput!, $timezone: TimeZone!, $filter: UsageFilter, $bucket: Bucket!, $by: UsageDimension!
  $attribute: String, $then: UsageDimension!, $thenAttribute: String, $previous: PreviousWindow!, $prefix: String!
  $metric: UsageMetric!, $kind: ConsumerKind!, $orderBy: RecordOrder, $top: Int!
) {
  usage(window: $window, timezone: $timezone, filter: $filter) {
    range { from to timezone recordsFrom }
    freshness { dataThrough }
    totals { ...All }
    series(bucket: $bucket) { bucket points { start end partial totals { ...All } } }
    split: series(bucket: $bucket, by: $by, attribute: $attribute, metric: $metric, top: $top) {
      groups { key label share totals { ...All } points { totals { calls cost } } }
      other { share points { totals { calls cost } } }
    }
    breakdown(by: $by, attribute: $attribute, metric: $metric, first: $top, previous: $previous) {
      groups { key label share totals { ...All } previous { ...Compared } }
      other { share totals { ...All } previous { ...Compared } }
    }
    pairs: breakdown(
      by: $by, attribute: $attribute, then: $then, thenAttribute: $thenAttribute, metric: $metric, first: $top
    ) { groups { key thenKey thenLabel share totals { ...All } } other { totals { ...All } } }
    dimensionValues(dimension: $by, attribute: $attribute, prefix: $prefix, first: $top) { value calls }
    previous(window: $previous) { ...Compared }
    unpricedModels(first: $top) { model provider calls allCalls inputTokens outputTokens share }
    topConsumers(by: $kind, metric: $metric, first: $top) { key dimension label source share totals { ...All } }
    records(first: 5, orderBy: $orderBy) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      nodes {
        id source name agent conversation user channel service environment provider requestModel responseModel
        operation status errorType inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens
        totalTokens cost costStatus credits startedAt durationMs traceId spanId
        cacheWrite1hTokens costs { ...Parts } serviceTier suspect attributes { key value }
      }
    }
  }
}
fragment All on UsageTotals {
  calls failedCalls inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens reasoningTokens cost
  unpricedCalls unmeasuredCalls avgCost credits avgDurationMs
  suspectCalls cacheWrite1hTokens pricedShare costs { ...Parts }
}
fragment Compared on UsageComparison {
  range { from to timezone } totals { ...All }
  delta { calls totalTokens cost avgCost credits avgDurationMs } ratio { calls totalTokens cost avgCost credits }
}
fragment Parts on CostBreakdown { input cacheRead cacheWrite output other }
"""

_texts = st.sampled_from(["a", "b", "B", "%", "_", "ä", "naïve", "100%", "z", ""])
_conditions = st.one_of(
    st.builds(dict, eq=_texts),
    st.builds(lambda texts: {"in": texts}, st.lists(_texts, max_size=3)),
    st.builds(dict, notIn=st.lists(_texts, max_size=3)),
    st.builds(dict, contains=_texts),
    st.builds(dict, startsWith=_texts),
    st.builds(dict, isNull=st.booleans()),
)
_simple = st.fixed_dictionaries(
    {},
    optional={
        "attributes": st.lists(st.builds(dict, key=st.sampled_from(DECLARED), value=_conditions), max_size=1),
        **dict.fromkeys(["source", "agent", "name", "conversation", "user", "model", "provider"], _conditions),
        "status": st.lists(st.sampled_from([status.name for status in CallStatus]), max_size=2),
        "search": _texts.filter(bool),
    },
)
_filters = _simple | st.fixed_dictionaries(
    {}, optional={"and": st.lists(_simple, max_size=2), "or": st.lists(_simple, max_size=2), "not": _simple}
)


def _split(by: By, then: By) -> dict[str, str | None]:
    return {
        "by": by.dimension.name,
        "attribute": by.attribute,
        "then": then.dimension.name,
        "thenAttribute": then.attribute,
    }


# Clocks change inside: on 8 March in New York, on 4 April in Lord Howe and Chatham.
_days = st.integers(0, 60).map(lambda day: BASE + timedelta(days=day))
_changes = st.tuples(_days, st.integers(1, 4)).map(lambda pair: Window(pair[0], pair[0] + timedelta(days=pair[1])))
_variables = st.builds(
    lambda window, split, metric, kind, field, **rest: {
        "window": {"between": {"from": window.start.isoformat(), "to": window.end.isoformat()}},
        **_split(*split),
        "metric": metric.name,
        "kind": kind.name,
        "orderBy": {"field": field.name},
        **rest,
    },
    windows | _changes,
    st.lists(splits, min_size=2, max_size=2, unique=True),
    st.sampled_from(Metric),
    st.sampled_from(ConsumerKind),
    st.sampled_from(RecordField),
    timezone=st.sampled_from(ZONES),
    filter=st.just({}) | _filters,
    bucket=st.sampled_from(["AUTO", "HOUR", "DAY", "WEEK", "MONTH"]),
    top=st.integers(1, 4),
    previous=st.sampled_from([which.name for which in PreviousWindow]),
    prefix=_texts,
)


async def answers(
    database: str, project: str, batches: Sequence[Sequence[UsageRecord]], asked: Sequence[Any], refreshed: set[int]
) -> list[list[dict[str, Any]]]:
    """What is answered to ``asked`` after every batch; rollups are refreshed after those that ``refreshed`` counts."""
    found = []
    async with (
        open_writer(database, mode="copy", connections=1, price=as_it_is) as writer,
        open_reader(database, connections=1, statement_timeout=30) as reader,
    ):
        api = Api(store=reader)
        for number, batch in enumerate(batches):
            await put(writer, batch)
            if number in refreshed:
                await refresh_all(database)
            found.append([await api.ask(OPERATION, variables, project=project) for variables in asked])
    return found


@given(
    st.lists(usage_records(), min_size=1, max_size=12, unique_by=lambda one: (one.trace_id, one.span_id)),
    st.lists(_variables, min_size=1, max_size=4),
    st.sets(st.integers(0, 2)),
    st.data(),
)
@settings(
    max_examples=16,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
async def test_both_engines_answer_alike(
    postgresql: str,
    every_timescaledb: str,
    records: list[UsageRecord],
    asked: list[dict[str, Any]],
    refreshed: set[int],
    data: st.DataObject,
) -> None:
    project = f"project {next(_projects)}"
    records = [one._replace(project=project, id=record_id(project, one.trace_id, one.span_id)) for one in records]
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(records))] * 2)))
    batches = [records[:first], records[first:second], records[second:]]
    expected = await answers(postgresql, project, batches, asked, refreshed)
    assert await answers(every_timescaledb, project, batches, asked, refreshed) == expected

    # Once more, in another order: nothing changes.
    again = data.draw(st.permutations(records))
    at_last = await answers(every_timescaledb, project, [again], asked, {0})
    assert at_last == await answers(postgresql, project, [again[::-1]], asked, {0}) == expected[-1:]
    for usage in (answer["data"]["usage"] for answer in at_last[0]):
        assert usage["totals"]["calls"] == usage["records"]["totalCount"]
