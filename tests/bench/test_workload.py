"""The benchmark's workload: the same everywhere, and the same calls whichever way they are stored."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from bench import otlp
from bench.records import observations
from bench.workload import Call, calls, cast
from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.processor.spans import Processor
from usage_graph.receiver.encoding import JSON, PROTOBUF
from usage_graph.receiver.request import Request
from usage_graph.receiver.traces import Call as SpanCall
from usage_graph.receiver.traces import Decoded

END = datetime(2026, 11, 1, tzinfo=UTC)
START = END - timedelta(days=30)


def _calls(seed: str = "s", count: int = 600, *, ordered: bool = False) -> list[Call]:
    return calls(seed, count, people=cast(1), start=START, end=END, ordered=ordered)


def _processed(request: Request[Decoded]) -> list[Observation]:
    processor, found = Processor(pricing=Pricing()), []
    for decoded in request.parts:
        assert isinstance(decoded, SpanCall)
        observed = processor.observe(*decoded, project=None, now=END)
        assert isinstance(observed, Observation)
        found.append(observed)
    return found


def test_a_seed_is_a_workload() -> None:
    assert _calls() == _calls()
    assert cast(1) == cast(1)
    assert otlp.protobuf(_calls()) == otlp.protobuf(_calls())


def test_another_seed_has_other_spans_of_the_same_people() -> None:
    one, other = _calls("one"), _calls("other")
    assert {call.span_id for call in one}.isdisjoint(call.span_id for call in other)
    traits = {(call.conversation, call.agent, call.user, call.channel) for call in (*one, *other) if call.conversation}
    shared = {call.conversation for call in one if call.conversation} & {call.conversation for call in other}
    assert shared
    assert len(traits) == len({conversation for conversation, *_ in traits})


def test_calls_are_in_the_window_and_in_order_if_asked() -> None:
    start, end = (round(at.timestamp()) * 10**9 for at in (START, END))
    found = _calls(ordered=True)
    assert all(start <= call.start_ns < end for call in found)
    assert [call.start_ns for call in found] == sorted(call.start_ns for call in found)
    assert len({(call.trace_id, call.span_id) for call in found}) == len(found)


@pytest.mark.parametrize(
    ("encode", "decode"),
    [(otlp.protobuf, PROTOBUF.decode_traces), (otlp.json, JSON.decode_traces)],
    ids=["protobuf", "json"],
)
def test_observations_are_those_that_the_server_makes_of_the_spans(
    encode: Callable[[Sequence[Call]], bytes], decode: Callable[[bytes], Request[Decoded]]
) -> None:
    found = _calls()
    assert any(call.failed for call in found)
    assert {call.source for call in found} == {"chat", "agent", "memory", "evaluation"}
    assert list(observations(found)) == _processed(decode(encode(found)))
    assert [one.response_id is None for one in observations(found)] == [call.failed for call in found]


def test_json_is_the_same_request() -> None:
    request = orjson.loads(otlp.json(_calls(count=2)))
    spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["spanId"] for span in spans] == [call.span_id.hex() for call in _calls(count=2)]
