"""What the benchmark sends in each shape: as many spans of each sort as are said, and records as they are expected."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bench import otlp, shapes
from bench.shapes import MIXED, OTHERS, SHAPES, Loads
from bench.workload import Call, Other, among_others, calls, cast, only_others
from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.processor.spans import Processor
from usage_graph.receiver.encoding import JSON, PROTOBUF
from usage_graph.receiver.traces import Call as SpanCall

END = datetime(2026, 11, 1, tzinfo=UTC)
START = END - timedelta(hours=1)


def _calls(count: int = 400) -> list[Call]:
    return calls("s", count, people=cast(1), start=START, end=END)


def _stored(body: bytes, json: bool = False) -> list[bytes]:
    """Span ids of those that are LLM calls."""
    processor = Processor(pricing=Pricing())
    found = []
    for decoded in (JSON if json else PROTOBUF).decode_traces(body).parts:
        if isinstance(decoded, SpanCall):
            observed = processor.observe(*decoded, project=None, now=END)
            if isinstance(observed, Observation):
                found.append(observed.record.span_id)
    return found


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_calls_among_others_are_all_there_in_traces_of_their_own(share: float) -> None:
    found = among_others("s", _calls(), share)
    others = [span for span in found if isinstance(span, Other)]
    assert len(others) == pytest.approx(len(found) * share, rel=0.02)
    ids = {span.span_id for span in found}
    assert len(ids) == len(found)
    assert all(not span.parent_id or span.parent_id in ids for span in found)
    assert {span.trace_id for span in others} <= {call.trace_id for call in _calls()}
    starts, ends = START.timestamp() * 10**9, (END + timedelta(hours=1)).timestamp() * 10**9
    assert all(starts <= span.start_ns <= span.end_ns <= ends for span in found)


@pytest.mark.parametrize("json", [False, True])
def test_only_calls_are_stored(json: bool) -> None:
    found: Sequence[Call | Other] = among_others("s", _calls(), 0.9)
    body = otlp.json(found) if json else otlp.protobuf(found)
    assert sorted(_stored(body, json)) == sorted(call.span_id for call in _calls())
    alone = only_others("s", 200, start=START, end=END)
    assert len(alone) == 200
    assert _stored(otlp.json(alone) if json else otlp.protobuf(alone), json) == []


def test_every_shape_has_its_amount() -> None:
    loads = Loads("s", 1_024, cast(1))
    for shape in SHAPES:
        load = loads.of(shape)
        assert load.spans == pytest.approx(1_024 * shape.amount, rel=0.02)
        assert len(load.requests) == -(-load.spans // shape.spans_per_request)
        assert load.calls == pytest.approx(load.spans * (1 - shape.others), abs=1)
    assert {shape.name for shape in SHAPES} >= {shapes.HEADLINE, shapes.SMALLEST, MIXED, OTHERS, shapes.BACKFILL}
