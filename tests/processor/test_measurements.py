"""Data points to observations: the captured metrics, what belongs together, what is never counted, hostile input."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.conftest import NOW, nanoseconds
from tests.processor.signals import Measured, measured
from usage_graph.observation import Observation
from usage_graph.processor import Pricing, Rejection, Resource, Scope
from usage_graph.processor.measurements import METRICS, POINT_WANTED, SOURCE, MeasurementProcessor, Point
from usage_graph.processor.meters import COST, METERS, SERIES_KEYS, SERIES_READERS, Series
from usage_graph.processor.tally import Tally
from usage_graph.usage import UsageRecord, from_nano

SECOND = 10**9
END = nanoseconds(datetime(2026, 11, 20, tzinfo=UTC))
START = END - 60 * SECOND
CUMULATIVE = ("otelgenai-openai", "tlold-openai", "gemini-cli")

Records = Callable[..., list[UsageRecord]]


@pytest.fixture
def processor(pricing: Pricing) -> MeasurementProcessor:
    return MeasurementProcessor(pricing=pricing, sources=frozenset({"shop"}))


def observed(
    processor: MeasurementProcessor, points: list[Point], resource: dict[str, Any] | None = None
) -> list[Observation | Rejection]:
    held = Resource({"service.name": "shop", **(resource or {})})
    return processor.observe(held, Scope("meter", "1", {}), points, project=None, now=NOW)


@pytest.fixture
def records(processor: MeasurementProcessor) -> Records:
    """The records of points of one request; none may be rejected."""

    def run(*points: Point, resource: dict[str, Any] | None = None) -> list[UsageRecord]:
        outcomes = observed(processor, list(points), resource)
        assert all(isinstance(outcome, Observation) for outcome in outcomes), outcomes
        return [outcome.record for outcome in outcomes if isinstance(outcome, Observation)]

    return run


def point(metric: str, value: float, time_ns: int = END, start_ns: int = START, **attributes: Any) -> Point:
    """A point whose attributes are named with ``__`` for dots."""
    return Point(metric, start_ns, time_ns, value, {key.replace("__", "."): found for key, found in attributes.items()})


def claude(kind: str, value: float, **changes: Any) -> Point:
    return point("claude_code.token.usage", value, **{"type": kind, "model": "claude-sonnet-4-5", **changes})


def gen_ai(kind: str, value: float, **changes: Any) -> Point:
    name = {"gen_ai__request__model": "gpt-4o", "gen_ai__operation__name": "chat", "gen_ai__provider__name": "openai"}
    return point("gen_ai.client.token.usage", value, **{"gen_ai__token__type": kind, **name, **changes})


def counter(kind: str, value: float, **changes: Any) -> Point:
    name = {"gen_ai__request__model": "gpt-4o", "gen_ai__operation__name": "chat", "gen_ai__provider__name": "openai"}
    return point(f"gen_ai.client.inference.usage.{kind}", value, **{**name, **changes})


# --- the captures


def from_capture(processor: MeasurementProcessor, scopes: tuple[Measured, ...]) -> list[UsageRecord]:
    return [
        outcome.record
        for held in scopes
        for outcome in processor.observe(held.resource, held.scope, held.delta(), project=None, now=NOW)
        if isinstance(outcome, Observation)
    ]


def test_claude_code(processor: MeasurementProcessor) -> None:
    (request,) = measured("claude-code")
    (record,) = from_capture(processor, request)
    assert (record.input_tokens, record.output_tokens) == (2370, 100)
    assert (record.cache_read_tokens, record.cache_write_tokens) == (2048, 300)
    assert (str(from_nano(record.cost_nano or 0)), record.cost_reported) == ("0.003530400", True)
    assert (record.source, record.name, record.operation) == (SOURCE, "claude_code.token.usage", "other")
    assert (record.request_model, record.provider, record.service) == ("claude-sonnet-4-5", "anthropic", "claude-code")
    assert record.conversation == "7f1c8517-3147-4395-b672-4f2d5e1bc021"
    assert (record.channel, record.duration_us) == ("main", 0)
    assert record.started_at == datetime(2026, 11, 22, 1, 8, 3, 499_000, tzinfo=UTC)


def test_codex(processor: MeasurementProcessor) -> None:
    (request,) = measured("codex")
    (record,) = from_capture(processor, request)
    assert (record.input_tokens, record.output_tokens, record.reasoning_tokens) == (2113, 417, 256)
    assert (record.cache_read_tokens, record.cache_write_tokens) == (1536, 0)
    assert (record.request_model, record.provider, record.channel) == ("gpt-5-mini", "openai", "codex_exec")
    assert not record.cost_reported
    assert record.cost_nano


@pytest.mark.parametrize("case", CUMULATIVE)
def test_captured_cumulative_sums_repeat_themselves(case: str, processor: MeasurementProcessor) -> None:
    """Of them nothing is handed over: were it, every export would count again what the one before did."""
    requests = measured(case)
    assert not [found for request in requests for held in request for found in held.delta()]
    assert any(found.metric in METRICS for held in requests[0] for _, found in held.points)
    if len(requests) > 1:
        first, last = (
            {(found.metric, repr(found.attributes)): found.value for held in request for _, found in held.points}
            for request in (requests[0], requests[-1])
        )
        assert first.items() <= last.items()


@pytest.mark.parametrize("case", ["claude-code", "codex", *CUMULATIVE])
def test_nothing_but_the_allow_list_is_read(case: str, processor: MeasurementProcessor) -> None:
    """Also were the cumulative ones DELTA."""
    for request in measured(case):
        for held in request:
            full = [found for _, found in held.points]
            bare = [
                found._replace(
                    attributes={key: found.attributes[key] for key in POINT_WANTED & found.attributes.keys()}
                )
                for found in full
                if found.metric in METRICS
            ]
            told = processor.observe(held.resource, held.scope, full, project=None, now=NOW)
            assert told == processor.observe(held.resource, held.scope, bare, project=None, now=NOW)


@pytest.mark.parametrize(("case", "used", "output"), [("otelgenai-openai", 10534, 2730), ("tlold-openai", 4937, 1365)])
def test_sums_of_the_conventions_metric_were_they_delta(
    case: str, used: int, output: int, processor: MeasurementProcessor
) -> None:
    (held,) = (held for held in measured(case)[0])
    told = processor.observe(held.resource, held.scope, [found for _, found in held.points], project=None, now=NOW)
    found = [outcome.record for outcome in told if isinstance(outcome, Observation)]
    assert sum(record.input_tokens or 0 for record in found) == used
    assert sum(record.output_tokens or 0 for record in found) == output
    assert {record.operation for record in found} == {"chat", "embeddings"}
    assert len({record.response_model for record in found}) == 5


def test_gemini_cli_says_it_twice(processor: MeasurementProcessor) -> None:
    """Its own metric knows thoughts and cache, the conventions' one beside it does not: only one counts."""
    ((held,),) = measured("gemini-cli")
    points = [found for _, found in held.points]
    assert {found.metric for found in points} >= {"gemini_cli.token.usage", "gen_ai.client.token.usage"}
    (outcome,) = processor.observe(held.resource, held.scope, points, project=None, now=NOW)
    assert isinstance(outcome, Observation)
    record = outcome.record
    assert (record.input_tokens, record.output_tokens, record.reasoning_tokens) == (1519, 205, 80)
    assert (record.cache_read_tokens, record.provider, record.request_model) == (1000, "gcp.gemini", "gemini-2.5-flash")


# --- what belongs together


def test_one_record_for_each_series_and_export(records: Records) -> None:
    found = records(
        claude("input", 1.0),
        claude("output", 2.0),
        claude("input", 10, model="claude-haiku-4-5"),
        claude("input", 100, session__id="s-2"),
        claude("input", 1000, time_ns=END + 60 * SECOND, start_ns=END),
        claude("output", 2000, time_ns=END + 60 * SECOND, start_ns=END),
    )
    assert sorted((record.input_tokens, record.output_tokens) for record in found if record.output_tokens) == [
        (1, 2),
        (1000, 2000),
    ]
    assert sorted(record.input_tokens or 0 for record in found) == [1, 10, 100, 1000]
    assert len({record.span_id for record in found}) == 4


def test_instruments_of_one_export_are_read_one_after_another(records: Records) -> None:
    """Some SDKs give each its own time, and the first interval of each its own start."""
    (record,) = records(
        counter("input_tokens", 100),
        counter("output_tokens", 50, time_ns=END + 40_000, start_ns=START - 7),
        counter("cache_read.input_tokens", 30, time_ns=END + 80_000),
        counter("cache_write.input_tokens", 20, time_ns=END + 90_000),
        counter("reasoning.output_tokens", 10, time_ns=END + 99_000),
    )
    assert (record.input_tokens, record.output_tokens, record.reasoning_tokens) == (100, 50, 10)
    assert (record.cache_read_tokens, record.cache_write_tokens) == (30, 20)
    assert nanoseconds(record.started_at) == (START - 7) // 1000 * 1000
    assert record.cost_nano


def test_series_that_only_unread_attributes_tell_apart_are_summed(records: Records) -> None:
    (record,) = records(gen_ai("input", 1, stream=True), gen_ai("input", 10, stream=False))
    assert record.input_tokens == 11


def test_parts_by_modality_are_in_the_whole(records: Records) -> None:
    split = [counter("input_tokens", value, gen_ai__token__modality=of) for of, value in (("text", 70), ("image", 30))]
    (whole,) = records(counter("input_tokens", 100), *split, counter("output_tokens", 5))
    (parts,) = records(*split, counter("output_tokens", 5))
    assert whole.input_tokens == parts.input_tokens == 100


@pytest.mark.parametrize("better", [counter("input_tokens", 100), claude("input", 100)])
def test_of_metrics_that_repeat_each_other_the_best_counts(records: Records, better: Point) -> None:
    (record,) = records(gen_ai("input", 100), gen_ai("output", 1), better)
    assert (record.input_tokens, record.output_tokens, record.name) == (100, None, better.metric)


def test_a_cost_belongs_to_the_tokens_of_its_series(records: Records) -> None:
    cost = point("claude_code.cost.usage", 0.25, model="claude-sonnet-4-5")
    (record,) = records(claude("input", 100), claude("output", 10), cost, cost._replace(value=0.5))
    assert (record.cost_nano, record.cost_reported) == (750_000_000, True)
    other = records(claude("input", 100), cost._replace(attributes={"model": "claude-opus-4-5"}))
    assert [(record.request_model, record.cost_reported) for record in other] == [("claude-sonnet-4-5", False)]
    assert records(cost) == []


def test_a_reported_cost_of_nothing_is_no_cost(records: Records) -> None:
    (record,) = records(
        claude("input", 1000), claude("output", 100), point("claude_code.cost.usage", 0, model="claude-sonnet-4-5")
    )
    assert (record.cost_nano, record.cost_reported) == (4_500_000, False)


# --- what is never counted


@pytest.mark.parametrize(
    "points",
    [
        [],
        [claude("input", 0), claude("output", 0.0)],
        [claude("total", 5)],
        [claude("input", -5), claude("output", float("nan"))],
        [point("claude_code.token.usage", 5), point("claude_code.token.usage", 5, type=["input"])],
        [point("codex.turn.token_usage", 5, token_type="total")],
        [point("codex.turn.cost_microusd", 5)],
        [point("gen_ai.client.operation.duration", 5, gen_ai__operation__name="chat")],
        # An agent's sum of what its calls used.
        [gen_ai("input", 5, gen_ai__operation__name="invoke_agent")],
    ],
)
def test_nothing_to_count(records: Records, points: list[Point]) -> None:
    assert records(*points) == []


@pytest.mark.parametrize(
    ("time_ns", "says"),
    [(0, "nanoseconds"), (END // SECOND, "nanoseconds"), (nanoseconds(NOW + timedelta(hours=2)), "in the future")],
)
def test_no_believable_time(processor: MeasurementProcessor, time_ns: int, says: str) -> None:
    outcomes = observed(processor, [claude("input", 5, time_ns=time_ns), claude("output", 6)])
    rejections = [outcome.reason for outcome in outcomes if isinstance(outcome, Rejection)]
    assert len(outcomes) == 2
    assert len(rejections) == 1
    assert rejections[0].startswith("data point ")
    assert says in rejections[0]


@pytest.mark.parametrize("start_ns", [0, END + 1, END - 8 * 86_400 * SECOND])
def test_an_unbelievable_start_is_the_end(records: Records, start_ns: int) -> None:
    (record,) = records(claude("input", 5, start_ns=start_ns))
    assert nanoseconds(record.started_at) == END


def test_only_services_that_are_named_count(processor: MeasurementProcessor) -> None:
    assert processor.wants(Resource({"service.name": "shop"}))
    for other in ({"service.name": "shop2"}, {"service.name": ["shop"]}, {"service.name": None}, {}):
        assert not processor.wants(Resource(other))


# --- fields and ids


def test_identity_comes_from_points_scope_and_resource(records: Records) -> None:
    resource = {
        "deployment.environment.name": "staging",
        "usage_graph.project": "acme",
        "usage_graph.source": "nightly",
    }
    (record,) = records(
        claude("input", 5, user__id="hash", user__email="ada@example.com", agent__name="reviewer"), resource=resource
    )
    assert (record.project, record.environment, record.source) == ("acme", "staging", "nightly")
    assert (record.agent, record.user_id, record.service) == ("reviewer", "ada@example.com", "shop")


def test_a_framework_is_no_provider(records: Records) -> None:
    (record,) = records(gen_ai("input", 5, gen_ai__provider__name="langchain"))
    assert record.provider == "openai"


def test_ids(processor: MeasurementProcessor) -> None:
    points = [claude("input", 5), claude("output", 6)]
    (one,) = observed(processor, points)
    (again,) = observed(processor, points[::-1])
    assert one == again
    assert isinstance(one, Observation)
    assert len(one.record.trace_id) == 16
    assert len(one.record.span_id) == 8
    assert (one.instance, one.scope, one.parent_span_id) == ("shop", "meter", b"")
    changed = [
        [claude("input", 7), claude("output", 6)],
        [claude("input", 5)],
        [claude("input", 5, time_ns=END + 1), claude("output", 6)],
        [claude("input", 5, start_ns=START + 1), claude("output", 6)],
        [claude("input", 5, session__id="s"), claude("output", 6, session__id="s")],
    ]
    others = [outcome for these in changed for outcome in observed(processor, these)]
    keys = {outcome.key for outcome in [one, *others] if isinstance(outcome, Observation)}
    assert len(keys) == len(changed) + 1


kinds = st.sampled_from(["input", "output", "cacheRead", "cacheCreation", "total"])


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(kinds, st.integers(0, 10**6), st.sampled_from("ab"), st.integers(0, 5), st.booleans()), max_size=40
    ),
    st.randoms(),
)
def test_sums_are_exact_in_any_order(
    pricing: Pricing, rows: list[tuple[str, int, str, int, bool]], random: Any
) -> None:
    processor = MeasurementProcessor(pricing=pricing, sources=frozenset({"shop"}))
    points = [
        claude(kind, value, session__id=session, time_ns=END + 60 * export * SECOND, other=odd)
        for kind, value, session, export, odd in rows
    ]
    told = observed(processor, points)
    found = [outcome.record for outcome in told if isinstance(outcome, Observation)]
    for kind, field in (("output", "output_tokens"), ("cacheRead", "cache_read_tokens")):
        assert sum(getattr(record, field) or 0 for record in found) == sum(row[1] for row in rows if row[0] == kind)
    # Where no input is told, cache reads and writes alone say nothing of it.
    with_input = {(row[2], row[3]) for row in rows if row[0] == "input"}
    used = sum(
        row[1] for row in rows if row[0] in ("input", "cacheRead", "cacheCreation") and (row[2], row[3]) in with_input
    )
    assert sum(record.input_tokens or 0 for record in found) == used
    assert len(found) == len({record.span_id for record in found})
    random.shuffle(points)
    shuffled = observed(processor, points)
    assert sorted(map(repr, shuffled)) == sorted(map(repr, told))


# --- hostile input

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.builds(
            Point,
            st.sampled_from([*sorted(METRICS), "other"]),
            st.just(START) | st.integers(0, 2**64 - 1),
            st.just(END) | st.integers(0, 2**64 - 1),
            st.integers() | st.floats(),
            st.dictionaries(
                st.sampled_from(sorted(POINT_WANTED)), values | st.sampled_from(["input", "output", "cacheRead"])
            ),
        ),
        max_size=12,
    )
)
def test_any_value_may_stand_under_any_key(pricing: Pricing, points: list[Point]) -> None:
    for outcome in observed(MeasurementProcessor(pricing=pricing, sources=frozenset()), points):
        if isinstance(outcome, Rejection):
            continue
        record = outcome.record
        cached = (record.cache_read_tokens or 0) + (record.cache_write_tokens or 0)
        assert record.input_tokens is None or cached <= record.input_tokens <= 10**12
        assert record.output_tokens is None or (record.reasoning_tokens or 0) <= record.output_tokens <= 10**12
        assert all(count is None or 0 <= count <= 10**12 for count in record[20:25])
        assert record.cost_nano is None or 0 <= record.cost_nano <= 10**13


def test_the_table_is_complete() -> None:
    counted = {*Tally._fields, COST}
    for name, meter in METERS.items():
        assert bool(meter.by) != bool(meter.kind), name
        assert bool(meter.by) == bool(meter.kinds), name
        assert {*meter.kinds.values(), *([meter.kind] if meter.kind else [])} <= counted, name
        assert meter.by == "" or meter.by in POINT_WANTED
    assert SERIES_KEYS.keys() == SERIES_READERS.keys() == set(Series._fields)
