"""Any value under any key that is read: a span takes what it can from it, and never harms a neighbour."""

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.merging.intake import way_in
from tests.merging.requests import request_of
from tests.merging.shapes import BEGIN, a_span, agent, chat, message
from tests.receiver.payloads import log_record, logs_request
from tests.rollups import assert_exact
from usage_graph.processor import WANTED, WANTED_RESOURCE
from usage_graph.processor.events import EVENT_WANTED
from usage_graph.usage import MAX_COST_NANO, MAX_TOKENS

EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

_texts = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "2113",
            "-1",
            "1e400",
            "NaN",
            "chat",
            "LLM",
            "generation",
            "invoke_agent",
            "False",
            "\x00",
            "x" * 5000,
            "chatcmpl-0123456789",
            '{"input": 5, "output": "7", "total": null}',
            "{'cache_read': 1024}",
            '{"a": ' * 200,
            "[" * 2000,
            "[1, 2]",
            '"\\ud800"',
        ]
    ),
    st.text(max_size=20),
)

_scalars = st.one_of(
    st.just(AnyValue()),
    _texts.map(lambda text: AnyValue(string_value=text)),
    st.booleans().map(lambda value: AnyValue(bool_value=value)),
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-1, 0, 1, 10**12, 10**12 + 1])).map(
        lambda value: AnyValue(int_value=value)
    ),
    st.floats().map(lambda value: AnyValue(double_value=value)),
    st.binary(max_size=8).map(lambda value: AnyValue(bytes_value=value)),
)

_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: AnyValue(array_value=ArrayValue(values=items))),
        st.dictionaries(st.sampled_from(["input", "output", "cache_read", "type", "total"]), inner, max_size=3).map(
            lambda items: AnyValue(
                kvlist_value=KeyValueList(values=[KeyValue(key=key, value=value) for key, value in items.items()])
            )
        ),
    ),
    max_leaves=5,
)


def attributes(keys: frozenset[str]) -> st.SearchStrategy[list[KeyValue]]:
    return st.dictionaries(st.sampled_from(sorted(keys)), _values, max_size=12).map(
        lambda found: [KeyValue(key=key, value=value) for key, value in found.items()]
    )


@st.composite
def hostile_spans(draw: st.DrawFn) -> list[Span]:
    """Some calls whose attributes are replaced by anything, some of anything alone."""
    spans = []
    for number in range(10, 10 + draw(st.integers(1, 4))):
        span = a_span(number, draw(st.sampled_from([{}, chat(), agent("planner")])), above=draw(st.integers(0, 13)))
        said = {pair.key: pair for pair in [*span.attributes, *draw(attributes(WANTED))]}
        del span.attributes[:]
        span.attributes.extend(said.values())
        spans.append(span)
    return spans


EVENTS = ("claude_code.api_request", "claude_code.api_error", "codex.sse_event", "gemini_cli.api_response")

NEIGHBOUR = a_span(1, chat(response_id="chatcmpl-neighbour-1", used=77, output=7), of_trace=2)


@given(data=st.data())
@EXAMPLES
async def test_a_neighbour_is_stored_as_it_is(data: st.DataObject, shared: str, project: Callable[[], str]) -> None:
    """In the same request, scope and resource; and what else is stored can be summed."""
    hostile = data.draw(hostile_spans())
    request = message(
        [*hostile[:1], NEIGHBOUR, *hostile[1:]], scope=data.draw(st.sampled_from(["ai", "openlit.x", ""]))
    )
    request.resource_spans[0].resource.attributes.extend(data.draw(attributes(WANTED_RESOURCE - {"service.name"})))
    events = [log_record("", {}, time_unix_nano=BEGIN) for _ in range(2)]
    for event in events:
        event.attributes.extend(data.draw(attributes(EVENT_WANTED)))
        event.event_name = data.draw(st.sampled_from(EVENTS))
    name = project()
    async with way_in(shared, by_fingerprint=True, now=datetime.now(UTC)) as way:
        await way.send([request_of(request), request_of(logs_request(*events))], project=name)
        found = await way.records(name)
    (neighbour,) = [record for record in found if record.trace_id == NEIGHBOUR.trace_id and record.input_tokens == 77]
    assert (neighbour.output_tokens, neighbour.request_model, neighbour.failed) == (7, "gpt-4o-mini", False)
    for record in found:
        counts = record.input_tokens, record.output_tokens, record.cache_read_tokens, record.cache_write_tokens
        assert all(count is None or 0 <= count <= 2 * MAX_TOKENS for count in counts)
        assert record.cost_nano is None or 0 <= record.cost_nano <= MAX_COST_NANO


async def test_all_of_it_can_be_summed(shared: str, project: Callable[[], str]) -> None:
    async with way_in(shared, by_fingerprint=True) as way:
        await assert_exact(way.connection)
