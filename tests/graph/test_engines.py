"""Invariant 4: both engines give the same answer to the same operation on the same calls."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph.api import Api
from tests.records import BASE, usage_records
from tests.rollups import refresh_all
from tests.store.database import as_it_is, put
from tests.store.test_reader import ZONES, windows
from usage_graph.question import ConsumerKind, Dimension, RecordField
from usage_graph.store.reader import open_reader
from usage_graph.store.writer import open_writer
from usage_graph.usage import CallStatus, Metric, UsageRecord, record_id
from usage_graph.window import Window

_projects = itertools.count()

OPERATION = """
query (
  $window: WindowInput!, $timezone: TimeZone!, $filter: UsageFilter, $bucket: Bucket!, $by: UsageDimension!
  $metric: UsageMetric!, $kind: ConsumerKind!, $orderBy: RecordOrder, $top: Int!
) {
  usage(window: $window, timezone: $timezone, filter: $filter) {
    range { from to timezone recordsFrom }
    freshness { dataThrough }
    totals { ...All }
    series(bucket: $bucket) { bucket points { start end partial totals { ...All } } }
    split: series(bucket: $bucket, by: $by, metric: $metric, top: $top) {
      groups { key label share totals { ...All } points { totals { calls cost } } }
      other { share points { totals { calls cost } } }
    }
    breakdown(by: $by, metric: $metric, first: $top) {
      groups { key label share totals { ...All } } other { share totals { ...All } }
    }
    unpricedModels(first: $top) { model provider calls allCalls inputTokens outputTokens share }
    topConsumers(by: $kind, metric: $metric, first: $top) { key dimension label source share totals { ...All } }
    records(first: 5, orderBy: $orderBy) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      nodes {
        id source name agent conversation user channel service environment provider requestModel responseModel
        operation status errorType inputTokens outputTokens cacheReadTokens cacheWriteTokens reasoningTokens
        totalTokens cost costStatus credits startedAt durationMs traceId spanId
        cacheWrite1hTokens costs { ...Parts } serviceTier suspect
      }
    }
  }
}
fragment All on UsageTotals {
  calls failedCalls inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens reasoningTokens cost
  unpricedCalls unmeasuredCalls avgCost credits avgDurationMs
  suspectCalls cacheWrite1hTokens pricedShare costs { ...Parts }
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
_filters = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["source", "agent", "name", "conversation", "user", "model", "provider"], _conditions),
        "status": st.lists(st.sampled_from([status.name for status in CallStatus]), max_size=2),
        "search": _texts.filter(bool),
    },
)
# Clocks change inside: on 8 March in New York, on 4 April in Lord Howe and Chatham.
_days = st.integers(0, 60).map(lambda day: BASE + timedelta(days=day))
_changes = st.tuples(_days, st.integers(1, 4)).map(lambda pair: Window(pair[0], pair[0] + timedelta(days=pair[1])))
_variables = st.builds(
    lambda window, by, metric, kind, field, **rest: {
        "window": {"between": {"from": window.start.isoformat(), "to": window.end.isoformat()}},
        "by": by.name,
        "metric": metric.name,
        "kind": kind.name,
        "orderBy": {"field": field.name},
        **rest,
    },
    windows | _changes,
    st.sampled_from(Dimension),
    st.sampled_from(Metric),
    st.sampled_from(ConsumerKind),
    st.sampled_from(RecordField),
    timezone=st.sampled_from(ZONES),
    filter=st.just({}) | _filters,
    bucket=st.sampled_from(["AUTO", "HOUR", "DAY", "WEEK", "MONTH"]),
    top=st.integers(1, 4),
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
