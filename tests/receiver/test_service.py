"""What the service makes of decoded requests, whatever way they came."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exporter.store import Store
from tests.receiver.payloads import attribute, llm_span, log_record, logs_request, other_span, request, span_id
from tests.receiver.running import service_of
from usage_graph.errors import QueueFull
from usage_graph.exporter.bisect import Rejected
from usage_graph.exporter.exporter import Exporter
from usage_graph.health import Outcome
from usage_graph.observation import Ancestor, Item, Observation
from usage_graph.processor.cost import Pricing
from usage_graph.processor.span import Rejection
from usage_graph.processor.spans import Processor
from usage_graph.receiver.encoding import PROTOBUF
from usage_graph.receiver.ledger import PartialSuccess
from usage_graph.receiver.request import Request
from usage_graph.receiver.service import Service
from usage_graph.receiver.traces import Decoded


class _Defective(Processor):
    """Fails for one span, as a defect of this program would."""

    def observe(self, resource: Any, scope: Any, span: Any, **how: Any) -> Any:
        if span.span_id.endswith(b"\2"):
            raise ZeroDivisionError(span.name)
        return super().observe(resource, scope, span, **how)


def service(store: Store, **more: Any) -> tuple[Service, Exporter]:
    exporter = Exporter(write=store.write, batch_spans=10, batch_timeout=0.001, queue_spans=1000, queue_bytes=2**20)
    return service_of(exporter, **more), exporter


def spans(*decoded: Decoded) -> Request[Decoded]:
    return Request(iter(decoded), 1)


def calls(store: Store) -> list[int]:
    """The calls stored, by their spans' numbers."""
    stored = (item.record.span_id for item in store.stored.values() if isinstance(item, Observation))
    return sorted(int.from_bytes(one, "big") for one in stored)


async def test_the_message_tells_the_most_frequent_reasons_and_stays_short() -> None:
    receiving, _ = service(Store())
    many = (Rejection(f"reason {n}") for n in range(40) for _ in range(n + 1))
    rejected, message = await receiving.export_traces(spans(*many), project=None)
    assert rejected == 40 * 41 // 2
    assert message.startswith("820 spans rejected: 40 x reason 39; 39 x reason 38; ")
    assert message.endswith("and other reasons")
    assert len(message) < 300


async def test_a_defect_met_by_one_span_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    receiving, exporter = service(store, processor=_Defective(pricing=Pricing()))
    await exporter.start()
    body = request(llm_span(1), llm_span(2), llm_span(3)).SerializeToString()
    with caplog.at_level(logging.ERROR):
        answer = await receiving.export_traces(PROTOBUF.decode_traces(body), project=None)
    await exporter.drain()
    assert answer == PartialSuccess(1, "1 span rejected: 1 x span cannot be processed by this version of usage-graph")
    assert calls(store) == [1, 3]
    assert caplog.records[0].exc_info is not None


async def test_a_refused_record_is_counted_with_the_store_s_reason() -> None:
    store = Store()
    receiving, exporter = service(store)
    await exporter.start()
    poison = llm_span(2, attributes={"error.type": "poison"})
    body = request(llm_span(1), poison).SerializeToString()
    answer = await receiving.export_traces(PROTOBUF.decode_traces(body), project=None)
    await exporter.drain()
    assert answer == (1, "1 span rejected: 1 x the store refused the call: a value cannot be stored")
    assert calls(store) == [1]


async def test_the_clock_decides_what_the_future_is() -> None:
    store = Store()
    exporter = Exporter(write=store.write, batch_spans=1, batch_timeout=0.001, queue_spans=1, queue_bytes=1)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    receiving = service_of(exporter, clock=lambda: past)
    body = request(llm_span(1)).SerializeToString()
    rejected, message = await receiving.export_traces(PROTOBUF.decode_traces(body), project=None)
    assert (rejected, "in the future" in message) == (1, True)


async def test_calls_older_than_the_records_that_are_kept_are_rejected_alone() -> None:
    store = Store()
    kept_since: datetime | None = None
    told: list[Any] = []
    exporter = Exporter(write=store.write, batch_spans=10, batch_timeout=0.001, queue_spans=1000, queue_bytes=2**20)
    receiving = service_of(exporter, kept_since=lambda: kept_since, tell=lambda *what: told.append(what[:3]))
    await exporter.start()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
    edge = int(midnight.timestamp()) * 10**9

    async def send(first: int) -> PartialSuccess:
        body = request(
            llm_span(first, start_time_unix_nano=edge - 1),
            llm_span(first + 1, start_time_unix_nano=edge),
            other_span(first + 2, start_time_unix_nano=edge - 10**18),
            llm_span(first + 3),
        ).SerializeToString()
        return await receiving.export_traces(PROTOBUF.decode_traces(body), project=None)

    assert await send(10) == (0, "")
    told.clear()
    kept_since = midnight
    assert await send(20) == (
        1,
        f"1 span rejected: 1 x span starts before {midnight:%Y-%m-%d}, since when records are kept "
        "(USAGE_GRAPH_RETENTION)",
    )
    event = {"event.name": "claude_code.api_request", "model": "claude-sonnet-4-5", "input_tokens": 1}
    body = logs_request(log_record("", event, time_unix_nano=edge - 10**9)).SerializeToString()
    answer = await receiving.export_logs(PROTOBUF.decode_logs(body), project=None)
    assert answer.message.startswith("1 log record rejected: 1 x log record starts before ")
    await exporter.drain()
    assert calls(store) == [10, 11, 13, 21, 23]
    rejected = {detail for _, outcome, detail in told if outcome is Outcome.REJECTED}
    assert rejected == {
        f"{noun} starts before records are kept (USAGE_GRAPH_RETENTION)" for noun in ("span", "log record")
    }


@pytest.mark.parametrize("step", [Rejection("no"), None], ids=["spans", "pauses"])
async def test_a_long_request_lets_others_run(step: Rejection | None) -> None:
    receiving, _ = service(Store())
    turns = seen = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def endless() -> Iterator[Decoded | None]:
        nonlocal seen
        for _ in range(10_000):
            yield step
        seen = turns

    other = asyncio.create_task(count())
    await receiving.export_traces(Request(endless(), 1), project=None)
    other.cancel()
    assert seen > 50


class _Sink:
    """An exporter that fails when it is told to, and refuses nothing unless told what."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.fails = False
        self.refuses: tuple[type[Item], ...] = ()

    async def export(self, items: Sequence[Item], *, size: int) -> list[Rejected]:
        if self.fails:
            raise QueueFull("later")
        self.items += items
        return [Rejected(item, "of its data") for item in items if isinstance(item, self.refuses)]

    @property
    def ancestors(self) -> set[int]:
        return {int.from_bytes(item.span_id, "big") for item in self.items if isinstance(item, Ancestor)}


async def send(receiving: Service, *made: Any, scope: str = "") -> PartialSuccess:
    body = request(*made, scope=scope).SerializeToString()
    return await receiving.export_traces(PROTOBUF.decode_traces(body), project=None)


def agent_span(number: int, **changes: Any) -> Any:
    """A span that is no call and says so."""
    said = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
    return llm_span(number, attributes=said, **changes)


def user_span(number: int, **changes: Any) -> Any:
    """A span of no kind that says who the user is."""
    span = other_span(number, **changes)
    span.attributes.append(attribute("user.id", "u1"))
    return span


TRACE = bytes(15) + b"\x07"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["call first", "call last"])
async def test_spans_of_a_trace_with_calls_are_kept_in_any_order(order: tuple[int, int]) -> None:
    sink = _Sink()
    receiving = service_of(sink)  # type: ignore[arg-type]
    made = [llm_span(1, parent_span_id=span_id(2)), other_span(2, parent_span_id=span_id(3))]
    await send(receiving, *(made[n] for n in order), other_span(9, trace_id=TRACE))
    await send(receiving, user_span(3))
    assert sink.ancestors == {2, 3}
    (above,) = (one for one in sink.items if isinstance(one, Ancestor) and one.user_id == "u1")
    assert above.span_id == span_id(3)


async def test_a_certain_span_is_kept_at_once_and_plain_ones_wait() -> None:
    sink = _Sink()
    receiving = service_of(sink)  # type: ignore[arg-type]
    beside = other_span(9, parent_span_id=span_id(1))
    await send(receiving, user_span(1, parent_span_id=b"\1\2"), other_span(2, parent_span_id=span_id(1)), beside)
    # What tells whom calls are for may be above one that the store knows.
    assert [item.certain for item in sink.items if isinstance(item, Ancestor)] == [False]
    sink.items.clear()
    await send(receiving, agent_span(3, parent_span_id=span_id(2)))
    assert sink.ancestors == {1, 2, 3}
    agents = {one.agent for one in sink.items if isinstance(one, Ancestor)}
    assert agents == {None, "planner"}
    parents = {one.parent_span_id for one in sink.items if isinstance(one, Ancestor)}
    assert parents == {b"", span_id(1), span_id(2)}


async def test_above_a_call_that_is_not_stored_nothing_is() -> None:
    sink = _Sink()
    receiving = service_of(sink)  # type: ignore[arg-type]
    await send(receiving, other_span(1), llm_span(2, parent_span_id=span_id(1), start_time_unix_nano=5))
    assert sink.items == []


async def test_spans_of_a_request_that_was_not_stored_come_with_the_next() -> None:
    sink = _Sink()
    receiving = service_of(sink)  # type: ignore[arg-type]
    await send(receiving, other_span(1))
    below = llm_span(2, parent_span_id=span_id(3))
    sink.fails = True
    for _ in range(2):
        with pytest.raises(QueueFull):
            await send(receiving, below, other_span(3, parent_span_id=span_id(1)))
    sink.fails = False
    await send(receiving, below)
    assert sink.ancestors == {1, 3}


async def test_spans_of_a_request_that_is_cut_short_come_with_the_next() -> None:
    sink = _Sink()
    receiving = service_of(sink)  # type: ignore[arg-type]
    await send(receiving, other_span(1))
    below = llm_span(2, parent_span_id=span_id(1))
    call = next(PROTOBUF.decode_traces(request(below).SerializeToString()).parts)

    def endless() -> Iterator[Decoded | None]:
        yield call
        while True:
            yield None

    task = asyncio.create_task(receiving.export_traces(Request(endless(), 1), project=None))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await send(receiving, below)
    assert sink.ancestors == {1}


_KINDS = {"call": llm_span, "agent": agent_span, "user": user_span, "plain": other_span}


_spans = st.tuples(st.sampled_from(sorted(_KINDS)), st.integers(1, 3), st.integers(0, 12))


@given(st.lists(_spans, max_size=12), st.data())
async def test_any_order_and_any_split_keep_the_same_spans(
    made: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    world = [
        _KINDS[kind](number, trace_id=bytes([trace]) * 16, parent_span_id=span_id(above))
        for number, (kind, trace, above) in enumerate(made, 1)
    ]
    found = []
    for sent in (world, data.draw(st.permutations(world))):
        sink = _Sink()
        receiving = service_of(sink)  # type: ignore[arg-type]
        rest = list(sent)
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            await send(receiving, *rest[:size])
            del rest[:size]
        found.append({(type(item), item.key) for item in sink.items})
    assert found[0] == found[1]


async def test_every_span_has_one_fate_that_is_told() -> None:
    sink, told = _Sink(), Counter[tuple[str, Outcome, str]]()
    receiving = service_of(sink, tell=lambda *what: told.update({what[:3]: what[3]}))  # type: ignore[arg-type]
    new = other_span(5)
    new.attributes.append(attribute("new.usage.outputTokens", "12"))
    bound = other_span(6)
    bound.attributes.append(attribute("new.max_output_tokens", 12))
    made = (llm_span(1), llm_span(0), other_span(2), user_span(3), agent_span(4), new, bound, other_span(0))
    assert (await send(receiving, *made, scope="new.sdk")).rejected == 2
    assert told == {
        ("default", Outcome.ACCEPTED, "traces"): 8,
        ("default", Outcome.NOT_LLM, ""): 4,
        ("default", Outcome.UNRECOGNISED, "new.sdk"): 1,
        ("default", Outcome.REJECTED, "span has no span id (8 bytes, not all zero)"): 2,
    }


async def test_spans_that_are_counted_from_elsewhere_are_recognised() -> None:
    told: list[Outcome] = []
    receiving = service_of(_Sink(), tell=lambda *what: told.append(what[1]))  # type: ignore[arg-type]
    span = other_span(5)
    span.attributes.append(attribute("turn.input_tokens", 12))
    await send(receiving, span, scope="codex_exec")
    assert told == [Outcome.ACCEPTED, Outcome.NOT_LLM]
    await send(receiving, span, scope="my_codex")
    assert told[2:] == [Outcome.ACCEPTED, Outcome.UNRECOGNISED]


async def test_a_request_that_is_not_stored_is_not_told() -> None:
    sink, told = _Sink(), list[Any]()
    receiving = service_of(sink, tell=lambda *what: told.append(what))  # type: ignore[arg-type]
    sink.fails = True
    with pytest.raises(QueueFull):
        await send(receiving, llm_span(1), llm_span(0))
    assert told == []


async def test_what_the_store_refuses_is_told_by_kind_and_a_span_above_is_no_loss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, told = _Sink(), Counter[tuple[str, Outcome, str]]()
    receiving = service_of(sink, tell=lambda *what: told.update({what[:3]: what[3]}))  # type: ignore[arg-type]
    sink.refuses = (Observation, Ancestor)
    answer = await send(receiving, llm_span(1), agent_span(2))
    assert answer == (1, "1 span rejected: 1 x the store refused the call: of its data")
    assert told["default", Outcome.REJECTED, "the store refused the call"] == 1
    assert "of its data" in caplog.text
